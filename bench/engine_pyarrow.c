/* pyarrow, on one thread, in a Python of its own (pyarrow_peer.py), which is handed its tables in files and told through
 * a pipe how often to do the one thing it is there for. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arrow_tables.h"

#define MUST(call) arrow_check((int)(call), #call)

typedef struct pyarrow_store {
  pid_t pid;
  FILE *commands, *answers;
} pyarrow_store;

/* ---- the process */

_Noreturn static void be_python(const engine_config *config, const char *operation, int commands, int answers) {
  dup2(commands, STDIN_FILENO);
  dup2(answers, STDOUT_FILENO);
  execl(BENCH_PYTHON, BENCH_PYTHON, BENCH_PYARROW_PEER, operation, config->directory, (char *)NULL);
  engine_fail("cannot run %s", BENCH_PYTHON);
}

static void read_answer(const pyarrow_store *store, char *line, int size) {
  if (fgets(line, size, store->answers) == NULL) engine_fail("the process of pyarrow has ended");
}

static void *start(const engine_config *config, const char *operation) {
  pyarrow_store *store = engine_alloc(sizeof *store);
  int commands[2], answers[2];
  char line[32];
  if (pipe2(commands, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0) engine_fail("cannot make a pipe");
  store->pid = fork();
  if (store->pid < 0) engine_fail("cannot start a process");
  if (store->pid == 0) be_python(config, operation, commands[0], answers[1]);
  close(commands[0]);
  close(answers[1]);
  store->commands = fdopen(commands[1], "w");
  store->answers = fdopen(answers[0], "r");
  if (store->commands == NULL || store->answers == NULL) engine_fail("out of memory");
  read_answer(store, line, sizeof line);
  return store;
}

/* An end of file is the command to stop. */
static void close_store(void *opened) {
  pyarrow_store *store = opened;
  fclose(store->commands);
  waitpid(store->pid, NULL, 0);
  fclose(store->answers);
  free(store);
}

static uint64_t get_timed(void *entered, uint64_t count) {
  pyarrow_store *store = entered;
  char line[32];
  fprintf(store->commands, "%llu\n", (unsigned long long)count);
  fflush(store->commands);
  read_answer(store, line, sizeof line);
  return strtoull(line, NULL, 10);
}

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
  return start(config, operation);
}

static void *open_concat(const engine_config *config, concat_kind kind) {
  save(config, "rows", arrow_tables_concat(kind));
  return start(config, "concat");
}

static void *open_choice(const engine_config *config, const char *operation, bool are_texts, kh_table *choice) {
  save(config, "rows", arrow_tables_rows(are_texts));
  save(config, "choice", choice);
  return start(config, operation);
}

#define PYARROW(kind, name_shown, says, opened)                                                                        \
  static void *open_##kind(const engine_config *config) { return opened; }                                             \
  const engine_ops engine_pyarrow_##kind = {.name = name_shown,                                                        \
                                            .settings = says,                                                          \
                                            .version = version,                                                        \
                                            .open = open_##kind,                                                       \
                                            .close = close_store,                                                      \
                                            .enter = arrow_enter,                                                      \
                                            .leave = arrow_leave,                                                      \
                                            .get_timed = get_timed}

static const char *version(void) { return BENCH_PYARROW_VERSION; }

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
