/* machine: see machine.h. */
#include "machine.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

enum { IDLE_LOOK_US = 10000, IDLE_LOOKS_MAX = 500 };
/* Threads that use less than this share of a processor are idle: they only look whether there is work. */
#define IDLE_SHARE_MAX 0.05

/* Others that use more than this share of the processors spoil the figures. */
#define OTHERS_SHARE_MAX 0.05

static cpu_set_t allowed;

void machine_init(void) {
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return;
  CPU_ZERO(&allowed);
  CPU_SET(0, &allowed);
}

unsigned machine_cpu_count(void) { return (unsigned)CPU_COUNT(&allowed); }

void machine_pin_thread(unsigned number) {
  unsigned skip = number % machine_cpu_count();
  for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed) || skip-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void)pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}

/* Copies what follows `label` and a colon in the first line of the file that starts with it; without a label, the first
 * line. "unknown" if there is none. */
static void read_line(const char *path, const char *label, char *text, size_t size) {
  snprintf(text, size, "unknown");
  FILE *file = fopen(path, "r");
  if (file == NULL) return;
  char line[512];
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, label, strlen(label)) != 0) continue;
    const char *found = *label == '\0' ? line : strchr(line, ':');
    if (found == NULL) continue;
    found += strspn(found, ": \t");
    snprintf(text, size, "%.*s", (int)size - 1, found);
    break;
  }
  fclose(file);
}

/* ---- this process */

static uint64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t machine_now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

uint64_t machine_anonymous_bytes(void) {
  char text[64];
  read_line("/proc/self/status", "RssAnon", text, sizeof text);
  unsigned long long kilobytes = strtoull(text, NULL, 10);
  if (kilobytes == 0) engine_fail("no RssAnon in /proc/self/status");
  return kilobytes * 1024;
}

/* In large pages, so that what is freed is found again by files, whose pages come in large folios. */
void machine_warm_memory(size_t size_bytes) {
  void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  (void)madvise(memory, size_bytes, MADV_HUGEPAGE);
  (void)madvise(memory, size_bytes, MADV_POPULATE_WRITE);
  munmap(memory, size_bytes);
}

void machine_await_idle(void) {
  for (int look = 0; look < IDLE_LOOKS_MAX; look++) {
    uint64_t used_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    usleep(IDLE_LOOK_US);
    used_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - used_ns;
    if ((double)used_ns < IDLE_SHARE_MAX * IDLE_LOOK_US * 1000) return;
  }
}

/* ---- the report */

static const char *filesystem_name(const char *directory) {
  static char number[32];
  struct statfs facts;
  if (statfs(directory, &facts) != 0) return "unknown";
  switch ((unsigned long)facts.f_type) {
    case 0xEF53: return "ext4";
    case 0x58465342: return "xfs";
    case 0x9123683E: return "btrfs";
    case 0x01021994: return "tmpfs";
    case 0x794C7630: return "overlayfs";
    default: snprintf(number, sizeof number, "type 0x%lx", (unsigned long)facts.f_type); return number;
  }
}

void machine_print(const char *directory) {
  char model[128], cache[64], memory[64], huge_pages[64];
  struct utsname kernel;
  read_line("/proc/cpuinfo", "model name", model, sizeof model);
  read_line("/sys/devices/system/cpu/cpu0/cache/index3/size", "", cache, sizeof cache);
  read_line("/proc/meminfo", "MemTotal", memory, sizeof memory);
  read_line("/sys/kernel/mm/transparent_hugepage/enabled", "", huge_pages, sizeof huge_pages);
  if (uname(&kernel) != 0) snprintf(kernel.release, sizeof kernel.release, "unknown");
  printf("machine   %u processors (%s), third-level cache %s, memory %s\n", machine_cpu_count(), model, cache, memory);
  printf("system    Linux %s, huge pages %s, peers' files on %s, benchmark compiled by gcc %s\n", kernel.release,
         huge_pages, filesystem_name(directory), __VERSION__);
}

static double cpu_seconds(int who) {
  struct rusage usage;
  if (getrusage(who, &usage) != 0) return 0;
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The columns of the first line of /proc/stat, proc(5). */
enum { STAT_USER, STAT_NICE, STAT_SYSTEM, STAT_IDLE, STAT_IOWAIT, STAT_IRQ, STAT_SOFTIRQ, STAT_STEAL, STAT_COLUMNS };

machine_times machine_times_now(void) {
  machine_times times = {.ours = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN)};
  FILE *file = fopen("/proc/stat", "r");
  if (file == NULL) return times;
  unsigned long long ticks[STAT_COLUMNS] = {0};
  double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
  if (fscanf(file, "cpu") == 0)
    for (int i = 0; i < STAT_COLUMNS && fscanf(file, "%llu", &ticks[i]) == 1; i++) {
      double seconds = (double)ticks[i] * tick_s;
      times.whole += seconds;
      if (i == STAT_STEAL) times.stolen = seconds;
      else if (i != STAT_IDLE && i != STAT_IOWAIT) times.used += seconds;
    }
  fclose(file);
  return times;
}

void machine_print_others(const machine_times *began) {
  machine_times now = machine_times_now();
  double whole = now.whole - began->whole;
  if (whole <= 0) return;
  double others = (now.used - began->used - (now.ours - began->ours)) / whole;
  double stolen = (now.stolen - began->stolen) / whole;
  if (others < 0) others = 0; /* the two clocks tick differently */
  printf("others    used %.1f %% of the processors during the run, the host took %.1f %%\n", 100 * others,
         100 * stolen);
  if (others + stolen > OTHERS_SHARE_MAX)
    printf("WARNING   something else was running: these figures are of little worth\n");
}
