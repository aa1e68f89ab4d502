/* loader: records into the keydir, when a store is opened, in any order: of a key the one with the greatest sequence stays,
 * and of one commit's the last. Nobody else has the store.
 *
 * A slot of the hash table and the record that it leads to are each a miss of the caches, and most are not even reached
 * through the TLB. So what goes into the hash table is put aside by the first bits of its hash, a quarter of a million records
 * at most, and goes in part by part: the slots of one part stay in the cache while they are filled. */
#ifndef FKV_LOADER_H
#define FKV_LOADER_H

#include "store.h"

struct fkv_part;

typedef struct fkv_loader {
  flashkv *store;
  khonsu_error *error;
  kh_buffer tombstones;   /* words of deletions */
  struct fkv_part *parts; /* NULL: records go in at once */
  struct fkv_chunk *chunks;
  size_t chunk_count, chunks_used;
} fkv_loader;

/* For about so many records; 0: there should be none. `store` and `error` are borrowed. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_loader_begin(fkv_loader *loader, flashkv *store, uint64_t count, khonsu_error *error);
/* The record at `word`, of a whole commit; its head is readable at `record`. It may be counted as live until the end, though
 * it is not the newest of its key. NO_MEMORY, CORRUPT, IO. */
KHONSU_MUST_USE khonsu_status fkv_loader_add(fkv_loader *loader, uint64_t word, const uint8_t *record);
/* The same by what is known of the record. The keydir is of the hash kind. */
typedef struct fkv_known {
  uint64_t hash, size, expires_ms;
  bool is_put;
} fkv_known;
KHONSU_MUST_USE khonsu_status fkv_loader_add_known(fkv_loader *loader, uint64_t word, const fkv_known *known);
/* All were added: those that were put aside go in, and deletions, which have done what they were kept for, leave. */
KHONSU_MUST_USE khonsu_status fkv_loader_finish(fkv_loader *loader);
void fkv_loader_fini(fkv_loader *loader);

#endif
