/* schema_walk: spreads a tree of ArrowSchema nodes out in level order. Trusts nothing but that pointers which are not
 * NULL lead somewhere. */
#ifndef KH_ARROW_SCHEMA_WALK_H
#define KH_ARROW_SCHEMA_WALK_H

#include "schema.h"

typedef struct kh_schema_walk {
  kh_field *fields; /* `arrow` is the node as it was found, links included; types are not set yet */
  uint32_t count, capacity;
} kh_schema_walk;

/* INVALID_ARROW: a node is missing or released, or says nonsense; NESTING_TOO_DEEP; NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_schema_walk_run(kh_schema_walk *walk, const struct ArrowSchema *root,
                                                 uint64_t depth_max, khonsu_error *error);
void kh_schema_walk_fini(kh_schema_walk *walk);

/* Whether the counts and sizes in a field's metadata are not negative; nanoarrow reads them without asking. */
bool kh_metadata_is_sane(const char *metadata);

#endif
