/* bench: what the benchmarks of the command line share. */
#ifndef KH_CLI_BENCH_H
#define KH_CLI_BENCH_H

#include "text.h"

enum { KH_BENCH_KEY_SIZE = 16, KH_BENCH_THREADS_MAX = 64, KH_BENCH_PROGRESS_EVERY = 1024 };

/* Another number for every number, of no visible order. */
uint64_t kh_bench_mix(uint64_t number);
/* 16 hexadecimal digits, in `text`, of which every number has others. */
khonsu_slice kh_bench_key(uint64_t number, char text[KH_BENCH_KEY_SIZE]);

/* The head of the rows below; and a row: ns/op is what an operation takes from where its thread stands. */
void kh_bench_print_head(void);
void kh_bench_print_row(const char *phase, uint64_t done, uint64_t threads, double seconds, bool json);

/* A benchmark works in a directory that holds nothing, so that what is in it afterwards can go. */
bool kh_bench_is_empty(const char *path);
/* With the directory itself, unless it `existed` before. */
void kh_bench_remove(const char *path, bool existed);

#endif
