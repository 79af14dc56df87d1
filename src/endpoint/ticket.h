/* SPDX-License-Identifier: Apache-2.0
 *
 * ticket.h - the ticket's layout and text form.
 *
 * Text: "mlcm1." and base64url without padding over 70 bytes: the ticket's eight 64-bit words, little-endian (flags and slot
 * share one, and period and reserved, the first in the low half), and six bytes of SipHash-2-4 over them under a fixed, public
 * key. The checksum finds tickets that were cut or changed on the way. It proves nothing about who made them.
 */
#ifndef MLCM_ENDPOINT_TICKET_H
#define MLCM_ENDPOINT_TICKET_H

#include <mlcm/endpoint.h>

#include "base/context.h"

enum {
  MLCM__TICKET_BYTES = 64,
  MLCM__TICKET_CHECK_BYTES = 6,
  MLCM__TICKET_TEXT_LEN = 100, /* 6 of the prefix, 94 of base64url */
  MLCM__TICKET_FLAGS = MLCM_TICKET_KEYED | MLCM_TICKET_OVERRIDE | MLCM_TICKET_CANDIDATE | MLCM_TICKET_UNIT
};

_Static_assert(sizeof(mlcm_ticket) == MLCM__TICKET_BYTES, "a ticket has 64 bytes for ever");
_Static_assert(MLCM__TICKET_TEXT_LEN + 1 <= MLCM_TICKET_TEXT_SIZE, "the text form fits the size the header promises");

#endif
