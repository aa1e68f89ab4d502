/* ipc_verify: flatcc's checks of a flatbuffer, but with an end to them.
 *
 * flatcc's generated verifiers follow every reference, though fields may share children, which may share children; and
 * a check that fails is made once more at each level above it (verifier.c, check_result). Either takes time exponential
 * in the depth, and a few wrong bytes suffice for it. These here call the same checks in the same order and count the
 * tables they come to: a flatbuffer whose tables are not shared has fewer of them than bytes. Tables that lead to no
 * further ones are left to the generated code. */
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

static khonsu_status verify(const void *bytes, size_t size, flatcc_table_verifier_f *root, const char *what,
                            khonsu_error *error) {
  tables_left = size;
  int wrong = flatcc_verify_table_as_root(bytes, size, NULL, root);
  if (wrong == flatcc_verify_ok) return KHONSU_OK;
  return khonsu_error_set(error, KHONSU_CORRUPT, "a damaged %s: %s", what, flatcc_verify_error_string(wrong));
}

khonsu_status kh_ipc_verify_message(const void *bytes, size_t size, khonsu_error *error) {
  return verify(bytes, size, verify_message, "message", error);
}

khonsu_status kh_ipc_verify_footer(const void *bytes, size_t size, khonsu_error *error) {
  return verify(bytes, size, verify_footer, "footer", error);
}
