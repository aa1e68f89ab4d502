/* db: commands over a database in a directory: khonsu get, put and their kin, and khonsu shell DIR.
 *
 *   db.c           what options say; which format results have
 *   db_session.c   opening the database for a command, closing it, what failed
 *   db_get.c db_put.c db_del.c db_keys.c db_select.c db_rows.c db_export.c db_stat.c db_check.c db_merge.c
 *                  a command each, or some that are alike
 *   db_txn.c       khonsu txn; txn_script.h says what is where
 *   db_bench.c     the benchmark
 *
 * A command is a body that runs on a kh_shell whose database is open and which has no transaction: what statements of the
 * shell do, the commands of that name do by the same code. It returns a status of the library, or KH_INTERRUPTED, with the
 * text in `error`: kh_db_run says what failed, and turns it into an exit status. */
#ifndef KH_CLI_DB_H
#define KH_CLI_DB_H

#include "shell.h"

/* ---- db.c */

typedef struct kh_db_settings {
  const char *path;
  kh_arguments rest; /* arguments of the command itself */
  kh_arguments set;  /* --set NAME=VALUE */
  const char *storage;
  int format; /* 0: what suits the result; else in kh_db_format_names */
  bool json;
  uint64_t rows_max;
  const char *as_of;
  int isolation, on_conflict, durability; /* in the lists of names */
  bool no_create;
} kh_db_settings;

extern kh_db_settings kh_db;

extern const char *const kh_db_format_names[], *const kh_durability_names[]; /* the last is NULL */

/* Rows of tables of options: of all commands, of those that print, of those that write. */
#define KH_DB_PATH_OPTION                                                                                              \
  { "db", "DIR", "the database; there is no argument DIR then", .text = &kh_db.path }
#define KH_DB_OPEN_OPTIONS                                                                                             \
  KH_DB_PATH_OPTION,                                                                                                   \
      {"set", "NAME=VALUE", "an option of khonsu_options, such as memory_bytes_max=1000000; several times",            \
       .list = &kh_db.set},                                                                                            \
  {                                                                                                                    \
    "storage", "NAME=VALUE,...", "options of the store in the directory: those of flashkv_options",                    \
        .text = &kh_db.storage                                                                                         \
  }
#define KH_DB_OPTIONS KH_DB_OPEN_OPTIONS, KH_TALK_OPTIONS
#define KH_DB_PRINT_OPTIONS                                                                                            \
  {"format", NULL, "how results are printed; auto: readable at a terminal, for programs elsewhere",                    \
   .choice = &kh_db.format, .choices = kh_db_format_names},                                                            \
      {"json", NULL, "the same as --format json", .flag = &kh_db.json}, {                                              \
    "rows", "N", "most rows of a table that are shown", .number = &kh_db.rows_max, .least = 2, .most = 100000          \
  }
/* Of commands that read keys. */
#define KH_DB_AS_OF_OPTION                                                                                             \
  {                                                                                                                    \
    "as-of", "VERSION|TIME", "what was there as of that version, or time in UTC, as far as it is kept",                \
        .text = &kh_db.as_of                                                                                           \
  }
#define KH_DB_DURABILITY_OPTION                                                                                        \
  { "durability", NULL, "how far a commit must have come", .choice = &kh_db.durability, .choices = kh_durability_names }
#define KH_DB_TXN_OPTIONS                                                                                              \
  {"isolation", NULL, "the isolation level", .choice = &kh_db.isolation, .choices = kh_level_names},                   \
      {"on-conflict", NULL, "what becomes of blind writes onto newer commits", .choice = &kh_db.on_conflict,           \
       .choices = kh_strategy_names},                                                                                  \
      KH_DB_DURABILITY_OPTION, {                                                                                       \
    "no-create", NULL, "the database must be there already", .flag = &kh_db.no_create                                  \
  }
/* --json of commands that write, and print nothing else. */
#define KH_DB_VERSION_OPTION                                                                                           \
  { "json", NULL, "print an object with the version of the commit", .flag = &kh_db.json }

/* What a result is, which says how it is printed unless that is told. */
typedef enum kh_db_result {
  KH_DB_TABLE,  /* of the database: a table at a terminal, elsewhere an Arrow stream */
  KH_DB_LIST,   /* of keys: a table at a terminal, elsewhere JSON */
  KH_DB_FIGURES /* a table */
} kh_db_result;

/* A kh_format. */
int kh_db_format(kh_db_result result);
bool kh_db_format_is_told(void);
/* The number of a kh_format that is the `choice`th of kh_db_format_names, from 1 on. */
int kh_db_format_of(int choice);

/* The key, or value, that an argument of the command writes. INVALID_ARGUMENT, NO_MEMORY. */
khonsu_status kh_db_bytes(const char *written, kh_text *bytes, khonsu_error *error);
/* With --json: {"version":N}, of the last commit. */
void kh_db_print_version(const kh_shell *shell);

/* ---- db_session.c */

typedef enum kh_db_access {
  KH_DB_READ,  /* read-only, so that it works beside a process that writes; the database must be there */
  KH_DB_WRITE, /* it must be there */
  KH_DB_MAKE   /* it is made where it is not, unless --no-create */
} kh_db_access;

typedef khonsu_status (*kh_db_body)(kh_shell *shell, khonsu_error *error);

/* Opens the database, runs the body, closes. Returns the exit status; what failed has been said, with the report of a
 * conflict. */
int kh_db_run(kh_db_access access, kh_db_body body);
/* The same; `prepare` reads what the body needs before the database is opened, made, or locked. */
int kh_db_run_after(khonsu_status (*prepare)(khonsu_error *error), kh_db_access access, kh_db_body body);
/* The same for what works on a directory that nobody has open. */
int kh_db_run_closed(khonsu_status (*body)(khonsu_error *error));
/* For who opens and closes by himself. */
khonsu_status kh_db_open(kh_db_access access, khonsu_db **db, khonsu_error *error);

#endif
