/* token: what became of idempotency tokens. In the seat; so of two commits with one token the second finds the first, be it
 * in the same group. A storage that has `token` keeps them with the commits; else they are kept here. */
#ifndef KH_TXN_TOKEN_H
#define KH_TXN_TOKEN_H

#include "mvcc/mvcc.h"
#include "storage/storage.h"

struct kh_partition;
struct kh_request;
struct kh_known_token;

typedef struct kh_tokens {
  kh_hash_map known;                      /* of kh_known_token */
  struct kh_known_token *oldest, *newest; /* by when they came */
} kh_tokens;

KHONSU_MUST_USE khonsu_status kh_tokens_init(struct kh_partition *partition);
void kh_tokens_fini(struct kh_partition *partition);

/* Looks for the request's token, in the members of the group before it as well; what it finds is the transaction's outcome
 * and the request's version. TOKEN_EXPIRED, what the storage returns. */
KHONSU_MUST_USE khonsu_status kh_token_look(struct kh_partition *partition, const struct kh_request *group,
                                            struct kh_request *request);
/* The token goes with the request, which is linked: from now on others find it. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_token_link(struct kh_partition *partition, struct kh_request *request);
void kh_token_undo(struct kh_partition *partition, struct kh_request *request);

#endif
