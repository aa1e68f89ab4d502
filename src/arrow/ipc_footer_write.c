#include "ipc_footer.h"
#include "ipc_message_write.h"

static bool write_blocks(flatcc_builder_t *builder, const kh_ipc_writer *writer, bool dictionaries) {
  int failed = dictionaries ? NS(Footer_dictionaries_start(builder)) : NS(Footer_recordBatches_start(builder));
  for (uint64_t i = 0; i < writer->place_count && failed == 0; i++) {
    const kh_ipc_place *place = &writer->places[i];
    if (place->is_dictionary != dictionaries) continue;
    NS(Block_t) *block =
        dictionaries ? NS(Footer_dictionaries_extend(builder, 1)) : NS(Footer_recordBatches_extend(builder, 1));
    if (block == NULL) return false;
    *block =
        (NS(Block_t)){.offset = place->offset, .metaDataLength = place->metadata_size, .bodyLength = place->body_size};
  }
  return failed == 0 &&
         (dictionaries ? NS(Footer_dictionaries_end(builder)) : NS(Footer_recordBatches_end(builder))) == 0;
}

static khonsu_status build(flatcc_builder_t *builder, const kh_ipc_writer *writer, khonsu_error *error) {
  if (NS(Footer_start_as_root(builder)) != 0 || NS(Footer_version_add(builder, NS(MetadataVersion_V5))) != 0 ||
      NS(Footer_schema_start(builder)) != 0)
    return kh_ipc_write_no_memory(error);
  khonsu_status status = kh_ipc_schema_write(builder, writer->schema, error);
  if (status != KHONSU_OK) return status;
  if (NS(Footer_schema_end(builder)) != 0 || !write_blocks(builder, writer, true) ||
      !write_blocks(builder, writer, false) || NS(Footer_end_as_root(builder)) == 0)
    return kh_ipc_write_no_memory(error);
  return KHONSU_OK;
}

static khonsu_status put(kh_ipc_writer *writer, kh_ipc_builder *builder, khonsu_error *error) {
  size_t size = kh_ipc_builder_size(builder);
  uint8_t *to = kh_arena_take(&writer->out.arena, size + KH_IPC_FOOTER_END);
  if (to == NULL || !kh_ipc_builder_copy(builder, to)) return kh_ipc_write_no_memory(error);
  int32_t stored = (int32_t)size; /* places and a schema: far below 2 GiB */
  memcpy(to + size, &stored, sizeof stored);
  memcpy(to + size + sizeof stored, KH_IPC_MAGIC, KH_IPC_MAGIC_SIZE);
  return kh_ipc_put_bytes(writer, to, size + KH_IPC_FOOTER_END, error);
}

khonsu_status kh_ipc_footer_put(kh_ipc_writer *writer, khonsu_error *error) {
  kh_ipc_builder builder;
  kh_ipc_builder_init(&builder);
  khonsu_status status = build(&builder.flat, writer, error);
  if (status == KHONSU_OK) status = put(writer, &builder, error);
  kh_ipc_builder_fini(&builder);
  return status;
}
