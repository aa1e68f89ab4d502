#include "merge.h"

#include "expiry.h"
#include "hints.h"
#include "keeper.h"
#include "reserve.h"

/* ---- choosing */

/* The least sequences in files: where deletions may still have something to hide. */
typedef struct oldest {
  const fkv_file *file;
  uint64_t in_file, in_others;
} oldest;

static oldest find_oldest(const flashkv *store) {
  oldest found = {NULL, UINT64_MAX, UINT64_MAX};
  for (size_t index = 0; index < store->list_count; index++) {
    const fkv_file *file = store->list[index];
    if (file->sequence_min < found.in_file) {
      found.in_others = found.in_file;
      found.in_file = file->sequence_min;
      found.file = file;
    } else if (file->sequence_min < found.in_others) {
      found.in_others = file->sequence_min;
    }
  }
  return found;
}

static bool older_exists(const oldest *of_all, const fkv_file *file) {
  return (file == of_all->file ? of_all->in_others : of_all->in_file) < file->sequence_max;
}

static uint64_t reclaimable(const oldest *of_all, const fkv_file *file) {
  uint64_t wanted = file->live + file->retained;
  if (file->tombstones > 0 && older_exists(of_all, file)) wanted += file->tombstones;
  uint64_t size = file->tail - FKV_PREAMBLE_SIZE;
  return size > wanted ? size - wanted : 0;
}

static bool is_history(const flashkv *store, const fkv_file *file) {
  return file->sequence_min <= file->sequence_max && file->sequence_max >= store->versions.oldest;
}

uint64_t fkv_reclaimable(const flashkv *store) {
  oldest of_all = find_oldest(store);
  uint64_t bytes = 0;
  for (size_t index = 0; index < store->list_count; index++) {
    if (!is_history(store, store->list[index])) bytes += reclaimable(&of_all, store->list[index]);
  }
  return bytes;
}

static bool is_due(const flashkv *store, const oldest *of_all, const fkv_file *file, double threshold) {
  if (!file->sealed || is_history(store, file)) return false;
  uint64_t size = file->tail - FKV_PREAMBLE_SIZE, dead = reclaimable(of_all, file);
  if (threshold < 0 || size == 0) return true;
  return dead > 0 && (double)dead >= threshold * (double)size;
}

/* The files that are due, the deadest first; with a negative threshold all at once. Under the write lock. */
static khonsu_status choose(fkv_merge_job *job, double threshold, uint64_t last_id) {
  flashkv *store = job->store;
  job->input_count = 0;
  job->others_from = UINT64_MAX;
  double most = -1;
  oldest of_all = find_oldest(store);
  for (size_t index = 0; index < store->list_count; index++) {
    fkv_file *file = store->list[index];
    if (file->id > last_id || !is_due(store, &of_all, file, threshold)) continue;
    double part = (double)reclaimable(&of_all, file) / (double)(file->tail + 1);
    if (threshold < 0) {
      job->inputs[job->input_count++] = file;
    } else if (part > most) {
      most = part;
      job->inputs[0] = file;
      job->input_count = 1;
    }
  }
  for (size_t index = 0; index < store->list_count; index++) {
    const fkv_file *file = store->list[index];
    bool chosen = false;
    for (size_t at = 0; at < job->input_count; at++) chosen = chosen || job->inputs[at] == file;
    if (!chosen && file->sequence_min < job->others_from) job->others_from = file->sequence_min;
  }
  return FLASHKV_OK;
}

/* ---- one job */

/* Whether nothing of the files is wanted, so that nothing need be looked at: that stays so. What may hide older records may
 * be wanted. Counts that came from an image of the index are not enough for that. */
static bool is_wholly_dead(const fkv_merge_job *job) {
  kh_lock_acquire(&job->store->write_lock);
  bool dead = true;
  for (size_t index = 0; index < job->input_count; index++) {
    const fkv_file *file = job->inputs[index];
    bool hides = (file->tombstones > 0 || file->has_expiring) && job->others_from < file->sequence_max;
    dead = dead && file->covered == 0 && file->live == 0 && file->retained == 0 && !hides;
  }
  kh_lock_release(&job->store->write_lock);
  return dead;
}

static khonsu_status run_job(fkv_merge_job *job) {
  flashkv *store = job->store;
  if (is_wholly_dead(job)) {
    khonsu_status status = fkv_flush(store, atomic_load(&store->visible), job->error);
    if (status == FLASHKV_OK) status = fkv_merge_remove_inputs(job);
    if (status == FLASHKV_OK) job->result->files_dropped += job->input_count;
    return status;
  }
  khonsu_status status = fkv_merge_copy(job);
  bool any = fkv_merge_move_count(job) > 0;
  if (status == FLASHKV_OK) status = fkv_merge_install(job);
  if (status != FLASHKV_OK) fkv_merge_discard_outputs(job);
  else *(any ? &job->result->files_merged : &job->result->files_dropped) += job->input_count;
  return status;
}

