/* SPDX-License-Identifier: Apache-2.0
 *
 * manual.c - the manual page, written from the table of commands.
 */
#include <stdio.h>

#include "cli.h"

/* Text of a roff page: no hyphen becomes a dash, and what roff would read as its own is spelt out. */
static void roff(FILE *f, const char *text) {
  static const char *const spelt[] = {['\\'] = "\\e", ['-'] = "\\-", ['"'] = "\\(dq", ['\''] = "\\(aq", ['.'] = "\\&."};
  for (; *text; text++) {
    const size_t c = (unsigned char)*text;
    if (c < sizeof spelt / sizeof *spelt && spelt[c])
      fputs(spelt[c], f);
    else
      fputc(*text, f);
  }
}

static void roff_option(FILE *f, const cli_option *o) {
  fprintf(f, ".TP\n\\fB\\-\\-");
  roff(f, o->name);
  fprintf(f, "\\fR");
  if (o->value) {
    fprintf(f, " \\fI");
    roff(f, o->value);
    fprintf(f, "\\fR");
  }
  fputc('\n', f);
  roff(f, o->help);
  fprintf(f, ".\n");
}

static void roff_command(FILE *f, const cli_command *c) {
  fprintf(f, ".SS \\fBmlcm ");
  roff(f, c->name);
  fprintf(f, "\\fR \\fI");
  roff(f, c->positional);
  fprintf(f, "\\fR\n");
  roff(f, c->summary);
  fprintf(f, ".\n");
  if (c->details) {
    fprintf(f, ".PP\n");
    roff(f, c->details);
    fputc('\n', f);
  }
  for (size_t k = 0; k < c->n_options; k++) roff_option(f, &c->options[k]);
  if (c->example) {
    fprintf(f, ".PP\n.RS 4\n.nf\n");
    roff(f, c->example);
    fprintf(f, "\n.fi\n.RE\n");
  }
}

static void roff_exit_codes(FILE *f) {
  static const struct {
    int code;
    const char *meaning;
  } codes[] = {{EXIT_OK, "all is well"},
               {EXIT_ERROR, "an error; the message says which"},
               {EXIT_USAGE, "the command line is wrong"},
               {EXIT_GATE_FAILED, "the gate failed"},
               {EXIT_INCONCLUSIVE, "no verdict: a gate without proof, a rollout that expired"},
               {EXIT_ROLLED_BACK, "the rollout was rolled back or aborted"},
               {EXIT_NOT_FOUND, "no such registry, model, version, alias, rollout or file"},
               {EXIT_CONFLICT, "somebody else changed it, it exists already, it is locked, or it is not in a state for this"},
               {EXIT_TIMEOUT, "a time limit passed"},
               {EXIT_INTERRUPTED, "interrupted"}};
  fprintf(f, ".SH EXIT STATUS\n");
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    fprintf(f, ".TP\n.B %d\n", codes[i].code);
    roff(f, codes[i].meaning);
    fprintf(f, ".\n");
  }
}

void cli_manual(FILE *f) {
  fprintf(f,
          ".TH MLCM 1 \"\" \"libmlcm %s\" \"User Commands\"\n.SH NAME\nmlcm \\- the whole life of a machine\\-learning model in "
          "one directory\n"
          ".SH SYNOPSIS\n.B mlcm\n.I COMMAND\n[\\fIARGUMENTS\\fR] [\\fB\\-\\-json\\fR] [\\fB\\-\\-registry\\fR \\fIDIR\\fR]\n",
          mlcm_library_version());
  fprintf(f, ".SH DESCRIPTION\nA registry is a directory with models, their versions and everything that happened to them.\n"
             ".B mlcm\nworks on it, also while services serve from it.\n.PP\n"
             "A reference (\\fIREF\\fR) is \\fINAME\\fR, \\fINAME\\fR/3, \\fINAME\\fR@alias, or models:/\\fINAME\\fR/3, "
             "models:/\\fINAME\\fR@alias.\n"
             ".SH COMMANDS\n");
  for (size_t i = 0; i < cli_n_commands; i++) roff_command(f, &cli_commands[i]);
  fprintf(f, ".SH OPTIONS OF EVERY CHANGE\n");
  for (size_t k = 0; k < cli_n_change_options; k++) roff_option(f, &cli_change_options[k]);
  fprintf(f, ".SH OPTIONS OF EVERY COMMAND\n");
  for (size_t k = 0; k < cli_n_common_options; k++) roff_option(f, &cli_common_options[k]);
  roff_exit_codes(f);
  fprintf(f, ".SH ENVIRONMENT\n.TP\n.B MLCM_REGISTRY\nThe registry when \\fB\\-\\-registry\\fR is not given.\n"
             ".TP\n.B NO_COLOR\nWhen set and not empty: no colours.\n"
             ".TP\n.B CLICOLOR_FORCE\nWhen set and not empty: colours also where the output is no terminal.\n"
             ".SH FILES\n.TP\n.I .mlcm\nThe registry when nothing else names one.\n");
}
