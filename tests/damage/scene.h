/* SPDX-License-Identifier: Apache-2.0
 *
 * scene.h - a registry in which everything has happened that can, kept whole, and a copy of it to damage.
 *
 *   scene s;
 *   scene_open(&s);
 *   scene_renew(&s);      // s.work is again as s.good
 *   ... damage s.work ...
 *   scene_close(&s);
 */
#ifndef MLCM_TESTS_DAMAGE_SCENE_H
#define MLCM_TESTS_DAMAGE_SCENE_H

#include <stdbool.h>
#include <stddef.h>

#include <mlcm/mlcm.h>

#include "support/fake_clock.h"

typedef struct scene {
  char *dir;    /* scratch; holds the folders below */
  char *good;   /* sound, closed, all in the database file; nobody opens it for writing */
  char *work;   /* what is damaged, checked and repaired */
  char *used;   /* the damaged one once more, for calls that change what they are called on */
  char *backup; /* a backup made of `good` */
  test_clock clock;
  mlcm_context *ctx;
} scene;

void scene_open(scene *s);
void scene_close(scene *s);
void scene_renew(scene *s);

/* Makes `to` a copy of the tree `from`, whatever `to` was; special files of `from` are copied as what they are. */
void scene_copy(const char *from, const char *to);
void scene_remove(const char *path);

#endif
