/* khonsu_bench: races Khonsu against other stores on the same machine, in the same run. docs/benchmarks.md says what
 * each row measures and how to read the report. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"
#include "race.h"
#include "samples.h"
#include "scratch_dir.h"
#include "worker.h"

enum {
  EXIT_USAGE = 2,
  ROUNDS_STANDARD = 5,
  TURN_MS_STANDARD = 300,
  TURN_MS_MAX = 60000,
  KEYS_STANDARD = 1000000,
  KEYS_MIN = 1000,
  KEYS_MAX = 1000000000
};

static const family *const families[] = {&family_memory, &family_arrow, &family_flashkv, &family_durable};
enum { FAMILY_COUNT = sizeof families / sizeof *families };

static const char usage_text[] =
    "usage: khonsu_bench [options] [PREFIX]\n"
    "Races Khonsu against LMDB, RocksDB, WiredTiger, tkrzw and others; runs the workloads whose names start with "
    "PREFIX, or all.\n"
    "  --only PREFIX   the same as PREFIX\n"
    "  --rounds N      measured rounds per workload (5); one more comes first and is thrown away\n"
    "  --turn-ms N     how long an engine is measured in each round (300)\n"
    "  --keys N        keys of the data set (1000000)\n"
    "  --out FILE      where the results go, as JSON (build/bench/results.json)\n"
    "  --dir PATH      where the peers' files go, in a directory that is removed again (build/bench)\n"
    "  --list          lists the workloads\n";

typedef struct arguments {
  race_options race;
  const char *out, *directory;
  bool list, help;
} arguments;

/* ---- the command line */

static bool parse_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *number) {
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  if (*text >= '0' && *text <= '9' && *end == '\0' && value >= least && value <= most) return *number = value, true;
  fprintf(stderr, "khonsu_bench: --%s is '%s': must be a number from %llu to %llu\n", option, text,
          (unsigned long long)least, (unsigned long long)most);
  return false;
}

static bool parse_unsigned(const char *option, const char *text, unsigned most, unsigned *number) {
  uint64_t value;
  if (!parse_number(option, text, 1, most, &value)) return false;
  *number = (unsigned)value;
  return true;
}

static bool set_option(arguments *parsed, int option, const char *text) {
  switch (option) {
    case 'p': parsed->race.only = text; return true;
    case 'r': return parse_unsigned("rounds", text, ROUNDS_MAX, &parsed->race.rounds);
    case 't': return parse_unsigned("turn-ms", text, TURN_MS_MAX, &parsed->race.turn_ms);
    case 'k': return parse_number("keys", text, KEYS_MIN, KEYS_MAX, &parsed->race.keys);
    case 'o': parsed->out = text; return true;
    case 'd': parsed->directory = text; return true;
    case 'l': parsed->list = true; return true;
    case 'h': parsed->help = true; return true;
    default: fputs(usage_text, stderr); return false;
  }
}

static bool is_any_wanted(const race_options *options) {
  for (size_t i = 0; i < FAMILY_COUNT; i++)
    for (size_t j = 0; j < families[i]->workload_count; j++)
      if (race_is_wanted(&families[i]->workloads[j], options)) return true;
  fprintf(stderr, "khonsu_bench: no workload's name starts with '%s'; --list shows them\n", options->only);
  return false;
}

static bool parse(int argc, char **argv, arguments *parsed) {
  static const struct option options[] = {
      {"only", required_argument, NULL, 'p'},
      {"rounds", required_argument, NULL, 'r'},
      {"turn-ms", required_argument, NULL, 't'},
      {"keys", required_argument, NULL, 'k'},
      {"out", required_argument, NULL, 'o'},
      {"dir", required_argument, NULL, 'd'},
      {"list", no_argument, NULL, 'l'},
      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0},
  };
  *parsed =
      (arguments){.race = {.only = "", .rounds = ROUNDS_STANDARD, .turn_ms = TURN_MS_STANDARD, .keys = KEYS_STANDARD},
                  .out = "build/bench/results.json",
                  .directory = "build/bench"};
  for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;)
    if (!set_option(parsed, option, optarg)) return false;
  if (optind < argc) parsed->race.only = argv[optind++];
  if (optind < argc) return fputs(usage_text, stderr), false;
  return is_any_wanted(&parsed->race);
}

static void list_workloads(const race_options *options) {
  for (size_t i = 0; i < FAMILY_COUNT; i++)
    for (size_t j = 0; j < families[i]->workload_count; j++)
      if (race_is_wanted(&families[i]->workloads[j], options)) printf("%s\n", families[i]->workloads[j].name);
}

/* ---- the run */

static bool race_families(const race_options *options, report *results) {
  machine_times began = machine_times_now();
  machine_print(options->directory);
  printf(
      "run       %llu keys of %d bytes, %u rounds of %u ms per engine, 1 before them thrown away; costs are medians, "
      "spread is (max - min) / median of ours and of theirs\n",
      (unsigned long long)options->keys, KEY_SIZE, options->rounds, options->turn_ms);
  bool whole = true;
  for (size_t i = 0; i < FAMILY_COUNT && whole; i++) whole = race_family(families[i], options, results);
  if (!whole) return false;
  printf("\n");
  machine_print_others(&began);
  return true;
}

static bool run(const arguments *given) {
  report results;
  if (!report_open(&results, given->out)) return false;
  race_options options = given->race;
  char *directory = scratch_dir_make(given->directory);
  options.directory = directory;
  bool whole = directory != NULL && race_families(&options, &results);
  if (directory != NULL) scratch_dir_remove(directory);
  return report_close(&results, whole);
}

int main(int argc, char **argv) {
  arguments given;
  if (!parse(argc, argv, &given)) return EXIT_USAGE;
  if (given.help) return fputs(usage_text, stdout), EXIT_SUCCESS;
  if (given.list) return list_workloads(&given.race), EXIT_SUCCESS;
  machine_init();
  inputs_init();
  worker_init();
  return run(&given) ? EXIT_SUCCESS : EXIT_FAILURE;
}
