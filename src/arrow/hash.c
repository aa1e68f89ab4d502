/* hash: a loop for each kind. Numbers are hashed whether they are null or not, and the null ones replaced; what leads
 * elsewhere is only looked at where it is valid. */
#include "hash.h"

enum { BLOCK = 128 }; /* values hashed at once where their hashes go into another's */

static kh_place moved(const kh_place *place, int64_t by) {
  return (kh_place){place->chunk, place->field, place->at + by};
}

/* ---- numbers */

#define HASH_NUMBERS(name, type, word)                                                                                 \
  static void name(const void *buffer, int64_t at, int64_t length, uint64_t seed, uint64_t *hashes) {                  \
    const type *from = (const type *)buffer + at;                                                                      \
    for (int64_t i = 0; i < length; i++) hashes[i] = kh_hash_word(word, seed);                                         \
  }

HASH_NUMBERS(hash_int8, int8_t, (uint64_t)(int64_t)from[i])
HASH_NUMBERS(hash_uint8, uint8_t, from[i])
HASH_NUMBERS(hash_int16, kh_any16, (uint64_t)(int64_t)(int16_t)from[i])
HASH_NUMBERS(hash_uint16, kh_any16, from[i])
HASH_NUMBERS(hash_int32, kh_any32, (uint64_t)(int64_t)(int32_t)from[i])
HASH_NUMBERS(hash_uint32, kh_any32, from[i])
HASH_NUMBERS(hash_int64, kh_any64, from[i])

static void hash_ints(const kh_place *place, int64_t length, uint64_t seed, uint64_t *hashes) {
  const void *buffer = kh_place_node(place)->buffers[1];
  switch (kh_place_field(place)->storage) {
    case NANOARROW_TYPE_INT8: hash_int8(buffer, place->at, length, seed, hashes); return;
    case NANOARROW_TYPE_UINT8: hash_uint8(buffer, place->at, length, seed, hashes); return;
    case NANOARROW_TYPE_INT16: hash_int16(buffer, place->at, length, seed, hashes); return;
    case NANOARROW_TYPE_UINT16: hash_uint16(buffer, place->at, length, seed, hashes); return;
    case NANOARROW_TYPE_INTERVAL_MONTHS:
    case NANOARROW_TYPE_INT32: hash_int32(buffer, place->at, length, seed, hashes); return;
    case NANOARROW_TYPE_UINT32: hash_uint32(buffer, place->at, length, seed, hashes); return;
    default: hash_int64(buffer, place->at, length, seed, hashes); return;
  }
}

static uint64_t float_word(double value) {
  uint64_t word;
  if (value != value) return UINT64_C(0x7ff8000000000000);
  if (value == 0) return 0;
  memcpy(&word, &value, sizeof word);
  return word;
}

static uint64_t hash_decimal(const kh_place *place, uint64_t seed) {
  uint64_t limbs[4];
  kh_place_decimal(place, limbs);
  uint64_t hash = kh_hash_word(limbs[0], seed);
  for (int i = 1; i < 4; i++) hash = kh_hash_combine(hash, limbs[i]);
  return hash;
}

static uint64_t hash_interval(const kh_place *place, uint64_t seed) {
  int64_t parts[3];
  kh_place_interval(place, parts);
  uint64_t hash = kh_hash_word((uint64_t)parts[0], seed);
  for (int i = 1; i < 3; i++) hash = kh_hash_combine(hash, (uint64_t)parts[i]);
  return hash;
}

/* Of values that are there even under nulls. False: it is none of those. */
static bool hash_numbers(const kh_place *place, int64_t length, uint64_t seed, uint64_t *hashes) {
  kh_place value = *place;
  switch (kh_field_kind(kh_place_field(place))) {
    case KH_KIND_INT:
    case KH_KIND_UINT: hash_ints(place, length, seed, hashes); return true;
    case KH_KIND_BOOL:
      for (int64_t i = 0; i < length; i++, value.at++) hashes[i] = kh_hash_word(kh_place_bool(&value), seed);
      return true;
    case KH_KIND_FLOAT:
      for (int64_t i = 0; i < length; i++, value.at++)
        hashes[i] = kh_hash_word(float_word(kh_place_float(&value)), seed);
      return true;
    case KH_KIND_DECIMAL:
      for (int64_t i = 0; i < length; i++, value.at++) hashes[i] = hash_decimal(&value, seed);
      return true;
    case KH_KIND_INTERVAL:
      for (int64_t i = 0; i < length; i++, value.at++) hashes[i] = hash_interval(&value, seed);
      return true;
    default: return false;
  }
}

/* ---- values that have parts */

/* The hashes of the items, in their order, on top of how many they are. Nulls without bytes may be very many,
 * however they are encoded. */
static uint64_t hash_items(const kh_place *place, uint64_t seed) {
  kh_range items = kh_place_items(place);
  kh_place item = {place->chunk, kh_place_field(place)->first, items.start};
  uint64_t hash = kh_hash_word((uint64_t)items.length, seed), hashes[BLOCK];
  const kh_field *fields = place->chunk->schema->fields;
  if (kh_field_kind(&fields[kh_field_decoded(fields, item.field)]) == KH_KIND_NULL) return hash;
  for (int64_t done = 0; done < items.length; done += BLOCK) {
    int64_t step = items.length - done < BLOCK ? items.length - done : BLOCK;
    kh_place block = moved(&item, done);
    kh_values_hash(&block, step, seed, hashes);
    for (int64_t i = 0; i < step; i++) hash = kh_hash_combine(hash, hashes[i]);
  }
  return hash;
}

