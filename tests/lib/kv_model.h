/* kv_model: what a key-value store must hold, from what was asked of it and what it answered.
 *
 * Commits are noted as they are issued, and again when they are answered. What a store holds is right if it is what some
 * beginning of the commits left: one that reaches at least to the last commit that had to survive, and has all that were
 * not refused; those in doubt, or under way when the world ended, may be in it or not.
 *
 *   kv_model_begin(&model);
 *   kv_model_put(&model, key, value, 0);
 *   status = flashkv_put(...);
 *   kv_model_end(&model, kv_fate_of(status, FLASHKV_BUFFERED), sequence);
 *
 * Knows no store; kv_store.h reads one. Aborts where memory is short. One thread at a time. */
#ifndef TEST_KV_MODEL_H
#define TEST_KV_MODEL_H

#include "base/base.h"

/* What became of a commit, and how much it must survive. */
typedef enum kv_fate {
  KV_REFUSED,   /* it never was */
  KV_UNDER_WAY, /* issued, not yet answered */
  KV_IN_DOUBT,
  KV_BUFFERED, /* survives the end of the process */
  KV_SYNCED    /* survives a power loss */
} kv_fate;

typedef struct kv_write {
  khonsu_slice key, value; /* the model's */
  uint64_t expires_ms;     /* 0: never */
  bool is_delete;
  uint64_t hash;
} kv_write;

typedef struct kv_commit {
  kv_fate fate;
  uint64_t sequence;   /* 0: not told */
  size_t first, count; /* of its writes */
} kv_commit;

typedef struct kv_model {
  kv_commit *commits;
  size_t commit_count, commit_capacity;
  kv_write *writes;
  size_t write_count, write_capacity;
  bool gaps; /* sequences may be used up by commits that were refused */
} kv_model;

void kv_model_fini(kv_model *model); /* a zeroed one is empty */
void kv_model_copy(kv_model *copy, const kv_model *model);

void kv_model_begin(kv_model *model);
void kv_model_put(kv_model *model, khonsu_slice key, khonsu_slice value, uint64_t expires_ms);
void kv_model_delete(kv_model *model, khonsu_slice key);
void kv_model_end(kv_model *model, kv_fate fate, uint64_t sequence);
/* What is buffered so far is flushed. */
void kv_model_synced(kv_model *model);
/* The keys that were ever put, in the order of their bytes, each once; the slices are the model's, the array for free. */
khonsu_slice *kv_model_keys(const kv_model *model, size_t *count);

/* What a store was found to hold, in the order of keys; slices are the finder's. */
typedef struct kv_entry {
  khonsu_slice key, value;
  uint64_t expires_ms;
} kv_entry;
typedef struct kv_contents {
  kv_entry *entries;
  size_t count, capacity;
  uint64_t sequence; /* of the newest commit, as the store says; 0: does not say */
} kv_contents;
void kv_contents_add(kv_contents *contents, kv_entry entry);

/* Which commits were found. */
typedef struct kv_match {
  size_t commits;          /* the first ones, but for those that were refused, and for: */
  uint64_t doubtful_taken; /* bit i: of the commits in doubt, the i-th is in */
  char difference[512];    /* where nothing matches: how what was found differs from what it comes closest to */
} kv_match;

enum { KV_DOUBTFUL_MAX = 12 };

/* Whether `contents` are right, at a time of `now_ms`, if commits of fate `least` and better had to survive. */
bool kv_model_matches(const kv_model *model, const kv_contents *contents, kv_fate least, uint64_t now_ms,
                      kv_match *match);
/* History is what was found: commits that were not are refused; those that were have `fate`, if that is better. */
void kv_model_adopt(kv_model *model, const kv_match *match, kv_fate fate);
/* What the model holds after all commits that were not refused; entries for free, slices the model's. */
kv_contents kv_model_contents(const kv_model *model, uint64_t now_ms);

#endif
