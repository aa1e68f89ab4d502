#include "spans.h"

enum { COUNT_MIN = 16 };

static fkv_span_table *new_table(size_t count, const fkv_span_table *old) {
  fkv_span_table *table = kh_alloc(sizeof *table + count * sizeof table->spans[0]);
  if (table == NULL) return NULL;
  size_t kept = old == NULL ? 0 : old->count;
  if (kept > 0) memcpy(table->spans, old->spans, kept * sizeof table->spans[0]);
  memset(table->spans + kept, 0, (count - kept) * sizeof table->spans[0]);
  table->count = count;
  return table;
}

static void free_table(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  kh_free(KH_CONTAINER_OF(retired, fkv_span_table, retired));
}

static fkv_span_table *table_of(const fkv_spans *spans) {
  return atomic_load_explicit(&spans->table, memory_order_relaxed);
}

khonsu_status fkv_spans_init(fkv_spans *spans, kh_epoch *epoch) {
  spans->epoch = epoch;
  fkv_span_table *table = new_table(COUNT_MIN, NULL);
  atomic_init(&spans->table, table);
  return table == NULL ? FLASHKV_NO_MEMORY : FLASHKV_OK;
}

void fkv_spans_fini(fkv_spans *spans) {
  kh_free(table_of(spans));
  atomic_store(&spans->table, NULL);
}

static size_t spans_of(const fkv_file *file) {
  size_t count = (size_t)((file->map_size + FKV_SPAN_SIZE - 1) / FKV_SPAN_SIZE);
  return count == 0 ? 1 : count;
}

static bool are_free(const fkv_span_table *table, size_t first, size_t count) {
  for (size_t index = first; index < first + count && index < table->count; index++) {
    if (table->spans[index].file != NULL) return false;
  }
  return true;
}

static khonsu_status grow(fkv_spans *spans, size_t count) {
  fkv_span_table *old = table_of(spans);
  if (count <= old->count) return FLASHKV_OK;
  fkv_span_table *table = new_table(count > 2 * old->count ? count : 2 * old->count, old);
  if (table == NULL) return FLASHKV_NO_MEMORY;
  atomic_store(&spans->table, table); /* with the load of fkv_spans_at */
  kh_epoch_retire(spans->epoch, &old->retired, free_table);
  return FLASHKV_OK;
}

khonsu_status fkv_spans_add(fkv_spans *spans, fkv_file *file, uint64_t first) {
  size_t count = spans_of(file), at = (size_t)first;
  fkv_span_table *table = table_of(spans);
  if (at == 0 || !are_free(table, at, count)) {
    for (at = 0; !are_free(table, at, count);) at++;
  }
  KH_ASSERT(at + count <= KH_WORD_LIMIT >> FKV_SPAN_BITS);
  khonsu_status status = grow(spans, at + count);
  if (status != FLASHKV_OK) return status;
  table = table_of(spans);
  for (size_t index = 0; index < count; index++) {
    const uint8_t *base = file->base == NULL ? NULL : file->base + index * FKV_SPAN_SIZE;
    table->spans[at + index] = (fkv_span){base, file};
  }
  file->first_span = at;
  file->spans = spans;
  return FLASHKV_OK;
}

void fkv_spans_remove(fkv_spans *spans, fkv_file *file) {
  fkv_span_table *table = table_of(spans);
  for (size_t index = 0; index < spans_of(file); index++)
    table->spans[file->first_span + index] = (fkv_span){NULL, NULL};
}

static void leave(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  fkv_file *file = KH_CONTAINER_OF(retired, fkv_file, retired);
  fkv_spans_remove(file->spans, file);
  fkv_file_leave(file);
}

void fkv_spans_retire(fkv_spans *spans, fkv_file *file) { kh_epoch_retire(spans->epoch, &file->retired, leave); }
