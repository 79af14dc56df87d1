/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_ticket.c - any bytes into the reader of tickets. What it accepts must be spelled again just so; and what a ticket of any
 * content is written as must be read back as the same.
 */
#include <stdlib.h>
#include <string.h>

#include <mlcm/endpoint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_ticket ticket, again;
  mlcm_error err;
  char text[MLCM_TICKET_TEXT_SIZE];
  if (mlcm_ticket_from_text((mlcm_str){(const char *)data, size}, &ticket, &err) == MLCM_OK) {
    mlcm_ticket_to_text(&ticket, text);
    if (strlen(text) != size || memcmp(text, data, size) != 0) abort();
  } else if (err.code != MLCM_PARSE || err.message[0] == 0) {
    abort();
  }
  if (size < sizeof ticket) return 0;
  memcpy(&ticket, data, sizeof ticket);
  mlcm_ticket_to_text(&ticket, text);
  if (mlcm_ticket_from_text(mlcm_str_of(text), &again, &err) != MLCM_OK || memcmp(&ticket, &again, sizeof ticket) != 0) abort();
  return 0;
}
