/* SPDX-License-Identifier: Apache-2.0
 *
 * judge.h - what must hold after any damage: it is found and named (or stands in the list of what is harmless), nothing crashes,
 * hangs or hands out wrong bytes, and a repair makes nothing worse.
 *
 * A damage that breaks a rule is printed with its rule and counted; the test asserts at its end that none did, so that one run
 * shows all.
 */
#ifndef MLCM_TESTS_DAMAGE_JUDGE_H
#define MLCM_TESTS_DAMAGE_JUDGE_H

#include <stdint.h>

#include "damage/scene.h"

#ifdef MLCM_SANITIZED /* each takes several times as long */
enum { DAMAGE_SPARSER = 5 };
#else
enum { DAMAGE_SPARSER = 1 };
#endif

enum { DAMAGE_WORDS = 512, DAMAGE_WORD_BYTES = 160, DAMAGE_WHAT_BYTES = 320 };

/* One damage, already made in scene.work. */
typedef struct damage {
  char what[DAMAGE_WHAT_BYTES]; /* for people */
  char words[DAMAGE_WORDS][DAMAGE_WORD_BYTES]; /* a finding must have one of them, as a whole word; none: any will do */
  size_t n_words;
  const char *harmless; /* why nothing needs to be found; NULL: it must be */
  bool hides_others;    /* one finding stands for what a repair lets be seen one by one */
} damage;

typedef struct tally {
  long made, found, harmless, repaired;
  long missed; /* not found, found without a name, or found though listed as harmless */
  long broken; /* any other rule */
} tally;

/* Of damage that another rule would not find: adds a word. */
void damage_word(damage *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Judges s->work as it is now. */
void judge(scene *s, const damage *d, tally *t);

/* The next of a row of chances; and whether it draws one in so many, at scale 1. */
uint64_t damage_draw(uint64_t *random);
bool damage_is_drawn(uint64_t *random, long one_in);

/* The line of numbers, and the assertion that nothing was missed or broken. */
void tally_end(const tally *t, const char *name);

/* A call that hangs ends the program and says in which damage. */
void judge_watch(const char *what);

#endif
