/* stat: counters, and options by name. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "merge.h"

/* ---- counters */

static uint64_t disk_size(const flashkv *store) {
  const fkv_keydir_disk *disk = fkv_keydir_disk_of(&store->keydir);
  uint64_t size = store->derived_size + store->hints_size + atomic_load(&store->manifest_size);
  if (disk != NULL) size += disk->file_size(&store->keydir);
  for (size_t index = 0; index < store->list_count; index++) {
    size += atomic_load_explicit(&store->list[index]->readable, memory_order_relaxed);
  }
  return size;
}

static flashkv_stats collect(const flashkv *store) {
  return (flashkv_stats){.key_num = store->keys,
                         .data_file_num = store->list_count - (store->prepared != NULL),
                         .reclaim_size = fkv_reclaimable(store),
                         .disk_size = disk_size(store),
                         .live_size = store->live,
                         .index_memory = fkv_keydir_memory(&store->keydir),
                         .sequence = atomic_load(&store->visible),
                         .synced = atomic_load(&store->synced),
                         .oldest_replay = store->history_from,
                         .retained = store->versions.count,
                         .snapshots = store->versions.snapshot_count,
                         .puts = store->counters.puts,
                         .deletes = store->counters.deletes,
                         .commits = store->counters.commits,
                         .syncs = store->counters.syncs,
                         .merges = store->counters.merges,
                         .merged_bytes = store->counters.merged_bytes,
                         .expired = store->counters.expired};
}

void flashkv_stat(flashkv *store, flashkv_stats *stats) {
  uint32_t size = stats->struct_size;
  kh_lock_acquire(&store->write_lock);
  flashkv_stats full = collect(store);
  kh_lock_release(&store->write_lock);
  full.struct_size = size;
  memcpy(stats, &full, size < sizeof full ? size : sizeof full);
}

/* ---- options by name */

static khonsu_status not_a_value(const char *name, const char *value, const char *wanted, khonsu_error *error) {
  return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "%s cannot be \"%s\"; it takes %s", name, value, wanted);
}

typedef struct choice {
  const char *name;
  int value;
} choice;

static bool choose(const choice *choices, const char *value, int *chosen) {
  for (; choices->name != NULL; choices++) {
    if (strcmp(choices->name, value) != 0) continue;
    *chosen = choices->value;
    return true;
  }
  return false;
}

static bool parse_size(const char *text, uint64_t *size) {
  static const char units[] = "KMGT";
  char *end;
  if (text[0] < '0' || text[0] > '9') return false;
  errno = 0;
  *size = strtoull(text, &end, 10);
  if (errno != 0) return false;
  const char *unit = *end == '\0' ? NULL : strchr(units, *end);
  if (*end == '\0') return true;
  if (unit == NULL || end[1] != '\0') return false;
  unsigned shift = 10 * (unsigned)(unit - units + 1);
  if (*size > UINT64_MAX >> shift) return false;
  *size <<= shift;
  return true;
}

static khonsu_status set_number(void *field, const char *type, const char *name, const char *value,
                                khonsu_error *error) {
  if (strcmp(type, "double") == 0) {
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(number))
      return not_a_value(name, value, "a number such as 0.6", error);
    *(double *)field = number;
    return FLASHKV_OK;
  }
  uint64_t number;
  bool is_32 = strcmp(type, "uint32_t") == 0;
  if (!parse_size(value, &number) || (is_32 && number > UINT32_MAX)) {
    return not_a_value(name, value, "a whole number, which may end in K, M, G or T", error);
  }
  if (is_32) *(uint32_t *)field = (uint32_t)number;
  else *(uint64_t *)field = number;
  return FLASHKV_OK;
}

static bool *flag_of(flashkv_options *options, const char *name) {
  if (strcmp(name, "mmap_at_startup") == 0) return &options->mmap_at_startup;
  if (strcmp(name, "create_if_missing") == 0) return &options->create_if_missing;
  if (strcmp(name, "read_only") == 0) return &options->read_only;
  if (strcmp(name, "merge_automatically") == 0) return &options->merge_automatically;
  if (strcmp(name, "background") == 0) return &options->background;
  if (strcmp(name, "salvage") == 0) return &options->salvage;
  return NULL;
}

static khonsu_status set_option(flashkv_options *options, const char *name, const char *value, khonsu_error *error) {
  static const choice flags[] = {{"true", 1}, {"false", 0}, {NULL, 0}};
  static const choice levels[] = {{"sync", FLASHKV_SYNC},      {"true", FLASHKV_SYNC},   {"buffered", FLASHKV_BUFFERED},
                                  {"false", FLASHKV_BUFFERED}, {"async", FLASHKV_ASYNC}, {NULL, 0}};
  static const choice indexes[] = {{"hash", FLASHKV_INDEX_HASH},
                                   {"btree", FLASHKV_INDEX_BTREE},
                                   {"skiplist", FLASHKV_INDEX_SKIPLIST},
                                   {"bptree", FLASHKV_INDEX_BPTREE},
                                   {NULL, 0}};
  int chosen;
  bool *flag = flag_of(options, name);
  if (flag != NULL) {
    if (!choose(flags, value, &chosen)) return not_a_value(name, value, "true or false", error);
    *flag = chosen;
    return FLASHKV_OK;
  }
  if (strcmp(name, "sync_writes") == 0) {
    if (!choose(levels, value, &chosen)) return not_a_value(name, value, "sync, buffered, async, true or false", error);
    options->sync_writes = (flashkv_durability)chosen;
    return FLASHKV_OK;
  }
  if (strcmp(name, "index_type") == 0) {
    if (!choose(indexes, value, &chosen)) return not_a_value(name, value, "hash, btree, skiplist or bptree", error);
    options->index_type = (flashkv_index_type)chosen;
    return FLASHKV_OK;
  }
#define SET_NUMBER(type, option, standard, least, most, text)                                                          \
  if (strcmp(name, #option) == 0) return set_number(&options->option, #type, name, value, error);
  FLASHKV_OPTION_TABLE(SET_NUMBER)
#undef SET_NUMBER
#define NAME_OF(type, option, standard, least, most, text) ", " #option
  return khonsu_error_set(
      error, FLASHKV_INVALID_ARGUMENT,
      "there is no option \"%s\"; there are sync_writes, index_type, mmap_at_startup, "
      "create_if_missing, read_only, merge_automatically, background, salvage" FLASHKV_OPTION_TABLE(NAME_OF),
      name);
#undef NAME_OF
}

flashkv_status flashkv_options_set(flashkv_options *options, const char *name, const char *value,
                                   flashkv_error *error) {
  FKV_TELL(error, set_option(options, name, value, detail));
}
