/* walk: what stands in one data file, commit by commit, and where it is damaged. For who looks at files without trusting
 * them; recovery, which does, has a faster way (recover.c).
 *
 * A walk gives one step after the other. At a gap, which is where no sound record stands, it stays: the caller says
 * whether that is the end of the log (and stops), or damage, behind which it goes on (fkv_walk_resume), or something that
 * was still being written (and looks again). Members of a batch that stand before a gap and its seal behind it are one
 * commit that has lost some. */
#ifndef FKV_WALK_H
#define FKV_WALK_H

#include "scan.h"

typedef enum fkv_step_kind {
  FKV_STEP_COMMIT,   /* writes of one commit, which is known to be one by its seal */
  FKV_STEP_UNSEALED, /* writes whose seal is not there: a later commit, or the end, follows */
  FKV_STEP_GAP,      /* no sound record */
  FKV_STEP_END
} fkv_step_kind;

typedef struct fkv_step {
  fkv_step_kind kind;
  uint64_t at, end; /* of a gap: where the damaged record ends, if that is known; else 0 */
  uint64_t sequence, timestamp_us;
  uint64_t records; /* writes that are sound */
  uint64_t lost;    /* writes of the commit that are not, as its seal says */
  const char *what; /* of a gap: "the record", "the value" */
  khonsu_slice key; /* of a gap: where it can be read; valid until the next call */
} fkv_step;

typedef struct fkv_walk {
  fkv_scan scan;
  uint64_t commit_end; /* behind the last commit, void or mark */
  uint64_t synced;     /* as far as seals say */
  /* writes whose seal has not come yet; records = 0: none */
  uint64_t open_at, open_sequence, open_records;
} fkv_walk;

/* From the first record to `end`. */
fkv_walk fkv_walk_begin(fkv_file *file, const fkv_files *files, uint64_t end);
static inline void fkv_walk_fini(fkv_walk *walk) { fkv_scan_fini(&walk->scan); }

/* IO, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_walk_next(fkv_walk *walk, fkv_step *step, khonsu_error *error);
/* Goes on behind a gap, at `step->end` if that is known, else at the next sound record; `step->end` says where that is. */
KHONSU_MUST_USE khonsu_status fkv_walk_resume(fkv_walk *walk, fkv_step *step, khonsu_error *error);
/* The file may have changed since it was read, and ends at `end` now: the next step looks at it again. */
void fkv_walk_refresh(fkv_walk *walk, uint64_t end);

#endif
