/* schema_compression: how a table's record batches are compressed where they are stored. A table says it in the metadata
 * of its schema, as it does its rules. */
#include "schema.h"

#define COMPRESSION_KEY "khonsu.compression"

static const struct {
  const char *word;
  kh_ipc_codec codec;
} words[] = {{"none", KH_IPC_PLAIN}, {"lz4", KH_IPC_LZ4}, {"zstd", KH_IPC_ZSTD}};

/* KH_IPC_PLAIN where nothing is said. False: there is no such codec. */
static bool read_codec(const char *metadata, kh_ipc_codec *codec, struct ArrowStringView *said) {
  *codec = KH_IPC_PLAIN;
  *said = ArrowCharView(NULL);
  (void)ArrowMetadataGetValue(metadata, ArrowCharView(COMPRESSION_KEY), said);
  if (said->data == NULL) return true;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    size_t size = strlen(words[i].word);
    if (size != (size_t)said->size_bytes || memcmp(words[i].word, said->data, size) != 0) continue;
    *codec = words[i].codec;
    return true;
  }
  return false;
}

kh_ipc_codec kh_schema_compression(const kh_schema *schema) {
  struct ArrowStringView said;
  kh_ipc_codec codec;
  (void)read_codec(schema->fields[0].arrow.metadata, &codec, &said);
  return codec;
}

khonsu_status kh_schema_compression_check(const char *metadata, khonsu_error *error) {
  struct ArrowStringView said;
  kh_ipc_codec codec;
  if (read_codec(metadata, &codec, &said)) return KHONSU_OK;
  int size = said.size_bytes > 80 ? 80 : (int)said.size_bytes;
  return khonsu_error_set(error, KHONSU_INVALID_ARROW,
                          "the schema's metadata say " COMPRESSION_KEY " = '%.*s': it must be zstd, lz4 or none", size,
                          said.data);
}
