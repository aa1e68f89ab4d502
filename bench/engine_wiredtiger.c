/* WiredTiger: a B-tree in memory over a file, with versions; transactions are of snapshot isolation, so write skew
 * passes. Settings: docs/benchmarks.md. */
#include <stdlib.h>
#include <wiredtiger.h>

#include "engine.h"
#include "machine.h"

#define STORE_CONFIG                                                                                                   \
  "create,cache_size=4G,log=(enabled=true,file_max=512MB),transaction_sync=(enabled=false),eviction=(threads_max=2)"
#define TABLE "table:bench"

typedef struct wiredtiger_thread {
  WT_SESSION *session;
  WT_CURSOR *cursor;
} wiredtiger_thread;

static void check(int status, const char *call) {
  if (status != 0) engine_fail("%s: %s", call, wiredtiger_strerror(status));
}

static const char *version(void) { return wiredtiger_version(NULL, NULL, NULL); }

/* ---- the calls that the operations are made of */

static void *enter(void *store) {
  WT_CONNECTION *connection = store;
  wiredtiger_thread *thread = engine_alloc(sizeof *thread);
  check(connection->open_session(connection, NULL, "isolation=snapshot", &thread->session), "open_session");
  check(thread->session->open_cursor(thread->session, TABLE, NULL, "overwrite=true", &thread->cursor), "open_cursor");
  return thread;
}

static void leave(void *entered) {
  wiredtiger_thread *thread = entered;
  check(thread->session->close(thread->session, NULL), "session.close");
  free(thread);
}

static void begin(wiredtiger_thread *thread) {
  check(thread->session->begin_transaction(thread->session, NULL), "begin_transaction");
}

/* What the cursor points to stays in memory until it is reset. */
static void end(wiredtiger_thread *thread) {
  check(thread->cursor->reset(thread->cursor), "cursor.reset");
  check(thread->session->commit_transaction(thread->session, NULL), "commit_transaction");
}

static uint64_t touch_current(WT_CURSOR *cursor) {
  WT_ITEM value;
  check(cursor->get_value(cursor, &value), "cursor.get_value");
  if (value.size != VALUE_SIZE) engine_fail("a value of %zu bytes", value.size);
  return touch_ends(value.data, value.size);
}

static void set_key(WT_CURSOR *cursor, const char *key) {
  WT_ITEM item = {.data = key, .size = KEY_SIZE};
  cursor->set_key(cursor, &item);
}

static int put(WT_CURSOR *cursor, const char *key, const char *value) {
  WT_ITEM item = {.data = value, .size = VALUE_SIZE};
  set_key(cursor, key);
  cursor->set_value(cursor, &item);
  return cursor->insert(cursor);
}

static int read_one(WT_CURSOR *cursor, const char *key, uint64_t *sum) {
  set_key(cursor, key);
  int status = cursor->search(cursor);
  if (status == 0) *sum += touch_current(cursor);
  return status;
}

/* ---- the store, which is the WT_CONNECTION */

static void load(wiredtiger_thread *thread, uint64_t keys) {
  for (uint64_t i = 0; i < keys;) {
    begin(thread);
    for (uint64_t stop = i + LOAD_TXN_KEYS; i < stop && i < keys; i++) {
      bench_key key;
      input_key(i, key);
      check(put(thread->cursor, key, input_value(i)), "cursor.insert");
    }
    end(thread);
  }
  check(thread->session->checkpoint(thread->session, NULL), "checkpoint");
}

static void create_table(WT_CONNECTION *connection) {
  WT_SESSION *session;
  check(connection->open_session(connection, NULL, NULL, &session), "open_session");
  check(session->create(session, TABLE, "key_format=u,value_format=u"), "session.create");
  check(session->close(session, NULL), "session.close");
}

static void *open_store(const engine_config *config) {
  WT_CONNECTION *connection;
  check(wiredtiger_open(config->directory, NULL, STORE_CONFIG, &connection), "wiredtiger_open");
  create_table(connection);
  void *thread = enter(connection);
  load(thread, config->keys);
  leave(thread);
  machine_await_idle();
  return connection;
}

static void close_store(void *store) {
  WT_CONNECTION *connection = store;
  check(connection->close(connection, NULL), "close");
}

/* Its threads evict pages after a turn that wrote. */
static void rest(void *store) {
  (void)store;
  machine_await_idle();
}

/* ---- operations */

static void series_begin(void *entered) { begin(entered); }

static void series_end(void *entered) { end(entered); }

static uint64_t get(void *entered, const char *key) {
  wiredtiger_thread *thread = entered;
  uint64_t sum = 0;
  check(read_one(thread->cursor, key, &sum), "cursor.search");
  return sum;
}

static uint64_t read_txn(void *entered, const char *key) {
  begin(entered);
  uint64_t sum = get(entered, key);
  end(entered);
  return sum;
}

static uint64_t scan(void *entered, const char *first, unsigned count) {
  wiredtiger_thread *thread = entered;
  WT_CURSOR *cursor = thread->cursor;
  int order;
  begin(thread);
  set_key(cursor, first);
  check(cursor->search_near(cursor, &order), "cursor.search_near");
  if (order < 0) check(cursor->next(cursor), "cursor.next");
  uint64_t sum = touch_current(cursor);
  for (unsigned i = 1; i < count; i++) {
    check(cursor->next(cursor), "cursor.next");
    sum += touch_current(cursor);
  }
  end(thread);
  return sum;
}

/* The first writer of a key wins at once: what meets its update fails with WT_ROLLBACK, before the commit. */
static bool transact(void *entered, const engine_transaction *asked, uint64_t *sum) {
  wiredtiger_thread *thread = entered;
  int status = 0;
  begin(thread);
  for (unsigned i = 0; i < asked->reads && status == 0; i++) status = read_one(thread->cursor, asked->keys[i], sum);
  for (unsigned i = 0; i < asked->writes && status == 0; i++)
    status = put(thread->cursor, asked->keys[i], asked->value);
  if (status == 0) {
    status = thread->session->commit_transaction(thread->session, NULL);
  } else {
    if (status != WT_ROLLBACK) check(status, "cursor");
    check(thread->session->rollback_transaction(thread->session, NULL), "rollback_transaction");
  }
  check(thread->cursor->reset(thread->cursor), "cursor.reset");
  if (status != 0 && status != WT_ROLLBACK) check(status, "commit_transaction");
  return status == 0;
}

const engine_ops engine_wiredtiger = {
    .name = "wiredtiger",
    .settings = STORE_CONFIG
    "; raw keys and values, a checkpoint after loading; one session and cursor per thread; transactions of snapshot "
    "isolation, which is weaker than serializable",
    .version = version,
    .open = open_store,
    .close = close_store,
    .rest = rest,
    .enter = enter,
    .leave = leave,
    .series_begin = series_begin,
    .series_end = series_end,
    .get = get,
    .read_txn = read_txn,
    .scan = scan,
    .transact = transact,
};
