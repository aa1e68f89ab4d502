/* khonsu kv DIR backup DIR2 */
#include "kv.h"

static bool verify;

static flashkv_status body(flashkv *store, flashkv_error *error) {
  const char *path = kh_kv.rest.at[0];
  flashkv_status status = flashkv_backup(store, path, verify, kh_progress, NULL, error);
  if (status == FLASHKV_OK)
    kh_tell("%s is a copy of the store as of commit %llu", path, (unsigned long long)flashkv_sequence(store));
  return status;
}

static int run(void) { return kh_kv_run(KH_KV_READ, body); }

static const kh_option options[] = {
    {"verify", NULL, "read back and check also the files that were linked and not copied", .flag = &verify},
    {.name = NULL},
};

const kh_command kh_kv_backup = {
    .name = "backup",
    .summary = "copy the store, as it is now, to another directory",
    .about =
        "Copies the store to DIR2, which is made if it is not there. Data files are linked where the file system can, "
        "else "
        "copied; of a directory that holds an earlier backup of the store, only what is new is written. What is "
        "copied is read back and checked. DIR2 is a store then.",
    .options = options,
    .argument = "DIR2",
    .least = 1,
    .most = 1,
    .arguments = &kh_kv.rest,
    .completes = 'd',
    .run = run,
    .outer = &kh_command_kv,
};
