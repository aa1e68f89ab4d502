/* base: the façade of the ground floor. Small things every room stands on; knows no file, thread, Arrow or key. */
#ifndef KH_BASE_H
#define KH_BASE_H

#include "khonsu.h"

#include "alloc.h"
#include "blocks.h"
#include "buffer.h"
#include "check.h"
#include "crc32c.h"
#include "epoch.h"
#include "epoch_crowd.h"
#include "error.h"
#include "hash.h"
#include "prng.h"
#include "slice.h"

#endif
