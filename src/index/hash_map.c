/* hash_map: extendible hashing of segments of slots, with one writer and wait-free readers.
 *
 *      hash:  [ directory: depth bits, from the top ... ][ ... ][ home: 8 bits, from bit 16 ][ tag: 16 bits ]
 *
 *      directory (here of depth 2)         segment: a power of two of slots, probed from home on in groups of eight
 *        00 ---------------------------->    [tag|word, 0, tag|word, ...][ ... ]...  and for each slot a control byte:
 *        01 ---------------------------->    [ ... ]                                 [c, empty, c, ...][ ... ]...
 *        10 ----.
 *        11 ----`----------------------->    [ ... ]   (its words share one top bit: depth 1)
 *
 * After Fagin, Nievergelt, Pippenger, Strong, "Extendible hashing" (1979). The parts of the hash do not overlap, so
 * what the directory selects says nothing about homes and tags within a segment. A map begins with one small segment,
 * which is rebuilt at twice its size until it has SEGMENT_LOG2_MAX; from then on full segments are split. So an insert
 * touches one segment at most. Two exceptions: the split of a segment that only one entry leads to copies the
 * directory (8 bytes for about 1,000 keys); and where hashes crowd, in defiance of the seed, a segment grows beyond
 * the usual size instead of deepening the directory without end (may_split). Finds in it get as slow as there are keys
 * that share a hash, but stay right. Maps do not shrink.
 *
 * What a segment promises. P: as long as a word is in a segment, its control byte says so, and no group between its home
 * and its own, which does not count, has an empty slot.
 *   place   uses the first slot from home on that is empty or marked deleted: groups before it hold words and marks only.
 *   remove  empties the slot if its group has another empty one, over which nobody goes on; else it leaves a mark.
 *   replace changes a word where it stands.
 * A reader that probes groups from home to the first with an empty slot therefore meets every word that is in the segment
 * throughout. A slot is written before its control byte; a reader that knows it by an earlier one compares its tag and
 * its key, and goes on.
 *
 * What a directory promises. Growth builds new segments in private, with every word of the old one, and makes all
 * entries for them point there; or builds a new directory likewise. What is so replaced is never changed again: it
 * keeps the state of the moment of its replacement.
 *
 * Why finds are right (guarantee 2 of index.h; "during" and "before" mean C11's happens-before). A find loads (1) the
 * directory, (2) an entry, (3) control bytes, (4) slots. If the segment it reads is the current one to the end, P gives the
 * result. If not, the find got to it, or to the directory through which it got to it, before that was replaced; so the
 * replacement fell into the find (had it happened before the find, loads 1 and 2 would have seen it), and with it the
 * state that the segment has kept. A key present during the whole find is in that state or was met before; one absent
 * during the whole of it is not in it. Replacing the entries of one segment one after the other is harmless: until the
 * writer returns, all of them lead to the same words.
 *
 * Why finds end: a segment's size is constant, and a find does not go round twice.
 *
 * Why nobody looks at freed memory (base/epoch.h: A announce, B load of a link, C unlinking store, D the writer's load
 * of announcements). The links are the directory's address, the entries and the slots; the loads 1, 2, 4 (B) and the
 * stores that replace a directory, an entry or a word (C) are sequentially consistent. A replaced directory or segment
 * goes on leading to segments and words that are retired long after it. Who looks at it got to it (B) before it was
 * replaced (C), so announced itself (A) before the writer, later still, looked (D): what it leads to waits as well.
 * Stores that only add (a word in a free slot) release what the word leads to, and pair with 3 and 4.
 *
 * A map that was adopted has segments in an image, which never change; hash_image.c says how they are checked, and why
 * that does not disturb the above. */
#include "directory.h"

enum {
  SEGMENT_LOG2_MIN = KH_SEGMENT_LOG2_LEAST, /* 64 slots: 640 bytes with its header */
  SEGMENT_LOG2_MAX = 11 /* 2,048 slots, 18 KiB; measured at 1 M keys, 512 to 8,192 slots are equally fast */
};

/* ---- making and freeing */

static void free_directory(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  kh_free(KH_CONTAINER_OF(retired, kh_directory, retired));
}
static void free_segment(kh_epoch *epoch, kh_retired *retired) {
  (void)epoch;
  kh_segment_free(KH_CONTAINER_OF(retired, kh_segment, retired));
}

static kh_segment *segment_of(const kh_hash_map *map, uint64_t hash) {
  kh_directory *directory = kh_directory_of(map);
  return kh_directory_segment(directory, (size_t)(hash >> directory->shift));
}

static bool is_in_image(const kh_hash_map *map, const kh_segment *segment) {
  return (uintptr_t)segment - (uintptr_t)map->image < map->image_size;
}

