/* thread: POSIX threads with the default stack. The library itself starts none; servers and tests do. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "os.h"

_Static_assert(sizeof(pthread_t) == sizeof(uintptr_t), "kh_thread holds a pthread_t");

typedef struct start {
  void (*run)(void *ctx);
  void *ctx;
} start;

static void *run_thread(void *argument) {
  start given = *(start *)argument;
  kh_free(argument);
  given.run(given.ctx);
  return NULL;
}

uint64_t kh_os_memory_size(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

kh_os_error kh_os_thread_start(kh_thread *thread, void (*run)(void *ctx), void *ctx) {
  start *given = kh_alloc(sizeof *given);
  if (given == NULL) return ENOMEM;
  *given = (start){run, ctx};
  pthread_t started;
  int failed = pthread_create(&started, NULL, run_thread, given);
  if (failed) {
    kh_free(given);
    return failed;
  }
  thread->handle = (uintptr_t)started;
  return 0;
}

void kh_os_thread_join(kh_thread thread) {
  int failed = pthread_join((pthread_t)thread.handle, NULL);
  KH_ASSERT(failed == 0);
}

unsigned kh_os_cpu_count(void) {
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) == 0 && CPU_COUNT(&usable) > 0) return (unsigned)CPU_COUNT(&usable);
  long online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than a cpu_set_t holds */
  return online > 0 ? (unsigned)online : 1;
}

unsigned long kh_os_process(void) { return (unsigned long)getpid(); }
