/* replace: a chunk in which rows are replaced by rows of another. */
#ifndef KH_ARROW_REPLACE_H
#define KH_ARROW_REPLACE_H

#include "keyed_rows.h"

/* `matches` says which rows of the chunk, by which of the input; both have the layout of `schema`, which the result has.
 * VALUE_TOO_LARGE: offsets or indices cannot hold the result. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_chunk_replace(kh_schema *schema, const kh_chunk *chunk, const kh_chunk *input,
                                               const kh_key_matches *matches, kh_chunk **replaced, khonsu_error *error);

#endif