/* Frees what the first `end` entries lead to, and the directory. */
static void free_entries(const kh_hash_map *map, kh_directory *directory, size_t end) {
  for (size_t index = 0, next; index < end; index = next) {
    next = kh_directory_after(directory, index);
    kh_segment *segment = kh_directory_segment(directory, index);
    if (!is_in_image(map, segment)) kh_segment_free(segment);
  }
  kh_free(directory);
}

/* Gives the map, which has none yet, segments of one depth and size. */
static khonsu_status make(kh_hash_map *map, unsigned depth, unsigned capacity_log2) {
  kh_directory *directory = kh_directory_new(depth == 0 ? 1 : depth); /* not 0: hash >> 64 has no meaning in C */
  if (directory == NULL) return KHONSU_NO_MEMORY;
  size_t end = kh_directory_count(directory), span = depth == 0 ? 2 : 1;
  for (size_t index = 0; index < end; index++) atomic_init(&directory->entries[index], 0);
  for (size_t first = 0; first < end; first += span) {
    kh_segment *segment = kh_segment_new(map->heap, depth, capacity_log2);
    if (segment == NULL) {
      free_entries(map, directory, first);
      return KHONSU_NO_MEMORY;
    }
    map->memory += kh_segment_memory(segment);
    kh_directory_publish(directory, (uint64_t)first << directory->shift, segment);
  }
  map->memory += kh_directory_memory(directory);
  atomic_store(&map->directory, directory);
  return KHONSU_OK;
}

khonsu_status kh_hash_map_init(kh_hash_map *map, kh_key_source source, kh_epoch *epoch, kh_heap *heap) {
  *map = (kh_hash_map){.source = source, .epoch = epoch, .heap = heap};
  return make(map, 0, SEGMENT_LOG2_MIN);
}

void kh_hash_map_fini(kh_hash_map *map) {
  kh_directory *directory = kh_directory_of(map);
  if (directory == NULL) return;
  free_entries(map, directory, kh_directory_count(directory));
  atomic_store(&map->directory, NULL);
  map->count = map->memory = 0;
}

/* ---- growth */

/* The words in some slots and their hashes. Asked for together, so that the keys are fetched from memory together: one
 * by one, each would wait behind the mispredicted probe of the one before. */
typedef struct batch {
  size_t count;
  uint64_t words[64], hashes[64];
} batch;

static void gather(const kh_hash_map *map, const kh_segment *from, size_t index, batch *gathered) {
  gathered->count = 0;
  for (size_t end = index + 64; index < end; index++) { /* capacities are multiples of 64 */
    uint64_t word = atomic_load_explicit(&from->slots[index], memory_order_relaxed) & (KH_WORD_LIMIT - 1);
    gathered->words[gathered->count] = word;
    gathered->count += word != 0;
  }
  for (size_t at = 0; map->source.prefetch != NULL && at < gathered->count; at++) {
    map->source.prefetch(map->source.ctx, gathered->words[at]);
  }
  for (size_t at = 0; at < gathered->count; at++) {
    gathered->hashes[at] = map->source.hash(map->source.ctx, gathered->words[at]);
  }
}

/* Copies each word of `from` to the segment of `to` that the bit of its hash after the first `bit` bits selects; with
 * both the same, to that one. They are private so far, and large enough. */
static void copy_words(const kh_hash_map *map, const kh_segment *from, kh_segment *const to[2], unsigned bit) {
  batch gathered;
  for (size_t index = 0; index < kh_segment_capacity(from); index += 64) {
    gather(map, from, index, &gathered);
    for (size_t at = 0; at < gathered.count; at++) {
      uint64_t hash = gathered.hashes[at];
      bool placed = kh_segment_place(to[hash >> (63 - bit) & 1], hash, gathered.words[at]);
      KH_ASSERT(placed);
    }
  }
}

static void retire_segment(kh_hash_map *map, kh_segment *segment) {
  map->memory -= kh_segment_memory(segment);
  kh_epoch_retire(map->epoch, &segment->retired, free_segment);
}

/* Replaces a segment by one of another size, without the marks. */
static khonsu_status rebuild(kh_hash_map *map, kh_segment *old, uint64_t hash, unsigned capacity_log2) {
  kh_segment *segment = kh_segment_new(map->heap, old->depth, capacity_log2);
  if (segment == NULL) return KHONSU_NO_MEMORY;
  copy_words(map, old, (kh_segment *[2]){segment, segment}, 0);
  kh_directory_publish(kh_directory_of(map), hash, segment);
  map->memory += kh_segment_memory(segment);
  retire_segment(map, old);
  return KHONSU_OK;
}

