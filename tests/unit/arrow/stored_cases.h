/* stored_cases: tables whose chunks a pretended storage holds, which counts what is asked of it and what it has lent out,
 * and fails when it is told to. */
#ifndef TEST_STORED_CASES_H
#define TEST_STORED_CASES_H

#include <pthread.h>

#include "arrow/table_walk.h"
#include "arrow_text.h"

typedef struct fake_storage {
  kh_table *holds; /* all in memory; if it has fewer chunks than were promised, they come again and again */
  kh_stored_chunks *stored;
  _Atomic uint64_t loads; /* that were asked for */
  uint64_t fail_at;       /* this load, counted from 1; 0: none */
  khonsu_status fail_with;
  bool failed;
  pthread_barrier_t *together; /* where those who load the first chunk wait for each other; NULL: they do not */
  _Atomic int64_t lent;        /* chunks that were loaded and are not freed */
  _Atomic int released;
} fake_storage;

static void give_back(void *ctx) { atomic_fetch_sub(&((fake_storage *)ctx)->lent, 1); }

/* A copy of the chunk, so that it can be told from another load's. */
static khonsu_status copy_out(fake_storage *fake, uint64_t index, kh_chunk **chunk, khonsu_error *error) {
  kh_chunk *held = *kh_table_run(fake->holds, index % kh_table_chunk_count(fake->holds)).chunks, *copy;
  khonsu_status status = kh_chunk_rebase(held, 0, (int64_t)kh_chunk_rows(held), &copy, error);
  if (status != KHONSU_OK) return status;
  copy->memory = kh_memory_new(kh_slice("", 0), give_back, fake);
  if (copy->memory == NULL) {
    kh_chunk_unref(copy);
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to load a chunk");
  }
  atomic_fetch_add(&fake->lent, 1);
  *chunk = copy;
  return KHONSU_OK;
}

static khonsu_status fake_load(void *ctx, uint64_t index, kh_chunk **chunk, khonsu_error *error) {
  fake_storage *fake = ctx;
  assert_int_equal(atomic_load(&fake->released), 0);
  if (fake->together != NULL && index == 0) pthread_barrier_wait(fake->together);
  if (atomic_fetch_add(&fake->loads, 1) + 1 != fake->fail_at) return copy_out(fake, index, chunk, error);
  fake->failed = true;
  return khonsu_error_set(error, fake->fail_with, "stored chunk %llu cannot be had", (unsigned long long)index);
}

static void fake_release(void *ctx) { atomic_fetch_add(&((fake_storage *)ctx)->released, 1); }

static const kh_stored_ops fake_ops = {fake_load, fake_release};

/* A table of chunks that are separated by `|`, all in memory. */
static kh_table *table_in_memory(const char *type, const char *chunks) {
  kh_table *table = NULL;
  char *text = strdup(chunks), *left = text;
  for (char *chunk; (chunk = strsep(&left, "|")) != NULL;) {
    kh_table *next = make_table(type, chunk);
    table = table == NULL ? next : append_table(table, next);
  }
  free(text);
  return table;
}

/* A storage of `count` chunks, the first of which are those of `holds`. NULL: out of memory. */
static kh_stored_chunks *fake_open(fake_storage *fake, kh_table *holds, uint64_t count, bool keeps) {
  uint64_t times = count / kh_table_chunk_count(holds);
  kh_stored_extent extent = {count, times * kh_table_rows(holds), times * kh_table_bytes(holds), keeps};
  *fake = (fake_storage){.holds = kh_table_ref(holds)};
  fake->stored = kh_stored_chunks_new(&extent, &fake_ops, fake);
  return fake->stored;
}

/* All tables that begin with it are gone: so is what it lent out. */
static void fake_close(fake_storage *fake) {
  kh_stored_chunks_unref(fake->stored);
  assert_int_equal(atomic_load(&fake->lent), 0);
  assert_int_equal(atomic_load(&fake->released), fake->stored != NULL);
  kh_table_unref(fake->holds);
}

/* The same as a table, whose chunks are stored. */
static kh_table *stored_table(fake_storage *fake, const char *type, const char *chunks, bool keeps) {
  kh_table *holds = table_in_memory(type, chunks);
  assert_non_null(fake_open(fake, holds, kh_table_chunk_count(holds), keeps));
  kh_table *table = kh_table_new_stored(kh_table_schema(holds), fake->stored);
  assert_non_null(table);
  kh_table_unref(holds);
  return table;
}

/* Not every test uses all of the above. */
static inline void use_stored_cases(void) { (void)stored_table, (void)fake_close; }

#endif
