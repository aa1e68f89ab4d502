/* project: chosen columns of chunks, in any order, as chunks of their own that share the memory. A column from inside of
 * structs becomes a column of its own, by the name of its path; where a struct around it is null, so is the column.
 *
 *   schema   a (b c)           chosen  b.c   d
 *                 (d e)                  = fields 1, 2 of a schema of their own, which come from fields 4, 5 */
#ifndef KH_ARROW_PROJECT_H
#define KH_ARROW_PROJECT_H

#include "chunk.h"

typedef struct kh_projection {
  kh_schema *schema; /* of the chosen columns */
  uint32_t *sources; /* for each of its fields the field that it was */
  bool is_nested;    /* some column comes from inside of a struct */
} kh_projection;

/* `columns` are paths, none twice. INVALID_ARGUMENT, SCHEMA_MISMATCH: there is no such column, or it is named twice.
 * NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_projection_init(kh_projection *projection, kh_schema *schema,
                                                 const char *const *columns, size_t count, khonsu_error *error);
void kh_projection_fini(kh_projection *projection);

/* The chosen columns of a chunk of the schema. VALUE_TOO_LARGE, NO_MEMORY: only where structs are null. */
KHONSU_MUST_USE khonsu_status kh_chunk_project(const kh_projection *projection, kh_chunk *chunk, kh_chunk **projected,
                                               khonsu_error *error);

#endif
