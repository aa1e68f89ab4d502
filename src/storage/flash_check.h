/* flash_check: all of a database looked at, record by record: what khonsu_check and khonsu_repair have in common. */
#ifndef KH_FLASH_CHECK_H
#define KH_FLASH_CHECK_H

#include "flash.h"
#include "flash_head.h"

/* A table that was met: which chunks and segments belong to it. */
typedef struct kh_checked_table {
  kh_incarnation incarnation;
  uint64_t segments;
  uint64_t first_id, ids; /* in the ids of all: those of the chunks in its directory */
} kh_checked_table;

typedef struct kh_check {
  flashkv *store;
  const khonsu_check_options *options;
  const kh_arrow_limits *limits;
  khonsu_check_result *result;
  khonsu_error *error;
  kh_buffer tables; /* of kh_checked_table */
  kh_buffer ids;    /* of uint64_t: of their chunks */

  /* What to do about what was found; NULL: nothing. Statuses other than OK end the walk. */
  khonsu_status (*drop_key)(struct kh_check *check, khonsu_slice stored_key);
  /* The entries of chunks that are whole, of fewer than the head says. */
  khonsu_status (*cut_table)(struct kh_check *check, khonsu_slice stored_key, const kh_head *head,
                             const kh_buffer *whole);
} kh_check;

/* Walks through the open store of `check`. Findings are told and counted. CANCELLED, IO, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_check_walk(kh_check *check);
/* Tells and counts a finding (printf form), about a key of the user's or, with size 0, none. */
void kh_check_found(kh_check *check, khonsu_slice key, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Runs a check or repair of flashkv, whose findings become ours. */
typedef flashkv_status kh_flashkv_look(const char *path, const flashkv_check_options *options,
                                       flashkv_check_result *result, flashkv_error *error);
KHONSU_MUST_USE khonsu_status kh_check_flashkv(kh_check *check, kh_flashkv_look *look, const char *path);

#endif
