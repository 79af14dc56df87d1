/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ticket.c - the ticket's layout and its text form.
 */
#include "support/suite.h"

#include <stddef.h>
#include <string.h>

#include "endpoint/ticket.h"

static const mlcm_ticket sample = {.endpoint_id = UINT64_C(0x0123456789abcdef),
                                   .version = 3,
                                   .epoch = 17,
                                   .key_hash = UINT64_C(0xfedcba9876543210),
                                   .routed_ns = INT64_C(1772366400123456789),
                                   .flags = MLCM_TICKET_KEYED | MLCM_TICKET_CANDIDATE,
                                   .slot = 5,
                                   .source = UINT64_C(0x1122334455667788),
                                   .period = 4242};

static mlcm_str text_of(const mlcm_ticket *ticket, char *buffer) {
  mlcm_ticket_to_text(ticket, buffer);
  return mlcm_str_of(buffer);
}

START_TEST(layout_is_frozen) {
  ck_assert_uint_eq(sizeof(mlcm_ticket), 64);
  ck_assert_uint_eq(offsetof(mlcm_ticket, endpoint_id), 0);
  ck_assert_uint_eq(offsetof(mlcm_ticket, version), 8);
  ck_assert_uint_eq(offsetof(mlcm_ticket, epoch), 16);
  ck_assert_uint_eq(offsetof(mlcm_ticket, key_hash), 24);
  ck_assert_uint_eq(offsetof(mlcm_ticket, routed_ns), 32);
  ck_assert_uint_eq(offsetof(mlcm_ticket, flags), 40);
  ck_assert_uint_eq(offsetof(mlcm_ticket, slot), 44);
  ck_assert_uint_eq(offsetof(mlcm_ticket, source), 48);
  ck_assert_uint_eq(offsetof(mlcm_ticket, period), 56);
  ck_assert_uint_eq(offsetof(mlcm_ticket, reserved), 60);
}
END_TEST

START_TEST(text_reads_back_as_the_same_ticket) {
  char text[MLCM_TICKET_TEXT_SIZE];
  mlcm_ticket back;
  ck_assert_int_eq(mlcm_ticket_from_text(text_of(&sample, text), &back, NULL), MLCM_OK);
  ck_assert_mem_eq(&back, &sample, sizeof back);
  mlcm_ticket all_ones;
  memset(&all_ones, 0xff, sizeof all_ones);
  ck_assert_int_eq(mlcm_ticket_from_text(text_of(&all_ones, text), &back, NULL), MLCM_OK);
  ck_assert_mem_eq(&back, &all_ones, sizeof back);
}
END_TEST

/* Tickets are kept for days and cross versions of the library. */
START_TEST(text_form_is_frozen) {
  char text[MLCM_TICKET_TEXT_SIZE];
  text_of(&sample, text);
  ck_assert_str_eq(text, "mlcm1.782riWdFIwEDAAAAAAAAABEAAAAAAAAAEDJUdpi63P4VTTK72bWYGAUAAAAFAAAAiHdmVUQzIhGSEAAAAAAAABLOgwmOGQ");
}
END_TEST

START_TEST(text_is_printable_and_short) {
  char text[MLCM_TICKET_TEXT_SIZE];
  text_of(&sample, text);
  ck_assert_uint_eq(strlen(text), MLCM__TICKET_TEXT_LEN);
  ck_assert_uint_eq(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."), strlen(text));
}
END_TEST

START_TEST(every_changed_character_is_found) {
  char text[MLCM_TICKET_TEXT_SIZE];
  mlcm_str s = text_of(&sample, text);
  static const char others[] = "AZaz09-_.~ =\"\n";
  for (size_t i = 0; i < s.len; ++i) {
    char right = text[i];
    for (const char *c = others; *c != '\0'; ++c) {
      if (*c == right) continue;
      mlcm_ticket back = sample;
      back.version = 99;
      mlcm_error err;
      text[i] = *c;
      ck_assert_msg(mlcm_ticket_from_text(s, &back, &err) == MLCM_PARSE, "'%c' at %zu was taken", *c, i);
      ck_assert_int_eq(err.code, MLCM_PARSE);
      ck_assert_int_eq(back.version, 99);
    }
    text[i] = right;
  }
}
END_TEST

START_TEST(cut_and_lengthened_texts_are_refused) {
  char text[MLCM_TICKET_TEXT_SIZE + 1];
  mlcm_str s = text_of(&sample, text);
  mlcm_ticket back;
  for (size_t len = 0; len < s.len; ++len)
    ck_assert_int_eq(mlcm_ticket_from_text((mlcm_str){text, len}, &back, NULL), MLCM_PARSE);
  strcat(text, "A");
  ck_assert_int_eq(mlcm_ticket_from_text((mlcm_str){text, s.len + 1}, &back, NULL), MLCM_PARSE);
  ck_assert_int_eq(mlcm_ticket_from_text((mlcm_str){NULL, 0}, &back, NULL), MLCM_PARSE);
}
END_TEST

START_TEST(swapped_characters_are_found) {
  char text[MLCM_TICKET_TEXT_SIZE];
  mlcm_str s = text_of(&sample, text);
  for (size_t i = 0; i + 1 < s.len; ++i) {
    if (text[i] == text[i + 1]) continue;
    mlcm_ticket back;
    char c = text[i];
    text[i] = text[i + 1];
    text[i + 1] = c;
    ck_assert_int_eq(mlcm_ticket_from_text(s, &back, NULL), MLCM_PARSE);
    text[i + 1] = text[i];
    text[i] = c;
  }
}
END_TEST

int main(void) {
  const TTest *tests[] = {layout_is_frozen,
                          text_reads_back_as_the_same_ticket,
                          text_form_is_frozen,
                          text_is_printable_and_short,
                          every_changed_character_is_found,
                          cut_and_lengthened_texts_are_refused,
                          swapped_characters_are_found};
  return TEST_RUN("endpoint_ticket", tests);
}