static khonsu_status run_jobs(fkv_merge_job *job, double threshold) {
  flashkv *store = job->store;
  kh_lock_acquire(&store->files_lock);
  uint64_t last_id = store->next_file_id - 1; /* what this merge makes is not merged by it */
  kh_lock_release(&store->files_lock);
  for (;;) {
    job->moves.size = 0;
    kh_lock_acquire(&store->write_lock);
    khonsu_status status = FLASHKV_OK;
    kh_free(job->inputs);
    job->inputs = kh_alloc_array(store->list_count + 1, sizeof *job->inputs);
    if (job->inputs == NULL) status = khonsu_error_set(job->error, FLASHKV_NO_MEMORY, "out of memory for a merge");
    else status = choose(job, threshold, last_id);
    kh_lock_release(&store->write_lock);
    if (status != FLASHKV_OK || job->input_count == 0) return status;
    status = run_job(job);
    fkv_reserve_return(store);
    if (status != FLASHKV_OK) return status;
    fkv_hints_allow(store);
  }
}

/* The active file is not merged; one that is due is made a full one. */
static void close_active(flashkv *store, double threshold) {
  kh_lock_acquire(&store->files_lock);
  kh_lock_acquire(&store->write_lock);
  fkv_file *active = store->active;
  oldest of_all = find_oldest(store);
  if (active != NULL && active->tail > FKV_PREAMBLE_SIZE) {
    uint64_t size = active->tail - FKV_PREAMBLE_SIZE, dead = reclaimable(&of_all, active);
    if (threshold < 0 || (dead > 0 && (double)dead >= threshold * (double)size)) store->active = NULL;
  }
  kh_lock_release(&store->write_lock);
  kh_lock_release(&store->files_lock);
}

static uint64_t bytes_due(flashkv *store, double threshold) {
  uint64_t bytes = 0;
  kh_lock_acquire(&store->write_lock);
  oldest of_all = find_oldest(store);
  for (size_t index = 0; index < store->list_count; index++) {
    const fkv_file *file = store->list[index];
    if (is_due(store, &of_all, file, threshold)) bytes += file->live + file->retained;
  }
  kh_lock_release(&store->write_lock);
  return bytes;
}

bool fkv_merge_is_due(flashkv *store, double threshold) {
  bool due = false;
  kh_lock_acquire(&store->write_lock);
  oldest of_all = find_oldest(store);
  for (size_t index = 0; index < store->list_count && !due; index++) {
    due = is_due(store, &of_all, store->list[index], threshold);
  }
  kh_lock_release(&store->write_lock);
  return due;
}

double fkv_dead_part(flashkv *store) {
  kh_lock_acquire(&store->write_lock);
  uint64_t dead = fkv_reclaimable(store), bytes = store->bytes;
  kh_lock_release(&store->write_lock);
  return bytes == 0 ? 0 : (double)dead / (double)bytes;
}

khonsu_status fkv_merge(flashkv *store, const flashkv_merge_options *options, bool with_active,
                        flashkv_merge_result *result, khonsu_error *error) {
  khonsu_status status = fkv_check_writable(store, error);
  if (status != FLASHKV_OK) return status;
  double threshold = options->threshold > 1 ? store->options.file_merge_threshold : options->threshold;
  if (atomic_exchange(&store->merging, true))
    return khonsu_error_set(error, FLASHKV_MERGE_RUNNING, "a merge is running");
  fkv_merge_job job = {
      .store = store, .options = options, .result = result, .error = error, .began_ns = kh_os_now_ns()};
  fkv_expire(store);
  if (with_active) close_active(store, threshold);
  status = fkv_seal_full(store, error);
  if (fkv_reserve_lend(store, status)) status = fkv_seal_full(store, error);
  job.bytes_total = bytes_due(store, threshold);
  if (status == FLASHKV_OK) status = run_jobs(&job, threshold);
  kh_lock_acquire(&store->write_lock);
  store->counters.merges += result->files_merged + result->files_dropped;
  store->counters.merged_bytes += result->bytes_copied;
  kh_lock_release(&store->write_lock);
  kh_free(job.inputs);
  kh_free(job.outputs);
  kh_buffer_fini(&job.moves);
  fkv_reserve_return(store);
  if (store->options.background) fkv_keeper_nudge(store); /* for the hints of what was made */
  else fkv_hints_write(store);
  atomic_store(&store->merging, false);
  return status;
}

/* ---- the façade */

static khonsu_status merge(flashkv *store, const flashkv_merge_options *given, flashkv_merge_result *result,
                           khonsu_error *error) {
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  flashkv_merge_result own = FLASHKV_MERGE_RESULT_INIT;
  if (given != NULL) options = *given;
  khonsu_status status = fkv_merge(store, &options, true, &own, error);
  if (result != NULL) {
    own.struct_size = result->struct_size;
    memcpy(result, &own, own.struct_size < sizeof own ? own.struct_size : sizeof own);
  }
  return status;
}

flashkv_status flashkv_merge(flashkv *store, const flashkv_merge_options *options, flashkv_merge_result *result,
                             flashkv_error *error) {
  FKV_TELL(error, merge(store, options, result, detail));
}