/* A copy with each entry twice, not published yet. NULL: out of memory. */
static kh_directory *doubled(const kh_directory *old) {
  unsigned depth = kh_directory_depth(old) + 1;
  kh_directory *directory = kh_directory_new(depth);
  if (directory == NULL) return NULL;
  for (size_t index = 0; index < (size_t)1 << depth; index++) {
    atomic_init(&directory->entries[index], kh_directory_entry(old, index / 2));
  }
  return directory;
}

static void publish_directory(kh_hash_map *map, kh_directory *directory) {
  kh_directory *old = kh_directory_of(map);
  atomic_store(&map->directory, directory); /* with 1; unlinks: C */
  map->memory += kh_directory_memory(directory) - kh_directory_memory(old);
  kh_epoch_retire(map->epoch, &old->retired, free_directory);
}

static khonsu_status split(kh_hash_map *map, kh_segment *old, uint64_t hash) {
  kh_directory *directory = kh_directory_of(map);
  bool deepen = old->depth == kh_directory_depth(directory);
  kh_segment *halves[2] = {kh_segment_new(map->heap, old->depth + 1, old->capacity_log2),
                           kh_segment_new(map->heap, old->depth + 1, old->capacity_log2)};
  if (deepen) directory = doubled(directory);
  if (halves[0] == NULL || halves[1] == NULL || directory == NULL) {
    kh_segment_free(halves[0]);
    kh_segment_free(halves[1]);
    if (deepen) kh_free(directory);
    return KHONSU_NO_MEMORY;
  }
  copy_words(map, old, halves, old->depth);
  uint64_t bit = UINT64_C(1) << (63 - old->depth);
  kh_directory_publish(directory, hash & ~bit, halves[0]);
  kh_directory_publish(directory, hash | bit, halves[1]);
  if (deepen) publish_directory(map, directory);
  map->memory += kh_segment_memory(halves[0]) + kh_segment_memory(halves[1]);
  retire_segment(map, old);
  return KHONSU_OK;
}

/* Whether to halve a full segment rather than let it grow. Hashes that spread need a directory entry for some 1,000
 * keys; one for 64 is the bound, so that hashes that do not spread cannot make the directory outgrow the keys. */
static bool may_split(const kh_hash_map *map, const kh_segment *segment) {
  if (segment->capacity_log2 < SEGMENT_LOG2_MAX) return false;
  if (segment->depth < kh_directory_depth(kh_directory_of(map))) return true;
  return segment->depth < KH_DIRECTORY_DEPTH_MAX && UINT64_C(64) << (segment->depth + 1) <= map->count;
}

/* The segment for this hash is full: of marks, or of words. */
static khonsu_status make_room(kh_hash_map *map, kh_segment *segment, uint64_t hash) {
  size_t limit = kh_segment_limit(segment);
  if (segment->words < limit - limit / 4) return rebuild(map, segment, hash, segment->capacity_log2);
  if (may_split(map, segment)) return split(map, segment, hash);
  return rebuild(map, segment, hash, segment->capacity_log2 + 1);
}

/* ---- the façade */

uint64_t kh_hash_map_find(const kh_hash_map *map, khonsu_slice key, uint64_t hash) {
  return kh_hash_map_find_by(map, key, hash, map->source.equal, map->source.ctx);
}

static void check_word(uint64_t word) { KH_ASSERT(word != 0 && word < KH_WORD_LIMIT); }

/* The segment is not what it was when it was checked: who looks at it next is to check it again. */
static void mark_unchecked(kh_hash_map *map, uintptr_t checked) {
  kh_directory *directory = kh_directory_of(map);
  for (size_t index = 0; index < kh_directory_count(directory); index++) {
    if (kh_directory_entry(directory, index) == checked)
      atomic_store(&directory->entries[index], checked | KH_ENTRY_UNCHECKED); /* with 2 */
  }
}

/* Puts a copy of a segment of the image in its place. The image may be in a file that cannot be read any more, and zeros in
 * its place (os/guard.h): so the copy is looked at, not what it is a copy of. */
static khonsu_status copy_out(kh_hash_map *map, uint64_t hash, const kh_segment *old) {
  uintptr_t entry = kh_hash_map_entry(map, hash);
  if (kh_entry_is_unchecked(entry)) return KHONSU_CORRUPT;
  unsigned capacity_log2 = entry & 31;
  kh_segment *segment = kh_segment_copy(map->heap, old, capacity_log2);
  if (segment == NULL) return KHONSU_NO_MEMORY;
  if (!kh_hash_image_is_copy(map, old, segment)) {
    segment->capacity_log2 = capacity_log2;
    kh_segment_free(segment);
    mark_unchecked(map, entry);
    return KHONSU_CORRUPT;
  }
  kh_directory_publish(kh_directory_of(map), hash, segment);
  map->memory += kh_segment_memory(segment);
  return KHONSU_OK;
}

