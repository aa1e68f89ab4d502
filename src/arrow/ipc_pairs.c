#include "ipc_pairs.h"

#include "nanoarrow/nanoarrow.h"

static size_t text_size(flatbuffers_string_t text) { return text == NULL ? 0 : flatbuffers_string_len(text); }

size_t kh_ipc_pairs_size(NS(KeyValue_vec_t) pairs) {
  size_t count = NS(KeyValue_vec_len(pairs)), size = sizeof(int32_t);
  if (count == 0) return 0;
  for (size_t i = 0; i < count; i++) {
    NS(KeyValue_table_t) pair = NS(KeyValue_vec_at(pairs, i));
    size += 2 * sizeof(int32_t) + text_size(NS(KeyValue_key(pair))) + text_size(NS(KeyValue_value(pair)));
  }
  return size;
}

static char *put_text(char *to, flatbuffers_string_t text) {
  int32_t size = (int32_t)text_size(text);
  memcpy(to, &size, sizeof size);
  if (size > 0) memcpy(to + sizeof size, text, (size_t)size);
  return to + sizeof size + (size_t)size;
}

void kh_ipc_pairs_read(NS(KeyValue_vec_t) pairs, char *to) {
  int32_t count = (int32_t)NS(KeyValue_vec_len(pairs));
  memcpy(to, &count, sizeof count);
  to += sizeof count;
  for (int32_t i = 0; i < count; i++) {
    NS(KeyValue_table_t) pair = NS(KeyValue_vec_at(pairs, (size_t)i));
    to = put_text(put_text(to, NS(KeyValue_key(pair))), NS(KeyValue_value(pair)));
  }
}

bool kh_ipc_pairs_write(flatcc_builder_t *builder, const char *metadata, const kh_ipc_pairs_ops *ops) {
  struct ArrowMetadataReader reader;
  struct ArrowStringView key, value;
  (void)ArrowMetadataReaderInit(&reader, metadata);
  if (reader.remaining_keys == 0) return true;
  if (ops->start(builder) != 0) return false;
  while (ArrowMetadataReaderRead(&reader, &key, &value) == NANOARROW_OK) {
    if (ops->push_start(builder) != 0 || NS(KeyValue_key_create(builder, key.data, (size_t)key.size_bytes)) != 0 ||
        NS(KeyValue_value_create(builder, value.data, (size_t)value.size_bytes)) != 0 || ops->push_end(builder) == NULL)
      return false;
  }
  return ops->end(builder) == 0;
}
