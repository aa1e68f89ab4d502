/* khonsu kv: the family of commands, and the options of all of them. */
#include "kv.h"

static const char *set_words[KH_LIST_MAX];
kh_kv_settings kh_kv = {.set = {.at = set_words}};

static const char *const index_names[] = {"hash", "btree", "skiplist", "bptree", NULL}; /* flashkv_index_type */

static const kh_option options[] = {
    {"index", NULL, "how keys are found; see docs/flashkv.md", .choice = &kh_kv.index, .choices = index_names},
    {"sync", NULL, "what is written survives a power loss when the command ends", .flag = &kh_kv.sync},
    {"set", "NAME=VALUE", "an option of flashkv_options, such as data_file_size=64M; several times",
     .list = &kh_kv.set},
    {"read-only", NULL, "change nothing; commands that only read do so anyway", .flag = &kh_kv.read_only},
    {"salvage", NULL, "read a damaged store: what is whole in it is there; what is damaged is said",
     .flag = &kh_kv.salvage},
    {"json", NULL, "print JSON: one object on a line", .flag = &kh_kv.json},
    KH_TALK_OPTIONS,
    {.name = NULL},
};

static const kh_command *const commands[] = {
    &kh_kv_get,   &kh_kv_put,    &kh_kv_del,  &kh_kv_ls,     &kh_kv_stat,   &kh_kv_check, &kh_kv_repair,
    &kh_kv_merge, &kh_kv_backup, &kh_kv_dump, &kh_kv_export, &kh_kv_import, &kh_kv_bench, NULL,
};

const kh_command kh_command_kv = {
    .name = "kv",
    .summary = "read, write and look after a store of the key-value engine flashkv",
    .about =
        "Works on the store in the directory DIR. Results go to standard output, messages to standard error. Commands "
        "that only read work beside a process that has the store open, and see what was there when they began; "
        "those that write need the store for themselves. Ctrl-C ends what is under way in good order; a second one "
        "ends it at once, which does the store no harm.\n"
        "A store that is damaged where it should not be is not opened. With --salvage, commands that only read show "
        "what repair would keep, and change nothing: every record that is whole. Messages say what is damaged; a key "
        "whose newest value is lost has an older one, or none; and the exit status is 5 if anything is missing.\n"
        "Keys and values are bytes. They are written as they are, but with escapes at a terminal; --hex and "
        "--base64 choose another notation, both for what is read and for what is printed. An argument that "
        "begins with a dash goes behind --.",
    .options = options,
    .argument = "DIR",
    .least = 1,
    .most = 1,
    .arguments = &kh_kv.dir,
    .completes = 'd',
    .commands = commands,
};
