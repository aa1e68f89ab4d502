/* schema_rules: what rows may do to the schema of the table they come into. A table says it in the metadata of its
 * schema, so that it goes wherever the table goes. */
#include "schema.h"

#define RULES_KEY "khonsu.schema_rules"

static const struct {
  const char *word;
  uint32_t rule;
} words[] = {{"strict", KHONSU_SCHEMA_STRICT}, {"add", KHONSU_SCHEMA_ADD}, {"widen", KHONSU_SCHEMA_WIDEN}};

/* The rule of a word; false: there is no such word. */
static bool read_word(const char *text, size_t size, uint32_t *rules) {
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strlen(words[i].word) != size || memcmp(words[i].word, text, size) != 0) continue;
    *rules |= words[i].rule;
    return true;
  }
  return false;
}

/* Words between commas; KHONSU_SCHEMA_STRICT where nothing is said. */
static bool read_rules(const char *metadata, uint32_t *rules, struct ArrowStringView *said) {
  *rules = KHONSU_SCHEMA_STRICT;
  *said = ArrowCharView(NULL);
  (void)ArrowMetadataGetValue(metadata, ArrowCharView(RULES_KEY), said);
  if (said->data == NULL) return true;
  const char *word = said->data, *end = said->data + said->size_bytes;
  for (const char *comma; (comma = memchr(word, ',', (size_t)(end - word))) != NULL; word = comma + 1)
    if (!read_word(word, (size_t)(comma - word), rules)) return false;
  return read_word(word, (size_t)(end - word), rules);
}

uint32_t kh_schema_rules(const kh_schema *schema) {
  struct ArrowStringView said;
  uint32_t rules;
  (void)read_rules(schema->fields[0].arrow.metadata, &rules, &said);
  return rules;
}

khonsu_status kh_schema_rules_check(const char *metadata, khonsu_error *error) {
  struct ArrowStringView said;
  uint32_t rules;
  if (read_rules(metadata, &rules, &said)) return KHONSU_OK;
  int size = said.size_bytes > 80 ? 80 : (int)said.size_bytes;
  return khonsu_error_set(
      error, KHONSU_INVALID_ARROW,
      "the schema's metadata say " RULES_KEY " = '%.*s': it must be strict, add, widen, or add,widen", size, said.data);
}

static const char *text_of(uint32_t rules) {
  if (rules == (KHONSU_SCHEMA_ADD | KHONSU_SCHEMA_WIDEN)) return "add,widen";
  return rules == KHONSU_SCHEMA_ADD ? "add" : "widen";
}

static ArrowErrorCode set_rules(struct ArrowSchema *schema, uint32_t rules) {
  struct ArrowBuffer metadata;
  NANOARROW_RETURN_NOT_OK(ArrowMetadataBuilderInit(&metadata, schema->metadata));
  ArrowErrorCode code = rules == KHONSU_SCHEMA_STRICT ? ArrowMetadataBuilderRemove(&metadata, ArrowCharView(RULES_KEY))
                                                      : ArrowMetadataBuilderSet(&metadata, ArrowCharView(RULES_KEY),
                                                                                ArrowCharView(text_of(rules)));
  if (code == NANOARROW_OK) code = ArrowSchemaSetMetadata(schema, (const char *)metadata.data);
  ArrowBufferReset(&metadata);
  return code;
}

khonsu_status kh_schema_with_rules(const kh_schema *schema, uint32_t rules, kh_schema **changed, khonsu_error *error) {
  struct ArrowSchema made = {.release = NULL};
  ArrowErrorCode code = kh_field_copy(schema->fields, 0, &made);
  if (code == NANOARROW_OK) code = set_rules(&made, rules);
  return kh_schema_made(&made, code, changed, error);
}
