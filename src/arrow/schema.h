/* schema: a checked Arrow schema, immutable and shared.
 *
 * The tree of fields is kept flat, in level order: a field's children stand side by side from `first` on, its dictionary
 * right after them. So a tree of arrays (chunk.h), of views or of schemas to export is an array as well, with the same
 * numbers, and one table of pointers to its members serves as everybody's `children`. Field 0 is the root struct. */
#ifndef KH_ARROW_SCHEMA_H
#define KH_ARROW_SCHEMA_H

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "buffers are read and bitmaps copied as on little-endian machines");

#include <stdatomic.h>

#include "arrow.h"
#include "ipc_codec.h"
#include "nanoarrow/nanoarrow.h"

/* What must hold of a fixed buffer, worked out once. */
typedef struct kh_buffer_rule {
  int64_t bits; /* of an element */
  bool is_validity;
  bool has_end;      /* offsets: one more than there are values, if there are any */
  uint8_t alignment; /* that it must have to be read here; what consumers read is aligned as the producer made it */
} kh_buffer_rule;

typedef struct kh_field {
  struct ArrowSchema arrow; /* as it is exported, save links, release and private_data, which are NULL */
  enum ArrowType type;      /* as people see it: dictionary, timestamp, ... */
  enum ArrowType storage;   /* as it is laid out: of a dictionary its indices */
  struct ArrowLayout layout;
  uint32_t parent; /* of the root: 0 */
  uint32_t first;  /* the first child, or the dictionary if there are no children */
  uint32_t depth;  /* levels below the root */
  bool has_dictionary;
  bool is_view;           /* utf8_view, binary_view */
  int8_t *union_children; /* unions: child of each of the 128 type ids, -1 = none; then type id of each child */
  kh_buffer_rule rules[NANOARROW_MAX_FIXED_BUFFERS];
  uint8_t buffer_count; /* fixed buffers; of views those before the variadic ones */
} kh_field;

struct kh_schema {
  _Atomic uint32_t references;
  uint32_t count;           /* fields */
  uint32_t depth;           /* of the deepest field */
  uint32_t buffer_count;    /* fixed buffers of all fields together */
  uint32_t view_count;      /* fields whose values are views: they have variadic buffers */
  struct ArrowSchema moved; /* owns the strings; release NULL: they stand behind the fields */
  kh_field fields[];
};

/* A schema of what `schema` says; one that this library lent out and that is whole is taken back by reference, and one
 * that says the same as the one imported before shares that. The first form consumes `schema`, on failure too.
 * INVALID_ARROW, NESTING_TOO_DEEP, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_schema_import(struct ArrowSchema *schema, const kh_arrow_limits *limits,
                                               kh_schema **imported, khonsu_error *error);
KHONSU_MUST_USE khonsu_status kh_schema_import_copy(const struct ArrowSchema *schema, const kh_arrow_limits *limits,
                                                    kh_schema **imported, khonsu_error *error);
/* Whether `arrow` says, word for word, what `known` does. */
bool kh_schema_says(const kh_schema *known, const struct ArrowSchema *arrow);

kh_schema *kh_schema_ref(kh_schema *schema);
void kh_schema_unref(kh_schema *schema); /* NULL is a no-op */

/* Lends the schema out; it holds a reference. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_schema_export(kh_schema *schema, struct ArrowSchema *exported);
/* The schema that `exported` was lent from, if nothing in it was changed or moved out since; else NULL. */
kh_schema *kh_schema_of_export(const struct ArrowSchema *exported);

/* As kh_table_match, of schemas. */
KHONSU_MUST_USE khonsu_status kh_schema_match(const kh_schema *base, const kh_schema *tail, khonsu_error *error);
/* Whether two fields are of one type; what their children are aside. */
bool kh_field_same_type(const kh_field *fields, uint32_t index, const kh_field *others, uint32_t other);
/* Whether two fields have the same extension type, or none. SCHEMA_MISMATCH. */
KHONSU_MUST_USE khonsu_status kh_field_match_extension(const kh_field *base, uint32_t index, const kh_field *tail,
                                                       uint32_t tail_index, khonsu_error *error);
/* Whether arrays of the one are laid out as arrays of the other. */
bool kh_schema_same_layout(const kh_schema *a, const kh_schema *b);

