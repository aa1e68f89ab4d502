#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "demo.h"

static const char *const level_names[] = {"", "read committed", "snapshot", "repeatable read", "serializable"};
static const char *const month_names[] = {"January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December"};

/* ---- progress, on a terminal */

enum { BAR_WIDTH = 24, UPDATES_PER_SECOND = 10 };

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void draw_progress(const kh_demo *demo, double seconds) {
  uint64_t rows = atomic_load(&demo->rows), all = demo->flights.row_count;
  kh_grouped_text rows_text, retries, checks, rate;
  int filled = all == 0 ? BAR_WIDTH : (int)(rows * BAR_WIDTH / all);
  fprintf(stderr, "\r  [%.*s%*s] %s rows, %s/s, %s retries, %s snapshots checked\033[K", filled,
          "########################", BAR_WIDTH - filled, "", kh_grouped(rows, rows_text),
          kh_grouped((uint64_t)((double)rows / seconds), rate), kh_grouped(atomic_load(&demo->retries), retries),
          kh_grouped(atomic_load(&demo->checks), checks));
  fflush(stderr);
}

void *kh_demo_progress(void *ctx) {
  const kh_demo *demo = ((const kh_demo_thread *)ctx)->demo;
  const struct timespec pause = {0, 1000000000 / UPDATES_PER_SECOND};
  double began = now_seconds();
  while (!atomic_load(&demo->ingested)) {
    nanosleep(&pause, NULL);
    draw_progress(demo, now_seconds() - began);
  }
  fputs("\r\033[K", stderr);
  return NULL;
}

/* ---- one conflict in words */

static const kh_demo_conflict *pick_conflict(const kh_demo *demo) {
  for (uint64_t i = 0; i < demo->writers; i++)
    if (demo->conflicts[i].found && demo->conflicts[i].what.winner != 0) return &demo->conflicts[i];
  return NULL;
}

static const kh_demo_outcome *find_winner(const kh_demo *demo, uint64_t txn) {
  for (size_t i = 0; i < demo->flights.portion_count; i++)
    if (demo->outcomes[i].txn == txn) return &demo->outcomes[i];
  return NULL;
}

/* "transaction 41 (writer 2, serializable, 87 flights of UA)" */
static void describe(const kh_demo *demo, uint64_t txn, size_t portion, char *text, size_t size) {
  const kh_demo_portion *ingested = &demo->flights.portions[portion];
  snprintf(text, size, "transaction %llu (writer %d, %s, %lld flights of %s)", (unsigned long long)txn,
           demo->outcomes[portion].writer + 1, level_names[kh_demo_level(portion)], (long long)ingested->count,
           demo->flights.carriers.text[ingested->carrier]);
}

static void describe_key(const char *key, char *text, size_t size) {
  int month = 0;
  if (sscanf(key, "totals/month/%d", &month) == 1 && month >= 1 && month <= KH_DEMO_MONTHS)
    snprintf(text, size, "%s (the total of %s, a table)", key, month_names[month - 1]);
  else snprintf(text, size, "%s (the total of an airport, bytes)", key);
}

static void print_conflict(const kh_demo *demo) {
  const kh_demo_conflict *conflict = pick_conflict(demo);
  if (conflict == NULL) {
    printf("  There was no conflict this time.\n");
    return;
  }
  const kh_demo_outcome *outcome = &demo->outcomes[conflict->portion];
  const kh_demo_outcome *winner = find_winner(demo, conflict->what.winner);
  char loser_text[160], winner_text[160] = "another transaction", key_text[160], text[1024];
  describe(demo, conflict->loser, conflict->portion, loser_text, sizeof loser_text);
  if (winner != NULL)
    describe(demo, winner->txn, (size_t)(winner - demo->outcomes), winner_text, sizeof winner_text);
  describe_key(conflict->key, key_text, sizeof key_text);
  bool update = conflict->what.kind == KHONSU_CONFLICT_UPDATE;
  snprintf(text, sizeof text,
           "%c%s read %s at version %llu%s. Before it could commit, %s committed version %llu of the same key%s. %s "
           "So it was refused, run again on what was there by then, and committed as version %llu at attempt %llu.",
           (char)(loser_text[0] - 'a' + 'A'), loser_text + 1, key_text, (unsigned long long)conflict->what.read_version,
           update ? " in order to add to it" : "", winner_text, (unsigned long long)conflict->what.winner_version,
           conflict->keys > 1 ? " (and changed others that it had read)" : "",
           update ? "Had both stood, the winner's flights would be missing from the total: a lost update."
                  : "What it had read was no longer true.",
           (unsigned long long)outcome->version, (unsigned long long)outcome->attempts);
  kh_print_wrapped(text, 4, 100);
}

/* ---- the report */

typedef struct level_tally {
  uint64_t commits, conflicts, retried, attempts_max;
} level_tally;

static void count_outcome(level_tally *tally, const kh_demo_outcome *outcome) {
  tally->commits++;
  tally->conflicts += outcome->attempts - 1;
  if (outcome->attempts > 1) tally->retried++;
  if (outcome->attempts > tally->attempts_max) tally->attempts_max = outcome->attempts;
}

static void print_level(const char *name, const level_tally *tally) {
  kh_grouped_text commits, conflicts, retried;
  printf("    %-16s %9s %11s %11s %15llu\n", name, kh_grouped(tally->commits, commits),
         kh_grouped(tally->conflicts, conflicts), kh_grouped(tally->retried, retried),
         (unsigned long long)tally->attempts_max);
}

static void print_levels(const kh_demo *demo) {
  level_tally levels[KH_DEMO_LEVELS + 1] = {{0}}, all = {0};
  for (size_t i = 0; i < demo->flights.portion_count; i++) {
    count_outcome(&levels[kh_demo_level(i)], &demo->outcomes[i]);
    count_outcome(&all, &demo->outcomes[i]);
  }
  printf("    %-16s %9s %11s %11s %15s\n", "isolation level", "commits", "conflicts", "retried", "most attempts");
  for (int level = 1; level <= KH_DEMO_LEVELS; level++) print_level(level_names[level], &levels[level]);
  print_level("all", &all);
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
  printf("  checked     %s snapshots: in each, all totals were the sums of the rows\n",
         kh_grouped(atomic_load(&demo->checks), a));
  print_memory(demo);
  printf("\n  Conflicts\n");
  print_levels(demo);
  printf("\n  One of them\n");
  print_conflict(demo);
}
