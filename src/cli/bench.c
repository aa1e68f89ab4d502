#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* The finalizer of splitmix64 is a bijection. */
uint64_t kh_bench_mix(uint64_t x) {
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

khonsu_slice kh_bench_key(uint64_t number, char text[KH_BENCH_KEY_SIZE]) {
  static const char digits[] = "0123456789abcdef";
  uint64_t mixed = kh_bench_mix(number);
  for (int i = 0; i < KH_BENCH_KEY_SIZE; i++) text[i] = digits[mixed >> 4 * i & 15];
  return (khonsu_slice){text, KH_BENCH_KEY_SIZE};
}

/* ---- rows */

void kh_bench_print_head(void) {
  printf("%-8s %14s %10s %12s %14s\n", "phase", "operations", "seconds", "ns/op", "ops/s");
}

void kh_bench_print_row(const char *phase, uint64_t done, uint64_t threads, double seconds, bool json) {
  kh_grouped_text count, speed;
  double ns = done > 0 ? seconds * 1e9 * (double)threads / (double)done : 0;
  double rate = seconds > 0 ? (double)done / seconds : 0;
  kh_progress_clear();
  if (json)
    printf("{\"phase\":\"%s\",\"ops\":%llu,\"threads\":%llu,\"seconds\":%.6f,\"ns_per_op\":%.1f,\"ops_per_s\":%.0f}\n",
           phase, (unsigned long long)done, (unsigned long long)threads, seconds, ns, rate);
  else
    printf("%-8s %14s %10.3f %12.1f %14s\n", phase, kh_grouped(done, count), seconds, ns,
           kh_grouped((uint64_t)rate, speed));
  fflush(stdout);
}

/* ---- the directory */

static bool is_dot(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

bool kh_bench_is_empty(const char *path) {
  DIR *directory = opendir(path);
  if (directory == NULL) return errno == ENOENT;
  bool empty = true;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) empty = empty && is_dot(entry->d_name);
  closedir(directory);
  return empty;
}

void kh_bench_remove(const char *path, bool existed) {
  DIR *directory = opendir(path);
  if (directory == NULL) return;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
    if (!is_dot(entry->d_name)) unlinkat(dirfd(directory), entry->d_name, 0);
  closedir(directory);
  if (!existed) rmdir(path);
}
