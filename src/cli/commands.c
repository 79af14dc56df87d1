/* SPDX-License-Identifier: Apache-2.0
 *
 * commands.c - the table of commands.
 */
#include "cli.h"

#define OPTIONS(array) .options = array, .n_options = sizeof(array) / sizeof *(array)

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
    {"input", "FILE", "needed: CSV with a header, or JSON {\"name\": [[...]]}; '-' reads standard input"},
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
static const cli_option explain_options[] = {
    {"decision", "N", "which (default: the last)"},
    {"rollout", "ID", "of which rollout (default: the active, else the newest)"},
};
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
    {.name = "init", .positional = "[DIR]", .run = cmd_init, .flags = CLI_CHANGES,
     .summary = "make a registry",
     .example = "mlcm init models"},
    {.name = "register", .positional = "NAME PATH", .run = cmd_register, .flags = CLI_CHANGES, OPTIONS(register_options),
     .summary = "store a file or folder as the next version of a model",
     .details = "Bytes are copied, hashed and kept under their digest; the version never changes afterwards.",
     .example = "mlcm register digits digits.onnx --alias champion --tag team=vision"},
    {.name = "show", .positional = "REF", .run = cmd_show,
     .summary = "a model (NAME) or a version with all that is known of it",
     .example = "mlcm show digits@champion"},
    {.name = "list", .positional = "[NAME]", .run = cmd_list, OPTIONS(page_options),
     .summary = "the models, or the versions of one",
     .example = "mlcm list digits"},
    {.name = "search", .positional = "FILTER", .run = cmd_search, OPTIONS(search_options),
     .summary = "versions by name, tags, aliases, numbers and times",
     .details = "Comparisons joined by AND: name, version, alias, tags.KEY, metrics.NAME, created, updated, state ... with = != "
                "< <= > >= LIKE ILIKE IN.",
     .example = "mlcm search \"tags.team = 'vision' AND metrics.accuracy > 0.9\" --order 'version DESC'"},
    {.name = "tag", .positional = "REF K=V...", .run = cmd_tag, .flags = CLI_CHANGES,
     .summary = "set tags of a model (NAME) or version (NAME/3); K= removes one",
     .example = "mlcm tag digits/3 stage=candidate"},
    {.name = "delete", .positional = "REF", .run = cmd_delete, .flags = CLI_CHANGES, OPTIONS(force_options),
     .summary = "delete a version (NAME/3) or a model (NAME); it can be restored"},
    {.name = "restore", .positional = "REF", .run = cmd_restore, .flags = CLI_CHANGES,
     .summary = "undo a delete"},
    {.name = "evaluate", .positional = "REF NAME METRIC=VALUE...", .run = cmd_evaluate, .flags = CLI_CHANGES,
     OPTIONS(evaluate_options),
     .summary = "keep evaluation results with a version",
     .example = "mlcm evaluate digits/3 holdout accuracy=0.983 --samples 600"},
    {.name = "run", .positional = "REF", .run = cmd_run, OPTIONS(run_options),
     .summary = "run a version on a file of inputs",
     .example = "mlcm run digits@champion --input rows.csv"},
    {.name = "verify", .positional = "REF", .run = cmd_verify,
     .summary = "read every byte of a version and compare with its manifest"},
    {.name = "alias set", .positional = "NAME ALIAS VERSION", .run = cmd_alias_set, .flags = CLI_CHANGES,
     OPTIONS(alias_set_options),
     .summary = "move an alias",
     .example = "mlcm alias set digits champion 3 --expect 2 --reason 'better on the new data'"},
    {.name = "alias delete", .positional = "NAME ALIAS", .run = cmd_alias_delete, .flags = CLI_CHANGES,
     OPTIONS(alias_set_options),
     .summary = "remove an alias; its history stays"},
    {.name = "alias history", .positional = "NAME ALIAS", .run = cmd_alias_history, OPTIONS(list_options),
     .summary = "every move of an alias: when, who, why",
     .example = "mlcm alias history digits champion"},
    {.name = "gate lint", .positional = "POLICY", .run = cmd_gate_lint, OPTIONS(lint_options),
     .summary = "check a policy or plan and say how long its proofs will take",
     .example = "mlcm gate lint plan.yaml --rate 7.5"},
    {.name = "gate run", .positional = "POLICY", .run = cmd_gate_run, OPTIONS(gate_run_options),
     .summary = "ask every source of a policy once and give the verdict",
     .details = "Exit status: 0 pass, 3 fail, 4 inconclusive.",
     .example = "mlcm gate run policy.yaml --model digits/3"},
    {.name = "gate replay", .positional = "POLICY TICKS.csv", .run = cmd_gate_replay,
     .summary = "what a policy would have said over recorded counts",
     .details = "Columns: run (optional), tick, candidate_requests, candidate_errors, stable_requests, stable_errors."},
    {.name = "rollout start", .positional = "PLAN", .run = cmd_rollout_start, .flags = CLI_CHANGES,
     .summary = "start a rollout from a plan",
     .example = "mlcm rollout start plan.yaml"},
    {.name = "rollout status", .positional = "ENDPOINT", .run = cmd_rollout_status, OPTIONS(status_options),
     .summary = "where it stands",
     .example = "mlcm rollout status digits --wait --timeout 600"},
    {.name = "rollout list", .positional = "[ENDPOINT]", .run = cmd_rollout_list, OPTIONS(list_options),
     .summary = "the rollouts of an endpoint or of all, newest first"},
    {.name = "rollout watch", .positional = "ENDPOINT", .run = cmd_rollout_watch, .flags = CLI_STREAMS, OPTIONS(watch_options),
     .summary = "see it move, live",
     .details = "On a terminal a tree that is drawn anew; elsewhere one line a decision. Ends with the rollout: exit 0 promoted, "
                "5 rolled back or aborted, 4 expired.",
     .example = "mlcm rollout watch digits"},
    {.name = "rollout pause", .positional = "ENDPOINT", .run = cmd_rollout_pause, .flags = CLI_CHANGES,
     .summary = "hold it where it is; harm still rolls back"},
    {.name = "rollout resume", .positional = "ENDPOINT", .run = cmd_rollout_resume, .flags = CLI_CHANGES,
     .summary = "let it go on"},
    {.name = "rollout promote", .positional = "ENDPOINT", .run = cmd_rollout_promote, .flags = CLI_CHANGES,
     .summary = "promote now, whatever the checks say"},
    {.name = "rollout abort", .positional = "ENDPOINT", .run = cmd_rollout_abort, .flags = CLI_CHANGES,
     .summary = "send all traffic back to stable and end it"},
    {.name = "rollout undo", .positional = "ENDPOINT", .run = cmd_rollout_undo, .flags = CLI_CHANGES, OPTIONS(undo_options),
     .summary = "put the alias back on the last good version"},
    {.name = "rollout explain", .positional = "ENDPOINT", .run = cmd_rollout_explain, OPTIONS(explain_options),
     .summary = "why a decision was taken: checks, values, evidence",
     .example = "mlcm rollout explain digits --decision 7"},
    {.name = "rollout replay", .positional = "ENDPOINT", .run = cmd_rollout_replay, OPTIONS(rollout_options),
     .summary = "take every decision again from its evidence and compare byte for byte"},
    {.name = "report", .positional = "ENDPOINT TICKET OUTCOME", .run = cmd_report, OPTIONS(report_options),
     .summary = "report what became of an answer, e.g. a label that came later",
     .example = "mlcm report digits \"$TICKET\" wrong --value 0"},
    {.name = "log", .positional = "", .run = cmd_log, .flags = CLI_STREAMS, OPTIONS(log_options),
     .summary = "the change feed",
     .example = "mlcm log --follow --json"},
    {.name = "audit verify", .positional = "", .run = cmd_audit_verify, OPTIONS(audit_options),
     .summary = "check the whole audit log, its Merkle tree, and that the registry agrees with it"},
    {.name = "gc", .positional = "", .run = cmd_gc, .flags = CLI_CHANGES, OPTIONS(gc_options),
     .summary = "remove bytes that no version needs: what broken-off work left behind",
     .example = "mlcm gc --dry-run"},
    {.name = "fsck", .positional = "", .run = cmd_fsck, .flags = CLI_CHANGES, OPTIONS(fsck_options),
     .summary = "look at everything, name whatever is damaged, repair what needs no guess",
     .details = "Reads every byte. Works on registries that no longer open, and on backups. Exit status: 0 sound, 1 damage is "
                "left.",
     .example = "mlcm fsck --repair --from /backups/monday"},
    {.name = "backup make", .positional = "DIR", .run = cmd_backup_make, .flags = CLI_CHANGES,
     .summary = "copy the registry as it is now into a new folder, while it is in use",
     .example = "mlcm backup make /backups/monday"},
    {.name = "backup restore", .positional = "DIR", .run = cmd_backup_restore, .flags = CLI_CHANGES,
     .summary = "make a new registry from a backup",
     .details = "The registry (--registry) must not exist yet.",
     .example = "mlcm backup restore /backups/monday --registry models"},
    {.name = "version", .positional = "", .run = cmd_version,
     .summary = "the version of program and library"},
    {.name = "completion", .positional = "SHELL", .run = cmd_completion,
     .summary = "completion for bash, zsh or fish",
     .example = "source <(mlcm completion bash)"},
    {.name = "man", .positional = "", .run = cmd_man,
     .summary = "the manual page",
     .example = "mlcm man | man -l -"},
};
/* clang-format on */
const size_t cli_n_commands = sizeof cli_commands / sizeof *cli_commands;
