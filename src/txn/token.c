#include "token.h"

#include "partition.h"
#include "transaction.h"

typedef struct kh_known_token {
  khonsu_token token;
  khonsu_version version;
  bool fenced;
  struct kh_known_token *later, *earlier; /* by when they came */
} known_token;

/* ---- in memory */

static bool is_token(void *ctx, uint64_t word, khonsu_slice key) {
  (void)ctx;
  return memcmp(((const known_token *)(uintptr_t)word)->token.id, key.data, key.size) == 0;
}

static khonsu_slice id_of(const khonsu_token *token) { return kh_slice(token->id, sizeof token->id); }

static uint64_t hash_of(const kh_partition *partition, const khonsu_token *token) {
  return kh_hash_bytes(id_of(token), partition->store.hash_seed);
}

static uint64_t hash_of_word(void *ctx, uint64_t word) {
  return hash_of(ctx, &((const known_token *)(uintptr_t)word)->token);
}

static bool keeps_them(const kh_partition *partition) {
  return partition->storage.ops == NULL || partition->storage.ops->token == NULL;
}

khonsu_status kh_tokens_init(kh_partition *partition) {
  kh_key_source source = {is_token, hash_of_word, partition, NULL};
  if (!keeps_them(partition)) return KHONSU_OK;
  return kh_hash_map_init(&partition->tokens.known, source, &partition->store.epoch, partition->store.heap);
}

void kh_tokens_fini(kh_partition *partition) {
  if (!keeps_them(partition)) return;
  while (partition->tokens.oldest != NULL) {
    known_token *token = partition->tokens.oldest;
    partition->tokens.oldest = token->later;
    kh_free(token);
  }
  kh_hash_map_fini(&partition->tokens.known);
}

static known_token *find(const kh_partition *partition, const khonsu_token *token) {
  uint64_t hash = hash_of(partition, token);
  return (known_token *)(uintptr_t)kh_hash_map_find_by(&partition->tokens.known, id_of(token), hash, is_token, NULL);
}

static bool has_expired(const kh_partition *partition, const khonsu_token *token) {
  uint64_t now = kh_os_wall_us() / 1000;
  return token->issued_ms < now && now - token->issued_ms > partition->options.token_age_ms_max;
}

static void drop(kh_partition *partition, known_token *token) {
  kh_tokens *tokens = &partition->tokens;
  if (token->earlier != NULL) token->earlier->later = token->later;
  else tokens->oldest = token->later;
  if (token->later != NULL) token->later->earlier = token->earlier;
  else tokens->newest = token->earlier;
  kh_hash_map_remove(&tokens->known, hash_of(partition, &token->token), (uint64_t)(uintptr_t)token);
  kh_free(token);
}

/* Those that came first, as long as they have expired. */
static void drop_expired(kh_partition *partition) {
  const kh_tokens *tokens = &partition->tokens;
  while (tokens->oldest != NULL && has_expired(partition, &tokens->oldest->token)) drop(partition, tokens->oldest);
}

static khonsu_status keep(kh_partition *partition, const kh_request *request) {
  kh_tokens *tokens = &partition->tokens;
  known_token *token = kh_alloc(sizeof *token);
  if (token == NULL) return KHONSU_NO_MEMORY;
  *token = (known_token){request->txn->token, request->version, request->txn->fences, NULL, tokens->newest};
  khonsu_status status =
      kh_hash_map_insert(&tokens->known, hash_of(partition, &token->token), (uint64_t)(uintptr_t)token);
  if (status != KHONSU_OK) {
    kh_free(token);
    return status;
  }
  if (tokens->newest != NULL) tokens->newest->later = token;
  else tokens->oldest = token;
  tokens->newest = token;
  return KHONSU_OK;
}

/* ---- looking */

static void say(kh_request *request, khonsu_version version, bool fenced) {
  request->txn->outcome = fenced ? KHONSU_OUTCOME_ABORTED : KHONSU_OUTCOME_COMMITTED;
  request->version = version;
}

/* Of a member before it, which is linked and not written yet. */
static bool look_in_group(const kh_request *group, kh_request *request) {
  const khonsu_txn *txn = request->txn;
  for (const kh_request *member = group; member != request; member = member->member) {
    const khonsu_txn *other = member->txn;
    if (member->task != NULL || member->status != KHONSU_OK || !other->leaves_token) continue;
    if (memcmp(other->token.id, txn->token.id, sizeof txn->token.id) != 0) continue;
    say(request, member->version, other->fences);
    return true;
  }
  return false;
}

static khonsu_status look_in_storage(const kh_partition *partition, kh_request *request) {
  const kh_storage *storage = &partition->storage;
  khonsu_version version;
  bool fenced;
  khonsu_status status = storage->ops->token(storage->ctx, &request->txn->token, &version, &fenced, request->error);
  if (status == KHONSU_OK) say(request, version, fenced);
  return status == KHONSU_NOT_FOUND ? KHONSU_OK : status;
}

static void look_in_memory(kh_partition *partition, kh_request *request) {
  drop_expired(partition);
  const known_token *known = find(partition, &request->txn->token);
  if (known != NULL) say(request, known->version, known->fenced);
}

khonsu_status kh_token_look(kh_partition *partition, const kh_request *group, kh_request *request) {
  khonsu_txn *txn = request->txn;
  txn->leaves_token = false;
  txn->outcome = KHONSU_OUTCOME_UNSEEN;
  if (has_expired(partition, &txn->token))
    return khonsu_error_set(request->error, KHONSU_TOKEN_EXPIRED,
                            "the token was issued longer ago than token_age_ms_max = %llu",
                            (unsigned long long)partition->options.token_age_ms_max);
  if (!keeps_them(partition)) return look_in_group(group, request) ? KHONSU_OK : look_in_storage(partition, request);
  look_in_memory(partition, request);
  return KHONSU_OK;
}

khonsu_status kh_token_link(kh_partition *partition, kh_request *request) {
  khonsu_status status = keeps_them(partition) ? keep(partition, request) : KHONSU_OK;
  request->txn->leaves_token = status == KHONSU_OK;
  return status;
}

void kh_token_undo(kh_partition *partition, kh_request *request) {
  if (!request->txn->leaves_token) return;
  request->txn->leaves_token = false;
  if (keeps_them(partition)) drop(partition, find(partition, &request->txn->token));
}
