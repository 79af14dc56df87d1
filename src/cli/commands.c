/* SPDX-License-Identifier: Apache-2.0
 *
 * commands.c - the table of commands.
 */
#include "cli.h"

#define OPTIONS(array) array, sizeof(array) / sizeof *(array)
#define NO_OPTIONS NULL, 0

/* clang-format off */
static const cli_option register_options[] = {
    {"tag", "K=V", "a tag; may be repeated"},
    {"alias", "A", "an alias to set in the same transaction; may be repeated"},
    {"description", "TEXT", "what it is"},
    {"parent", "REF", "the version it was made from"},
    {"dataset", "DIGEST", "sha256:... of the data it was trained on"},
    {"revision", "REV", "source revision, e.g. a git commit"},
    {"run-link", "URL", "the training run"},
};
static const cli_option page_options[] = {
    {"limit", "N", "at most so many (default 100)"},
    {"page", "TOKEN", "go on where the page with this 'next' ended"},
    {"order", "KEYS", "e.g. 'created DESC, name'"},
};
static const cli_option list_options[] = {
    {"limit", "N", "at most so many (default 100)"},
    {"page", "ID", "go on where the page with this 'next' ended"},
};
static const cli_option search_options[] = {
    {"models", NULL, "find models instead of versions"},
    {"limit", "N", "at most so many (default 100)"},
    {"page", "TOKEN", "go on where the page with this 'next' ended"},
    {"order", "KEYS", "e.g. 'version DESC'"},
};
static const cli_option alias_set_options[] = {
    {"expect", "N", "only when the alias stands on version N now (0: when it does not exist)"},
    {"force", NULL, "even during a rollout, which is then paused"},
};
static const cli_option force_options[] = {{"force", NULL, "even when an alias or a rollout stands on it"}};
static const cli_option evaluate_options[] = {
    {"dataset", "DIGEST", "sha256:... of the data it was measured on"},
    {"samples", "N", "how many examples"},
};
static const cli_option run_options[] = {
    {"input", "FILE", "CSV with a header, or JSON {\"name\": [[...]]}; '-' reads standard input"},
    {"without", "COLUMN", "leave a column of the CSV out; may be repeated"},
    {"output", "NAME", "only this output; may be repeated"},
    {"limit", "N", "only the first N rows"},
};
static const cli_option gate_run_options[] = {{"model", "REF", "the version that evaluation checks look at"}};
static const cli_option lint_options[] = {{"rate", "PER_SECOND", "today's requests a second, to say how long proofs take"}};
static const cli_option status_options[] = {
    {"wait", NULL, "until it has ended: exit 0 promoted, 5 rolled back or aborted, 4 expired"},
    {"timeout", "SECONDS", "with --wait: at most so long (exit 124)"},
};
static const cli_option watch_options[] = {{"timeout", "SECONDS", "at most so long (exit 124)"}};
static const cli_option explain_options[] = {{"decision", "N", "which (default: the last)"}, {"rollout", "ID", "of which rollout"}};
static const cli_option rollout_options[] = {{"rollout", "ID", "which rollout (default: the active, else the newest)"}};
static const cli_option undo_options[] = {{"force", NULL, "abort an active rollout first"}};
static const cli_option report_options[] = {{"value", "X", "the value (default 1)"}};
static const cli_option log_options[] = {
    {"after", "SEQ", "only what came after"},
    {"limit", "N", "at most so many (default 100)"},
    {"follow", NULL, "wait for more"},
};
static const cli_option audit_options[] = {{"anchor", "N:ROOT", "a head that an earlier run printed: the log must continue it"}};
static const cli_option fsck_options[] = {
    {"repair", NULL, "put right what is safe, and look again"},
    {"from", "DIR", "a backup (or other registry) to take lost bytes from"},
};
static const cli_option gc_options[] = {
    {"dry-run", NULL, "say what would go, remove nothing"},
    {"grace", "DURATION", "keep what is younger (default 24h)"},
};

