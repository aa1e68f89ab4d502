/* ipc_reader: Arrow IPC in, chunk by chunk.
 *
 * Trusts no byte: metadata are verified and read for what may be missing in them; every count, size and place is
 * checked against the bytes that are there before anything is allocated or read; and what comes out is validated as any
 * other record batch, against the true sizes of its buffers.
 *
 * What it allocates is bounded by the bytes that it is given: a few times their number, or, where they are compressed,
 * what frames of that size can hold, and never much more than the arrays need. */
#ifndef KH_ARROW_IPC_READER_H
#define KH_ARROW_IPC_READER_H

#include "chunk.h"
#include "ipc_codec.h"
#include "ipc_layout.h"

/* Where bytes come from: a file, or memory if `os` is NULL. */
typedef struct kh_ipc_source {
  const char *name; /* for messages */
  const kh_os *os;
  kh_file file;       /* the reader closes it */
  khonsu_slice bytes; /* in memory */
  kh_memory *memory;  /* what they are part of, borrowed: chunks point into it. NULL: bodies are copied */
  uint64_t size;      /* of the file or the bytes */
} kh_ipc_source;

typedef struct kh_ipc_reader {
  kh_ipc_source source;
  kh_arrow_limits limits;
  bool is_trusted;       /* what is said in metadata is checked, values are not */
  kh_ipc_layout *layout; /* a reference */
  void *room;            /* of the two below; the reader's to free */
  kh_known_sizes *known; /* by field: of the batch that is being read */
  kh_chunk **values;     /* by dictionary; NULL: none came yet */
  kh_buffer metadata;    /* of the message last read, unless it can be read in place */
  kh_ipc_compression compression;
  uint64_t position, end; /* of the next message; of the data */
  uint64_t *batches;      /* where those of a file are, in order; NULL for a stream */
  uint64_t *places;       /* where any message of a file is, ascending: one reaches as far as the next, no further */
  uint64_t batch_count, place_count;
  uint64_t batch_number; /* of the next, from 0 */
} kh_ipc_reader;

/* Reads as far as the schema; of a file also the dictionaries. Takes the source over, on failure too. CORRUPT, IO,
 * UNSUPPORTED, NESTING_TOO_DEEP, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_reader_open(kh_ipc_reader *reader, const kh_ipc_source *source,
                                                 const kh_arrow_limits *limits, khonsu_error *error);
/* The next record batch; *chunk = NULL at the end. As open, and VALUE_TOO_LARGE. */
KHONSU_MUST_USE khonsu_status kh_ipc_reader_next(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error);
void kh_ipc_reader_fini(kh_ipc_reader *reader);

/* ---- for those who read a part of a stream */

/* Words that a reader of the layout needs beside it. */
size_t kh_ipc_reader_room(const kh_ipc_layout *layout);
/* Begins to use them, and lets go of what came into them and of what else it took to read. */
void kh_ipc_reader_furnish(kh_ipc_reader *reader, void *room);
void kh_ipc_reader_clear(kh_ipc_reader *reader);
/* The record batch that comes next in a stream, dictionaries before it included; *chunk, which was NULL, stays so at its end. As
 * kh_ipc_reader_next, and INVALID_ARROW. */
KHONSU_MUST_USE khonsu_status kh_ipc_stream_next(kh_ipc_reader *reader, kh_chunk **chunk, khonsu_error *error);

#endif
