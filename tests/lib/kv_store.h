/* kv_store: reads a flashkv through its API and holds it against a kv_model. */
#ifndef TEST_KV_STORE_H
#define TEST_KV_STORE_H

#include "flashkv.h"
#include "kv_model.h"

/* What a commit's status says of it, if it was to be as durable as that. */
kv_fate kv_fate_of(flashkv_status status, flashkv_durability durability);

/* Whether a call may return this when the disk fails. */
bool kv_is_excuse(flashkv_status status);

/* Whether the store holds what it must, if commits of fate `least` and better had to survive: by an iterator, one that
 * goes backwards, and a get of every key there ever was, which all must agree. False: match->difference says what is
 * wrong. */
bool kv_store_verify(const kv_model *model, flashkv *store, kv_fate least, kv_match *match);

/* Whether the store holds, as of a snapshot, what it held when that was opened. What has expired by now may be there or
 * not: merging forgets when a commit was. `may_fail`: entries that cannot be read are no matter. */
bool kv_store_verify_snapshot(flashkv *store, const flashkv_snapshot *snapshot, const kv_contents *contents,
                              bool may_fail, char why[512]);

typedef enum kv_verdict {
  KV_RIGHT,   /* everything is as it should be */
  KV_NOTICED, /* not, but where it is not, there is an error */
  KV_WRONG    /* a wrong answer */
} kv_verdict;

/* The same for a store that may be damaged: answers are right, or CORRUPT or IO. `why`: what is wrong. */
kv_verdict kv_store_judge(const kv_model *model, flashkv *store, char why[512]);

#endif
