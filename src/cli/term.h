/* SPDX-License-Identifier: Apache-2.0
 *
 * term.h - what a stream can show: colours, width, Unicode.
 */
#ifndef MLCM_CLI_TERM_H
#define MLCM_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "text.h"

typedef struct cli_term {
  FILE *file;
  bool tty;
  bool redraw; /* the cursor can be moved: a terminal that is not dumb */
  bool color;
  bool unicode; /* the locale is UTF-8 */
  int columns;  /* width and height; 0 off a terminal */
  int rows;
} cli_term;

/* Colours by meaning. */
typedef enum cli_style { STYLE_PLAIN, STYLE_BOLD, STYLE_GREY, STYLE_GOOD, STYLE_BAD, STYLE_WARN, STYLE_NAME } cli_style;

void cli_term_init(cli_term *t, FILE *file, bool no_color);
void cli_term_resize(cli_term *t); /* asks for width and height again */
/* Escape codes, "" where there are no colours. */
const char *cli_on(const cli_term *t, cli_style style);
const char *cli_off(const cli_term *t);
/* One of two spellings of a sign: the Unicode one where it can be shown. */
const char *cli_sign(const cli_term *t, const char *unicode, const char *ascii);
/* Signs with a meaning and its colour; two columns wide without Unicode. */
typedef struct cli_mark {
  const char *unicode, *ascii;
  cli_style style;
} cli_mark;
extern const cli_mark CLI_GOOD, CLI_BAD, CLI_OPEN, CLI_RUNS, CLI_PAUSED;
cli_words cli_marked(const cli_term *t, cli_mark mark);
/* Columns that UTF-8 text takes, without escape codes. */
int cli_width(const char *text);

/* Writes `text` folded at spaces to the width (0: not at all); lines but the first begin with `indent` spaces, two where there
 * is hardly room. `used`: columns taken on the first line. */
void cli_fold(FILE *file, int columns, int used, int indent, const char *text);
/* Writes lines of text that may hold colours, each cut to the width of the terminal, over `over` lines written before. Answers
 * how many lines there are now. */
int cli_print_over(const cli_term *t, const char *text, int over);

/* Writes one line over the line that the cursor is in, cut to the width, and stays in it. */
void cli_print_status(const cli_term *t, const char *text);

#endif
