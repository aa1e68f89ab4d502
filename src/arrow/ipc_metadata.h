/* ipc_metadata: Schema and RecordBatch flatbuffers, both ways. Only for files that speak flatcc. */
#ifndef KH_ARROW_IPC_METADATA_H
#define KH_ARROW_IPC_METADATA_H

#include "ipc_format.h"
#include "ipc_reader.h"

/* Whether a flatbuffer is well-formed: what there is in it of what the reader looks at lies within it, is aligned and
 * ends. `bytes` are aligned to 8. Takes time linear in their number. CORRUPT. */
KHONSU_MUST_USE khonsu_status kh_ipc_verify_message(const void *bytes, size_t size, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_ipc_verify_footer(const void *bytes, size_t size, khonsu_error *error);

/* A verified Schema becomes a schema, and `ids`, by field, those of its dictionaries; for kh_free. It stands in
 * `size` bytes. CORRUPT, UNSUPPORTED, NESTING_TOO_DEEP, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_schema_read(NS(Schema_table_t) table, uint64_t size, uint64_t depth_max,
                                                 kh_schema **schema, int64_t **ids, khonsu_error *error);

/* The fields of a Schema under construction. UNSUPPORTED, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_schema_write(flatcc_builder_t *builder, const kh_schema *schema,
                                                  khonsu_error *error);

/* The id that a field's dictionary goes by when written: dictionaries are counted in level order. */
int64_t kh_ipc_dictionary_id(const kh_schema *schema, uint32_t field);

typedef struct kh_ipc_body {
  const uint8_t *bytes; /* aligned to 8; owned by the chunk that is filled */
  int64_t size;
} kh_ipc_body;

/* A verified RecordBatch fills in the nodes of `chunk`: all of them if `root` is 0, else those from field `root` on
 * down, which is its only column. `known` gets the sizes of the buffers. The nodes are not valid yet. CORRUPT,
 * UNSUPPORTED, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_batch_read(const kh_ipc_reader *reader, NS(RecordBatch_table_t) table,
                                                bool has_union_validity, kh_ipc_body body, uint32_t root,
                                                kh_chunk *chunk, kh_known_sizes *known, khonsu_error *error);

/* Makes all nodes of `chunk` from field `root` on down empty arrays. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_fill_empty(kh_chunk *chunk, uint32_t root, khonsu_error *error);

/* The first field whose dictionary has `id`; 0: none has. */
uint32_t kh_ipc_field_of_id(const kh_ipc_reader *reader, int64_t id);

#endif
