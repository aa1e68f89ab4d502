/* ipc_verify: flatcc's checks of a flatbuffer, but with an end to them; and without its generality where it counts.
 *
 * flatcc's generated verifiers follow every reference, though fields may share children, which may share children; and
 * a check that fails is made once more at each level above it (verifier.c, check_result). Either takes time exponential
 * in the depth, and a few wrong bytes suffice for it. These here call the same checks in the same order and count the
 * tables they come to: a flatbuffer whose tables are not shared has fewer of them than bytes. Tables that lead to no
 * further ones are left to the generated code.
 *
 * Record batches come by the thousand, and flatcc's way through one costs more than all that follows. Most look alike:
 * they are checked here first, and whatever is not as expected is left to flatcc, which then says what is wrong. */
#include "ipc_metadata.h"

/* flatcc's callbacks have no context. Set by the entry points below, which do not nest. */
static _Thread_local uint64_t tables_left;

static bool spend(void) {
  if (tables_left == 0) return false;
  tables_left--;
  return true;
}

#define CHECK(call)                                                                                                    \
  do {                                                                                                                 \
    int wrong = (call);                                                                                                \
    if (wrong != flatcc_verify_ok) return wrong;                                                                       \
  } while (0)

#define SPEND() CHECK(spend() ? flatcc_verify_ok : flatcc_verify_error_max_nesting_level_reached)

static int verify_pair(flatcc_table_verifier_descriptor_t *td) {
  SPEND();
  CHECK(flatcc_verify_string_field(td, 0, 0)); /* key */
  return flatcc_verify_string_field(td, 1, 0); /* value */
}

static int verify_field(flatcc_table_verifier_descriptor_t *td) {
  SPEND();
  CHECK(flatcc_verify_string_field(td, 0, 0));                                     /* name */
  CHECK(flatcc_verify_field(td, 1, 1, 1));                                         /* nullable */
  CHECK(flatcc_verify_union_field(td, 3, 0, NS(Type_union_verifier)));             /* type */
  CHECK(flatcc_verify_table_field(td, 4, 0, NS(DictionaryEncoding_verify_table))); /* dictionary */
  CHECK(flatcc_verify_table_vector_field(td, 5, 0, verify_field));                 /* children */
  return flatcc_verify_table_vector_field(td, 6, 0, verify_pair);                  /* custom_metadata */
}

static int verify_schema(flatcc_table_verifier_descriptor_t *td) {
  CHECK(flatcc_verify_field(td, 0, 2, 2));                         /* endianness */
  CHECK(flatcc_verify_table_vector_field(td, 1, 0, verify_field)); /* fields */
  return flatcc_verify_table_vector_field(td, 2, 0, verify_pair);  /* custom_metadata */
}

/* Other messages are refused by their type and not looked into. */
static int verify_header(flatcc_union_verifier_descriptor_t *ud) {
  switch (ud->type) {
    case NS(MessageHeader_Schema): return flatcc_verify_union_table(ud, verify_schema);
    case NS(MessageHeader_DictionaryBatch): return flatcc_verify_union_table(ud, NS(DictionaryBatch_verify_table));
    case NS(MessageHeader_RecordBatch): return flatcc_verify_union_table(ud, NS(RecordBatch_verify_table));
    default: return flatcc_verify_ok;
  }
}

static int verify_message(flatcc_table_verifier_descriptor_t *td) {
  CHECK(flatcc_verify_field(td, 0, 2, 2));                        /* version */
  CHECK(flatcc_verify_union_field(td, 2, 0, verify_header));      /* header */
  CHECK(flatcc_verify_field(td, 3, 8, 8));                        /* bodyLength */
  return flatcc_verify_table_vector_field(td, 4, 0, verify_pair); /* custom_metadata */
}

static int verify_footer(flatcc_table_verifier_descriptor_t *td) {
  const size_t block_size = sizeof(NS(Block_t)), most = UINT32_MAX / sizeof(NS(Block_t));
  CHECK(flatcc_verify_field(td, 0, 2, 2));                          /* version */
  CHECK(flatcc_verify_table_field(td, 1, 0, verify_schema));        /* schema */
  CHECK(flatcc_verify_vector_field(td, 2, 0, block_size, 8, most)); /* dictionaries */
  return flatcc_verify_vector_field(td, 3, 0, block_size, 8, most); /* recordBatches */
}

/* ---- record batches, the short way */

