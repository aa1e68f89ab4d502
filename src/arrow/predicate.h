/* predicate: which rows of a table are wanted.
 *
 *   text    the condition as people write it                                             predicate_parse.c
 *   tree    what the text says; no table is known yet                                    predicate_read.c cuts tokens
 *   tests   what a schema makes of it: fields found, literals fitted to their types       predicate_bind.c, literal*.c
 *   bits    one for each row of a chunk for which it is true                              predicate_eval.c, ..._match.c
 *
 * Three-valued logic, as in SQL, needs one bitmap only: `not` is moved down to the tests, where it turns the test around
 * (De Morgan's laws hold for unknown as well). Above them are only `and` and `or`, and whether these are true does not
 * depend on which of their parts are false and which unknown. A test is true where its value is known and passes.
 *
 * A comparison becomes intervals of the column's own type, whatever the literal was: x < 2.5 of an integer column is
 * x <= 2, and x < 300 of an int8 column is any value. So nothing is converted for each row, and nothing can wrap. */
#ifndef KH_ARROW_PREDICATE_H
#define KH_ARROW_PREDICATE_H

#include "arena.h"
#include "value.h"

enum { KH_PREDICATE_DEPTH_MAX = 100 }; /* of brackets and `not`: bounds recursion */

/* ---- tree: all of it is in the arena */

typedef enum kh_literal_kind { KH_LITERAL_NUMBER, KH_LITERAL_TEXT, KH_LITERAL_BINARY, KH_LITERAL_BOOL } kh_literal_kind;

typedef struct kh_literal {
  kh_literal_kind kind;
  khonsu_slice bytes;  /* of a number: its characters */
  khonsu_slice source; /* as it stands in the text */
  struct kh_literal *next;
  bool truth;
} kh_literal;

/* "a.b": names from the root down. */
typedef struct kh_path {
  khonsu_slice *names;
  size_t count;
  khonsu_slice source;
} kh_path;

typedef enum kh_operator { KH_EQUAL, KH_NOT_EQUAL, KH_LESS, KH_LESS_EQUAL, KH_GREATER, KH_GREATER_EQUAL } kh_operator;
typedef enum kh_node_kind { KH_NODE_AND, KH_NODE_OR, KH_NODE_NOT, KH_NODE_COMPARE, KH_NODE_IS_NULL } kh_node_kind;

typedef struct kh_predicate_node {
  kh_node_kind kind;
  bool negated;                           /* is not null, not in */
  kh_operator op;                         /* COMPARE with the literals: EQUAL to any of them, or with the only one */
  struct kh_predicate_node *first, *next; /* parts; the next part of the whole that this is one of */
  kh_path path;
  kh_literal *literals;
} kh_predicate_node;

struct kh_predicate {
  kh_arena arena;
  kh_predicate_node *root;
};

/* ---- tokens */

typedef enum kh_token_kind {
  KH_TOKEN_END,
  KH_TOKEN_NAME,   /* bare; keywords are names */
  KH_TOKEN_QUOTED, /* a name in double quotes */
  KH_TOKEN_NUMBER,
  KH_TOKEN_TEXT,
  KH_TOKEN_BINARY,
  KH_TOKEN_SIGN, /* ( ) , . and operators */
  KH_TOKEN_WRONG
} kh_token_kind;

typedef struct kh_token {
  kh_token_kind kind;
  khonsu_slice source, bytes; /* bytes: without quotes; of binary the hexadecimal digits */
} kh_token;

/* The token at `*at`, which moves behind it. What quotes doubled inside stand for is left to kh_token_unquote. */
kh_token kh_token_read(const char **at, const char *end);
bool kh_token_is(const kh_token *token, const char *keyword); /* of a bare name, in any case; of a sign */
/* The bytes with doubled quotes as one, or with hexadecimal digits as bytes, in the arena. False: no memory. */
bool kh_token_unquote(const kh_token *token, kh_arena *arena, khonsu_slice *bytes);
/* A path of its own: names between dots are taken as they are, unless they are in double quotes. INVALID_ARGUMENT,
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_path_read(const char *text, kh_arena *arena, kh_path *path, khonsu_error *error);
/* The field that a path leads to, through structs. SCHEMA_MISMATCH: there is none, or more than one. */
KHONSU_MUST_USE khonsu_status kh_path_find(const kh_path *path, const kh_schema *schema, uint32_t *field,
                                           khonsu_error *error);

