/* random_type: types of record batches as arrow_text.h writes them down, and beside each a type that it may be cast to. */
#ifndef TEST_RANDOM_TYPE_H
#define TEST_RANDOM_TYPE_H

#include "../unit/arrow/arrow_text.h"

enum { TYPE_TEXT_SIZE = 2048, TYPE_DEPTH_MAX = 3, TYPE_COLUMNS_MAX = 4 };

typedef struct random_type {
  char from[TYPE_TEXT_SIZE], to[TYPE_TEXT_SIZE]; /* `to`: wider, plainer, or the same */
  size_t from_size, to_size;
  bool keeps_values; /* values of `to` are the same as those of `from`, whichever of their types are not */
} random_type;

typedef struct type_pair {
  const char *from, *to;
  bool changes; /* values become other ones: not to be compared */
} type_pair;

static const type_pair leaf_types[] = {
    {"n", "l", true},
    {"b", "b", false},
    {"c", "s", false},
    {"c", "g", true},
    {"C", "s", true},
    {"C", "L", false},
    {"s", "l", false},
    {"S", "f", true},
    {"i", "i", false},
    {"i", "l", false},
    {"I", "L", false},
    {"l", "l", false},
    {"L", "L", false},
    {"e", "g", false},
    {"f", "g", false},
    {"g", "g", false},
    {"d:9,2,32", "d:9,2,32", false},
    {"d:18,2,64", "d:20,3", true},
    {"d:38,2", "d:76,2,256", false},
    {"d:76,2,256", "d:76,2,256", false},
    {"tdD", "tdm", true},
    {"tdm", "tdm", false},
    {"tts", "tts", false},
    {"ttm", "ttm", false},
    {"ttu", "ttu", false},
    {"ttn", "ttn", false},
    {"tsn:", "tsn:", false},
    {"tsu:UTC", "tsu:UTC", false},
    {"tDm", "tDm", false},
    {"tiM", "tiM", false},
    {"tiD", "tiD", false},
    {"tin", "tin", false},
    {"w:3", "z", false},
    {"u", "U", false},
    {"u", "z", false},
    {"z", "Z", false},
    {"U", "U", false},
    {"Z", "Z", false},
    {"vu", "u", false},
    {"vu", "vu", false},
    {"vz", "Z", false},
};

static const type_pair list_types[] = {
    {"+l", "+L", false},   {"+l", "+l", false},     {"+L", "+L", false},     {"+vl", "+l", false},
    {"+vl", "+L", false},  {"+vL", "+L", false},    {"+vL", "+vL", false},   {"+w:2", "+l", false},
    {"+w:1", "+L", false}, {"+w:0", "+w:0", false}, {"+w:3", "+w:3", false},
};

static const type_pair index_types[] = {
    {"c", "c", false}, {"c", "i", false}, {"C", "s", false}, {"s", "s", false}, {"S", "i", false},
    {"i", "l", false}, {"I", "I", false}, {"l", "l", false}, {"L", "L", false},
};

#define ANY_OF(prng, table) (&(table)[kh_prng_below((prng), sizeof(table) / sizeof *(table))])

__attribute__((format(printf, 4, 5))) static void put_type(random_type *type, bool in_from, bool in_to,
                                                           const char *format, ...) {
  char piece[64];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(piece, sizeof piece, format, arguments);
  va_end(arguments);
  assert_true(size >= 0 && type->from_size + (size_t)size < TYPE_TEXT_SIZE);
  assert_true(type->to_size + (size_t)size < TYPE_TEXT_SIZE);
  if (in_from) memcpy(type->from + type->from_size, piece, (size_t)size + 1), type->from_size += (size_t)size;
  if (in_to) memcpy(type->to + type->to_size, piece, (size_t)size + 1), type->to_size += (size_t)size;
}

#define PUT_BOTH(type, ...) put_type((type), true, true, __VA_ARGS__)

static void put_pair(random_type *type, const type_pair *pair, bool in_to) {
  put_type(type, true, false, "%s", pair->from);
  if (!in_to) return;
  put_type(type, false, true, "%s", pair->to);
  type->keeps_values &= !pair->changes;
}

