/* chunk_check_text: text and bytes, by offsets and by views.
 *
 * Text is looked at as a whole where that is enough: if all of it is UTF-8, values must only begin and end between
 * characters. If it is not, what is wrong may lie where no value does, and values are looked at one by one. Views may
 * lie over each other, so that this could take any time: then each byte may be looked at a few times, no more. */
#include "chunk_check.h"
#include "numbers.h"
#include "utf8.h"

enum { LOOKS_MAX = 4, KINDS_ON_STACK = 64 };

typedef enum text_kind { TEXT_UNKNOWN, TEXT_ASCII, TEXT_UTF8, TEXT_OTHER } text_kind;

static text_kind kind_of(const uint8_t *text, int64_t size) {
  if (kh_utf8_is_ascii(text, (size_t)size)) return TEXT_ASCII;
  return kh_utf8_is_valid(text, (size_t)size) ? TEXT_UTF8 : TEXT_OTHER;
}

/* ---- by offsets */

static int64_t text_room(const kh_check *check, uint32_t index) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  if (check->known != NULL) return check->known[index].bytes[2] >= 0 ? check->known[index].bytes[2] : INT64_MAX;
  return node->buffers[2] == NULL ? 0 : INT64_MAX;
}

static bool between_characters(const uint8_t *text, int64_t at, int64_t end) {
  return at == end || kh_utf8_begins(text[at]);
}

/* Where a piece of the text ends: at `end`, or where a character begins, if one does there. */
static int64_t cut_piece(const uint8_t *text, int64_t from, int64_t end) {
  enum { PIECE = 16384 }; /* so that it is still in the cache when values are looked at */
  if (end - from <= PIECE) return end;
  int64_t cut = from + PIECE;
  for (int back = 0; back < 3 && !kh_utf8_begins(text[cut]); back++) cut--;
  return cut;
}

/* Of the text from `begin` to `end`. *all_begin: it is UTF-8, and all values begin between characters, and so end there
 * too; those at the end are empty. */
static text_kind kind_of_pieces(const struct ArrowArray *node, int64_t bits, int64_t begin, int64_t end,
                                bool *all_begin) {
  const uint8_t *text = node->buffers[2];
  const void *offsets = node->buffers[1];
  int64_t value = node->offset, values = kh_node_end(node);
  bool do_begin = true;
  for (int64_t from = begin, to; from < end; from = to) {
    to = cut_piece(text, from, end);
    if (!kh_utf8_is_valid(text + from, (size_t)(to - from))) return TEXT_OTHER;
    for (int64_t at; value < values && (at = kh_offset_get(offsets, bits, value)) < to; value++)
      do_begin &= kh_utf8_begins(text[at]);
  }
  *all_begin = do_begin;
  return TEXT_UTF8;
}

static khonsu_status check_each(const kh_check *check, uint32_t index, text_kind kind, int64_t end) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  const uint8_t *validity = kh_node_validity(node), *text = node->buffers[2];
  int64_t bits = check->fields[index].layout.element_size_bits[1];
  for (int64_t i = node->offset; i < kh_node_end(node); i++) {
    if (kh_is_null(validity, i)) continue;
    int64_t from = kh_offset_get(node->buffers[1], bits, i), to = kh_offset_get(node->buffers[1], bits, i + 1);
    bool is_valid = kind == TEXT_UTF8 ? from == to || (kh_utf8_begins(text[from]) && between_characters(text, to, end))
                                      : kh_utf8_is_valid(text + from, (size_t)(to - from));
    if (!is_valid) return KH_INVALID_AT(check, index, i, "%" PRId64 " bytes that are not UTF-8", to - from);
  }
  return KHONSU_OK;
}

khonsu_status kh_check_text(const kh_check *check, uint32_t index) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  enum ArrowType storage = check->fields[index].storage;
  khonsu_status status = kh_check_offsets(check, index, text_room(check, index), "bytes");
  bool is_text = storage == NANOARROW_TYPE_STRING || storage == NANOARROW_TYPE_LARGE_STRING;
  if (status != KHONSU_OK || kh_node_end(node) == 0) return status;
  int64_t bits = check->fields[index].layout.element_size_bits[1];
  int64_t begin = kh_offset_get(node->buffers[1], bits, node->offset);
  int64_t end = kh_offset_get(node->buffers[1], bits, kh_node_end(node));
  if (node->buffers[2] != NULL) *check->bytes += (uint64_t)end;
  if (begin == end || !is_text) return KHONSU_OK;
  if (kh_utf8_is_ascii((const uint8_t *)node->buffers[2] + begin, (size_t)(end - begin))) return KHONSU_OK;
  bool all_begin = false;
  text_kind kind = kind_of_pieces(node, bits, begin, end, &all_begin);
  return all_begin ? KHONSU_OK : check_each(check, index, kind, end);
}

