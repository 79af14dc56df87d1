/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - Wing and Gong's search for an order, with Lowe's memory of what was tried.
 *
 * Questions and answers stand in one list in order of time. The search takes the first question whose call fits the state,
 * lifts both its ends out of the list and begins anew; at an answer nothing before it fitted, so it takes back the call it
 * took last and goes on behind that. The same calls taken in another order to the same state are not tried twice: what is
 * remembered is a hash of 128 bits of both, so that a clash (once in 2^80 searches) could at worst hide an order. Calls
 * without an answer stand in the list without an end: they may be taken or left.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 200 * 1000 * 1000 };

typedef struct node {
  struct node *before, *after;
  struct node *end; /* of a question: its answer, NULL: none came; of an answer: NULL */
  const lin_op *op;
  size_t id;
  bool is_question;
} node;

typedef struct key {
  uint64_t a, b;
} key;

typedef struct taken {
  node *question;
  size_t n_edits; /* of the model before it */
} taken;

typedef struct search {
  lin_model *m;
  node head; /* of the list; nothing but a place to begin */
  node *nodes;
  size_t n_answers; /* still in the list */
  taken *stack;
  size_t n_stack;
  key set; /* hash of the calls taken */
  key *tried;
  size_t n_tried, cap_tried;
  const lin_op *farthest; /* the latest answer that stopped the search */
  const lin_op *stop_at;  /* ends when this answer stops it: to show where */
  int64_t steps;
} search;

static void *allocate(size_t n, size_t size) {
  void *items = calloc(n + 1, size);
  if (!items) abort(); /* a test without memory proves nothing */
  return items;
}

/* ---- the list ---- */

static int64_t time_of(const node *x) { return x->is_question ? x->op->called_ns : x->op->answered_ns; }