/* What rows that do not match may do to the schema of a table, from its metadata; khonsu_schema_rules, or-ed. */
uint32_t kh_schema_rules(const kh_schema *schema);
/* INVALID_ARROW: the metadata of a schema speak of rules that there are not. */
KHONSU_MUST_USE khonsu_status kh_schema_rules_check(const char *metadata, khonsu_error *error);
/* The schema with other rules. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_schema_with_rules(const kh_schema *schema, uint32_t rules, kh_schema **changed,
                                                   khonsu_error *error);
/* How record batches of the schema are stored, from its metadata. */
kh_ipc_codec kh_schema_compression(const kh_schema *schema);
/* INVALID_ARROW: the metadata of a schema speak of a compression that there is not. */
KHONSU_MUST_USE khonsu_status kh_schema_compression_check(const char *metadata, khonsu_error *error);
/* The schema of rows of both, as these rules allow; base itself, if it holds the rows of tail as it is; a reference.
 * SCHEMA_MISMATCH: the text names the first field for which there is none, and why. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_schema_unite(kh_schema *base, const kh_schema *tail, uint32_t rules,
                                              kh_schema **united, khonsu_error *error);

static inline uint32_t kh_field_buffer_count(const kh_field *field) { return field->buffer_count; }

static inline bool kh_field_is_view(const kh_field *field) { return field->is_view; }

/* Bytes between offsets. */
static inline bool kh_field_is_text(const kh_field *field) {
  return !field->has_dictionary && field->layout.buffer_type[1] == NANOARROW_BUFFER_TYPE_DATA_OFFSET &&
         field->layout.buffer_type[2] == NANOARROW_BUFFER_TYPE_DATA;
}

static inline uint32_t kh_field_dictionary(const kh_field *field) {
  return field->first + (uint32_t)field->arrow.n_children;
}

/* The child field that a type id of a union stands for. The id is one of the union's. */
static inline uint32_t kh_field_union_child(const kh_field *field, int8_t type_id) {
  return field->first + (uint8_t)field->union_children[type_id];
}

/* Where the values are that a dictionary or runs encode; of what encodes nothing, the field itself. */
static inline uint32_t kh_field_values(const kh_field *fields, uint32_t index) {
  const kh_field *field = &fields[index];
  if (field->has_dictionary) return kh_field_dictionary(field);
  return field->storage == NANOARROW_TYPE_RUN_END_ENCODED ? field->first + 1 : index;
}
/* The same where values are encoded themselves. */
static inline uint32_t kh_field_decoded(const kh_field *fields, uint32_t index) {
  for (uint32_t values; (values = kh_field_values(fields, index)) != index;) index = values;
  return index;
}

/* Values, not the indices of a dictionary, that are UTF-8. */
static inline bool kh_field_is_utf8(const kh_field *field) {
  return !field->has_dictionary &&
         (field->storage == NANOARROW_TYPE_STRING || field->storage == NANOARROW_TYPE_LARGE_STRING ||
          field->storage == NANOARROW_TYPE_STRING_VIEW);
}

static inline bool kh_field_is_map_entries(const kh_field *fields, uint32_t index) {
  return index != 0 && fields[fields[index].parent].storage == NANOARROW_TYPE_MAP;
}

#define KH_NO_FIELD UINT32_MAX
/* For each field of the struct `target` the number, among its fields, of that of `source` which has the same name, or
 * KH_NO_FIELD; where several have a name the first goes with the first. The two fields of map entries go by place. False:
 * out of memory. */
KHONSU_MUST_USE bool kh_fields_pair(const kh_field *to, uint32_t target, const kh_field *from, uint32_t source,
                                    uint32_t *pairs);

/* ---- schemas made of others: trees in the making, which the caller releases if something fails on the way */

/* A field like this one, its children and dictionary aside: of another format, and with so many children to be made. */
ArrowErrorCode kh_field_begin(const kh_field *field, const char *format, int64_t n_children, struct ArrowSchema *made);
/* A field and what is below it. */
ArrowErrorCode kh_field_copy(const kh_field *fields, uint32_t index, struct ArrowSchema *made);
/* The schema of a finished tree, which is consumed; if `code` says so there was no memory for the tree. */
KHONSU_MUST_USE khonsu_status kh_schema_made(struct ArrowSchema *made, ArrowErrorCode code, kh_schema **schema,
                                             khonsu_error *error);
extern const kh_arrow_limits kh_no_limits; /* for what was let in already */

/* The parameters of the field's format: fixed size, unit, time zone, precision and scale. */
struct ArrowSchemaView kh_field_parameters(const kh_field *field);

#define KH_TYPE_NAME_SIZE 160

/* "int64", "timestamp[us, tz=UTC]", "dictionary<values=utf8, indices=int8>": cut if too long. */
void kh_field_type_name(const kh_field *fields, uint32_t index, char name[KH_TYPE_NAME_SIZE]);

enum { KH_FIELD_PATH_SIZE = 192 };
/* The names from the root down, joined by dots; of a long path the end. Returns where it begins in `room`. */
const char *kh_field_path(const kh_field *fields, uint32_t index, char room[KH_FIELD_PATH_SIZE]);

/* Sets `error` to "column 'a.b': " and the text, or to the text alone for the root. Returns `status`. */
khonsu_status kh_field_fail(const kh_field *fields, uint32_t index, khonsu_error *error, khonsu_status status,
                            const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
