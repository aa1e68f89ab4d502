/* machine: the processors to measure on, and the facts about the machine that a reader of the figures needs. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Remembers which processors this process may use. Must run before threads are pinned. */
void machine_init(void);
/* Processors this process may use. */
unsigned machine_cpu_count(void);
/* Pins the calling thread to the `number`-th of them, counted round. */
void machine_pin_thread(unsigned number);

/* A clock that only grows. */
uint64_t machine_now_ns(void);
/* Anonymous memory of this process that is present, in bytes; RssAnon of proc_pid_status(5). */
uint64_t machine_anonymous_bytes(void);
/* Touches so much memory and frees it. A virtual machine gives memory that has been free for some seconds back to its
 * host, and to touch it again then costs ten times as much, which would fall on whoever comes first: on stores that
 * append, more than on others. */
void machine_warm_memory(size_t size_bytes);
/* Waits until the other threads of this process use next to no processor time. */
void machine_await_idle(void);

/* Prints the facts to stdout; `directory` is where the peers keep their files. */
void machine_print(const char *directory);

/* Processor time since the machine started, in seconds over all processors: the whole, what was used, what the host of a
 * virtual machine took, and what this process and its finished children used. */
typedef struct machine_times {
  double whole, used, stolen, ours;
} machine_times;

machine_times machine_times_now(void);
/* Prints how much of the time since `began` was lost to others, with a warning where that spoils the figures. */
void machine_print_others(const machine_times *began);

#endif
