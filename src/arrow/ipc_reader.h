/* ipc_reader: Arrow IPC in, chunk by chunk.
 *
 * Trusts no byte: metadata are verified and read for what may be missing in them; every count, size and place is
 * checked against the bytes that are there before anything is allocated or read; and what comes out is validated as any
 * other record batch, against the true sizes of its buffers. */
#ifndef KH_ARROW_IPC_READER_H
#define KH_ARROW_IPC_READER_H

#include "chunk.h"

/* Where bytes come from: a file, or memory if `os` is NULL. */
typedef struct kh_ipc_source {
  const char *name; /* for messages */
  const kh_os *os;
  kh_file file; /* the reader closes it */
  const void *memory;
  uint64_t size;
} kh_ipc_source;

typedef struct kh_ipc_reader {
  kh_ipc_source source;
  kh_arrow_limits limits;
  kh_schema *schema;
  int64_t *ids;            /* by field: id of its dictionary, if it has one */
  kh_chunk **dictionaries; /* by field: what its id stands for now; only the first field of an id counts */
  kh_buffer metadata;      /* of the message last read */
  uint64_t position, end;  /* of the next message; of the data */
  uint64_t *batches;       /* where those of a file are, in order; NULL for a stream */
  uint64_t batch_count;
  uint64_t batch_number; /* of the next, from 0 */
} kh_ipc_reader;

/* Reads as far as the schema; of a file also the dictionaries. Takes the source over, on failure too. CORRUPT, IO,
 * UNSUPPORTED, NESTING_TOO_DEEP, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_reader_open(kh_ipc_reader *reader, const kh_ipc_source *source,
                                                 const kh_arrow_limits *limits, khonsu_error *error);
/* The next record batch; *chunk = NULL at the end. As open, and VALUE_TOO_LARGE. */
KHONSU_MUST_USE khonsu_status kh_ipc_reader_next(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error);
void kh_ipc_reader_fini(kh_ipc_reader *reader);

#endif