/* Questions first: two calls that touch are side by side. */
static int by_time(const void *a, const void *b) {
  const node *x = *(node *const *)a, *y = *(node *const *)b;
  if (time_of(x) != time_of(y)) return time_of(x) < time_of(y) ? -1 : 1;
  if (x->is_question != y->is_question) return x->is_question ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static void make_list(search *s, const lin_op *const *ops, size_t n) {
  node **order = allocate(2 * n, sizeof(node *));
  size_t n_nodes = 0;
  s->nodes = allocate(2 * n, sizeof *s->nodes);
  for (size_t i = 0; i < n; i++) {
    node *question = order[n_nodes] = &s->nodes[n_nodes];
    n_nodes++;
    *question = (node){.op = ops[i], .id = i, .is_question = true};
    if (ops[i]->progress != LIN_ANSWERED) continue;
    question->end = order[n_nodes] = &s->nodes[n_nodes];
    n_nodes++;
    *question->end = (node){.op = ops[i], .id = i};
    s->n_answers++;
  }
  qsort(order, n_nodes, sizeof(node *), by_time);
  node *last = &s->head;
  for (size_t i = 0; i < n_nodes; i++) {
    last->after = order[i];
    order[i]->before = last;
    last = order[i];
  }
  free(order);
}

static void cut(node *x) {
  x->before->after = x->after;
  if (x->after) x->after->before = x->before;
}

static void put_back(node *x) {
  x->before->after = x;
  if (x->after) x->after->before = x;
}

/* ---- what was tried ---- */

static uint64_t mix(uint64_t z) {
  z = (z ^ z >> 33) * 0xff51afd7ed558ccdu;
  z = (z ^ z >> 33) * 0xc4ceb9fe1a85ec53u;
  return z ^ z >> 33;
}

static void toggle(search *s, size_t id) {
  s->set.a ^= mix(2 * id + 1);
  s->set.b ^= mix(~(uint64_t)id * 0x9e3779b97f4a7c15u);
}

static void insert(key *table, size_t cap, key k) {
  size_t i = k.a & (cap - 1);
  while (table[i].a || table[i].b) i = (i + 1) & (cap - 1);
  table[i] = k;
}

static void grow_tried(search *s) {
  size_t cap = s->cap_tried ? 2 * s->cap_tried : 1024;
  key *table = allocate(cap, sizeof *table);
  for (size_t i = 0; i < s->cap_tried; i++)
    if (s->tried[i].a || s->tried[i].b) insert(table, cap, s->tried[i]);
  free(s->tried);
  s->tried = table;
  s->cap_tried = cap;
}

/* The set of calls taken together with the state they led to. False: it was tried. */
static bool is_new(search *s) {
  key k = {mix(s->set.a + s->m->hash), mix(s->set.b ^ mix(s->m->hash + 1))};
  if (2 * s->n_tried >= s->cap_tried) grow_tried(s);
  for (size_t i = k.a & (s->cap_tried - 1); s->tried[i].a || s->tried[i].b; i = (i + 1) & (s->cap_tried - 1))
    if (s->tried[i].a == k.a && s->tried[i].b == k.b) return false;
  insert(s->tried, s->cap_tried, k);
  s->n_tried++;
  return true;
}

/* ---- the search ---- */

static bool take(search *s, node *question) {
  size_t n_edits = s->m->n_edits;
  if (!lin_model_apply(s->m, question->op)) return false;
  toggle(s, question->id);
  if (!is_new(s)) {
    toggle(s, question->id);
    lin_model_back(s->m, n_edits);
    return false;
  }
  s->stack[s->n_stack++] = (taken){question, n_edits};
  cut(question);
  if (question->end) {
    cut(question->end);
    s->n_answers--;
  }
  return true;
}

/* The call that was taken last. NULL: none. */
static node *give_back(search *s) {
  if (s->n_stack == 0) return NULL;
  const taken *last = &s->stack[--s->n_stack];
  node *question = last->question;
  if (question->end) {
    put_back(question->end);
    s->n_answers++;
  }
  put_back(question);
  toggle(s, question->id);
  lin_model_back(s->m, last->n_edits);
  return question;
}

/* An answer that nothing before it leads to in this order. */
static bool is_the_end(search *s, const lin_op *stopped) {
  if (!s->farthest || stopped->answered_ns > s->farthest->answered_ns) s->farthest = stopped;
  return stopped == s->stop_at;
}

static int32_t run(search *s) {
  node *at = s->head.after;
  while (s->n_answers > 0) {
    if (++s->steps > STEPS_MAX) return LIN_UNDECIDED;
    if (at->is_question) {
      at = take(s, at) ? s->head.after : at->after;
      continue;
    }
    if (is_the_end(s, at->op)) return LIN_UNEXPLAINED;
    node *question = give_back(s);
    if (!question) return LIN_UNEXPLAINED;
    at = question->after;
  }
  return LIN_EXPLAINED;
}

static void open_search(search *s, lin_model *m, const lin_op *const *ops, size_t n, const lin_op *stop_at) {
  *s = (search){.m = m, .stop_at = stop_at};
  make_list(s, ops, n);
  s->stack = allocate(n, sizeof *s->stack);
}

static void close_search(search *s) {
  free(s->nodes);
  free(s->stack);
  free(s->tried);
}

/* ---- what it could not explain ---- */

/* Back to before the first call taken that was under way beside the answer that stopped the search: what remains is the
 * piece. */
static void go_back_to_piece(search *s) {
  size_t keep = 0;
  while (keep < s->n_stack) {
    const node *question = s->stack[keep].question;
    if (question->end && question->op->answered_ns >= s->farthest->called_ns) break;
    keep++;
  }
  while (s->n_stack > keep) (void)give_back(s);
}

/* Whether a call of a killed process could come in this state. */
static bool could_come(search *s, const lin_op *op) {
  size_t n_edits = s->m->n_edits;
  bool could = lin_model_apply(s->m, op);
  lin_model_back(s->m, n_edits);
  return could;
}

static void print_calls(search *s, FILE *out) {
  int64_t origin_ns = s->farthest->called_ns;
  for (const node *x = s->head.after; x; x = x->after)
    if (x->end && x->op->called_ns < origin_ns) origin_ns = x->op->called_ns;
  fprintf(out, "cannot be explained:\n  ");
  lin_print(out, s->farthest, origin_ns);
  fprintf(out, "beside or before it:\n");
  for (const node *x = s->head.after; x && time_of(x) <= s->farthest->answered_ns; x = x->after) {
    if (!x->is_question || x->op == s->farthest || (!x->end && !could_come(s, x->op))) continue;
    fprintf(out, "  ");
    lin_print(out, x->op, origin_ns);
  }
}

static void print_piece(search *s, FILE *out) {
  go_back_to_piece(s);
  fprintf(out, "model %d, no order of these calls gives their answers; the state before: ", s->farthest->model);
  lin_model_print(out, s->m);
  if (s->m->n_changes < s->m->n_feed) {
    const lin_change *next = &s->m->feed[s->m->n_changes];
    fprintf(out, "next in the feed: change %d of version %lld, alias %d, value %d\n", next->kind, (long long)next->version,
            next->alias, next->value);
  }
  print_calls(s, out);
}

int32_t lin_check(lin_model *m, const lin_op *const *ops, size_t n, FILE *out) {
  search s;
  lin_model_forget(m);
  open_search(&s, m, ops, n, NULL);
  int32_t verdict = run(&s);
  const lin_op *farthest = s.farthest;
  close_search(&s);
  if (verdict == LIN_EXPLAINED) {
    lin_model_forget(m);
    return verdict;
  }
  lin_model_back(m, 0);
  open_search(&s, m, ops, n, farthest); /* the same way again, as far as it went */
  (void)run(&s);
  if (verdict == LIN_UNDECIDED) fprintf(out, "undecided after %d steps; the farthest:\n", STEPS_MAX);
  s.farthest = farthest;
  if (farthest) print_piece(&s, out);
  close_search(&s);
  lin_model_back(m, 0);
  return verdict;
}
