/* cast: chunks under another schema, without loss. What may become what is decided on the schemas alone (cast_check.c);
 * after that only offsets of 32 bits and memory can run out.
 *
 *   plain arrays of     dictionaries, run-end encoded arrays, views, list views; fixed-size ones where asked for
 *   wider               integers, also unsigned to signed; integers to floats that hold them all; floats; decimals
 *                       with no fewer digits on either side of the point; offsets; indices and run ends; date32
 *   more                null to anything nullable; columns, and fields of structs, that are nullable
 *   less exact in type  utf8 to binary
 *
 * Columns and fields of structs are found by their names, others by place. What stays as it is, is shared. A union has no
 * nulls of its own, so those of encoded unions become nulls of the union's first field. */
#ifndef KH_ARROW_CAST_H
#define KH_ARROW_CAST_H

#include "gather.h"

typedef struct kh_cast {
  const kh_field *fields; /* of the target */
  kh_chunk *result;       /* owns all that is made */
  bool shares;            /* it refers to memory of the source, too */
  khonsu_error *error;
} kh_cast;

/* Makes node `field` of the result, and those below it, of `length` values from the place on. VALUE_TOO_LARGE,
 * NO_MEMORY. */
typedef khonsu_status kh_cast_family(kh_cast *cast, const kh_place *from, int64_t length, uint32_t field);
kh_cast_family kh_cast_field;

/* Each does that. */
kh_cast_family kh_cast_number; /* integers, floats, dates */
kh_cast_family kh_cast_decimal;
kh_cast_family kh_cast_bytes;
kh_cast_family kh_cast_list;
kh_cast_family kh_cast_struct;
kh_cast_family kh_cast_union;
kh_cast_family kh_cast_dictionary; /* to another one */
kh_cast_family kh_cast_runs;       /* to other ones */
kh_cast_family kh_cast_decode;     /* dictionaries and runs to plain arrays */

/* Makes the values that `pick` names of the node `field` of the chunk, as a chunk of the same schema that
 * has this node only, from place 0 on. Its memory is the result's; the chunk itself goes with kh_chunk_unref. */
KHONSU_MUST_USE khonsu_status kh_cast_gather(const kh_cast *cast, const kh_chunk *chunk, uint32_t field,
                                             const kh_pick *pick, kh_chunk **gathered);

/* Sets the node's length, and its validity and null_count if it has one. */
KHONSU_MUST_USE khonsu_status kh_cast_begin(const kh_cast *cast, const kh_place *from, int64_t length, uint32_t field);
/* Makes buffer `index` of the node; to be filled in. NULL: out of memory, which `error` says. */
void *kh_cast_buffer(const kh_cast *cast, uint32_t field, uint32_t index, int64_t count, int64_t size);

static inline khonsu_status kh_cast_no_memory(const kh_cast *cast) {
  return khonsu_error_set(cast->error, KHONSU_NO_MEMORY, "no memory to cast a record batch");
}

/* Whether arrays of the one, all the way down, can stand for arrays of the other as they are. */
bool kh_cast_is_same(const kh_field *from, uint32_t source, const kh_field *to, uint32_t target);

/* As kh_schema_cast_check, of two fields and what is below them; whether these two may be null themselves aside. */
KHONSU_MUST_USE khonsu_status kh_cast_check_type(const kh_field *from, uint32_t source, const kh_field *to,
                                                 uint32_t target, khonsu_error *error);
/* Whether lists of the one layout can become lists of the other, their items aside. */
bool kh_cast_list_fits(const kh_field *source, const kh_field *target);

#endif
