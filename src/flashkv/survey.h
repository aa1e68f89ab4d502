/* survey: all data files of a store, read from the first byte to the last without opening it. What check and repair have in
 * common.
 *
 * In a file that is sealed nothing may be amiss. Those that are not sealed are the end of the log, and are judged as
 * recovery does (recover.c): what a crash leaves there is no damage, unless the log says that it had been flushed further.
 *
 * It works beside a process that writes: files are opened all at once, and read by calls, as the writer may cut them. What
 * a mark says was flushed had been written before the mark; so where a record is missing that must have been there by
 * then, it is looked for once more. */
#ifndef FKV_SURVEY_H
#define FKV_SURVEY_H

#include "manifest.h"
#include "report.h"
#include "walk.h"

typedef struct fkv_surveyed {
  fkv_manifest_row row;                /* as the manifest has it */
  fkv_file *file;                      /* NULL: missing, or no data file of this store */
  uint64_t size;                       /* when it was opened */
  uint64_t end;                        /* behind the last commit */
  uint64_t tail;                       /* bytes behind it that a crash left */
  uint64_t sequence_min, sequence_max; /* of commits that were found; min > max: none */
  bool damaged;                        /* something in it has to go */
  bool beyond_end;                     /* it stands behind the end of the log: nothing in it ever happened */
} fkv_surveyed;

typedef struct fkv_survey {
  fkv_files files;
  fkv_report *report;
  fkv_manifest manifest;
  fkv_surveyed *items;
  size_t count;
  bool discovered;                 /* there is no manifest: the rows are guesses, of sizes and identities only */
  uint64_t sequence, timestamp_us; /* of the newest commit */
  uint64_t synced;                 /* as far as seals say that the log was flushed */
  uint64_t lost;                   /* writes, as far as one can tell */
  bool log_ended;                  /* where a crash ended it: what stands behind never happened */
} fkv_survey;

/* Reads the manifest and opens what it lists; says what is missing. NOT_A_STORE, CORRUPT: the manifest, with its text. */
KHONSU_MUST_USE khonsu_status fkv_survey_open(fkv_survey *survey, const kh_os *os, const char *dir_path,
                                              fkv_report *report, khonsu_error *error);
/* Opens what the manifest in `survey` lists. */
KHONSU_MUST_USE khonsu_status fkv_survey_open_rows(fkv_survey *survey, khonsu_error *error);
/* Reads all of the files, and reports what it finds. */
KHONSU_MUST_USE khonsu_status fkv_survey_read(fkv_survey *survey, khonsu_error *error);
void fkv_survey_fini(fkv_survey *survey);

/* Whether writes without a seal are known to be a commit: in a sealed file everything is, and so is what was flushed. */
bool fkv_survey_is_committed(const fkv_survey *survey, const fkv_surveyed *item, const fkv_step *step);

/* "000000001.data" */
const char *fkv_survey_name(const fkv_surveyed *item, char name[FKV_NAME_MAX]);

#endif
