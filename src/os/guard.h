/* guard: mapped files that somebody cuts short, or that the disk cannot read. Whoever looks at such a page gets SIGBUS;
 * here, where a guard is installed, zeros instead, and a mark that this is so.
 *
 * Regions stand in a table that only grows, so that the handler can walk it without a lock. */
#ifndef KH_OS_GUARD_H
#define KH_OS_GUARD_H

#include "os.h"

/* Installs the handler; a SIGBUS that is about no region goes to the one that was there before. Once is enough. */
kh_os_error kh_guard_install(void);

/* `*hit` is set before a look at the region gets zeros for what cannot be read. Region and mark stay until they are taken
 * out. NO_MEMORY. Any thread. */
KHONSU_MUST_USE khonsu_status kh_guard_add(void *address, size_t size, _Atomic bool *hit);
/* Before the region is unmapped, which nobody looks at any more. NULL: does nothing. */
void kh_guard_remove(void *address);

#endif
