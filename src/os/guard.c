/* A slot is free while its address is 0. Who takes one writes size and mark first, then the address (release); the handler
 * reads the address (acquire), the others, and the address again: if it is the same, they belong together. The slot of the
 * region in which a thread faults does not change, as somebody looks at it.
 *
 * mmap is not in POSIX's list of what a handler may call; on Linux it is a system call and nothing else. */
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOTS = 256 };

typedef struct slot {
  _Atomic uintptr_t address;
  _Atomic size_t size;
  _Atomic(_Atomic bool *) hit;
} slot;

typedef struct slot_block {
  slot slots[SLOTS];
  _Atomic(struct slot_block *) next;
} slot_block;

static slot_block first_block;
static kh_lock changes; /* who adds or removes */
static struct sigaction before;
static size_t page_size;
static bool is_installed;

/* ---- the table */

/* Under the lock. */
static slot *find_slot(uintptr_t address) {
  for (slot_block *block = &first_block; block != NULL; block = atomic_load(&block->next)) {
    for (size_t index = 0; index < SLOTS; index++) {
      if (atomic_load_explicit(&block->slots[index].address, memory_order_relaxed) == address)
        return &block->slots[index];
    }
  }
  return NULL;
}

/* Never freed: the handler may be in it. */
static slot *grow(void) {
  slot_block *block = kh_alloc_zero(sizeof *block), *last = &first_block;
  if (block == NULL) return NULL;
  while (atomic_load(&last->next) != NULL) last = atomic_load(&last->next);
  atomic_store(&last->next, block); /* with the handler's walk */
  return &block->slots[0];
}

khonsu_status kh_guard_add(void *address, size_t size, _Atomic bool *hit) {
  kh_lock_acquire(&changes);
  slot *taken = find_slot(0);
  if (taken == NULL) taken = grow();
  if (taken != NULL) {
    atomic_store_explicit(&taken->size, size, memory_order_relaxed);
    atomic_store_explicit(&taken->hit, hit, memory_order_relaxed);
    atomic_store_explicit(&taken->address, (uintptr_t)address, memory_order_release); /* with read_slot */
  }
  kh_lock_release(&changes);
  return taken == NULL ? KHONSU_NO_MEMORY : KHONSU_OK;
}

void kh_guard_remove(void *address) {
  if (address == NULL) return;
  kh_lock_acquire(&changes);
  slot *found = find_slot((uintptr_t)address);
  if (found != NULL) atomic_store(&found->address, 0); /* with read_slot's second look */
  kh_lock_release(&changes);
}

/* ---- the handler */

/* The mark of the region, if the address is in it. */
static _Atomic bool *read_slot(slot *read, uintptr_t fault) {
  uintptr_t address = atomic_load_explicit(&read->address, memory_order_acquire);
  size_t size = atomic_load(&read->size);
  _Atomic bool *hit = atomic_load(&read->hit);
  bool same = atomic_load(&read->address) == address;
  return same && address != 0 && fault >= address && fault - address < size ? hit : NULL;
}

static bool give_zeros(uintptr_t fault) {
  for (slot_block *block = &first_block; block != NULL; block = atomic_load(&block->next)) {
    for (size_t index = 0; index < SLOTS; index++) {
      _Atomic bool *hit = read_slot(&block->slots[index], fault);
      if (hit == NULL) continue;
      atomic_store(hit, true);
      void *page = (void *)(fault & ~(uintptr_t)(page_size - 1));
      return mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
             MAP_FAILED;
    }
  }
  return false;
}

/* What would have happened without us: by default the instruction faults again, and ends the process. */
static void pass_on(int number, siginfo_t *info, void *context) {
  if (before.sa_flags & SA_SIGINFO) before.sa_sigaction(number, info, context);
  else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) (void)sigaction(number, &before, NULL);
  else before.sa_handler(number);
}

static void handle(int number, siginfo_t *info, void *context) {
  int saved = errno;
  if (!give_zeros((uintptr_t)info->si_addr)) pass_on(number, info, context);
  errno = saved;
}

kh_os_error kh_guard_install(void) {
  kh_os_error failed = 0;
  kh_lock_acquire(&changes);
  if (!is_installed) {
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    /* First it is asked for, so that a fault right after finds where to pass it on to. */
    if (sigaction(SIGBUS, NULL, &before) != 0 || sigaction(SIGBUS, &action, NULL) != 0) failed = errno;
    is_installed = failed == 0;
  }
  kh_lock_release(&changes);
  return failed;
}
