/* version: a key and its value as of one commit timestamp; perhaps a tombstone. Immutable once linked, but for the
 * links. One block of memory, so that who has found the key has found the newest value too:
 *
 *   header, 56 bytes | key | from a multiple of 8 on: the value */
#ifndef KH_MVCC_VERSION_H
#define KH_MVCC_VERSION_H

#include "arrow/arrow.h"
#include "base/base.h"
#include "index/index.h"
#include "os/os.h"

typedef enum kh_version_kind { KH_TOMBSTONE, KH_BYTES, KH_TABLE, KH_COUNTER } kh_version_kind;

typedef struct kh_version {
  uint64_t timestamp;
  _Atomic(struct kh_version *) older; /* link; followed inside the epoch */
  union {
    struct {                    /* while linked: the seat's */
      struct kh_version *newer; /* NULL: this is the head */
      struct kh_version *next;  /* in the queue or pin list this version stands in */
      union {
        uint64_t writer;      /* of the head: id of the transaction that wrote it */
        uint64_t replaced_at; /* else: timestamp of its first successor, which may be gone */
      };
    };
    kh_retired retired; /* once unlinked */
  };
  _Atomic uint32_t references; /* 1 for the chain, 1 for each lent out */
  uint8_t kind;                /* kh_version_kind */
  bool queued;                 /* the seat's: stands in a queue or pin list */
  uint16_t depth;              /* the seat's: versions from this one down; stale under pinned ones until judged again */
  uint64_t key_size : 17;
  uint64_t size : 47; /* KH_BYTES: of the value */
  char key[];
} kh_version;

_Static_assert(offsetof(kh_version, key) % 8 == 0, "the value is aligned where the key ends at a multiple of 8");

/* The value of a table or a counter. */
typedef struct kh_accrued {
  union {
    kh_table *table;
    int64_t number;
  };
  uint64_t incarnation; /* timestamp of the last put or delete: only appends or adds came since; 0 = there was none */
  uint64_t charge;      /* KH_TABLE: bytes of chunks that the store's memory figure holds under this version */
} kh_accrued;

/* New ones have one reference, no links and timestamp 0; the key is copied. NULL: out of memory. A table is referenced,
 * not taken. */
kh_version *kh_version_new_tombstone(kh_heap_cache *cache, khonsu_slice key);
kh_version *kh_version_new_bytes(kh_heap_cache *cache, khonsu_slice key, khonsu_slice bytes);
kh_version *kh_version_new_table(kh_heap_cache *cache, khonsu_slice key, kh_table *table);
kh_version *kh_version_new_counter(kh_heap_cache *cache, khonsu_slice key, int64_t number);
/* Before it is linked: makes the table, which is taken over, the value. */
void kh_version_set_table(kh_version *version, kh_table *table);

static inline kh_version *kh_version_ref(kh_version *version) {
  atomic_fetch_add_explicit(&version->references, 1, memory_order_relaxed);
  return version;
}
/* `cache`: one of its heap that is at hand, or NULL. A version NULL is a no-op. */
void kh_version_unref(kh_version *version, kh_heap_cache *cache);

static inline khonsu_slice kh_version_key(const kh_version *version) {
  return kh_slice(version->key, version->key_size);
}
static inline void *kh_version_value(const kh_version *version) {
  return (char *)(uintptr_t)version->key + ((version->key_size + 7) & ~(size_t)7);
}
static inline khonsu_slice kh_version_bytes(const kh_version *version) {
  return kh_slice(kh_version_value(version), version->size);
}
static inline kh_accrued *kh_version_accrued(const kh_version *version) { return kh_version_value(version); }
static inline kh_table *kh_version_table(const kh_version *version) { return kh_version_accrued(version)->table; }
static inline int64_t kh_version_number(const kh_version *version) { return kh_version_accrued(version)->number; }

/* The newest of the versions from `version` (NULL: none) down that is not newer than `timestamp`, or NULL. Inside the
 * epoch, or in the seat. */
static inline kh_version *kh_version_visible(kh_version *version, uint64_t timestamp) {
  while (version != NULL && version->timestamp > timestamp) version = atomic_load(&version->older);
  return version;
}

/* Has the memory fetched of header and key, and of a value of 100 bytes. */
static inline void kh_version_prefetch(const kh_version *version, bool value) {
  const char *first = (const char *)version;
  kh_prefetch(first);
  kh_prefetch(first + KH_CACHE_LINE);
  if (!value) return;
  kh_prefetch(first + 2 * KH_CACHE_LINE);
  kh_prefetch(first + 3 * KH_CACHE_LINE);
}

/* Bytes the version itself takes, key and value included, save a table's chunks. */
size_t kh_version_memory(const kh_version *version);

/* What the store's memory figure holds for the version: itself and the chunks charged to it. */
static inline uint64_t kh_version_charge(const kh_version *version) {
  return kh_version_memory(version) + (version->kind == KH_TABLE ? kh_version_accrued(version)->charge : 0);
}

/* "bytes", "a table", "a counter". */
const char *kh_kind_name(kh_version_kind kind);

/* Whether writes of this kind can add to what is there rather than replace it. */
static inline bool kh_kind_accrues(kh_version_kind kind) { return kind == KH_TABLE || kind == KH_COUNTER; }

/* The timestamp of the last put or delete under this version: later than a snapshot means that more than appends or adds
 * happened since. */
static inline uint64_t kh_version_replaced_at(const kh_version *version) {
  if (!kh_kind_accrues((kh_version_kind)version->kind)) return version->timestamp;
  return kh_version_accrued(version)->incarnation;
}

#endif