/* A table: where it is, what it says of its fields, and how many bytes each has. */
typedef struct quick_table {
  const uint8_t *bytes;
  size_t size; /* of all */
  size_t at, vtable;
  uint16_t vtable_size, table_size;
} quick_table;

static uint16_t load_2(const uint8_t *bytes) {
  uint16_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

static uint32_t load_4(const uint8_t *bytes) {
  uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

/* All places are below 2^31 and do not overflow. */
static bool quick_open(quick_table *table, const uint8_t *bytes, size_t size, size_t at) {
  if (at % 4 != 0 || at + 4 > size) return false;
  int64_t vtable = (int64_t)at - (int32_t)load_4(bytes + at);
  if (vtable < 0 || vtable % 2 != 0 || (size_t)vtable + 4 > size) return false;
  *table = (quick_table){bytes, size, at, (size_t)vtable, load_2(bytes + vtable), load_2(bytes + vtable + 2)};
  return table->vtable_size >= 4 && table->vtable_size % 2 == 0 && table->vtable + table->vtable_size <= size &&
         at + table->table_size <= size;
}

/* Where a field of `width` bytes is; 0: it is left out. */
static bool quick_field(const quick_table *table, unsigned id, size_t width, size_t *at) {
  size_t entry = 4 + 2 * (size_t)id;
  *at = 0;
  if (entry >= table->vtable_size) return true;
  size_t offset = load_2(table->bytes + table->vtable + entry);
  if (offset == 0) return true;
  *at = table->at + offset;
  return offset >= 4 && offset + width <= table->table_size && *at % width == 0;
}

/* Where a field points to. */
static bool quick_target(const quick_table *table, unsigned id, size_t *at) {
  size_t field;
  if (!quick_field(table, id, 4, &field)) return false;
  *at = field == 0 ? 0 : field + load_4(table->bytes + field);
  return field == 0 || (*at > field && *at + 4 <= table->size);
}

static bool quick_vector(const quick_table *table, unsigned id, size_t width) {
  size_t at;
  if (!quick_target(table, id, &at)) return false;
  if (at == 0) return true;
  uint64_t count = load_4(table->bytes + at);
  return at % 4 == 0 && (at + 4) % 8 == 0 && count * width <= table->size - at - 4;
}

/* Without metadata, and not compressed: those are not looked into here. */
static bool quick_batch(const quick_table *message, size_t at) {
  quick_table batch;
  size_t length, compression;
  return quick_open(&batch, message->bytes, message->size, at) && quick_field(&batch, 0, 8, &length) &&
         quick_vector(&batch, 1, sizeof(NS(FieldNode_t))) && quick_vector(&batch, 2, sizeof(NS(Buffer_t))) &&
         quick_target(&batch, 3, &compression) && compression == 0 && quick_vector(&batch, 4, sizeof(int64_t));
}

static bool quick_message(const uint8_t *bytes, size_t size) {
  quick_table message;
  size_t version, type, header, length, metadata;
  if (size < 8 || size > INT32_MAX || (uintptr_t)bytes % 8 != 0 || load_4(bytes) > size) return false;
  return quick_open(&message, bytes, size, load_4(bytes)) && quick_field(&message, 0, 2, &version) &&
         quick_field(&message, 1, 1, &type) && type != 0 && bytes[type] == NS(MessageHeader_RecordBatch) &&
         quick_target(&message, 2, &header) && header != 0 && quick_field(&message, 3, 8, &length) &&
         quick_target(&message, 4, &metadata) && metadata == 0 && quick_batch(&message, header);
}

/* ---- */

static khonsu_status verify(const void *bytes, size_t size, flatcc_table_verifier_f *root, const char *what,
                            khonsu_error *error) {
  tables_left = size;
  int wrong = flatcc_verify_table_as_root(bytes, size, NULL, root);
  if (wrong == flatcc_verify_ok) return KHONSU_OK;
  if (tables_left == 0) return khonsu_error_set(error, KHONSU_CORRUPT, "a damaged %s: tables that are shared", what);
  return khonsu_error_set(error, KHONSU_CORRUPT, "a damaged %s: %s", what, flatcc_verify_error_string(wrong));
}

khonsu_status kh_ipc_verify_message(const void *bytes, size_t size, khonsu_error *error) {
  return quick_message(bytes, size) ? KHONSU_OK : verify(bytes, size, verify_message, "message", error);
}

khonsu_status kh_ipc_verify_footer(const void *bytes, size_t size, khonsu_error *error) {
  return verify(bytes, size, verify_footer, "footer", error);
}
