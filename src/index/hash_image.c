/* hash_image: writing an image, adopting one, and checking its segments.
 *
 *      [ header: 64 bytes ][ a row of 16 bytes for each segment ][ zeros up to a multiple of 64 ][ segment ][ ... ]
 *
 * Numbers are of the machine's byte order; the magic number tells which. Segments are as they are in memory (segment.h):
 * 64 bytes with their depth, size and counts, then the slots and the control bytes. They come in the order of the
 * directory, one right after the other, so rows are in the order of places too. The header has a checksum of itself and
 * one of all that is between it and the first segment, each row one of its segment: no byte is without.
 *
 * Who adopts looks at header and rows only. Nothing they say is believed before it is known to fit: segments lie within
 * the image one after the other, their depths make a directory without gap or overlap, and the directory is no larger
 * than the number of slots allows (may_split of hash_map.c, and that segments never become smaller). Entries that lead to
 * a segment in the image are unchecked at first, and nobody looks into the segment through such an entry but to check it.
 *
 * Why threads may check, find and write at the same time. The image is constant, or reads as zeros from some moment on: before it changes a segment, the writer
 * puts a copy from the heap in its place (kh_hash_map_prepare), which is a replacement like any other of hash_map.c, only
 * that nothing is retired. So all who check a segment come to the same result. An entry is made a checked one by
 * compare-and-swap, from exactly the unchecked entry of that segment: what the writer has put there meanwhile stays. That
 * needs no order, as whoever sees the checked entry reads only what has been there all the time. */
#include "directory.h"

#define IMAGE_MAGIC UINT64_C(0x324547414d49484b) /* "KHIMAGE2" where the lowest byte comes first */

typedef struct image_header {
  uint64_t magic;
  uint64_t size;     /* of the image */
  uint64_t words;    /* in it */
  uint32_t depth;    /* of the directory */
  uint32_t segments; /* rows */
  uint32_t table_crc;
  uint32_t zero[6];
  uint32_t crc; /* of all before */
} image_header;

typedef struct image_row {
  uint64_t place; /* where the segment begins in the image */
  uint32_t crc;
  uint8_t depth, capacity_log2;
  uint8_t zero[2];
} image_row;

_Static_assert(sizeof(image_header) == 64 && sizeof(image_row) == 16, "no padding");
_Static_assert(sizeof(kh_segment) == 64, "slots are aligned as the image is");
_Static_assert(offsetof(kh_segment, depth) == 24 && offsetof(kh_segment, capacity_log2) == 28 &&
                   offsetof(kh_segment, words) == 32 && offsetof(kh_segment, deleted) == 40,
               "the image has it as it is in memory");

static size_t table_end(size_t segments) {
  return (sizeof(image_header) + segments * sizeof(image_row) + 63) & ~(size_t)63;
}

static uint32_t header_crc(const image_header *header) { return kh_crc32c(0, header, offsetof(image_header, crc)); }

/* Slots and control bytes. */
static size_t body_size(const kh_segment *segment) { return kh_segment_memory(segment) - sizeof *segment; }

static uint32_t segment_crc(const void *head, const kh_segment *segment) {
  return kh_crc32c(kh_crc32c(0, head, sizeof *segment), (const void *)segment->slots, body_size(segment));
}

/* ---- writing */

/* How many segments there are, and how many bytes they take. */
typedef struct extent {
  size_t segments, bytes;
} extent;

static extent extent_of(const kh_hash_map *map) {
  const kh_directory *directory = kh_directory_of(map);
  extent all = {0, 0};
  for (size_t index = 0; index < kh_directory_count(directory); index = kh_directory_after(directory, index)) {
    unsigned capacity_log2 = kh_directory_entry(directory, index) & 31; /* without a look at the segment */
    all.bytes += kh_segment_size(capacity_log2);
    all.segments++;
  }
  return all;
}

size_t kh_hash_map_image_size(const kh_hash_map *map) {
  extent all = extent_of(map);
  return table_end(all.segments) + all.bytes;
}

/* What precedes the slots, without what means something in this process only. */
static void make_head(kh_segment *head, const kh_segment *segment) {
  memset((void *)head, 0, sizeof *head);
  head->depth = segment->depth;
  head->capacity_log2 = segment->capacity_log2;
  head->words = segment->words;
  head->deleted = segment->deleted;
}

