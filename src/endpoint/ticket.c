/* SPDX-License-Identifier: Apache-2.0
 *
 * ticket.c - a ticket as text and back.
 */
#include "endpoint/ticket.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

enum { PREFIX_LEN = 6, PACKED_BYTES = MLCM__TICKET_BYTES + MLCM__TICKET_CHECK_BYTES };

static const char prefix[PREFIX_LEN + 1] = "mlcm1.";
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const uint8_t check_key[17] = "mlcm ticket text";

static void put_u64(uint8_t *out, uint64_t value) {
  for (int i = 0; i < 8; ++i) out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_u64(const uint8_t *in) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value |= (uint64_t)in[i] << (8 * i);
  return value;
}

static void put_check(const uint8_t *packed, uint8_t out[MLCM__TICKET_CHECK_BYTES]) {
  uint8_t full[8];
  put_u64(full, mlcm__siphash(check_key, packed, MLCM__TICKET_BYTES));
  memcpy(out, full, MLCM__TICKET_CHECK_BYTES);
}

static void pack(const mlcm_ticket *t, uint8_t out[PACKED_BYTES]) {
  put_u64(out, t->endpoint_id);
  put_u64(out + 8, (uint64_t)t->version);
  put_u64(out + 16, t->epoch);
  put_u64(out + 24, t->key_hash);
  put_u64(out + 32, (uint64_t)t->routed_ns);
  put_u64(out + 40, (uint64_t)t->flags | (uint64_t)t->slot << 32);
  put_u64(out + 48, t->source);
  put_u64(out + 56, (uint64_t)t->period | (uint64_t)t->reserved << 32);
  put_check(out, out + MLCM__TICKET_BYTES);
}

static mlcm_ticket unpack(const uint8_t in[PACKED_BYTES]) {
  uint64_t flags_and_slot = get_u64(in + 40);
  return (mlcm_ticket){.endpoint_id = get_u64(in),
                       .version = (int64_t)get_u64(in + 8),
                       .epoch = get_u64(in + 16),
                       .key_hash = get_u64(in + 24),
                       .routed_ns = (int64_t)get_u64(in + 32),
                       .flags = (uint32_t)flags_and_slot,
                       .slot = (uint32_t)(flags_and_slot >> 32),
                       .source = get_u64(in + 48),
                       .period = (uint32_t)get_u64(in + 56),
                       .reserved = (uint32_t)(get_u64(in + 56) >> 32)};
}

void mlcm_ticket_to_text(const mlcm_ticket *ticket, char *out) {
  uint8_t packed[PACKED_BYTES];
  pack(ticket, packed);
  memcpy(out, prefix, PREFIX_LEN);
  char *at = out + PREFIX_LEN;
  uint32_t bits = 0;
  int n_bits = 0;
  for (size_t i = 0; i < PACKED_BYTES; ++i) {
    bits = bits << 8 | packed[i];
    for (n_bits += 8; n_bits >= 6; n_bits -= 6) *at++ = digits[bits >> (n_bits - 6) & 63];
  }
  *at++ = digits[bits << (6 - n_bits) & 63]; /* 70 bytes leave two bits */
  *at = '\0';
}

static int digit_value(char c) {
  const char *at = c == '\0' ? NULL : strchr(digits, c);
  return at == NULL ? -1 : (int)(at - digits);
}

/* False when a character is no digit or the spare bits of the last one are not zero: one spelling per ticket. */
static bool decode(const char *text, size_t len, uint8_t out[PACKED_BYTES]) {
  uint32_t bits = 0;
  int n_bits = 0;
  size_t n = 0;
  for (size_t i = 0; i < len; ++i) {
    int value = digit_value(text[i]);
    if (value < 0) return false;
    bits = bits << 6 | (uint32_t)value;
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    out[n++] = (uint8_t)(bits >> n_bits);
  }
  assert(n == PACKED_BYTES); /* by the text's length, which the caller has checked */
  return (bits & ((1u << n_bits) - 1)) == 0;
}

mlcm_status mlcm_ticket_from_text(mlcm_str text, mlcm_ticket *out, mlcm_error *err) {
  if (out == NULL) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_ticket_from_text: out is NULL");
  if (text.ptr == NULL || text.len != MLCM__TICKET_TEXT_LEN || memcmp(text.ptr, prefix, PREFIX_LEN) != 0) {
    return mlcm__fail(err, MLCM_PARSE, "not a ticket: it has %zu characters; a ticket has %d and begins with '%s'", text.len,
                      MLCM__TICKET_TEXT_LEN, prefix);
  }
  uint8_t packed[PACKED_BYTES];
  uint8_t check[MLCM__TICKET_CHECK_BYTES];
  if (!decode(text.ptr + PREFIX_LEN, text.len - PREFIX_LEN, packed)) {
    return mlcm__fail(err, MLCM_PARSE, "not a ticket: a character behind '%s' is not one of base64url; it was changed on the way",
                      prefix);
  }
  put_check(packed, check);
  if (memcmp(check, packed + MLCM__TICKET_BYTES, sizeof check) != 0) {
    return mlcm__fail(err, MLCM_PARSE,
                      "not a ticket: its checksum does not match; it was changed on the way, nothing was counted");
  }
  *out = unpack(packed);
  return MLCM_OK;
}
