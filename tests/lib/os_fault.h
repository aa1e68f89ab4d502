/* os_fault: a kh_os that wraps another and makes calls fail as planned. Counts calls, so that a test can make each in
 * turn fail: run once with a plan that fails none, then with fail_at = 1 .. the calls counted.
 *
 *   kh_os_fault fault;
 *   kh_os_fault_init(&fault, kh_os_posix());
 *   kh_os_fault_plan(&fault, (kh_os_plan){.operation = KH_OS_OP_SYNC, .fail_at = 2, .error = EIO});
 *   ... hand &fault.os to the code under test ...
 *
 * Threads: calls from any thread; plan while no call is in flight. */
#ifndef TEST_OS_FAULT_H
#define TEST_OS_FAULT_H

#include "os/os.h"

/* name of the operation in kh_os_ops, name of its constant */
#define KH_OS_OP_TABLE(X)                                                                                              \
  X(open, OPEN)                                                                                                        \
  X(close, CLOSE)                                                                                                      \
  X(read_at, READ_AT)                                                                                                  \
  X(write_at, WRITE_AT)                                                                                                \
  X(truncate, TRUNCATE)                                                                                                \
  X(allocate, ALLOCATE)                                                                                                \
  X(sync, SYNC)                                                                                                        \
  X(info, INFO)                                                                                                        \
  X(lock, LOCK)                                                                                                        \
  X(map, MAP)                                                                                                          \
  X(unmap, UNMAP)                                                                                                      \
  X(rename, RENAME)                                                                                                    \
  X(link, LINK)                                                                                                        \
  X(unlink, UNLINK)                                                                                                    \
  X(make_directory, MAKE_DIRECTORY)                                                                                    \
  X(remove_directory, REMOVE_DIRECTORY)                                                                                \
  X(list, LIST)                                                                                                        \
  X(free_space, FREE_SPACE)

typedef enum kh_os_op {
  KH_OS_OP_ANY,
#define KH_OS_OP_ENUM(name, constant) KH_OS_OP_##constant,
  KH_OS_OP_TABLE(KH_OS_OP_ENUM)
#undef KH_OS_OP_ENUM
      KH_OS_OP_COUNT
} kh_os_op;

/* Zeroed: every call goes through. */
typedef struct kh_os_plan {
  kh_os_op operation; /* which calls count */
  uint64_t fail_at;   /* which of those fails, from 1; 0 = none */
  bool from_then_on;  /* and all after it */
  kh_os_error error;  /* what a failing call returns. A failing close or unmap returns it after the real one; any other
                         does nothing, but for reads and writes: */
  const char *renamed_to; /* of renames, only those count whose new name ends so; NULL: all */
  size_t partial;         /* bytes that a failing read_at or write_at moves first. With error 0 the call then lies: the
                         write is said to be whole, the file seems to end where the read does */
  /* Told of each call that fails, with the file it is about, if it is about an open one; may be NULL. For a disk that
   * does something on a failure (sim_disk_fail_sync). */
  void (*failing)(void *failing_ctx, kh_os_op operation, kh_file file);
  void *failing_ctx;
} kh_os_plan;

typedef struct kh_os_fault {
  kh_os os; /* to hand out */
  const kh_os *inner;
  kh_os_plan plan;
  _Atomic uint64_t counted;               /* calls that the plan counts, since it was made */
  _Atomic uint64_t failed;                /* of which it made fail */
  _Atomic uint64_t calls[KH_OS_OP_COUNT]; /* calls per operation, since init; [KH_OS_OP_ANY]: all */
} kh_os_fault;

void kh_os_fault_init(kh_os_fault *fault, const kh_os *inner);
void kh_os_fault_plan(kh_os_fault *fault, kh_os_plan plan);
/* The name of an operation, for messages. */
const char *kh_os_op_name(kh_os_op operation);

#endif
