/* pyarrow, on one thread, in a Python of its own (pyarrow_peer.py), which is handed its tables in files and told through
 * a pipe how often to do the one thing it is there for. */
#include <stdio.h>

#include "arrow_tables.h"
#include "python_peer.h"

#define MUST(call) arrow_check((int)(call), #call)

/* ---- the tables */

/* Takes the table. */
static void save(const engine_config *config, const char *name, kh_table *table) {
  char path[4096];
  kh_ipc_encoded encoded = {0};
  MUST(kh_ipc_encode(table, &encoded, NULL));
  snprintf(path, sizeof path, "%s/%s", config->directory, name);
  FILE *file = fopen(path, "w");
  const kh_buffer *bytes = &encoded.bytes;
  if (file == NULL || fwrite(bytes->data, 1, bytes->size, file) != bytes->size || fclose(file) != 0)
    engine_fail("cannot write %s", path);
  kh_ipc_encoded_fini(&encoded);
  kh_table_unref(table);
}

static void *open_upsert(const engine_config *config, const char *operation, int64_t base_rows) {
  save(config, "base", arrow_tables_base(base_rows));
  save(config, "rows", arrow_tables_upserted(base_rows));
  return python_peer_start(BENCH_PYARROW_PEER, operation, config->directory);
}

static void *open_concat(const engine_config *config, concat_kind kind) {
  save(config, "rows", arrow_tables_concat(kind));
  return python_peer_start(BENCH_PYARROW_PEER, "concat", config->directory);
}

static void *open_choice(const engine_config *config, const char *operation, bool are_texts, kh_table *choice) {
  save(config, "rows", arrow_tables_rows(are_texts));
  save(config, "choice", choice);
  return python_peer_start(BENCH_PYARROW_PEER, operation, config->directory);
}

#define PYARROW(kind, name_shown, says, opened)                                                                        \
  static void *open_##kind(const engine_config *config) { return opened; }                                             \
  const engine_ops engine_pyarrow_##kind = {.name = name_shown,                                                        \
                                            .settings = says,                                                          \
                                            .version = version,                                                        \
                                            .open = open_##kind,                                                       \
                                            .close = python_peer_stop,                                                 \
                                            .enter = arrow_enter,                                                      \
                                            .leave = arrow_leave,                                                      \
                                            .get_timed = python_peer_timed}

static const char *version(void) { return BENCH_pyarrow_VERSION; }

#define JOIN "one thread: left anti join, then concat_tables; less an empty call of Python"
#define IS_IN "one thread: filter by is_in, then concat_tables; less an empty call of Python"
#define CONCAT "one thread: combine_chunks, less the same of no rows"
#define CHOOSE "one thread: take or filter of an array, less the same of no rows"

PYARROW(join_few, "pyarrow join", JOIN, open_upsert(config, "join", UPSERT_FEW));
PYARROW(join_many, "pyarrow join", JOIN, open_upsert(config, "join", UPSERT_MANY));
PYARROW(is_in_few, "pyarrow is_in", IS_IN, open_upsert(config, "is_in", UPSERT_FEW));
PYARROW(is_in_many, "pyarrow is_in", IS_IN, open_upsert(config, "is_in", UPSERT_MANY));
PYARROW(concat_numbers, "pyarrow", CONCAT, open_concat(config, CONCAT_NUMBERS));
PYARROW(concat_text, "pyarrow", CONCAT, open_concat(config, CONCAT_TEXT));
PYARROW(concat_dictionary, "pyarrow", CONCAT, open_concat(config, CONCAT_DICTIONARY));
PYARROW(take_10, "pyarrow", CHOOSE, open_choice(config, "take", false, arrow_tables_numbers(10)));
PYARROW(take_90, "pyarrow", CHOOSE, open_choice(config, "take", false, arrow_tables_numbers(90)));
PYARROW(take_text_10, "pyarrow", CHOOSE, open_choice(config, "take", true, arrow_tables_numbers(10)));
PYARROW(take_text_90, "pyarrow", CHOOSE, open_choice(config, "take", true, arrow_tables_numbers(90)));
PYARROW(filter_10, "pyarrow", CHOOSE, open_choice(config, "filter", false, arrow_tables_mask(10)));
PYARROW(filter_90, "pyarrow", CHOOSE, open_choice(config, "filter", false, arrow_tables_mask(90)));
PYARROW(filter_text_10, "pyarrow", CHOOSE, open_choice(config, "filter", true, arrow_tables_mask(10)));
PYARROW(filter_text_90, "pyarrow", CHOOSE, open_choice(config, "filter", true, arrow_tables_mask(90)));