const cli_command cli_commands[] = {
    {"init", "[DIR]", "make a registry", NULL, "mlcm init models", NO_OPTIONS, CLI_CHANGES, cmd_init},
    {"register", "NAME PATH", "store a file or folder as the next version of a model",
     "Bytes are copied, hashed and kept under their digest; the version never changes afterwards.",
     "mlcm register digits digits.onnx --alias champion --tag team=vision", OPTIONS(register_options), CLI_CHANGES, cmd_register},
    {"show", "REF", "a model (NAME) or a version with all that is known of it", NULL, "mlcm show digits@champion", NO_OPTIONS, 0, cmd_show},
    {"list", "[NAME]", "the models, or the versions of one", NULL, "mlcm list digits", OPTIONS(page_options), 0, cmd_list},
    {"search", "FILTER", "versions by name, tags, aliases, numbers and times",
     "Comparisons joined by AND: name, version, alias, tags.KEY, metrics.NAME, created, updated, state ... with = != < <= > >= LIKE ILIKE IN.",
     "mlcm search \"tags.team = 'vision' AND metrics.accuracy > 0.9\" --order 'version DESC'", OPTIONS(search_options), 0, cmd_search},
    {"tag", "REF K=V...", "set tags of a model (NAME) or version (NAME/3); K= removes one", NULL, "mlcm tag digits/3 stage=candidate", NO_OPTIONS,
     CLI_CHANGES, cmd_tag},
    {"delete", "REF", "delete a version (NAME/3) or a model (NAME); it can be restored", NULL, NULL, OPTIONS(force_options), CLI_CHANGES,
     cmd_delete},
    {"restore", "REF", "undo a delete", NULL, NULL, NO_OPTIONS, CLI_CHANGES, cmd_restore},
    {"evaluate", "REF NAME METRIC=VALUE...", "keep evaluation results with a version", NULL,
     "mlcm evaluate digits/3 holdout accuracy=0.983 --samples 600", OPTIONS(evaluate_options), CLI_CHANGES, cmd_evaluate},
    {"run", "REF", "run a version on a file of inputs", NULL, "mlcm run digits@champion --input rows.csv", OPTIONS(run_options), 0, cmd_run},
    {"verify", "REF", "read every byte of a version and compare with its manifest", NULL, NULL, NO_OPTIONS, 0, cmd_verify},
    {"alias set", "NAME ALIAS VERSION", "move an alias", NULL, "mlcm alias set digits champion 3 --expect 2 --reason 'better on the new data'",
     OPTIONS(alias_set_options), CLI_CHANGES, cmd_alias_set},
    {"alias delete", "NAME ALIAS", "remove an alias; its history stays", NULL, NULL, OPTIONS(alias_set_options), CLI_CHANGES, cmd_alias_delete},
    {"alias history", "NAME ALIAS", "every move of an alias: when, who, why", NULL, "mlcm alias history digits champion", OPTIONS(list_options), 0,
     cmd_alias_history},
    {"gate lint", "POLICY", "check a policy or plan and say how long its proofs will take", NULL, "mlcm gate lint plan.yaml --rate 7.5",
     OPTIONS(lint_options), 0, cmd_gate_lint},
    {"gate run", "POLICY", "ask every source of a policy once and give the verdict", "Exit status: 0 pass, 3 fail, 4 inconclusive.",
     "mlcm gate run policy.yaml --model digits/3", OPTIONS(gate_run_options), 0, cmd_gate_run},
    {"gate replay", "POLICY TICKS.csv", "what a policy would have said over recorded counts",
     "Columns: run (optional), tick, candidate_requests, candidate_errors, stable_requests, stable_errors.", NULL, NO_OPTIONS, 0, cmd_gate_replay},
    {"rollout start", "PLAN", "start a rollout from a plan", NULL, "mlcm rollout start plan.yaml", NO_OPTIONS, CLI_CHANGES, cmd_rollout_start},
    {"rollout status", "ENDPOINT", "where it stands", NULL, "mlcm rollout status digits --wait --timeout 600", OPTIONS(status_options), 0,
     cmd_rollout_status},
    {"rollout list", "[ENDPOINT]", "the rollouts of an endpoint or of all, newest first", NULL, NULL, OPTIONS(list_options), 0,
     cmd_rollout_list},
    {"rollout watch", "ENDPOINT", "see it move, live",
     "On a terminal a tree that is drawn anew; elsewhere one line a decision. Ends with the rollout: exit 0 promoted, 5 rolled back or aborted, 4 expired.",
     "mlcm rollout watch digits", OPTIONS(watch_options), CLI_STREAMS, cmd_rollout_watch},
    {"rollout pause", "ENDPOINT", "hold it where it is; harm still rolls back", NULL, NULL, NO_OPTIONS, CLI_CHANGES, cmd_rollout_pause},
    {"rollout resume", "ENDPOINT", "let it go on", NULL, NULL, NO_OPTIONS, CLI_CHANGES, cmd_rollout_resume},
    {"rollout promote", "ENDPOINT", "promote now, whatever the checks say", NULL, NULL, NO_OPTIONS, CLI_CHANGES, cmd_rollout_promote},
    {"rollout abort", "ENDPOINT", "send all traffic back to stable and end it", NULL, NULL, NO_OPTIONS, CLI_CHANGES, cmd_rollout_abort},
    {"rollout undo", "ENDPOINT", "put the alias back on the last good version", NULL, NULL, OPTIONS(undo_options), CLI_CHANGES, cmd_rollout_undo},
    {"rollout explain", "ENDPOINT", "why a decision was taken: checks, values, evidence", NULL, "mlcm rollout explain digits --decision 7",
     OPTIONS(explain_options), 0, cmd_rollout_explain},
    {"rollout replay", "ENDPOINT", "take every decision again from its evidence and compare byte for byte", NULL, NULL, OPTIONS(rollout_options), 0,
     cmd_rollout_replay},
    {"report", "ENDPOINT TICKET OUTCOME", "report what became of an answer, e.g. a label that came later", NULL,
     "mlcm report digits \"$TICKET\" wrong --value 0", OPTIONS(report_options), 0, cmd_report},
    {"log", "", "the change feed", NULL, "mlcm log --follow --json", OPTIONS(log_options), CLI_STREAMS, cmd_log},
    {"audit verify", "", "check the whole audit log, its Merkle tree, and that the registry agrees with it", NULL, NULL, OPTIONS(audit_options), 0,
     cmd_audit_verify},
    {"gc", "", "remove bytes that no version needs: what broken-off work left behind", NULL, "mlcm gc --dry-run", OPTIONS(gc_options), CLI_CHANGES, cmd_gc},
    {"fsck", "", "look at everything, name whatever is damaged, repair what needs no guess",
     "Reads every byte. Works on registries that no longer open, and on backups. Exit status: 0 sound, 1 damage is left.",
     "mlcm fsck --repair --from /backups/monday", OPTIONS(fsck_options), CLI_CHANGES, cmd_fsck},
    {"backup make", "DIR", "copy the registry as it is now into a new folder, while it is in use", NULL,
     "mlcm backup make /backups/monday", NO_OPTIONS, CLI_CHANGES, cmd_backup_make},
    {"backup restore", "DIR", "make a new registry from a backup", "The registry (--registry) must not exist yet.",
     "mlcm backup restore /backups/monday --registry models", NO_OPTIONS, CLI_CHANGES, cmd_backup_restore},
    {"version", "", "the version of program and library", NULL, NULL, NO_OPTIONS, 0, cmd_version},
    {"completion", "SHELL", "completion for bash, zsh or fish", NULL, "source <(mlcm completion bash)", NO_OPTIONS, 0, cmd_completion},
    {"man", "", "the manual page", NULL, "mlcm man | man -l -", NO_OPTIONS, 0, cmd_man},
};
/* clang-format on */
const size_t cli_n_commands = sizeof cli_commands / sizeof *cli_commands;
