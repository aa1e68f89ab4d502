/* memory: bytes from outside that are read where they stand: a mapped file, a received buffer. They stay until nobody
 * holds a reference; chunks read from them hold one each. */
#ifndef KH_ARROW_MEMORY_H
#define KH_ARROW_MEMORY_H

#include <stdatomic.h>

#include "arrow.h"

struct kh_memory {
  _Atomic uint32_t references;
  khonsu_slice bytes;
  kh_memory_release *release;
  void *ctx;
};

#endif
