#include "fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "os/os.h"

enum { HEAP_REGION = 5 << 20 }; /* of 2 MiB, with what aligning it takes */

static uint64_t current_seed, current_run, let_in;
static bool is_running;

/* ---- who fails says which run it was */

static void say_run(void) {
  char text[160];
  int size = snprintf(text, sizeof text, "\nreplay with KHONSU_SEED=%llu KHONSU_FUZZ_AT=%llu\n",
                      (unsigned long long)current_seed, (unsigned long long)current_run);
  if (write(STDERR_FILENO, text, (size_t)size) < 0) return;
}

static void die(int number) {
  say_run();
  signal(number, SIG_DFL);
  raise(number);
}

/* A failed assertion has left the run by a jump. */
static void say_unfinished(void) {
  if (is_running) say_run();
}

/* There under AddressSanitizer only, which takes the signals itself. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void watch_for_death(void) {
  atexit(say_unfinished);
  if (__sanitizer_set_death_callback != NULL) {
    __sanitizer_set_death_callback(say_run);
    return;
  }
  static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], die);
}

/* ---- inputs */

void fuzz_corpus_add(fuzz_corpus *corpus, khonsu_slice bytes) {
  assert_true(corpus->count < FUZZ_CORPUS_MAX);
  assert_int_equal(kh_buffer_append(&corpus->inputs[corpus->count++], bytes.data, bytes.size), 0);
}

void fuzz_corpus_fini(fuzz_corpus *corpus) {
  for (size_t i = 0; i < corpus->count; i++) kh_buffer_fini(&corpus->inputs[i]);
  corpus->count = 0;
}

uint64_t fuzz_number(kh_prng *prng) {
  static const int64_t edges[] = {
      0,         1,         -1,         INT8_MAX,         INT16_MAX,     INT32_MAX,     INT64_MAX,
      INT32_MIN, INT64_MIN, UINT32_MAX, (int64_t)1 << 40, INT64_MAX / 8, INT64_MAX - 7, 7,
      8,         63,        64};
  switch (kh_prng_below(prng, 4)) {
    case 0: return (uint64_t)edges[kh_prng_below(prng, sizeof edges / sizeof *edges)];
    case 1: return kh_prng_next(prng);
    case 2: return kh_prng_below(prng, 16);
    default: return kh_prng_below(prng, 4096);
  }
}

/* Mostly where there is something: a good deal of what is encoded are zeros between buffers. */
static size_t any_place(kh_prng *prng, const uint8_t *bytes, size_t size) {
  size_t at = kh_prng_below(prng, size);
  int tries = (int)kh_prng_below(prng, 4);
  for (; tries > 0 && bytes[at] == 0; tries--) at = kh_prng_below(prng, size);
  return at;
}

static void change_number(kh_prng *prng, uint8_t *bytes, size_t size) {
  size_t width = (size_t)1 << kh_prng_below(prng, 4);
  if (width > size) return;
  size_t at = any_place(prng, bytes, size) / width * width;
  if (at + width > size) at -= width;
  uint64_t number = 0, change = kh_prng_below(prng, 17) - 8;
  memcpy(&number, bytes + at, width);
  number = kh_prng_below(prng, 3) == 0 ? number + change : fuzz_number(prng);
  memcpy(bytes + at, &number, width);
}

/* Bytes `at` to `to` again somewhere else in the same input, or from another one. */
static void copy_stretch(const fuzz_corpus *corpus, kh_prng *prng, uint8_t *bytes, size_t size) {
  const kh_buffer *other = &corpus->inputs[kh_prng_below(prng, corpus->count)];
  bool is_own = kh_prng_below(prng, 2) == 0;
  const uint8_t *from = is_own ? bytes : other->data;
  size_t room = is_own || other->size > size ? size : other->size,
         length = 1 + kh_prng_below(prng, room < 64 ? room : 64);
  memmove(bytes + kh_prng_below(prng, size - length + 1), from + kh_prng_below(prng, room - length + 1), length);
}

static void change(const fuzz_corpus *corpus, kh_prng *prng, uint8_t *bytes, size_t *size) {
  if (*size == 0) return;
  switch (kh_prng_below(prng, 24)) {
    case 0: *size = kh_prng_below(prng, *size); break; /* cut short */
    case 1: copy_stretch(corpus, prng, bytes, *size); break;
    case 2: { /* a piece cut out */
      size_t at = kh_prng_below(prng, *size) & ~(size_t)7, left = *size - at, length = 8 * kh_prng_below(prng, 16);
      if (length > left) length = left;
      memmove(bytes + at, bytes + at + length, left - length);
      *size -= length;
      break;
    }
    case 3:
    case 4:
    case 5: bytes[any_place(prng, bytes, *size)] = (uint8_t)kh_prng_next(prng); break;
    case 6:
    case 7: bytes[any_place(prng, bytes, *size)] ^= (uint8_t)(1u << kh_prng_below(prng, 8)); break;
    default: change_number(prng, bytes, *size); break;
  }
}

uint8_t *fuzz_mutate(const fuzz_corpus *corpus, kh_prng *prng, size_t *size) {
  const kh_buffer *good = &corpus->inputs[kh_prng_below(prng, corpus->count)];
  uint8_t *bytes = malloc(good->size + 1), *exact;
  memcpy(bytes, good->data, good->size);
  *size = good->size;
  do change(corpus, prng, bytes, size);
  while (kh_prng_below(prng, 3) == 0);
  exact = realloc(bytes, *size > 0 ? *size : 1);
  return exact;
}

/* ---- runs */

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void run_once(fuzz_run *run, void *ctx, uint64_t number) {
  uint64_t begun = now_ns();
  kh_prng prng = {current_seed ^ (number * UINT64_C(0x9e3779b97f4a7c15))};
  current_run = number;
  (void)kh_prng_next(&prng);
  is_running = true;
  run(ctx, &prng);
  is_running = false;
  uint64_t taken = now_ns() - begun;
  if (taken < 1000000000) return;
  say_run();
  fail_msg("a run took %llu ms", (unsigned long long)(taken / 1000000));
}

void fuzz_all(const char *name, fuzz_run *run, void *ctx) { fuzz_some(name, 200000, run, ctx); }

void fuzz_some(const char *name, uint64_t usual, fuzz_run *run, void *ctx) {
  const char *only = getenv("KHONSU_FUZZ_AT");
  uint64_t runs = unit_steps(usual, 50 * usual);
  current_seed = unit_seed();
  let_in = 0;
  watch_for_death();
  if (only != NULL) {
    run_once(run, ctx, strtoull(only, NULL, 0));
    return;
  }
  for (uint64_t number = 0; number < runs; number++) run_once(run, ctx, number);
  print_message("%s: %llu executions, %llu let in\n", name, (unsigned long long)runs, (unsigned long long)let_in);
}

void fuzz_let_in(void) { let_in++; }

void fuzz_allocations_begin(void) { (void)fail_alloc_take_bytes(); }

void fuzz_allocations_end(uint64_t most) {
  uint64_t asked = fail_alloc_take_bytes();
  if (!KH_HEAP_PLAIN) most += HEAP_REGION; /* chunks lie in one, whatever their size */
  if (asked <= most) return;
  say_run();
  fail_msg("%llu bytes were asked for, of at most %llu", (unsigned long long)asked, (unsigned long long)most);
}
