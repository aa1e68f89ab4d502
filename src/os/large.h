/* large: memory by the hundreds of KiB. The blocks that were freed last are kept for whoever asks next.
 *
 * The system hands out memory page by page and zeroes each when it is first touched, which takes longer than to fill it;
 * and malloc gives large blocks back as soon as they are free. So whoever makes one large array after the other would
 * mostly wait for pages. Blocks of 2 MiB and more are asked for in large pages (heap.h says more of these).
 *
 * Blocks carry no header: who frees says how large they are. Any thread may call all of this. */
#ifndef KH_OS_LARGE_H
#define KH_OS_LARGE_H

#include "os.h"

enum {
  KH_LARGE_LEAST = 128 << 10,  /* where malloc begins to ask the system; smaller blocks come from malloc */
  KH_LARGE_KEPT_MAX = 64 << 20 /* all blocks that are kept, together: of a dozen columns of a million numbers */
};

/* Aligned to 64. NULL: out of memory. */
void *kh_large_alloc(size_t size);
/* `size` is what was asked for; NULL is a no-op. */
void kh_large_free(void *block, size_t size);
/* Bytes that are kept now. */
size_t kh_large_kept(void);

#endif
