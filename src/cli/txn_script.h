/* txn_script: what `khonsu txn` runs, in one transaction.
 *
 *   if CONDITION     any number of them, of which all must hold
 *   then             statements of the shell follow, which run if they do
 *   else             statements follow which run if they do not
 *
 * Words, quotes and comments are those of the shell (words.h). Without conditions, `then` may be left out.
 *
 *   exists KEY   missing KEY
 *   value KEY OP VALUE      of bytes, byte by byte, and of counters; does not hold of a key without value
 *   version KEY OP NUMBER   of the commit that wrote it; 0 where there is no value
 *   rows KEY OP NUMBER      of a table; does not hold of a key without value
 *
 * OP is = != < <= > or >=.
 *
 *   txn_script.c      reading a script
 *   txn_condition.c   reading a condition, and whether it holds
 *   db_txn.c          running it */
#ifndef KH_CLI_TXN_SCRIPT_H
#define KH_CLI_TXN_SCRIPT_H

#include "shell.h"

/* ---- txn_condition.c */

typedef enum kh_condition_kind {
  KH_CONDITION_EXISTS,
  KH_CONDITION_MISSING,
  KH_CONDITION_VALUE,
  KH_CONDITION_VERSION,
  KH_CONDITION_ROWS
} kh_condition_kind;

typedef struct kh_condition {
  kh_condition_kind kind;
  int comparison;      /* in the list of their signs */
  khonsu_slice key;    /* in the words */
  khonsu_slice wanted; /* of VALUE */
  uint64_t number;     /* of VERSION and ROWS */
} kh_condition;

/* "if CONDITION". INVALID_ARGUMENT. */
khonsu_status kh_condition_read(const kh_words *words, kh_condition *condition, khonsu_error *error);
/* WRONG_TYPE, INVALID_ARGUMENT: the key's value cannot be compared so. */
khonsu_status kh_condition_holds(const kh_condition *condition, khonsu_txn *txn, bool *holds, khonsu_error *error);

/* ---- txn_script.c */

typedef enum kh_script_part { KH_SCRIPT_IF, KH_SCRIPT_THEN, KH_SCRIPT_ELSE } kh_script_part;

typedef struct kh_script_line {
  kh_script_part part;
  kh_words words;
  uint64_t number;               /* of the line it begins in */
  kh_condition condition;        /* of IF */
  const kh_statement *statement; /* of THEN and ELSE */
} kh_script_line;

/* Starts zeroed. */
typedef struct kh_script {
  kh_script_line *lines;
  size_t count, room;
} kh_script;

/* INVALID_ARGUMENT: it is no script; the text names the line. End it with _fini in any case. */
khonsu_status kh_script_read(kh_script *script, khonsu_slice text, khonsu_error *error);
void kh_script_fini(kh_script *script);

/* "line 3: ", and what was said. Returns `status`. */
khonsu_status kh_script_fail(uint64_t line, khonsu_status status, khonsu_error *error);

#endif
