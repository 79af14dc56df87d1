/* SPDX-License-Identifier: Apache-2.0
 *
 * words.h - numbers and sentences of records. They are hashed as they were written; replay compares all but the sentences.
 */
#ifndef MLCM_ROLLOUT_WORDS_H
#define MLCM_ROLLOUT_WORDS_H

#include <mlcm/rollout.h>

#include "base/context.h"

/* snprintf that cuts at a UTF-8 boundary. */
void mlcm__words_format(char *out, size_t size, const char *format, ...) MLCM_PRINTF(3, 4);
/* The beginning of `text` that fits, cut at a UTF-8 boundary. */
void mlcm__words_cut(const char *text, char *out, size_t size);

/* "5 %", "0.25 %", "100 %"; out has 32 bytes. */
void mlcm__words_weight(int64_t weight_ppm, char out[32]);

/* Words of enums as they stand in records: "roll_back", "rolled_back". 0 when a word is not known. */
const char *mlcm__action_word(mlcm_action action);
mlcm_action mlcm__action_of(const char *word);
const char *mlcm__status_word(mlcm_rollout_status status);
mlcm_rollout_status mlcm__status_of(const char *word);

#endif
