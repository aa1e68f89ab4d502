#include <stdio.h>
#include <string.h>
#include <time.h>

#include "demo.h"

static const char *const level_names[] = {"", "read committed", "snapshot", "repeatable read", "serializable"};
static const char *const strategy_names[] = {"", "fail", "ignore", "replace", "append"};
static const char *const month_names[] = {"January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December"};

/* ---- progress, on a terminal */

enum { BAR_WIDTH = 20, UPDATES_PER_SECOND = 10, SENTENCE_MAX = 200 };

static void draw_progress(const kh_demo *demo, double seconds) {
  uint64_t rows = atomic_load(&demo->rows), all = demo->flights.row_count;
  kh_grouped_text retries, checks, rate;
  int filled = (int)(rows * BAR_WIDTH / all);
  fprintf(stderr, "\r  [%.*s%*s] %3llu%%  %s rows/s  %s retries  %s snapshots\033[K", filled, "####################",
          BAR_WIDTH - filled, "", (unsigned long long)(rows * 100 / all),
          kh_grouped((uint64_t)((double)rows / seconds), rate), kh_grouped(atomic_load(&demo->retries), retries),
          kh_grouped(atomic_load(&demo->checks), checks));
  fflush(stderr);
}

void *kh_demo_progress(void *ctx) {
  const kh_demo *demo = ((const kh_demo_thread *)ctx)->demo;
  const struct timespec pause = {0, 1000000000 / UPDATES_PER_SECOND};
  double began = kh_seconds();
  while (!atomic_load(&demo->ingested)) {
    nanosleep(&pause, NULL);
    draw_progress(demo, kh_seconds() - began);
  }
  fputs("\r\033[K", stderr);
  return NULL;
}

/* ---- one conflict in words */

/* A lost update that did not happen tells most. */
static const kh_demo_conflict *pick_conflict(const kh_demo *demo) {
  const kh_demo_conflict *picked = NULL;
  for (uint64_t i = 0; i < demo->writers; i++) {
    const kh_demo_conflict *conflict = &demo->conflicts[i];
    if (!conflict->found) continue;
    if (picked == NULL || conflict->what.kind == KHONSU_CONFLICT_UPDATE) picked = conflict;
  }
  return picked;
}

static const kh_demo_outcome *find_winner(const kh_demo *demo, uint64_t txn) {
  for (size_t i = 0; i < demo->flights.portion_count; i++)
    if (demo->outcomes[i].txn == txn) return &demo->outcomes[i];
  return NULL;
}

/* "41 (writer 2, serializable, 87 flights of UA)" */
static void describe(const kh_demo *demo, uint64_t txn, size_t portion, char text[SENTENCE_MAX]) {
  const kh_demo_portion *ingested = &demo->flights.portions[portion];
  snprintf(text, SENTENCE_MAX, "%llu (writer %d, %s, %lld flights of %s)", (unsigned long long)txn,
           demo->outcomes[portion].writer + 1, level_names[kh_demo_level(portion)], (long long)ingested->count,
           demo->flights.carriers.text[ingested->carrier]);
}

static void describe_key(const char *key, char text[SENTENCE_MAX]) {
  int month = 0;
  if (sscanf(key, "totals/month/%d", &month) == 1 && month >= 1 && month <= KH_DEMO_MONTHS)
    snprintf(text, SENTENCE_MAX, "%s, the total of %s", key, month_names[month - 1]);
  else if (strncmp(key, "totals/airport/", 15) == 0) snprintf(text, SENTENCE_MAX, "%s, an airport's total", key);
  else snprintf(text, SENTENCE_MAX, "%s", key);
}

/* What a transaction did with a key, what for, and why it matters that others changed the key. */
typedef struct conflict_words {
  const char *did, *purpose, *why;
} conflict_words;

static const conflict_words words_of[] = {
    [KHONSU_CONFLICT_READ] = {"read", "", "What it had read was no longer so."},
    [KHONSU_CONFLICT_WRITE] = {"wrote", "", "It would have written over what it had not seen."},
    [KHONSU_CONFLICT_UPDATE] = {"read", ", to add its flights to it",
                                "Had both been let stand, the winner's flights would be missing from the total: a lost "
                                "update."},
    [KHONSU_CONFLICT_SCHEMA] = {"appended to", "", "The key now holds something that the rows do not fit."},
};

