/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.h - what every command of the mlcm program works with. The program sees only the public API.
 */
#ifndef MLCM_CLI_CLI_H
#define MLCM_CLI_CLI_H

#include <mlcm/mlcm.h>

#include "args.h"
#include "json.h"
#include "term.h"

/* Exit codes: documented and stable. */
enum {
  EXIT_OK = 0,
  EXIT_ERROR = 1,
  EXIT_USAGE = 2,
  EXIT_GATE_FAILED = 3,
  EXIT_INCONCLUSIVE = 4,
  EXIT_ROLLED_BACK = 5,
  EXIT_NOT_FOUND = 6,
  EXIT_CONFLICT = 7,
  EXIT_TIMEOUT = 124,
  EXIT_INTERRUPTED = 130
};

typedef struct cli {
  cli_args args;
  cli_term out; /* stdout */
  cli_term msg; /* stderr */
  bool json;
  bool quiet;
  const char *dir; /* the registry that `init` was given as its argument; NULL: --registry and the environment say */
  mlcm_context *ctx;
  mlcm_registry *reg;  /* opened on demand */
  mlcm_error err;      /* of the last failing call */
  mlcm_attribution by; /* --actor, --reason */
  char **cleaned;      /* texts of cli_clean and cli_word */
  size_t n_cleaned;
} cli;

/* Opens the registry named by --registry, MLCM_REGISTRY or ./.mlcm. `flags` as MLCM_OPEN_*. Answers 0, or the exit code after
 * having told the error. */
int cli_open(cli *c, uint32_t flags);
const char *cli_registry_dir(const cli *c);
void cli_close(cli *c); /* frees what `c` holds */

/* Tells c->err: one line for people on stderr, or {"error":{...}} on stdout with --json. Answers the exit code of its status. */
int cli_fail(cli *c);
/* The same for an error that the program itself found. */
int cli_error(cli *c, mlcm_status status, const char *format, ...) MLCM_PRINTF(3, 4);
/* A usage error found by a command itself: told with the command's usage. Answers EXIT_USAGE. */
int cli_usage(cli *c, const char *format, ...) MLCM_PRINTF(2, 3);
/* Tells a usage error that stands in c->args.error. Answers EXIT_USAGE. */
int cli_usage_fail(cli *c);

/* Text from a registry, a model, a file or the command line as it may be shown (text.h). Lives until cli_clean_reset. */
const char *cli_clean(cli *c, const char *text);
/* The same as a word that can be pasted into a shell: in quotes where it must be. */
const char *cli_word(cli *c, const char *text);
/* Frees all that the two gave out: for what goes on for hours. */
void cli_clean_reset(cli *c);

/* Prints one JSON object on a line of its own and deletes it; answers EXIT_OK. */
int cli_json(cJSON *object);
/* The same for text that the library gave out as JSON; frees it. */
int cli_json_text(cli *c, char *json);
/* A copy of library JSON as a tree, to put into a larger object; frees the text. */
cJSON *cli_json_tree(cli *c, char *json);

/* Lines of text that the library made, each cleaned and then told by cli_line, its later parts two spaces deeper. */
void cli_lines(cli *c, const char *text);
/* A line on stdout; on a terminal folded at spaces, so that a long reason keeps its words whole. Later lines begin with `indent`
 * spaces. */
void cli_line(cli *c, int indent, const char *format, ...) MLCM_PRINTF(3, 4);
/* "✔ ..." or "✖ ...". */
void cli_judge(cli *c, bool good, const char *format, ...) MLCM_PRINTF(3, 4);

bool cli_talks(const cli *c); /* neither --quiet nor --json */
/* A message for people on stderr, where cli_talks. */
void cli_say(cli *c, const char *format, ...) MLCM_PRINTF(2, 3);
/* "next: mlcm ..." on stderr in grey, only where somebody sees it; a word between (NULL: none) is written as a shell takes it. */
void cli_next(cli *c, const char *before, const char *word, const char *behind);

/* Reads a file of at most `max_bytes`, or standard input for "-". *out is NUL-terminated, to be freed. Answers 0 or the exit
 * code, told. */
int cli_read_file(cli *c, const char *path, size_t max_bytes, char **out, size_t *out_len);

/* An option that is a whole number from `min` to `max`; *out stays as it is when the option was not given. Answers 0, or the
 * exit code after telling "--limit wants `wanted`, got ...". */
int cli_get_number(cli *c, const char *option, int64_t min, int64_t max, const char *wanted, int64_t *out);

/* The commands, by file. */
int cmd_init(cli *c);
int cmd_register(cli *c);
int cmd_tag(cli *c);
int cmd_delete(cli *c);
int cmd_restore(cli *c);
int cmd_evaluate(cli *c);
int cmd_alias_set(cli *c);
int cmd_alias_delete(cli *c);
int cmd_alias_history(cli *c);
int cmd_log(cli *c);
int cmd_show(cli *c);
int cmd_list(cli *c);
int cmd_search(cli *c);
int cmd_run(cli *c);
int cmd_gate_lint(cli *c);
int cmd_gate_run(cli *c);
int cmd_gate_replay(cli *c);
int cmd_rollout_start(cli *c);
int cmd_rollout_pause(cli *c);
int cmd_rollout_resume(cli *c);
int cmd_rollout_promote(cli *c);
int cmd_rollout_abort(cli *c);
int cmd_rollout_undo(cli *c);
int cmd_rollout_status(cli *c);
int cmd_rollout_watch(cli *c);
int cmd_rollout_list(cli *c);
int cmd_rollout_explain(cli *c);
int cmd_rollout_replay(cli *c);
int cmd_report(cli *c);
int cmd_verify(cli *c);
int cmd_audit_verify(cli *c);
int cmd_gc(cli *c);
int cmd_fsck(cli *c);
int cmd_backup_make(cli *c);
int cmd_backup_restore(cli *c);
int cmd_completion(cli *c);
int cmd_man(cli *c);
int cmd_version(cli *c);

/* The table of commands, or of one group or command, as `mlcm help --json` prints it. */
cJSON *cli_help_json(const char *topic);

#endif
