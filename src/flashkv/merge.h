/* merge: taking what is wanted out of files that are mostly dead.
 *
 *   choose   sealed files, by how much of them is dead
 *   collect  the records of these files that somebody still wants, in the order of their keys
 *   copy     into new files, which are flushed
 *   install  the keydir is led to the copies, a few at a time; then a manifest that lists the new files and not the old ones
 *            is published, and the old ones are removed
 *
 * At each moment before the manifest the old files have everything, so a crash loses nothing; what was copied and is not
 * listed is removed by the next opening. What a merge leaves out is dead because something newer took its place; that must
 * survive whatever happens next, so the log is flushed first.
 *
 * An index that is damaged cannot say what is dead, so who finds it to be so ends the merge.
 *
 * Wanted is: the newest record of a key; a version that a snapshot sees; a deletion, as long as a file that is not merged
 * along with it may hold an older record of its key, which would come to life again: now, or, if there is a newer one too,
 * in the past that is retained, when the store is opened again. The same holds for a record that has expired: in its place
 * a deletion is kept. Files that reach beyond what flashkv_retain keeps are not touched: they are
 * history. */
#ifndef FKV_MERGE_H
#define FKV_MERGE_H

#include "read.h"
#include "scan.h"

/* A record that is to be copied, and where its copy is. */
typedef struct fkv_move {
  uint64_t from, to;
  uint64_t
      key_head; /* the key's first bytes as a number in their order, so that most comparisons need not look at keys */
  bool as_deletion; /* of an expired record nothing but that is kept */
} fkv_move;

typedef struct fkv_merge_job {
  flashkv *store;
  const flashkv_merge_options *options;
  flashkv_merge_result *result;
  khonsu_error *error;
  fkv_file **inputs, **outputs;
  size_t input_count, output_count, output_capacity;
  kh_buffer moves;      /* of fkv_move */
  uint64_t others_from; /* the least sequence in a file that is not merged */
  uint64_t bytes_total, bytes_done, began_ns;
} fkv_merge_job;

static inline size_t fkv_merge_move_count(const fkv_merge_job *job) { return job->moves.size / sizeof(fkv_move); }
static inline fkv_move *fkv_merge_moves(const fkv_merge_job *job) { return (fkv_move *)(void *)job->moves.data; }

/* merge_copy.c: fills in moves and outputs. */
KHONSU_MUST_USE khonsu_status fkv_merge_copy(fkv_merge_job *job);
/* Whether what a key is said to lead to, and not to a record of it that is looked at, can be believed. CORRUPT, IO. */
KHONSU_MUST_USE khonsu_status fkv_merge_check_newest(const flashkv *store, khonsu_slice key, uint64_t newest,
                                                     khonsu_error *error);
/* merge_install.c. */
KHONSU_MUST_USE khonsu_status fkv_merge_install(fkv_merge_job *job);
/* Removes the inputs from store and directory; nothing leads to them. */
KHONSU_MUST_USE khonsu_status fkv_merge_remove_inputs(fkv_merge_job *job);
/* Of a job that failed: removes outputs that nothing leads to. */
void fkv_merge_discard_outputs(fkv_merge_job *job);

/* As flashkv_merge. `with_active`: the active file too, if it is due. */
khonsu_status fkv_merge(flashkv *store, const flashkv_merge_options *options, bool with_active,
                        flashkv_merge_result *result, khonsu_error *error);
/* Whether any file is due; and which part of all bytes is dead. */
bool fkv_merge_is_due(flashkv *store, double threshold);
double fkv_dead_part(flashkv *store);

#endif
