/* hash_image: a hash map as bytes that can be written to a file, and a map that stands on such bytes as they are; see
 * hash_image.c for what they are.
 *
 * Opening takes as long as it takes to look at some 16 bytes for 1,000 words: segments stay where they are, and whether
 * one is whole is looked at when it is first needed. */
#ifndef KH_INDEX_HASH_IMAGE_H
#define KH_INDEX_HASH_IMAGE_H

#include "hash_map.h"

/* Takes the next bytes of an image. Anything but OK ends the writing and is returned. */
typedef khonsu_status (*kh_image_sink)(void *ctx, const void *bytes, size_t size);

/* How many bytes kh_hash_map_image_write will write: a multiple of 64. The writer's. */
size_t kh_hash_map_image_size(const kh_hash_map *map);
/* Writes the words with their hashes, but nothing that they lead to. The writer's, who does not change the map
 * meanwhile. NO_MEMORY; CORRUPT: the map was adopted and is damaged; whatever `sink` fails with. */
KHONSU_MUST_USE khonsu_status kh_hash_map_image_write(const kh_hash_map *map, kh_image_sink sink, void *ctx);

/* Creates a map of what was written, in place of kh_hash_map_init. `image` is aligned to 64, is not changed by anyone,
 * the map included, and stays the caller's, who keeps it until after fini. CORRUPT: that the image is not whole, or not
 * one of this version and byte order, can be seen without looking at its segments. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_hash_map_adopt(kh_hash_map *map, kh_key_source source, kh_epoch *epoch, kh_heap *heap,
                                                const void *image, size_t size);
/* Calls `visit` for each segment that is not whole, with its place in the image. As check_all. */
void kh_hash_map_each_damaged(const kh_hash_map *map, void (*visit)(void *ctx, size_t offset, size_t size), void *ctx);
/* Looks at all segments that nobody has looked at yet; finds and changes need not do so any more. CORRUPT: not all of
 * them are whole. Readers, inside the epoch; the writer anywhere. */
KHONSU_MUST_USE khonsu_status kh_hash_map_check_all(const kh_hash_map *map);

#endif