static void print_conflict(const kh_demo *demo) {
  const kh_demo_conflict *conflict = pick_conflict(demo);
  if (conflict == NULL) {
    printf("    There was none this time.\n");
    return;
  }
  const kh_demo_outcome *outcome = &demo->outcomes[conflict->portion];
  const kh_demo_outcome *winner = find_winner(demo, conflict->what.winner);
  const conflict_words *words = &words_of[conflict->what.kind];
  char loser_text[SENTENCE_MAX], winner_text[SENTENCE_MAX] = "another", key_text[SENTENCE_MAX], text[6 * SENTENCE_MAX];
  describe(demo, conflict->loser, conflict->portion, loser_text);
  if (winner != NULL) describe(demo, winner->txn, (size_t)(winner - demo->outcomes), winner_text);
  describe_key(conflict->key, key_text);
  const char *others = conflict->keys > 1 ? "; other keys of the first had changed too" : "";
  snprintf(text, sizeof text,
           "Transaction %s %s %s, at version %llu%s. Before it could commit, transaction %s committed version %llu of "
           "that key%s. %s So it was refused and run again; it committed version %llu at attempt %llu.",
           loser_text, words->did, key_text, (unsigned long long)conflict->what.read_version, words->purpose,
           winner_text, (unsigned long long)conflict->what.winner_version, others, words->why,
           (unsigned long long)outcome->version, (unsigned long long)outcome->attempts);
  kh_print_wrapped(stdout, text, 4, 100);
}

/* ---- the report */

typedef struct tally {
  uint64_t commits, conflicts, retried, attempts_max, refused, dropped;
} tally;

static void count_outcome(tally *counted, const kh_demo_outcome *outcome) {
  counted->commits++;
  counted->conflicts += outcome->attempts - 1;
  counted->refused += outcome->refused;
  counted->dropped += outcome->dropped;
  if (outcome->attempts > 1) counted->retried++;
  if (outcome->attempts > counted->attempts_max) counted->attempts_max = outcome->attempts;
}

static void print_level(const char *name, const tally *counted) {
  kh_grouped_text commits, conflicts, retried;
  printf("    %-16s %9s %11s %11s %15llu\n", name, kh_grouped(counted->commits, commits),
         kh_grouped(counted->conflicts, conflicts), kh_grouped(counted->retried, retried),
         (unsigned long long)counted->attempts_max);
}

static void print_levels(const kh_demo *demo) {
  tally levels[KH_DEMO_LEVELS + 1] = {{0}}, all = {0};
  for (size_t i = 0; i < demo->flights.portion_count; i++) {
    count_outcome(&levels[kh_demo_level(i)], &demo->outcomes[i]);
    count_outcome(&all, &demo->outcomes[i]);
  }
  printf("    %-16s %9s %11s %11s %15s\n", "isolation level", "commits", "conflicts", "retried", "most attempts");
  for (int level = 1; level <= KH_DEMO_LEVELS; level++) print_level(level_names[level], &levels[level]);
  print_level("all", &all);
  printf("    (conflicts: attempts refused and run again; retried: transactions that needed more than one)\n");
}

static void print_strategy(const char *name, const tally *counted) {
  kh_grouped_text commits, refused, dropped, stood;
  printf("    %-16s %9s %11s %11s %15s\n", name, kh_grouped(counted->commits, commits),
         kh_grouped(counted->refused, refused), kh_grouped(counted->dropped, dropped),
         kh_grouped(counted->commits - counted->dropped, stood));
}

static void print_strategies(const kh_demo *demo) {
  tally strategies[KH_DEMO_STRATEGIES + 1] = {{0}};
  for (size_t i = 0; i < demo->flights.portion_count; i++)
    count_outcome(&strategies[kh_demo_strategy(i)], &demo->outcomes[i]);
  printf("    %-16s %9s %11s %11s %15s\n", "strategy", "commits", "refused", "dropped", "stood");
  for (int i = 1; i <= KH_DEMO_STRATEGIES; i++) print_strategy(strategy_names[i], &strategies[i]);
  printf(
      "    (of a put of the key `latest`, which all transactions put without looking; refused: the attempt was, and "
      "ran\n"
      "    again; dropped: the put alone, and the rest was committed)\n");
}

static void print_memory(const kh_demo *demo) {
  khonsu_stats stats = KHONSU_STATS_INIT;
  kh_grouped_text records, versions;
  if (khonsu_stat(demo->db, &stats, NULL) != KHONSU_OK) return;
  printf("  in memory   %s keys, %s versions, %.1f MB\n", kh_grouped(stats.records, records),
         kh_grouped(stats.versions, versions), (double)stats.memory_bytes / 1e6);
}

void kh_demo_report(const kh_demo *demo) {
  uint64_t rows = atomic_load(&demo->rows), commits = atomic_load(&demo->commits);
  kh_grouped_text a, b;
  printf("  ingested    %s rows in %s transactions\n", kh_grouped(rows, a), kh_grouped(commits, b));
  printf("  took        %.2f s: %s rows/s, %s commits/s\n", demo->seconds,
         kh_grouped((uint64_t)((double)rows / demo->seconds), a),
         kh_grouped((uint64_t)((double)commits / demo->seconds), b));
  uint64_t checks = atomic_load(&demo->checks);
  printf("  checked     %s snapshot%s: in each, all totals were the sums of the rows\n", kh_grouped(checks, a),
         checks == 1 ? "" : "s");
  print_memory(demo);
  printf("\n  Conflicts and retries\n");
  print_levels(demo);
  printf("\n  Blind puts\n");
  print_strategies(demo);
  printf("\n  One of them\n");
  print_conflict(demo);
}
