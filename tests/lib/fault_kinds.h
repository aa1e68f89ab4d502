/* fault_kinds: the ways in which a disk fails, for tests that make each call of the operating system fail in turn. */
#ifndef TEST_FAULT_KINDS_H
#define TEST_FAULT_KINDS_H

#include <errno.h>

#include "os_fault.h"
#include "sim_disk.h"

/* A way to fail. */
typedef struct fault_kind {
  const char *name;
  kh_os_op operation;
  kh_os_error error;
  bool from_then_on;
  size_t partial;
  bool loses;    /* a sync that fails loses what it should have written, */
  sim_keep kept; /* but for this */
} fault_kind;

/* Rows of fault_kind. `lasting_partial`: bytes that writes still take that are short from some call on. */
#define FAULT_KINDS(lasting_partial)                                                                                   \
  {.name = "EIO once", .error = EIO}, {.name = "EIO from then on", .error = EIO, .from_then_on = true},                \
      {.name = "ENOSPC once", .error = ENOSPC},                                                                        \
      {.name = "ENOSPC from then on", .error = ENOSPC, .from_then_on = true},                                          \
      {.name = "ENOMEM once", .error = ENOMEM},                                                                        \
      {.name = "short writes", .operation = KH_OS_OP_WRITE_AT, .error = ENOSPC, .partial = 100},                       \
      {.name = "short writes from then on",                                                                            \
       .operation = KH_OS_OP_WRITE_AT,                                                                                 \
       .error = EIO,                                                                                                   \
       .from_then_on = true,                                                                                           \
       .partial = (lasting_partial)},                                                                                  \
      {.name = "syncs that lose all", .operation = KH_OS_OP_SYNC, .error = EIO, .loses = true, .kept = SIM_NONE}, {    \
    .name = "syncs that lose some", .operation = KH_OS_OP_SYNC, .error = EIO, .loses = true, .kept = SIM_SUBSET        \
  }

#endif
