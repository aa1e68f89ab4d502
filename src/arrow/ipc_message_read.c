/* ipc_message_read: prefix, metadata, body.
 *
 * Before Arrow 0.15 the prefix was the size alone. A size of 0xffffffff cannot be, so the two can be told apart. */
#include "ipc_message.h"

static khonsu_status cut_short(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_CORRUPT, "it is cut short");
}

/* ---- bytes */

khonsu_status kh_ipc_bytes_read(const kh_ipc_reader *reader, uint64_t offset, void *to, size_t size,
                                khonsu_error *error) {
  const kh_ipc_source *source = &reader->source;
  KH_ASSERT(offset <= source->size && size <= source->size - offset);
  if (size == 0) return KHONSU_OK;
  if (source->os == NULL) {
    memcpy(to, (const char *)source->bytes.data + offset, size);
    return KHONSU_OK;
  }
  size_t got = 0;
  kh_os_error failed = KH_OS_CALL(source->os, read_at, source->file, to, size, offset, &got);
  if (failed) return kh_os_fail(error, failed, "read", source->name);
  return got == size ? KHONSU_OK : cut_short(error); /* it has shrunk */
}

khonsu_status kh_ipc_metadata_read(kh_ipc_reader *reader, uint64_t offset, size_t size, const void **bytes,
                                   khonsu_error *error) {
  if (reader->source.os == NULL) {
    *bytes = (const char *)reader->source.bytes.data + offset;
    if ((uintptr_t)*bytes % 8 == 0) return KHONSU_OK;
  }
  reader->metadata.size = 0;
  if (kh_buffer_reserve(&reader->metadata, size) != KHONSU_OK)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for %zu bytes of metadata", size);
  *bytes = reader->metadata.data;
  return kh_ipc_bytes_read(reader, offset, reader->metadata.data, size, error);
}

/* ---- messages */

/* How far a message may reach. Those of a file do not overlap, or a small file could come to any number of bytes. */
static uint64_t end_from(const kh_ipc_reader *reader, uint64_t offset) {
  uint64_t low = 0, high = reader->place_count;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    if (reader->places[middle] <= offset) low = middle + 1;
    else high = middle;
  }
  return low < reader->place_count ? reader->places[low] : reader->end;
}

static khonsu_status check_message(uint64_t end, kh_ipc_message *message, khonsu_error *error) {
  NS(Message_table_t) table = message->table;
  if (NS(Message_version(table)) != NS(MetadataVersion_V4) && NS(Message_version(table)) != NS(MetadataVersion_V5))
    return khonsu_error_set(error, KHONSU_UNSUPPORTED, "a message of format version %d; 4 and 5 can be read",
                            (int)NS(Message_version(table)) + 1);
  if (NS(Message_header(table)) == NULL) return khonsu_error_set(error, KHONSU_CORRUPT, "a message without header");
  int64_t size = NS(Message_bodyLength(table));
  if (size < 0 || (uint64_t)size > end - message->body) return cut_short(error);
  message->body_size = (uint64_t)size;
  return KHONSU_OK;
}

static khonsu_status read_table(kh_ipc_reader *reader, uint64_t offset, size_t size, uint64_t end,
                                kh_ipc_message *message, khonsu_error *error) {
  const void *bytes;
  khonsu_status status = kh_ipc_metadata_read(reader, offset, size, &bytes, error);
  if (status == KHONSU_OK) status = kh_ipc_verify_message(bytes, size, error);
  if (status != KHONSU_OK) return status;
  message->table = NS(Message_as_root(bytes));
  message->metadata_size = size;
  message->body = offset + size;
  return check_message(end, message, error);
}

khonsu_status kh_ipc_message_read(kh_ipc_reader *reader, uint64_t offset, kh_ipc_message *message,
                                  khonsu_error *error) {
  uint32_t prefix[2] = {0, 0};
  uint64_t end = end_from(reader, offset), left = end - offset;
  message->table = NULL;
  if (left == 0) return KHONSU_OK;
  if (left < sizeof prefix[0]) return cut_short(error);
  khonsu_status status = kh_ipc_bytes_read(reader, offset, prefix, left < 8 ? 4 : 8, error);
  if (status != KHONSU_OK) return status;
  bool is_old = prefix[0] != UINT32_MAX;
  uint32_t size = prefix[is_old ? 0 : 1], prefix_size = is_old ? 4 : 8;
  if (left < prefix_size) return cut_short(error);
  if (size == 0) return KHONSU_OK;
  left -= prefix_size;
  if (is_old && (size > INT32_MAX || size > left))
    return khonsu_error_set(error, KHONSU_CORRUPT, "no message begins at byte %llu", (unsigned long long)offset);
  if (size > INT32_MAX || size > left) return cut_short(error);
  return read_table(reader, offset + prefix_size, size, end, message, error);
}

/* ---- bodies */

khonsu_status kh_ipc_body_read(const kh_ipc_reader *reader, const kh_ipc_message *message, kh_chunk *chunk,
                               kh_ipc_body *body, khonsu_error *error) {
  size_t size = (size_t)message->body_size;
  if (reader->source.memory != NULL) {
    chunk->memory = kh_memory_ref(reader->source.memory);
    *body = (kh_ipc_body){(const uint8_t *)reader->source.bytes.data + message->body, (int64_t)size};
    return KHONSU_OK;
  }
  void *bytes = kh_arena_take(&chunk->arena, size);
  if (bytes == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for %zu bytes", size);
  *body = (kh_ipc_body){bytes, (int64_t)size};
  return kh_ipc_bytes_read(reader, message->body, bytes, size, error);
}