/* ---- tests: what is in the tree, fitted to a schema */

/* Values from low to high, both included. Of bytes a bound may be missing (NONE), or not be included. */
typedef struct kh_interval {
  kh_scalar low, high;
  bool above_low, below_high; /* bytes: the bound itself is left out */
} kh_interval;

typedef enum kh_test_kind { KH_TEST_AND, KH_TEST_OR, KH_TEST_NULL, KH_TEST_VALUE } kh_test_kind;

typedef struct kh_test {
  kh_test_kind kind;
  bool negated;
  uint32_t field;
  kh_interval *intervals; /* VALUE: it is in one of them; if there are several, they are points, in order */
  size_t interval_count;
  struct kh_test *first, *next; /* as in the tree */
} kh_test;

/* In the predicate's arena. SCHEMA_MISMATCH: a column that is not there, or a literal that cannot be compared with it.
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_predicate_bind(kh_predicate *predicate, const kh_schema *schema, const kh_test **test,
                                                khonsu_error *error);

/* Where a literal lies among the values of a type. */
typedef struct kh_fit {
  kh_scalar floor;       /* the greatest value that is not greater */
  bool is_exact;         /* it is the literal */
  bool is_below;         /* all values: there is no floor */
  kh_scalar least, most; /* of all values; NONE: bytes */
  bool no_memory;        /* to find out */
} kh_fit;

/* `field` is no encoding. False: no memory, or a literal of this kind cannot be compared with its values, and `wanted`
 * says what can. */
bool kh_literal_fit(const kh_literal *literal, const kh_field *field, kh_fit *fit, const char **wanted);

/* A number of 256 bits, or the nearest to it downwards. */
typedef struct kh_exact {
  uint64_t limbs[4];
  bool is_exact;
  int overflow; /* -1: it is below all of these numbers, 1: above */
} kh_exact;

/* literal_number.c: times 10^scale. The text is a number's. */
kh_exact kh_exact_of_number(khonsu_slice text, int32_t scale);
kh_exact kh_exact_of_int(__int128 value, bool is_exact);
/* False: no number. */
bool kh_double_of_number(khonsu_slice text, double *floor, bool *is_exact);
/* literal_time.c: in units of the type. False: the text is not one of these. */
bool kh_exact_of_time(khonsu_slice text, const kh_field *field, kh_exact *exact, const char **wanted);

/* The next double up or down, of one that is not infinite in that direction; as nextafter, which would need libm. */
static inline double kh_double_step(double value, bool up) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (value == 0) bits = up ? 1 : UINT64_C(1) << 63 | 1; /* both zeros */
  else if ((value > 0) == up) bits++;
  else bits--;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* ---- bits */

typedef enum kh_verdict { KH_NO_ROW, KH_SOME_ROWS, KH_ALL_ROWS } kh_verdict;

/* What statistics alone can tell; they are made, and kept, for columns of the chunk that are tested. */
kh_verdict kh_test_verdict(const kh_test *test, kh_chunk *chunk);
/* `bits` has whole words for all rows; those beyond are 0. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_test_rows(const kh_test *test, const kh_chunk *chunk, uint64_t *bits,
                                           khonsu_error *error);
/* Values that are in one of the intervals of a test, whatever is null: their bits are set, the others stay. */
void kh_intervals_match(const kh_interval *intervals, size_t count, const kh_place *first, int64_t length,
                        uint64_t *bits);

static inline size_t kh_bits_words(int64_t count) { return (size_t)(count / 64 + (count % 64 != 0)); }

#endif
