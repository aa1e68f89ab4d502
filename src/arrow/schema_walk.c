#include "schema_walk.h"

bool kh_metadata_is_sane(const char *metadata) {
  if (metadata == NULL) return true;
  int32_t count, size;
  memcpy(&count, metadata, sizeof count);
  metadata += sizeof count;
  if (count < 0) return false;
  for (int64_t left = 2 * (int64_t)count; left > 0; left--) { /* a key, a value, a key, ... */
    memcpy(&size, metadata, sizeof size);
    if (size < 0) return false;
    metadata += sizeof size + (size_t)size;
  }
  return true;
}

static khonsu_status reserve(kh_schema_walk *walk, uint64_t more, khonsu_error *error) {
  uint64_t needed = walk->count + more;
  if (needed <= walk->capacity) return KHONSU_OK;
  if (needed < 2 * (uint64_t)walk->capacity) needed = 2 * (uint64_t)walk->capacity;
  kh_field *fields = needed > UINT32_MAX ? NULL : kh_realloc_array(walk->fields, needed, sizeof *fields);
  if (fields == NULL)
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory for a schema of %llu fields",
                            (unsigned long long)needed);
  walk->fields = fields;
  walk->capacity = (uint32_t)needed;
  return KHONSU_OK;
}

/* There is room. */
static void put(kh_schema_walk *walk, const struct ArrowSchema *arrow, uint32_t parent, uint32_t depth) {
  walk->fields[walk->count++] =
      (kh_field){.arrow = *arrow, .parent = parent, .depth = depth, .has_dictionary = arrow->dictionary != NULL};
}

/* A node that is released may not even be named: its strings are gone. */
static khonsu_status check_link(const kh_schema_walk *walk, uint32_t index, const struct ArrowSchema *link,
                                const char *what, int64_t child, khonsu_error *error) {
  if (link != NULL && link->release != NULL) return KHONSU_OK;
  return kh_field_fail(walk->fields, index, error, KHONSU_INVALID_ARROW, "%s %lld of the schema is %s", what,
                       (long long)child, link == NULL ? "NULL" : "released");
}

static khonsu_status check_node(const kh_schema_walk *walk, uint32_t index, khonsu_error *error) {
  const struct ArrowSchema *arrow = &walk->fields[index].arrow;
  const char *wrong = arrow->format == NULL                                    ? "the schema has no format"
                      : arrow->n_children < 0                                  ? "the number of children is negative"
                      : arrow->n_children > 0 && arrow->children == NULL       ? "children is NULL"
                      : (uint64_t)arrow->n_children > UINT32_MAX - walk->count ? "too many children"
                                                                               : NULL;
  if (wrong == NULL) return KHONSU_OK;
  return kh_field_fail(walk->fields, index, error, KHONSU_INVALID_ARROW, "%s", wrong);
}

static khonsu_status put_children(kh_schema_walk *walk, uint32_t index, uint64_t depth_max, khonsu_error *error) {
  struct ArrowSchema node = walk->fields[index].arrow; /* fields move as they grow */
  uint32_t depth = walk->fields[index].depth + 1;
  walk->fields[index].first = walk->count;
  uint64_t links = (uint64_t)node.n_children + (node.dictionary != NULL);
  if (links == 0) return KHONSU_OK;
  if (depth > depth_max)
    return kh_field_fail(walk->fields, index, error, KHONSU_NESTING_TOO_DEEP,
                         "the schema nests deeper than nesting_depth_max = %llu", (unsigned long long)depth_max);
  khonsu_status status = reserve(walk, links, error);
  if (status != KHONSU_OK) return status;
  for (int64_t child = 0; child < node.n_children; child++) {
    status = check_link(walk, index, node.children[child], "child", child, error);
    if (status != KHONSU_OK) return status;
    put(walk, node.children[child], index, depth);
  }
  if (node.dictionary == NULL) return KHONSU_OK;
  status = check_link(walk, index, node.dictionary, "dictionary", 0, error);
  if (status == KHONSU_OK) put(walk, node.dictionary, index, depth);
  return status;
}

khonsu_status kh_schema_walk_run(kh_schema_walk *walk, const struct ArrowSchema *root, uint64_t depth_max,
                                 khonsu_error *error) {
  if (root->release == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARROW, "the schema is released");
  khonsu_status status = reserve(walk, 8, error);
  if (status != KHONSU_OK) return status;
  put(walk, root, 0, 0);
  for (uint32_t index = 0; index < walk->count && status == KHONSU_OK; index++) {
    status = check_node(walk, index, error);
    if (status == KHONSU_OK) status = put_children(walk, index, depth_max, error);
  }
  return status;
}

void kh_schema_walk_fini(kh_schema_walk *walk) { kh_free(walk->fields); }
