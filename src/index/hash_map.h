/* hash_map: the point index; see index.h for what it guarantees and hash_map.c for how. The find stands here, so that
 * callers can have their comparison compiled into it. */
#ifndef KH_INDEX_HASH_MAP_H
#define KH_INDEX_HASH_MAP_H

#include "control.h"
#include "os/os.h"

/* From the top bits of a hash to the segment of slots that holds it. An entry is the address of the segment's slots, a
 * multiple of 64, plus the base-2 logarithm of their number, which saves readers a look at the segment's own fields, plus
 * KH_ENTRY_UNCHECKED if the segment lies in an image and nobody has looked yet whether it is whole. */
typedef struct kh_directory {
  kh_retired retired;
  unsigned shift; /* 64 - depth; depth >= 1. Constant, as is the struct's size */
  _Atomic uintptr_t entries[];
} kh_directory;

typedef struct kh_hash_map {
  _Alignas(KH_CACHE_LINE) _Atomic(kh_directory *) directory;
  kh_key_source source;
  kh_epoch *epoch;
  kh_heap *heap;
  const void *image; /* that was adopted, and constant since; else NULL */
  size_t image_size;
  _Alignas(KH_CACHE_LINE) uint64_t count; /* words; this and below are the writer's, on a line readers do not need */
  size_t memory;
} kh_hash_map;

/* A slot: 16 bits of the hash above a word of 48; or 0 if there is no word. Slots come in groups of eight, a line of memory
 * each, and behind all slots of a segment stand their control bytes, which say of each whether it is empty, marked deleted,
 * or holds a word, and then eight bits of its hash. Finds look at these first: they take a ninth of the memory, so they
 * are still in a cache when slots no longer are, and a key that is not there mostly needs no slot. */
#define KH_SLOT_EMPTY UINT64_C(0)

/* In an entry. */
#define KH_ENTRY_UNCHECKED ((uintptr_t)32)

/* What finds return instead of a word if the segment in which it would be is damaged. Only in a map that was adopted. */
#define KH_WORD_DAMAGED UINT64_MAX

/* Which bits of a hash say what: directory from the top down, tag the lowest 16, of which the upper 8 are the control byte,
 * group from bit 16 up. */
static inline uint64_t kh_hash_tag(uint64_t hash) { return hash << 48; }
static inline size_t kh_hash_home(uint64_t hash) { return (size_t)(hash >> 16); }
static inline uint64_t kh_hash_control(uint64_t hash) {
  uint64_t bits = hash >> 8 & 0xff;
  return bits > KH_CONTROL_DELETED ? bits : bits + 2;
}

static inline _Atomic uint64_t *kh_entry_slots(uintptr_t entry) { return (_Atomic uint64_t *)(entry & ~(uintptr_t)63); }
static inline size_t kh_entry_capacity(uintptr_t entry) { return (size_t)1 << (entry & 31); }
static inline size_t kh_entry_groups(uintptr_t entry) { return kh_entry_capacity(entry) >> KH_GROUP_LOG2; }
static inline _Atomic uint64_t *kh_entry_controls(uintptr_t entry) {
  return kh_entry_slots(entry) + kh_entry_capacity(entry);
}
static inline bool kh_entry_is_unchecked(uintptr_t entry) { return KH_UNLIKELY((entry & KH_ENTRY_UNCHECKED) != 0); }

/* Creates an empty map, of less than 1 KiB. NO_MEMORY. Epoch and heap must outlive the map; who writes collects the
 * epoch. */
KHONSU_MUST_USE khonsu_status kh_hash_map_init(kh_hash_map *map, kh_key_source source, kh_epoch *epoch, kh_heap *heap);
/* Frees the map; words are the owner's. No reader may be inside. */
void kh_hash_map_fini(kh_hash_map *map);

/* ---- readers, inside the epoch; the writer anywhere */

/* Looks whether the segment of an unchecked entry is whole; if so, returns the entry as a checked one. */
uintptr_t kh_hash_map_check(const kh_hash_map *map, uint64_t hash, uintptr_t entry);

/* Where the words of a hash are: an entry of the directory. Good for one find, as of some moment after this. Unchecked
 * only if the segment is damaged. */
static inline uintptr_t kh_hash_map_entry(const kh_hash_map *map, uint64_t hash) {
  const kh_directory *directory = atomic_load(&map->directory);                 /* 1 */
  uintptr_t entry = atomic_load(&directory->entries[hash >> directory->shift]); /* 2 */
  return kh_entry_is_unchecked(entry) ? kh_hash_map_check(map, hash, entry) : entry;
}

