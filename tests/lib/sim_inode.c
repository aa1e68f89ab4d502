#include "sim_inode.h"

#include <stdlib.h>

static uint64_t min(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t max(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t page_of(uint64_t offset) { return offset / SIM_PAGE; }
static uint64_t pages_of(uint64_t size) { return (size + SIM_PAGE - 1) / SIM_PAGE; }

sim_inode *sim_inode_new(uint64_t number, bool is_directory) {
  sim_inode *inode = sim_alloc(sizeof *inode);
  inode->number = number;
  inode->is_directory = is_directory;
  if (!is_directory) inode->region = sim_region_take();
  return inode;
}

void sim_inode_free(sim_inode *inode) {
  KH_ASSERT(inode->names.count == 0 && inode->durable_names.count == 0);
  if (inode->region != NULL) sim_region_give(inode->region);
  free(inode->durable.bytes);
  free(inode->has_space);
  free(inode->lost);
  sim_names_fini(&inode->names);
  sim_names_fini(&inode->durable_names);
  free(inode);
}

/* ---- bytes */

static void dirty(sim_inode *inode, uint64_t from, uint64_t to) {
  if (from >= to) return;
  bool clean = inode->dirty_from >= inode->dirty_to;
  inode->dirty_from = clean ? from : min(inode->dirty_from, from);
  inode->dirty_to = clean ? to : max(inode->dirty_to, to);
}

static void forget_lost(sim_inode *inode, uint64_t from, uint64_t to) {
  size_t kept = 0;
  for (size_t i = 0; i < inode->lost_count; i++) {
    uint64_t begin = inode->lost[i].page * SIM_PAGE;
    if (begin < to && begin + SIM_PAGE > from) continue;
    if (kept != i) inode->lost[kept] = inode->lost[i];
    kept++;
  }
  inode->lost_count = kept;
}

void sim_inode_write(sim_inode *inode, uint64_t offset, const void *bytes, size_t size) {
  if (size == 0) return;
  uint64_t end = offset + size;
  KH_ASSERT(end <= SIM_FILE_SIZE_MAX);
  if (end > inode->size) sim_inode_resize(inode, end);
  if (bytes != NULL) memcpy(inode->region->bytes + offset, bytes, size);
  inode->region->extent = max(inode->region->extent, end);
  dirty(inode, offset, end);
  forget_lost(inode, offset, end);
}

void sim_inode_resize(sim_inode *inode, uint64_t size) {
  KH_ASSERT(size <= SIM_FILE_SIZE_MAX);
  uint64_t from = min(inode->size, size), to = max(inode->size, size);
  uint64_t zeroed_to = size < inode->size ? inode->region->extent : min(to, inode->region->extent);
  if (zeroed_to > from) memset(inode->region->bytes + from, 0, zeroed_to - from);
  dirty(inode, from, to);
  if (size < inode->size) {
    forget_lost(inode, size, UINT64_MAX);
    for (uint64_t page = pages_of(size); page < inode->has_space_room; page++) {
      inode->pages -= inode->has_space[page];
      inode->has_space[page] = 0;
    }
  }
  inode->size = size;
}

static bool has_space(const sim_inode *inode, uint64_t page) {
  return page < inode->has_space_room && inode->has_space[page];
}

uint64_t sim_inode_pages_wanted(const sim_inode *inode, uint64_t offset, uint64_t size) {
  uint64_t wanted = 0;
  for (uint64_t page = page_of(offset); page < pages_of(offset + size); page++) wanted += !has_space(inode, page);
  return wanted;
}

void sim_inode_take_space(sim_inode *inode, uint64_t offset, uint64_t size) {
  uint64_t end = pages_of(offset + size);
  if (end > inode->has_space_room) {
    uint64_t room = max(end, 2 * inode->has_space_room);
    uint8_t *grown = sim_alloc(room);
    if (inode->has_space_room > 0) memcpy(grown, inode->has_space, inode->has_space_room);
    free(inode->has_space);
    inode->has_space = grown;
    inode->has_space_room = room;
  }
  for (uint64_t page = page_of(offset); page < end; page++) {
    inode->pages += !inode->has_space[page];
    inode->has_space[page] = 1;
  }
}

uint64_t sim_inode_settle_stray(sim_inode *inode) {
  if (!inode->stored) return 0;
  uint64_t stray = 0;
  for (uint64_t page = 0; page < pages_of(inode->region->extent); page++) {
    uint64_t from = page * SIM_PAGE;
    if (from < inode->size ? has_space(inode, page) : false) continue;
    if (sim_is_zero(inode->region->bytes + from, SIM_PAGE)) continue;
    stray++;
    if (from < inode->size) sim_inode_take_space(inode, from, SIM_PAGE);
    else memset(inode->region->bytes + from, 0, SIM_PAGE);
  }
  return stray;
}

/* ---- images */

static void image_reserve(sim_image *image, uint64_t held) {
  if (held <= image->held) return;
  if (held > image->room) {
    uint64_t room = max(held, 2 * image->room);
    uint8_t *grown = sim_alloc(room);
    if (image->held > 0) memcpy(grown, image->bytes, image->held);
    free(image->bytes);
    image->bytes = grown;
    image->room = room;
  }
  memset(image->bytes + image->held, 0, held - image->held);
  image->held = held;
}

static void image_resize(sim_image *image, uint64_t size) {
  image->held = min(image->held, size);
  image->size = size;
}

/* Bytes of the durable image, zeros beyond what it holds. */
static void image_read(const sim_image *image, uint64_t offset, uint8_t *bytes, size_t size) {
  uint64_t held = offset < image->held ? min(size, image->held - offset) : 0;
  if (held > 0) memcpy(bytes, image->bytes + offset, held);
  memset(bytes + held, 0, size - held);
}

/* The bytes as they are, zeros beyond the end. */
static void read_now(const sim_inode *inode, uint64_t offset, uint8_t *bytes, size_t size) {
  uint64_t end = min(inode->size, inode->region->extent);
  uint64_t held = offset < end ? min(size, end - offset) : 0;
  sim_copy(bytes, inode->region->bytes + offset, held);
  memset(bytes + held, 0, size - held);
}

/* The range in which the images may differ, in whole pages. */
static void dirty_range(const sim_inode *inode, uint64_t *from, uint64_t *to) {
  uint64_t end = max(min(inode->size, inode->region->extent), inode->durable.held);
  bool all = inode->stored || inode->lost_count > 0;
  *from = all ? 0 : inode->dirty_from / SIM_PAGE * SIM_PAGE;
  *to = all ? end : min(inode->dirty_to, end);
}

static bool is_lost(const sim_inode *inode, uint64_t page) {
  for (size_t i = 0; i < inode->lost_count; i++) {
    if (inode->lost[i].page == page)
      return sim_same(inode->region->bytes + page * SIM_PAGE, inode->lost[i].bytes, SIM_PAGE);
  }
  return false;
}

static void make_durable(sim_inode *inode, uint64_t from, uint64_t to) {
  if (from >= to) return;
  image_reserve(&inode->durable, to);
  read_now(inode, from, inode->durable.bytes + from, to - from);
}

static void is_clean(sim_inode *inode) {
  inode->dirty_from = inode->dirty_to = 0;
  inode->stored = inode->writable_maps > 0;
}

void sim_inode_sync(sim_inode *inode) {
  uint64_t from, to;
  dirty_range(inode, &from, &to);
  if (inode->lost_count == 0) {
    make_durable(inode, from, to);
  } else {
    for (uint64_t at = from; at < to; at += SIM_PAGE)
      if (!is_lost(inode, page_of(at))) make_durable(inode, at, min(at + SIM_PAGE, to));
  }
  image_resize(&inode->durable, inode->size);
  is_clean(inode);
}

static bool page_differs(const sim_inode *inode, uint64_t at) {
  uint8_t now[SIM_PAGE], durable[SIM_PAGE];
  read_now(inode, at, now, SIM_PAGE);
  image_read(&inode->durable, at, durable, SIM_PAGE);
  return memcmp(now, durable, SIM_PAGE) != 0;
}

void sim_inode_lose(sim_inode *inode, kh_prng *prng, sim_keep kept) {
  uint64_t from, to;
  dirty_range(inode, &from, &to);
  for (uint64_t at = from; at < to; at += SIM_PAGE) {
    if (!page_differs(inode, at) || is_lost(inode, page_of(at))) continue;
    if (kept == SIM_ALL || (kept != SIM_NONE && kh_prng_below(prng, 2))) {
      make_durable(inode, at, min(at + SIM_PAGE, to));
      inode->durable.size = max(inode->durable.size, min(at + SIM_PAGE, inode->size));
      continue;
    }
    inode->lost = sim_grow(inode->lost, inode->lost_count, &inode->lost_capacity, sizeof *inode->lost);
    sim_lost_page *lost = &inode->lost[inode->lost_count++];
    lost->page = page_of(at);
    sim_copy(lost->bytes, inode->region->bytes + at, SIM_PAGE);
  }
  if (kept == SIM_ALL) image_resize(&inode->durable, inode->size);
  is_clean(inode);
}

void sim_inode_write_back(sim_inode *inode, kh_prng *prng) {
  uint64_t from, to;
  dirty_range(inode, &from, &to);
  for (uint64_t at = from; at < to; at += SIM_PAGE) {
    if (kh_prng_below(prng, 2) || is_lost(inode, page_of(at)) || !page_differs(inode, at)) continue;
    make_durable(inode, at, min(at + SIM_PAGE, to));
    inode->durable.size = max(inode->durable.size, min(at + SIM_PAGE, inode->size));
  }
}

void sim_inode_drop_caches(sim_inode *inode) {
  for (size_t i = 0; i < inode->lost_count; i++) {
    uint64_t page = inode->lost[i].page, at = page * SIM_PAGE;
    if (!is_lost(inode, page) || at >= inode->size) continue;
    image_read(&inode->durable, at, inode->region->bytes + at, min(SIM_PAGE, inode->size - at));
  }
  inode->lost_count = 0;
}

/* ---- copies */

sim_inode *sim_inode_copy(const sim_inode *from) {
  sim_inode *to = sim_inode_new(from->number, from->is_directory);
  if (from->is_directory) return to;
  uint64_t end = min(from->size, from->region->extent);
  sim_copy(to->region->bytes, from->region->bytes, end);
  to->region->extent = end;
  to->size = from->size;
  image_reserve(&to->durable, from->durable.held);
  if (from->durable.held > 0) memcpy(to->durable.bytes, from->durable.bytes, from->durable.held);
  to->durable.size = from->durable.size;
  to->dirty_from = from->dirty_from;
  to->dirty_to = from->dirty_to;
  to->stored = from->stored;
  if (from->has_space_room > 0) {
    to->has_space = sim_alloc(from->has_space_room);
    memcpy(to->has_space, from->has_space, from->has_space_room);
  }
  to->has_space_room = from->has_space_room;
  to->pages = from->pages;
  if (from->lost_count > 0) {
    to->lost = sim_alloc(from->lost_count * sizeof *to->lost);
    memcpy(to->lost, from->lost, from->lost_count * sizeof *to->lost);
  }
  to->lost_count = to->lost_capacity = from->lost_count;
  return to;
}

/* Prefixes are what code that appends gets wrong, so one of the stores that were made in order is as likely as any. */
void sim_inode_undo_some(sim_inode *inode, const sim_inode *before, kh_prng *prng) {
  uint64_t end = min(min(inode->size, before->size), max(inode->region->extent, before->region->extent));
  uint8_t *now = inode->region->bytes;
  const uint8_t *then = before->region->bytes;
  uint64_t differ = 0;
  for (uint64_t at = 0; at < end; at++) differ += now[at] != then[at];
  if (differ == 0) return;
  inode->region->extent = max(inode->region->extent, end);
  uint64_t how = kh_prng_below(prng, 3), kept = kh_prng_below(prng, differ + 1), seen = 0;
  for (uint64_t at = 0; at < end; at++) {
    if (how == 2 && at % 8 == 0) kept = kh_prng_below(prng, 2); /* words of 8 bytes */
    if (now[at] == then[at]) continue;
    bool keep = how == 0 ? seen < kept : how == 1 ? seen >= kept : kept != 0;
    if (!keep) now[at] = then[at];
    seen++;
  }
}

/* ---- names */

static size_t find(const sim_names *names, const char *text) {
  size_t at = 0;
  while (at < names->count && strcmp(names->items[at].text, text) != 0) at++;
  return at;
}

sim_inode *sim_names_find(const sim_names *names, const char *text) {
  size_t at = find(names, text);
  return at < names->count ? names->items[at].inode : NULL;
}

void sim_names_set(sim_names *names, const char *text, sim_inode *inode) {
  size_t at = find(names, text);
  if (inode != NULL) inode->references++;
  if (at < names->count) {
    names->items[at].inode->references--;
    if (inode != NULL) names->items[at].inode = inode;
    else names->items[at] = names->items[--names->count];
    return;
  }
  if (inode == NULL) return;
  names->items = sim_grow(names->items, names->count, &names->capacity, sizeof *names->items);
  sim_name *added = &names->items[names->count++];
  memset(added, 0, sizeof *added);
  memcpy(added->text, text, strlen(text));
  added->inode = inode;
}

void sim_names_fini(sim_names *names) {
  for (size_t i = 0; i < names->count; i++) names->items[i].inode->references--;
  free(names->items);
  *names = (sim_names){0};
}
