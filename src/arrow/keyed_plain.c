/* keyed_plain: loops for keys that are one column of 8-byte integers. They have copies of what they look at again and
 * again, as the compiler must take each store for one that may change it. */
#include "hash.h"
#include "keyed_rows.h"

const uint64_t *kh_plain_keys(const kh_chunk *chunk, uint32_t column) {
  const kh_field *field = &chunk->schema->fields[column];
  const struct ArrowArray *node = &chunk->nodes[column];
  bool is_plain = kh_field_kind(field) == KH_KIND_INT && field->storage == NANOARROW_TYPE_INT64;
  bool is_aligned = (uintptr_t)node->buffers[1] % sizeof(uint64_t) == 0;
  return is_plain && is_aligned && node->null_count == 0 ? (const uint64_t *)node->buffers[1] + node->offset : NULL;
}

/* The slots are few for the rows' number: a key that is met is compared at once. */
int64_t kh_plain_keys_insert(const kh_keyed_rows *keyed, bool unique, int64_t *earlier) {
  const kh_key_table table = keyed->table;
  const uint64_t *keys = keyed->plain;
  int64_t rows = keyed->rows->nodes[0].length;
  for (int64_t row = 0; row < rows; row++) {
    uint64_t key = keys[row], hash = kh_hash_word(key, table.seed), at = hash & table.slot_mask;
    uint32_t slot;
    for (; (slot = table.slots[at]) != 0; at = (at + 1) & table.slot_mask) {
      *earlier = (int64_t)(slot & table.row_mask) - 1;
      if (keys[*earlier] == key) break;
    }
    if (slot != 0 && unique) return row;
    if (slot != 0) continue;
    table.slots[at] = kh_key_slot(&table, hash, row);
    kh_key_filter_add(&table, key);
  }
  return -1;
}

static int64_t filter(const kh_key_table *of, const uint64_t *keys, int64_t count, uint16_t *places) {
  const kh_key_table table = *of;
  int64_t passed = 0;
  for (int64_t i = 0; i < count; i++) {
    places[passed] = (uint16_t)i;
    passed += kh_key_filter_has(&table, keys[i]);
  }
  return passed;
}

/* The slot of the key; 0: it is not there. */
static inline uint32_t find_slot(const kh_key_table *table, const uint64_t *input_keys, uint64_t key) {
  uint64_t hash = kh_hash_word(key, table->seed), at = hash & table->slot_mask;
  uint32_t tag = kh_key_tag(table, hash), slot;
  for (; (slot = table->slots[at]) != 0; at = (at + 1) & table->slot_mask) {
    bool may_be = (slot & ~table->row_mask) == tag;
    if (may_be && input_keys[(slot & table->row_mask) - 1] == key) break;
  }
  return slot;
}

/* Of the `count` rows from `from` on those in `places`; there is room for all of them. */
static void match(const kh_keyed_rows *keyed, const uint64_t *keys, int64_t from, const uint16_t *places, int64_t count,
                  kh_key_matches *matches) {
  const kh_key_table table = keyed->table;
  const uint64_t *input_keys = keyed->plain;
  int64_t *rows = matches->rows + matches->count, *by = matches->by + matches->count, found = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t row = from + places[i];
    uint32_t slot = find_slot(&table, input_keys, keys[row]);
    rows[found] = row;
    by[found] = (int64_t)(slot & table.row_mask) - 1;
    found += slot != 0;
  }
  matches->count += found;
}

khonsu_status kh_plain_keys_find(const kh_keyed_rows *keyed, const uint64_t *keys, int64_t count,
                                 kh_key_matches *matches, khonsu_error *error) {
  uint16_t places[KH_KEY_BLOCK];
  for (int64_t from = 0; from < count; from += KH_KEY_BLOCK) {
    int64_t length = count - from < KH_KEY_BLOCK ? count - from : KH_KEY_BLOCK;
    int64_t passed = filter(&keyed->table, keys + from, length, places);
    khonsu_status status = kh_key_matches_reserve(matches, passed, error);
    if (status != KHONSU_OK) return status;
    match(keyed, keys, from, places, passed, matches);
  }
  return KHONSU_OK;
}