/* `in_to`: the piece stands in both texts; else in `from` alone. */
static void any_type(random_type *type, kh_prng *prng, int depth);

static void any_struct(random_type *type, kh_prng *prng, int depth) {
  uint64_t count = kh_prng_below(prng, 4);
  PUT_BOTH(type, "+s{");
  for (uint64_t i = 0; i < count; i++) {
    PUT_BOTH(type, "%sf%d=", i > 0 ? ";" : "", (int)i);
    any_type(type, prng, depth + 1);
  }
  PUT_BOTH(type, "}");
}

static void any_map(random_type *type, kh_prng *prng, int depth) {
  PUT_BOTH(type, "+m{entries=+s{key=%s!;value=", kh_prng_below(prng, 2) == 0 ? "u" : "i");
  any_type(type, prng, depth + 1);
  PUT_BOTH(type, "}}");
}

static void any_union(random_type *type, kh_prng *prng, int depth) {
  static const char *const ids[] = {"3", "0,1", "5,2", "127,0,64"};
  size_t which = kh_prng_below(prng, 4), count = which == 0 ? 1 : which == 3 ? 3 : 2;
  PUT_BOTH(type, "+u%c:%s{", kh_prng_below(prng, 2) == 0 ? 's' : 'd', ids[which]);
  for (size_t i = 0; i < count; i++) {
    PUT_BOTH(type, "%su%d=", i > 0 ? ";" : "", (int)i);
    any_type(type, prng, depth + 1);
  }
  PUT_BOTH(type, "}");
}

/* An encoding stays, or the values alone are left. */
static void any_encoded(random_type *type, kh_prng *prng, int depth, bool is_dictionary) {
  static const type_pair ends[] = {{"s", "i", false}, {"i", "i", false}, {"l", "l", false}};
  bool stays = kh_prng_below(prng, 2) == 0;
  if (is_dictionary) {
    put_pair(type, ANY_OF(prng, index_types), stays);
    put_type(type, true, stays, ">");
  } else {
    put_type(type, true, stays, "+r{run_ends=");
    put_pair(type, ANY_OF(prng, ends), stays);
    put_type(type, true, stays, ";values=");
  }
  any_type(type, prng, depth + 1);
  if (!is_dictionary) put_type(type, true, stays, "}");
}

static void any_type(random_type *type, kh_prng *prng, int depth) {
  uint64_t what = depth >= TYPE_DEPTH_MAX ? 0 : kh_prng_below(prng, 16);
  switch (what) {
    case 1:
    case 2:
    case 3:
      put_pair(type, ANY_OF(prng, list_types), true);
      PUT_BOTH(type, "{item=");
      any_type(type, prng, depth + 1);
      PUT_BOTH(type, "}");
      break;
    case 4:
    case 5: any_struct(type, prng, depth); break;
    case 6: any_map(type, prng, depth); break;
    case 7: any_union(type, prng, depth); break;
    case 8:
    case 9: any_encoded(type, prng, depth, true); break;
    case 10: any_encoded(type, prng, depth, false); break;
    default: put_pair(type, ANY_OF(prng, leaf_types), true); break;
  }
}

/* Columns c0, c1, ...; `to` may have one more. */
static void make_random_type(random_type *type, kh_prng *prng) {
  uint64_t columns = 1 + kh_prng_below(prng, TYPE_COLUMNS_MAX);
  *type = (random_type){.keeps_values = true};
  PUT_BOTH(type, "+s{");
  for (uint64_t i = 0; i < columns; i++) {
    PUT_BOTH(type, "%sc%d=", i > 0 ? ";" : "", (int)i);
    any_type(type, prng, 0);
  }
  if (kh_prng_below(prng, 8) == 0) put_type(type, false, true, ";more=+s{x=i;y=c>u}");
  PUT_BOTH(type, "}");
}

static kh_schema *schema_of(const char *type) {
  struct ArrowSchema arrow = make_schema(type);
  kh_schema *schema = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  if (kh_schema_import(&arrow, &no_limits, &schema, &error) != KHONSU_OK) fail_msg("%s: %s", type, error.message);
  return schema;
}

#endif