/* The second half of a find. */
static inline __attribute__((always_inline)) uint64_t kh_hash_map_probe(
    uintptr_t entry, khonsu_slice key, uint64_t hash, bool (*equal)(void *ctx, uint64_t word, khonsu_slice key),
    void *ctx) {
  if (kh_entry_is_unchecked(entry)) return KH_WORD_DAMAGED;
  const _Atomic uint64_t *slots = kh_entry_slots(entry), *controls = kh_entry_controls(entry);
  size_t mask = kh_entry_groups(entry) - 1, home = kh_hash_home(hash) & mask;
  kh_prefetch((const void *)(uintptr_t)&slots[home * KH_GROUP_SLOTS]); /* while control bytes are looked at */
  for (size_t probe = 0; probe <= mask; probe++) {
    size_t group = (home + probe) & mask;
    uint64_t control = atomic_load_explicit(&controls[group], memory_order_acquire); /* 3 */
    for (uint64_t near = kh_control_matches(control, kh_hash_control(hash)); near != 0; near &= near - 1) {
      uint64_t slot = atomic_load(&slots[group * KH_GROUP_SLOTS + kh_control_first(near)]); /* 4 */
      uint64_t word = slot ^ kh_hash_tag(hash); /* below the limit if the tags are the same */
      if (word - 1 < KH_WORD_LIMIT - 1 && equal(ctx, word, key)) return word;
    }
    if (kh_control_has_empty(control)) return 0;
  }
  return 0;
}

/* The word of `key`, 0 if there is none; KH_WORD_DAMAGED. `equal` and `ctx` do what those of the map's kh_key_source do; given as
 * constants, they are compiled in. */
static inline __attribute__((always_inline)) uint64_t kh_hash_map_find_by(
    const kh_hash_map *map, khonsu_slice key, uint64_t hash, bool (*equal)(void *ctx, uint64_t word, khonsu_slice key),
    void *ctx) {
  return kh_hash_map_probe(kh_hash_map_entry(map, hash), key, hash, equal, ctx);
}

uint64_t kh_hash_map_find(const kh_hash_map *map, khonsu_slice key, uint64_t hash);

/* For who has several keys to find: fetches what a find of this hash begins with. */
static inline void kh_hash_map_prefetch(uintptr_t entry, uint64_t hash) {
  size_t home = kh_hash_home(hash) & (kh_entry_groups(entry) - 1);
  kh_prefetch((const void *)(uintptr_t)&kh_entry_controls(entry)[home]);
  kh_prefetch((const void *)(uintptr_t)&kh_entry_slots(entry)[home * KH_GROUP_SLOTS]);
}

/* The same for the writer, who counts what is in a segment, before its slots. */
static inline void kh_hash_map_prefetch_for_insert(uintptr_t entry, uint64_t hash) {
  kh_hash_map_prefetch(entry, hash);
  kh_prefetch((const char *)(uintptr_t)kh_entry_slots(entry) - KH_CACHE_LINE);
}

static inline bool kh_hash_map_any_word(void *ctx, uint64_t word, khonsu_slice key) {
  (void)ctx, (void)word, (void)key;
  return true;
}

/* The first word that the key of this hash may have: most likely the one that it has. 0: it has none. KH_WORD_DAMAGED. */
static inline uint64_t kh_hash_map_guess(uintptr_t entry, uint64_t hash) {
  return kh_hash_map_probe(entry, (khonsu_slice){0}, hash, kh_hash_map_any_word, NULL);
}

/* ---- the writer's */

/* Makes what holds this hash ready to be changed, for good. In a map that was not adopted it always is. NO_MEMORY;
 * CORRUPT: it is damaged. */
KHONSU_MUST_USE khonsu_status kh_hash_map_prepare(kh_hash_map *map, uint64_t hash);
/* Adds `word` for a key with this hash; the key must be absent. NO_MEMORY, CORRUPT as kh_hash_map_prepare: nothing
 * changed. */
KHONSU_MUST_USE khonsu_status kh_hash_map_insert(kh_hash_map *map, uint64_t hash, uint64_t word);
/* Replaces `old` by `word`, for the same key. `old` must be present, and its hash prepared. */
void kh_hash_map_replace(kh_hash_map *map, uint64_t hash, uint64_t old, uint64_t word);
/* Takes `word` out; it must be present, and its hash prepared. */
void kh_hash_map_remove(kh_hash_map *map, uint64_t hash, uint64_t word);
/* Puts the contents of `other` in the place of those of the map; `other` is left as after fini. It is of the same epoch
 * and heap, was not adopted, and nobody else knows it. Readers see either all of the one or all of the other. Words are
 * the owner's. A kh_hash_map_visit that was under way has to begin again. */
void kh_hash_map_replace_all(kh_hash_map *map, kh_hash_map *other);
/* Makes room for so many words in a map that has none, so that it need not grow step by step. NO_MEMORY: nothing
 * changed. */
KHONSU_MUST_USE khonsu_status kh_hash_map_reserve(kh_hash_map *map, uint64_t count);
/* Calls `visit` for every word, in no order. One that was adopted has been checked by kh_hash_map_check_all. The map must not change meanwhile; what words lead to may go. */
void kh_hash_map_each(const kh_hash_map *map, void (*visit)(void *ctx, uint64_t word), void *ctx);
/* The same a segment at a time, some thousand words: from `*position`, at first 0, which moves on. False: that was the
 * last. Between calls the map may change: a word that is in it from the first call to the last is visited once. */
bool kh_hash_map_visit(const kh_hash_map *map, uint64_t *position, void (*visit)(void *ctx, uint64_t word), void *ctx);
/* Bytes the map itself holds, without what is retired and without an image. */
static inline size_t kh_hash_map_memory(const kh_hash_map *map) { return map->memory; }

#endif