/* ---- by views */

typedef struct view_texts {
  uint8_t *kinds; /* text_kind of each buffer, once it was looked at */
  int64_t looks_left;
} view_texts;

static const char *wrong_place(const struct ArrowArray *node, const union ArrowBinaryView *view) {
  int64_t count = kh_node_variadic_count(node);
  if (view->ref.buffer_index < 0 || view->ref.buffer_index >= count) return "in a buffer that is not there";
  int64_t size = kh_node_variadic_sizes(node)[view->ref.buffer_index];
  if (view->ref.offset < 0 || (int64_t)view->ref.offset + view->ref.size > size) return "beyond the end of its buffer";
  const uint8_t *text = (const uint8_t *)node->buffers[2 + view->ref.buffer_index] + view->ref.offset;
  return memcmp(view->ref.prefix, text, sizeof view->ref.prefix) == 0 ? NULL : "with another prefix";
}

/* Spends `looks_left` on what cannot be seen from the whole. */
static const char *wrong_text(const struct ArrowArray *node, const union ArrowBinaryView *view, view_texts *texts) {
  const uint8_t *text = node->buffers[2 + view->ref.buffer_index];
  int64_t from = view->ref.offset, to = from + view->ref.size;
  int64_t size = kh_node_variadic_sizes(node)[view->ref.buffer_index];
  uint8_t *kind = &texts->kinds[view->ref.buffer_index];
  if (*kind == TEXT_UNKNOWN) *kind = (uint8_t)kind_of(text, size);
  if (*kind == TEXT_ASCII) return NULL;
  if (*kind == TEXT_UTF8)
    return kh_utf8_begins(text[from]) && between_characters(text, to, size) ? NULL : "that are not UTF-8";
  texts->looks_left -= view->ref.size;
  if (texts->looks_left < 0) return "over others, in a buffer that is not all UTF-8";
  return kh_utf8_is_valid(text + from, (size_t)view->ref.size) ? NULL : "that are not UTF-8";
}

/* What follows short text is 0, so that views can be compared as they are. */
static const char *wrong_inlined(const union ArrowBinaryView *view, bool is_text) {
  static const uint8_t zeros[NANOARROW_BINARY_VIEW_INLINE_SIZE];
  size_t size = (size_t)view->inlined.size;
  if (memcmp(view->inlined.data + size, zeros, sizeof zeros - size) != 0) return "and others after them, not zeros";
  return !is_text || kh_utf8_is_valid(view->inlined.data, size) ? NULL : "that are not UTF-8";
}

static const char *wrong_view(const struct ArrowArray *node, const union ArrowBinaryView *view, view_texts *texts) {
  if (view->inlined.size < 0) return "are none";
  if (view->inlined.size <= NANOARROW_BINARY_VIEW_INLINE_SIZE) return wrong_inlined(view, texts != NULL);
  const char *wrong = wrong_place(node, view);
  return wrong != NULL || texts == NULL ? wrong : wrong_text(node, view, texts);
}

/* `texts` NULL: of bytes. */
static khonsu_status check_each_view(const kh_check *check, uint32_t index, view_texts *texts) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  const uint8_t *validity = kh_node_validity(node);
  const union ArrowBinaryView *views = node->buffers[1];
  for (int64_t i = node->offset; i < kh_node_end(node); i++) {
    if (kh_is_null(validity, i)) continue;
    const char *wrong = wrong_view(node, &views[i], texts);
    if (wrong != NULL)
      return KH_INVALID_AT(check, index, i, "a view of %" PRId32 " bytes %s", views[i].inlined.size, wrong);
  }
  return KHONSU_OK;
}

khonsu_status kh_check_views(const kh_check *check, uint32_t index) {
  const struct ArrowArray *node = &check->chunk->nodes[index];
  if (check->fields[index].storage == NANOARROW_TYPE_BINARY_VIEW) return check_each_view(check, index, NULL);
  uint8_t few[KINDS_ON_STACK] = {TEXT_UNKNOWN};
  int64_t count = kh_node_variadic_count(node);
  view_texts texts = {.kinds = count <= KINDS_ON_STACK ? few : kh_alloc_zero((size_t)count)};
  if (texts.kinds == NULL)
    return khonsu_error_set(check->error, KHONSU_NO_MEMORY, "no memory to validate a record batch");
  for (int64_t i = 0; i < count; i++) texts.looks_left += LOOKS_MAX * kh_node_variadic_sizes(node)[i];
  khonsu_status status = check_each_view(check, index, &texts);
  if (texts.kinds != few) kh_free(texts.kinds);
  return status;
}
