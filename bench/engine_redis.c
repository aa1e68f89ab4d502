/* Redis with an append-only file, in a process of its own that is asked through a socket of the file system.
 *
 * Every connection is one thread's. A transaction is WATCH, its reads, MULTI, its writes, EXEC: one round trip for the
 * reads and one for the rest. Settings: docs/benchmarks.md. */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"

enum { START_TRIES = 5000, START_TRY_US = 2000 };

typedef struct redis_store {
  pid_t pid;
  char socket[108]; /* sun_path of unix(7) */
  redisContext *loader;
} redis_store;

static const char *version(void) { return BENCH_REDIS_VERSION; }

/* ---- the server */

_Noreturn static void be_server(const engine_config *config, const char *socket) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execl(BENCH_REDIS, BENCH_REDIS, "--port", "0", "--unixsocket", socket, "--dir", config->directory, "--save", "",
        "--appendonly", "yes", "--appendfsync", "no", "--logfile", "redis.log", (char *)NULL);
  _exit(EXIT_FAILURE);
}

static redisContext *connect_to(const redis_store *store) {
  redisContext *context = redisConnectUnix(store->socket);
  if (context == NULL || context->err != 0) engine_fail("cannot connect to %s", store->socket);
  return context;
}

static void await_server(const redis_store *store) {
  for (int i = 0; access(store->socket, F_OK) != 0; i++) {
    if (i == START_TRIES) engine_fail("%s does not start", BENCH_REDIS);
    usleep(START_TRY_US);
  }
}

static redisReply *receive(redisContext *context) {
  void *reply = NULL;
  if (redisGetReply(context, &reply) != REDIS_OK) engine_fail("redis: %s", context->errstr);
  redisReply *answer = reply;
  if (answer->type == REDIS_REPLY_ERROR) engine_fail("redis: %s", answer->str);
  return answer;
}

static void receive_some(redisContext *context, unsigned count) {
  while (count-- > 0) freeReplyObject(receive(context));
}

/* Of a path in the file system no more than sun_path holds can be bound to. */
static void *open_store(const engine_config *config) {
  redis_store *store = engine_alloc(sizeof *store);
  int length = snprintf(store->socket, sizeof store->socket, "/tmp/khonsu_bench.%ld.redis", (long)getpid());
  if (length >= (int)sizeof store->socket) engine_fail("a path that is too long");
  store->pid = fork();
  if (store->pid < 0) engine_fail("cannot start a process");
  if (store->pid == 0) be_server(config, store->socket);
  await_server(store);
  store->loader = connect_to(store);
  return store;
}

static void load(void *opened, const engine_config *config) {
  const redis_store *store = opened;
  for (uint64_t i = 0; i < config->keys;) {
    unsigned count = 0;
    for (uint64_t end = i + load_txn_keys(config); i < end && i < config->keys; i++, count++) {
      bench_key key;
      input_key(i, key);
      redisAppendCommand(store->loader, "SET %b %b", key, (size_t)KEY_SIZE, input_value(i), (size_t)VALUE_SIZE);
    }
    receive_some(store->loader, count);
  }
  redisAppendCommand(store->loader, "CONFIG SET appendfsync %s", config->durable ? "always" : "no");
  receive_some(store->loader, 1);
}

static void close_store(void *opened) {
  redis_store *store = opened;
  redisFree(store->loader);
  kill(store->pid, SIGTERM);
  waitpid(store->pid, NULL, 0);
  unlink(store->socket);
  free(store);
}

static void *enter(void *store) { return connect_to(store); }

static void leave(void *context) { redisFree(context); }

/* ---- operations */

static uint64_t receive_value(redisContext *context) {
  redisReply *reply = receive(context);
  if (reply->type != REDIS_REPLY_STRING) engine_fail("a key is missing");
  engine_check_size(reply->len, VALUE_SIZE);
  uint64_t sum = touch_ends(reply->str, reply->len);
  freeReplyObject(reply);
  return sum;
}

static void read_keys(redisContext *context, const engine_transaction *asked, uint64_t *sum) {
  for (unsigned i = 0; i < asked->reads; i++) redisAppendCommand(context, "WATCH %b", asked->keys[i], (size_t)KEY_SIZE);
  for (unsigned i = 0; i < asked->reads; i++) redisAppendCommand(context, "GET %b", asked->keys[i], (size_t)KEY_SIZE);
  receive_some(context, asked->reads);
  for (unsigned i = 0; i < asked->reads; i++) *sum += receive_value(context);
}

/* EXEC answers nothing where a watched key has changed. */
static bool transact(void *entered, const engine_transaction *asked, uint64_t *sum) {
  redisContext *context = entered;
  if (asked->reads > 0) read_keys(context, asked, sum);
  redisAppendCommand(context, "MULTI");
  for (unsigned i = 0; i < asked->writes; i++)
    redisAppendCommand(context, "SET %b %b", asked->keys[i], (size_t)KEY_SIZE, asked->value, (size_t)VALUE_SIZE);
  redisAppendCommand(context, "EXEC");
  receive_some(context, 1 + asked->writes);
  redisReply *outcome = receive(context);
  bool committed = outcome->type == REDIS_REPLY_ARRAY;
  freeReplyObject(outcome);
  return committed;
}

const engine_ops engine_redis = {
    .name = "redis",
    .settings =
        "append-only file, appendfsync no, in durable rows always; no snapshots; a socket of the file system, a "
        "connection per thread; WATCH, GET, MULTI, SET, EXEC in two round trips",
    .version = version,
    .open = open_store,
    .load = load,
    .close = close_store,
    .enter = enter,
    .leave = leave,
    .transact = transact,
};
