/* Money moves between accounts from many threads at once, and none of it is made or lost.
 *
 * The pattern for most transactions: a body that reads and writes, run by khonsu_run until it commits. */
#include <khonsu.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ACCOUNTS = 10, THREADS = 4, TRANSFERS = 2000, INITIAL_BALANCE = 1000 };

typedef struct account_key {
  char text[32];
} account_key;

static khonsu_slice key_of(unsigned account, account_key *key) {
  int size = snprintf(key->text, sizeof key->text, "account/%u", account);
  return (khonsu_slice){key->text, (size_t)size};
}

static khonsu_status get_balance(khonsu_txn *txn, unsigned account, int64_t *balance, khonsu_error *error) {
  account_key key;
  khonsu_bytes value;
  khonsu_status status = khonsu_get_bytes(txn, key_of(account, &key), &value, error);
  if (status != KHONSU_OK) return status;
  bool whole = value.size == sizeof *balance;
  if (whole) memcpy(balance, value.data, sizeof *balance);
  khonsu_bytes_release(&value);
  return whole ? KHONSU_OK : khonsu_error_set(error, KHONSU_CORRUPT, "%s is not a balance", key.text);
}

static khonsu_status put_balance(khonsu_txn *txn, unsigned account, int64_t balance, khonsu_error *error) {
  account_key key;
  return khonsu_put_bytes(txn, key_of(account, &key), (khonsu_slice){&balance, sizeof balance}, error);
}

/* ---- bodies: they may run several times, so all they do is in the transaction, and in `ctx` what each run sets anew */

static khonsu_status open_accounts(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  (void)ctx;
  khonsu_status status = KHONSU_OK;
  for (unsigned i = 0; status == KHONSU_OK && i < ACCOUNTS; i++) status = put_balance(txn, i, INITIAL_BALANCE, error);
  return status;
}

typedef struct transfer {
  unsigned from, to;
  int64_t amount;
} transfer;

static khonsu_status move_money(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  const transfer *moved = ctx;
  int64_t from, to;
  khonsu_status status = get_balance(txn, moved->from, &from, error);
  if (status == KHONSU_OK) status = get_balance(txn, moved->to, &to, error);
  if (status != KHONSU_OK || from < moved->amount) return status; /* too poor: nothing is written */
  status = put_balance(txn, moved->from, from - moved->amount, error);
  if (status == KHONSU_OK) status = put_balance(txn, moved->to, to + moved->amount, error);
  return status;
}

static khonsu_status add_up(void *ctx, khonsu_txn *txn, khonsu_error *error) {
  int64_t *sum = ctx, balance;
  *sum = 0;
  for (unsigned i = 0; i < ACCOUNTS; i++) {
    khonsu_status status = get_balance(txn, i, &balance, error);
    if (status != KHONSU_OK) return status;
    *sum += balance;
  }
  return KHONSU_OK;
}

/* ---- threads */

typedef struct worker {
  pthread_t thread;
  khonsu_db *db;
  unsigned seed;
  uint64_t attempts;
  khonsu_status status;
} worker;

static unsigned draw(unsigned *seed, unsigned below) {
  *seed = *seed * 1664525u + 1013904223u;
  return (*seed >> 8) % below;
}

static void *work(void *ctx) {
  worker *self = ctx;
  khonsu_error error = KHONSU_ERROR_INIT;
  for (int i = 0; i < TRANSFERS && self->status == KHONSU_OK; i++) {
    unsigned from = draw(&self->seed, ACCOUNTS);
    transfer moved = {from, (from + 1 + draw(&self->seed, ACCOUNTS - 1)) % ACCOUNTS, draw(&self->seed, 500)};
    khonsu_commit_info info = KHONSU_COMMIT_INFO_INIT;
    self->status = khonsu_run(self->db, NULL, move_money, &moved, &info, &error);
    self->attempts += info.attempts;
  }
  if (self->status != KHONSU_OK) fprintf(stderr, "%s\n", error.message);
  khonsu_error_clear(&error);
  return NULL;
}

static khonsu_status transfer_from_many_threads(khonsu_db *db, uint64_t *attempts) {
  worker workers[THREADS];
  khonsu_status status = KHONSU_OK;
  unsigned started = 0;
  for (; started < THREADS; started++) {
    workers[started] = (worker){.db = db, .seed = started};
    if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0) break;
  }
  if (started < THREADS) status = KHONSU_NO_MEMORY;
  while (started > 0) {
    pthread_join(workers[--started].thread, NULL);
    if (workers[started].status != KHONSU_OK) status = workers[started].status;
    *attempts += workers[started].attempts;
  }
  return status;
}

int main(void) {
  khonsu_db *db = NULL;
  khonsu_error error = KHONSU_ERROR_INIT;
  const khonsu_txn_options read_only = {KHONSU_TXN_OPTIONS_DEFAULTS, .read_only = true};
  uint64_t attempts = 0;
  int64_t sum = 0;
  khonsu_status status = khonsu_open(NULL, NULL, &db, &error);
  if (status == KHONSU_OK) status = khonsu_run(db, NULL, open_accounts, NULL, NULL, &error);
  if (status == KHONSU_OK) status = transfer_from_many_threads(db, &attempts);
  if (status == KHONSU_OK) status = khonsu_run(db, &read_only, add_up, &sum, NULL, &error);
  if (status != KHONSU_OK) fprintf(stderr, "%s: %s\n", khonsu_status_name(status), error.message);
  khonsu_error_clear(&error);
  bool closed = khonsu_close(&db, NULL) == KHONSU_OK;

  printf("%d transfers in %llu attempts; %d accounts hold %lld of %d\n", THREADS * TRANSFERS,
         (unsigned long long)attempts, ACCOUNTS, (long long)sum, ACCOUNTS * INITIAL_BALANCE);
  return status == KHONSU_OK && closed && sum == ACCOUNTS * INITIAL_BALANCE ? 0 : 1;
}