/* Fills header and rows, which are zeros. */
static void describe(const kh_hash_map *map, extent all, image_header *header) {
  const kh_directory *directory = kh_directory_of(map);
  image_row *row = (image_row *)(header + 1);
  size_t place = table_end(all.segments);
  for (size_t index = 0; index < kh_directory_count(directory); index = kh_directory_after(directory, index)) {
    const kh_segment *segment = kh_directory_segment(directory, index);
    kh_segment head;
    make_head(&head, segment);
    *row++ = (image_row){.place = place,
                         .crc = segment_crc(&head, segment),
                         .depth = (uint8_t)head.depth,
                         .capacity_log2 = (uint8_t)head.capacity_log2};
    place += kh_segment_memory(segment);
  }
  *header = (image_header){.magic = IMAGE_MAGIC,
                           .size = place,
                           .words = map->count,
                           .depth = kh_directory_depth(directory),
                           .segments = (uint32_t)all.segments,
                           .table_crc = kh_crc32c(0, header + 1, table_end(all.segments) - sizeof *header)};
  header->crc = header_crc(header);
}

static khonsu_status write_segments(const kh_directory *directory, kh_image_sink sink, void *ctx) {
  khonsu_status status = KHONSU_OK;
  size_t end = kh_directory_count(directory);
  for (size_t index = 0; index < end && status == KHONSU_OK; index = kh_directory_after(directory, index)) {
    const kh_segment *segment = kh_directory_segment(directory, index);
    kh_segment head;
    make_head(&head, segment);
    status = sink(ctx, &head, sizeof head);
    if (status == KHONSU_OK) status = sink(ctx, (const void *)segment->slots, body_size(segment));
  }
  return status;
}

khonsu_status kh_hash_map_image_write(const kh_hash_map *map, kh_image_sink sink, void *ctx) {
  khonsu_status status = kh_hash_map_check_all(map);
  if (status != KHONSU_OK) return status;
  extent all = extent_of(map);
  image_header *header = kh_alloc_zero(table_end(all.segments));
  if (header == NULL) return KHONSU_NO_MEMORY;
  describe(map, all, header);
  status = sink(ctx, header, table_end(all.segments));
  if (status == KHONSU_OK) status = write_segments(kh_directory_of(map), sink, ctx);
  kh_free(header);
  return status;
}

/* ---- adopting */

static const image_row *rows_of(const image_header *header) { return (const image_row *)(header + 1); }

/* Whether it is a header, and the rows are what was written. */
static bool is_image(const image_header *header, size_t size) {
  if (size < sizeof *header || header->crc != header_crc(header) || header->magic != IMAGE_MAGIC) return false;
  if (header->size != size || header->segments > (size - sizeof *header) / sizeof(image_row)) return false;
  static const uint32_t zero[6];
  if (memcmp(header->zero, zero, sizeof zero) != 0) return false; /* means something to a later version */
  size_t end = table_end(header->segments);
  return end <= size && header->table_crc == kh_crc32c(0, header + 1, end - sizeof *header);
}

/* Whether the directory is as large as a map with segments of so many bytes can have it. */
static bool is_depth_sound(const image_header *header) {
  if (header->depth < 1 || header->depth > KH_DIRECTORY_DEPTH_MAX) return false;
  return header->depth == 1 || header->size / (64 * sizeof(uint64_t)) >> header->depth > 0;
}

static bool is_row_sound(const image_header *header, const image_row *row, size_t place) {
  if (row->place != place || row->depth > header->depth || row->zero[0] != 0 || row->zero[1] != 0) return false;
  if (row->capacity_log2 < KH_SEGMENT_LOG2_LEAST || row->capacity_log2 > KH_SEGMENT_LOG2_MOST) return false;
  size_t size = kh_segment_size(row->capacity_log2);
  return size <= header->size - place;
}

/* Makes entries for all rows. False: they are not those of a directory. */
static bool enter_rows(const image_header *header, kh_directory *directory) {
  size_t place = table_end(header->segments), index = 0, count = kh_directory_count(directory), words = 0;
  for (uint32_t at = 0; at < header->segments; at++) {
    const image_row *row = &rows_of(header)[at];
    if (!is_row_sound(header, row, place)) return false;
    size_t span = (size_t)1 << (header->depth - row->depth);
    if (index % span != 0 || span > count - index) return false;
    uintptr_t slots = (uintptr_t)header + place + sizeof(kh_segment);
    for (size_t end = index + span; index < end; index++) {
      atomic_init(&directory->entries[index], slots | row->capacity_log2 | KH_ENTRY_UNCHECKED);
    }
    place += kh_segment_size(row->capacity_log2);
    words += (size_t)1 << row->capacity_log2;
  }
  return index == count && place == header->size && header->words <= words;
}

