/* ipc_metadata: Schema and RecordBatch flatbuffers, both ways. Only for files that speak flatcc. */
#ifndef KH_ARROW_IPC_METADATA_H
#define KH_ARROW_IPC_METADATA_H

#include "ipc_format.h"
#include "ipc_reader.h"

/* Whether a flatbuffer is well-formed: what there is in it of what the reader looks at lies within it, is aligned and
 * ends. `bytes` are aligned to 8. Takes time linear in their number. CORRUPT. */
KHONSU_MUST_USE khonsu_status kh_ipc_verify_message(const void *bytes, size_t size, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_ipc_verify_footer(const void *bytes, size_t size, khonsu_error *error);

/* What a verified Schema, which stands in `size` bytes, says of its batches. CORRUPT, UNSUPPORTED, NESTING_TOO_DEEP,
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_schema_read(NS(Schema_table_t) table, uint64_t size, uint64_t depth_max,
                                                 kh_ipc_layout **layout, khonsu_error *error);

/* The fields of a Schema under construction. UNSUPPORTED, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_schema_write(flatcc_builder_t *builder, const kh_schema *schema,
                                                  khonsu_error *error);

/* The id that a field's dictionary goes by when written: dictionaries are counted in level order. */
int64_t kh_ipc_dictionary_id(const kh_schema *schema, uint32_t field);

#endif
