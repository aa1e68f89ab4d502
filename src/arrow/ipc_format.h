/* ipc_format: what both directions of the IPC codec share (Columnar format, "Serialization and Interprocess
 * Communication").
 *
 * A message is a prefix (four bytes 0xff, then the size of the metadata as int32), the metadata (a flatbuffer, padded
 * so that what follows is aligned to 8), and a body of buffers, each at a multiple of 8. A stream is a schema message,
 * then dictionary and record batch messages; it ends with its bytes, or with a prefix that says size 0. A file is
 * "ARROW1" and two zeros, a stream, a footer (a flatbuffer: the schema again and where the batches are), the footer's
 * size as int32, "ARROW1". */
#ifndef KH_ARROW_IPC_FORMAT_H
#define KH_ARROW_IPC_FORMAT_H

#include "nanoarrow/ipc/flatcc_generated.h"

/* Names of flatcc's generated functions and types. */
#define NS(name) FLATBUFFERS_WRAP_NAMESPACE(org_apache_arrow_flatbuf, name)

#define KH_IPC_MAGIC "ARROW1"
enum { KH_IPC_MAGIC_SIZE = 6, KH_IPC_FILE_START = 8, KH_IPC_PREFIX_SIZE = 8, KH_IPC_FOOTER_END = 10 };

#endif