khonsu_status kh_hash_map_adopt(kh_hash_map *map, kh_key_source source, kh_epoch *epoch, kh_heap *heap,
                                const void *image, size_t size) {
  KH_ASSERT((uintptr_t)image % 64 == 0);
  *map = (kh_hash_map){.source = source, .epoch = epoch, .heap = heap, .image = image, .image_size = size};
  const image_header *header = image;
  if (!is_image(header, size) || !is_depth_sound(header)) return KHONSU_CORRUPT;
  kh_directory *directory = kh_directory_new(header->depth);
  if (directory == NULL) return KHONSU_NO_MEMORY;
  if (!enter_rows(header, directory)) {
    kh_free(directory);
    return KHONSU_CORRUPT;
  }
  map->count = header->words;
  map->memory = kh_directory_memory(directory);
  atomic_store(&map->directory, directory);
  return KHONSU_OK;
}

/* ---- checking */

/* The row of the segment at this place, which has one. */
static const image_row *row_of(const image_header *header, size_t place) {
  const image_row *rows = rows_of(header);
  size_t low = 0, high = header->segments;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if (rows[middle].place <= place) low = middle;
    else high = middle;
  }
  return &rows[low];
}

/* Whether slots and control bytes say the same, and as many of them words, and marks, as the segment does; so that some
 * are empty. */
static bool has_its_counts(const kh_segment *segment) {
  size_t words = 0, deleted = 0;
  for (size_t index = 0; index < kh_segment_capacity(segment); index++) {
    uint64_t slot = atomic_load_explicit(&segment->slots[index], memory_order_relaxed);
    uint64_t control = kh_control_at(kh_segment_controls(segment, index / KH_GROUP_SLOTS), index);
    bool is_word = (slot & (KH_WORD_LIMIT - 1)) != 0;
    if (is_word && control != kh_hash_control(slot >> 48)) return false;
    if (!is_word && (slot != KH_SLOT_EMPTY || control > KH_CONTROL_DELETED)) return false;
    words += is_word;
    deleted += control == KH_CONTROL_DELETED;
  }
  return words == segment->words && deleted == segment->deleted && words + deleted <= kh_segment_limit(segment);
}

/* Its own size is looked at first: the rest goes by it. */
static bool is_whole(const kh_segment *segment, const image_row *row) {
  return segment->capacity_log2 == row->capacity_log2 && segment->depth == row->depth &&
         segment_crc(segment, segment) == row->crc && has_its_counts(segment);
}

bool kh_hash_image_is_copy(const kh_hash_map *map, const kh_segment *segment, const kh_segment *copy) {
  return is_whole(copy, row_of(map->image, (size_t)((uintptr_t)segment - (uintptr_t)map->image)));
}

static bool mark_checked(_Atomic uintptr_t *entry, uintptr_t unchecked) {
  uintptr_t expected = unchecked;
  return atomic_compare_exchange_strong(entry, &expected, unchecked & ~KH_ENTRY_UNCHECKED);
}

/* The entries of a segment are beside each other. Where another thread has been, it has gone on. */
static void mark_all_checked(kh_directory *directory, size_t index, uintptr_t unchecked) {
  for (size_t at = index; at < kh_directory_count(directory) && mark_checked(&directory->entries[at], unchecked);) at++;
  for (size_t at = index; at > 0 && mark_checked(&directory->entries[at - 1], unchecked);) at--;
}

uintptr_t kh_hash_map_check(const kh_hash_map *map, uint64_t hash, uintptr_t entry) {
  const kh_segment *segment = kh_entry_segment(entry);
  if (!is_whole(segment, row_of(map->image, (size_t)((uintptr_t)segment - (uintptr_t)map->image)))) return entry;
  kh_directory *directory = atomic_load(&map->directory); /* 1; may be a newer one than that of the entry */
  mark_all_checked(directory, (size_t)(hash >> directory->shift), entry);
  return entry & ~KH_ENTRY_UNCHECKED;
}

khonsu_status kh_hash_map_check_all(const kh_hash_map *map) {
  const kh_directory *directory = atomic_load(&map->directory); /* 1 */
  for (size_t index = 0; index < kh_directory_count(directory); index++) {
    uintptr_t entry = atomic_load(&directory->entries[index]); /* 2 */
    uint64_t hash = (uint64_t)index << directory->shift;
    if (kh_entry_is_unchecked(entry) && kh_entry_is_unchecked(kh_hash_map_check(map, hash, entry))) {
      return KHONSU_CORRUPT;
    }
  }
  return KHONSU_OK;
}

void kh_hash_map_each_damaged(const kh_hash_map *map, void (*visit)(void *ctx, size_t offset, size_t size), void *ctx) {
  const image_header *header = map->image;
  for (uint32_t at = 0; at < header->segments; at++) {
    const image_row *row = &rows_of(header)[at];
    size_t size = kh_segment_size(row->capacity_log2);
    if (!is_whole((const void *)((const uint8_t *)map->image + row->place), row)) visit(ctx, (size_t)row->place, size);
  }
}
