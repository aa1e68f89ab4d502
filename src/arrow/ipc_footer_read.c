#include "ipc_footer.h"

static khonsu_status cut_short(khonsu_error *error) {
  return khonsu_error_set(error, KHONSU_CORRUPT, "it is cut short");
}

static khonsu_status find_footer(kh_ipc_reader *reader, uint64_t *footer, size_t *size, khonsu_error *error) {
  uint8_t end[KH_IPC_FOOTER_END];
  int32_t footer_size;
  uint64_t whole = reader->source.size;
  if (whole < KH_IPC_FILE_START + KH_IPC_FOOTER_END) return cut_short(error);
  khonsu_status status = kh_ipc_bytes_read(reader, whole - sizeof end, end, sizeof end, error);
  if (status != KHONSU_OK) return status;
  memcpy(&footer_size, end, sizeof footer_size);
  if (memcmp(end + sizeof footer_size, KH_IPC_MAGIC, KH_IPC_MAGIC_SIZE) != 0) return cut_short(error);
  if (footer_size <= 0 || (uint64_t)footer_size > whole - sizeof end - KH_IPC_FILE_START)
    return khonsu_error_set(error, KHONSU_CORRUPT, "its footer is said to have %d bytes", (int)footer_size);
  *size = (size_t)footer_size;
  *footer = whole - sizeof end - *size;
  return KHONSU_OK;
}

/* Where messages stand; copied out of the footer, whose memory they may be read into. */
static khonsu_status copy_blocks(const kh_ipc_reader *reader, NS(Block_vec_t) blocks, uint64_t **copy, uint64_t *count,
                                 khonsu_error *error) {
  *count = NS(Block_vec_len(blocks));
  *copy = kh_alloc_array(*count, sizeof **copy);
  if (*copy == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a footer");
  for (size_t i = 0; i < *count; i++) {
    int64_t offset = NS(Block_offset(NS(Block_vec_at(blocks, i))));
    if (offset < KH_IPC_FILE_START || (uint64_t)offset >= reader->end)
      return khonsu_error_set(error, KHONSU_CORRUPT, "its footer points outside of it, to byte %lld",
                              (long long)offset);
    (*copy)[i] = (uint64_t)offset;
  }
  return KHONSU_OK;
}

static int compare(const void *a, const void *b) {
  uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
  return one < other ? -1 : one > other;
}

static khonsu_status sort_places(kh_ipc_reader *reader, const uint64_t *dictionaries, uint64_t dictionary_count,
                                 khonsu_error *error) {
  uint64_t count = reader->batch_count + dictionary_count;
  reader->places = kh_alloc_array(count, sizeof *reader->places);
  if (reader->places == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a footer");
  memcpy(reader->places, reader->batches, reader->batch_count * sizeof *reader->places);
  memcpy(reader->places + reader->batch_count, dictionaries, dictionary_count * sizeof *reader->places);
  qsort(reader->places, count, sizeof *reader->places, compare);
  for (uint64_t i = 1; i < count; i++)
    if (reader->places[i] == reader->places[i - 1])
      return khonsu_error_set(error, KHONSU_CORRUPT, "its footer points twice to byte %llu",
                              (unsigned long long)reader->places[i]);
  reader->place_count = count;
  return KHONSU_OK;
}

static khonsu_status read_dictionaries(kh_ipc_reader *reader, const uint64_t *blocks, uint64_t count,
                                       khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  for (uint64_t i = 0; i < count && status == KHONSU_OK; i++) {
    kh_ipc_message message;
    status = kh_ipc_message_read(reader, blocks[i], &message, error);
    if (status != KHONSU_OK) break;
    if (message.table == NULL || NS(Message_header_type(message.table)) != NS(MessageHeader_DictionaryBatch))
      return khonsu_error_set(error, KHONSU_CORRUPT, "its footer points to no dictionary");
    status = kh_ipc_dictionary_read(reader, &message, error);
  }
  return status;
}

static khonsu_status read_footer(kh_ipc_reader *reader, NS(Footer_table_t) footer, size_t size, khonsu_error *error) {
  if (NS(Footer_schema(footer)) == NULL) return khonsu_error_set(error, KHONSU_CORRUPT, "its footer has no schema");
  uint64_t *dictionaries = NULL, count = 0;
  khonsu_status status = kh_ipc_reader_take_schema(reader, NS(Footer_schema(footer)), size, error);
  if (status == KHONSU_OK)
    status = copy_blocks(reader, NS(Footer_recordBatches(footer)), &reader->batches, &reader->batch_count, error);
  if (status == KHONSU_OK) status = copy_blocks(reader, NS(Footer_dictionaries(footer)), &dictionaries, &count, error);
  if (status == KHONSU_OK) status = sort_places(reader, dictionaries, count, error);
  if (status == KHONSU_OK) status = read_dictionaries(reader, dictionaries, count, error);
  kh_free(dictionaries);
  return status;
}

khonsu_status kh_ipc_footer_open(kh_ipc_reader *reader, khonsu_error *error) {
  size_t size = 0;
  const void *bytes;
  khonsu_status status = find_footer(reader, &reader->end, &size, error);
  if (status == KHONSU_OK) status = kh_ipc_metadata_read(reader, reader->end, size, &bytes, error);
  if (status == KHONSU_OK) status = kh_ipc_verify_footer(bytes, size, error);
  return status == KHONSU_OK ? read_footer(reader, NS(Footer_as_root(bytes)), size, error) : status;
}