khonsu_status kh_hash_map_prepare(kh_hash_map *map, uint64_t hash) {
  const kh_segment *segment = segment_of(map, hash);
  return KH_LIKELY(!is_in_image(map, segment)) ? KHONSU_OK : copy_out(map, hash, segment);
}

khonsu_status kh_hash_map_insert(kh_hash_map *map, uint64_t hash, uint64_t word) {
  check_word(word);
  khonsu_status status = kh_hash_map_prepare(map, hash);
  while (status == KHONSU_OK) { /* ends: a segment that grows has room, and one can be split so many times */
    kh_segment *segment = segment_of(map, hash);
    if (kh_segment_place(segment, hash, word)) {
      map->count++;
      return KHONSU_OK;
    }
    status = make_room(map, segment, hash);
  }
  return status;
}

/* The one in which a word is. */
static kh_segment *prepared_segment_of(const kh_hash_map *map, uint64_t hash) {
  kh_segment *segment = segment_of(map, hash);
  KH_ASSERT(!is_in_image(map, segment));
  return segment;
}

void kh_hash_map_replace(kh_hash_map *map, uint64_t hash, uint64_t old, uint64_t word) {
  check_word(word);
  kh_segment_replace(prepared_segment_of(map, hash), hash, old, word);
}

void kh_hash_map_remove(kh_hash_map *map, uint64_t hash, uint64_t word) {
  kh_segment_remove(prepared_segment_of(map, hash), hash, word);
  map->count--;
}

/* ---- all at once */

static void retire_directory(kh_hash_map *map, kh_directory *directory) {
  for (size_t index = 0, next; index < kh_directory_count(directory); index = next) {
    next = kh_directory_after(directory, index);
    kh_segment *segment = kh_directory_segment(directory, index);
    if (!is_in_image(map, segment)) kh_epoch_retire(map->epoch, &segment->retired, free_segment);
  }
  kh_epoch_retire(map->epoch, &directory->retired, free_directory);
}

void kh_hash_map_replace_all(kh_hash_map *map, kh_hash_map *other) {
  KH_ASSERT(other->image == NULL && other->epoch == map->epoch && other->heap == map->heap);
  kh_directory *old = kh_directory_of(map);
  atomic_store(&map->directory, kh_directory_of(other)); /* with 1; unlinks: C */
  map->count = other->count;
  map->memory = other->memory;
  atomic_store_explicit(&other->directory, NULL, memory_order_relaxed); /* `other` has no readers */
  other->count = other->memory = 0;
  retire_directory(map, old);
}

/* Segments are filled as full as they may be with some room for those that get more than their share. */
khonsu_status kh_hash_map_reserve(kh_hash_map *map, uint64_t count) {
  KH_ASSERT(map->count == 0);
  unsigned depth = 0, capacity_log2 = SEGMENT_LOG2_MIN;
  while (capacity_log2 < SEGMENT_LOG2_MAX && count > (UINT64_C(2) << capacity_log2) / 3) capacity_log2++;
  while (depth < KH_DIRECTORY_DEPTH_MAX && count >> depth > (UINT64_C(2) << capacity_log2) / 3) depth++;
  kh_hash_map larger = {.source = map->source, .epoch = map->epoch, .heap = map->heap};
  khonsu_status status = make(&larger, depth, capacity_log2);
  if (status == KHONSU_OK) kh_hash_map_replace_all(map, &larger);
  return status;
}

/* ---- all words */

static void visit_segment(const kh_segment *segment, void (*visit)(void *ctx, uint64_t word), void *ctx) {
  for (size_t index = 0; index < kh_segment_capacity(segment); index++) {
    uint64_t word = atomic_load_explicit(&segment->slots[index], memory_order_relaxed) & (KH_WORD_LIMIT - 1);
    if (word != 0) visit(ctx, word);
  }
}

/* The position is the lowest hash the next segment may hold. It stays one: segments are split, but never joined. */
bool kh_hash_map_visit(const kh_hash_map *map, uint64_t *position, void (*visit)(void *ctx, uint64_t word), void *ctx) {
  const kh_directory *directory = kh_directory_of(map);
  size_t index = (size_t)(*position >> directory->shift), next = kh_directory_after(directory, index);
  KH_ASSERT(!kh_entry_is_unchecked(kh_directory_entry(directory, index)));
  visit_segment(kh_directory_segment(directory, index), visit, ctx);
  *position = (uint64_t)next << directory->shift; /* 0 after the last */
  return *position != 0;
}

void kh_hash_map_each(const kh_hash_map *map, void (*visit)(void *ctx, uint64_t word), void *ctx) {
  uint64_t position = 0;
  while (kh_hash_map_visit(map, &position, visit, ctx)) continue;
}
