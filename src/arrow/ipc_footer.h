/* ipc_footer: the end of a file says where its messages are, so that any batch can be read without those before it. */
#ifndef KH_ARROW_IPC_FOOTER_H
#define KH_ARROW_IPC_FOOTER_H

#include "ipc_data.h"
#include "ipc_writer.h"

/* Of a file that begins as one: its schema, where its batches are, and all of its dictionaries. CORRUPT, IO,
 * UNSUPPORTED, NESTING_TOO_DEEP, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_footer_open(kh_ipc_reader *reader, khonsu_error *error);

/* The footer of what was written. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_footer_put(kh_ipc_writer *writer, khonsu_error *error);

/* Reads a schema, which a footer and a stream begin with. CORRUPT, UNSUPPORTED, NESTING_TOO_DEEP, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_reader_take_schema(kh_ipc_reader *reader, NS(Schema_table_t) table,
                                                        size_t metadata_size, khonsu_error *error);

#endif