static void hash_structs(const kh_place *place, int64_t length, uint64_t seed, uint64_t *hashes) {
  const kh_field *field = kh_place_field(place);
  uint64_t of_child[BLOCK];
  for (int64_t i = 0; i < length; i++) hashes[i] = seed;
  for (uint32_t child = field->first; child < kh_field_dictionary(field); child++) {
    kh_place first = kh_place_child(place, child, place->at);
    for (int64_t done = 0; done < length; done += BLOCK) {
      int64_t step = length - done < BLOCK ? length - done : BLOCK;
      kh_place block = moved(&first, done);
      kh_values_hash(&block, step, seed, of_child);
      for (int64_t i = 0; i < step; i++) hashes[done + i] = kh_hash_combine(hashes[done + i], of_child[i]);
    }
  }
}

static uint64_t hash_union(const kh_place *place, uint64_t seed) {
  kh_place child = kh_place_union(place);
  uint64_t hash;
  kh_values_hash(&child, 1, seed, &hash);
  return kh_hash_combine(kh_hash_word((uint64_t)(uint8_t)kh_place_type_id(place), seed), hash);
}

static uint64_t hash_one(const kh_place *place, uint64_t seed) {
  kh_place value = *place;
  uint64_t hash;
  if (!kh_place_resolve(&value)) return kh_hash_null(seed);
  switch (kh_field_kind(kh_place_field(&value))) {
    case KH_KIND_BYTES: return kh_hash_bytes(kh_place_bytes(&value), seed);
    case KH_KIND_LIST: return hash_items(&value, seed);
    case KH_KIND_UNION: return hash_union(&value, seed);
    case KH_KIND_STRUCT: hash_structs(&value, 1, seed, &hash); return hash;
    default: (void)hash_numbers(&value, 1, seed, &hash); return hash;
  }
}

/* ---- ranges */

/* Between offsets there is something under nulls as well. */
static void hash_texts(const kh_place *place, int64_t length, uint64_t seed, uint64_t *hashes) {
  const struct ArrowArray *node = kh_place_node(place);
  int64_t bits = kh_place_field(place)->layout.element_size_bits[1];
  const uint8_t *bytes = node->buffers[2];
  int64_t begin = length == 0 ? 0 : kh_offset_get(node->buffers[1], bits, place->at);
  for (int64_t i = 0; i < length; i++) {
    int64_t end = kh_offset_get(node->buffers[1], bits, place->at + i + 1);
    hashes[i] = kh_hash_bytes(kh_slice(bytes + begin, (size_t)(end - begin)), seed);
    begin = end;
  }
}

/* Which are null nobody can guess: without a branch. */
static void replace_nulls(const uint8_t *validity, int64_t at, int64_t length, uint64_t seed, uint64_t *hashes) {
  uint64_t null = kh_hash_null(seed);
  for (int64_t i = 0; i < length; i++) {
    uint64_t keep = 0 - (uint64_t)kh_bit_get(validity, at + i);
    hashes[i] = (hashes[i] & keep) | (null & ~keep);
  }
}

static void hash_runs(const kh_place *place, int64_t length, uint64_t seed, uint64_t *hashes) {
  const kh_field *field = kh_place_field(place);
  int64_t run = length == 0 ? 0 : kh_run_find(place->chunk->schema->fields, place->chunk, place->field, place->at);
  for (int64_t done = 0; done < length; run++) {
    kh_place value = kh_place_child(place, field->first + 1, run);
    int64_t end = kh_run_end(place->chunk, place->field, run) - place->at;
    uint64_t hash = hash_one(&value, seed);
    for (; done < length && done < end; done++) hashes[done] = hash;
  }
}

/* Recursion is as deep as the schema, which is limited. */
void kh_values_hash(const kh_place *place, int64_t length, uint64_t seed, uint64_t *hashes) {
  const kh_field *field = kh_place_field(place);
  const uint8_t *validity = kh_node_validity(field, kh_place_node(place));
  if (field->storage == NANOARROW_TYPE_RUN_END_ENCODED) {
    hash_runs(place, length, seed, hashes);
    return;
  }
  bool is_whole = field->storage == NANOARROW_TYPE_STRUCT;
  if (is_whole) hash_structs(place, length, seed, hashes); /* children are there under nulls as well */
  else is_whole = hash_numbers(place, length, seed, hashes);
  if (!is_whole && kh_field_is_text(field)) {
    hash_texts(place, length, seed, hashes);
    is_whole = true;
  }
  if (is_whole && validity != NULL) replace_nulls(validity, place->at, length, seed, hashes);
  for (int64_t i = 0; !is_whole && i < length; i++) {
    kh_place value = moved(place, i);
    hashes[i] = hash_one(&value, seed);
  }
}
