/* ipc_pairs: metadata of schemas, fields and messages. Here a vector of KeyValue tables, whose texts may hold any bytes;
 * in the C Data interface a count, then keys and values, each after its size. */
#ifndef KH_ARROW_IPC_PAIRS_H
#define KH_ARROW_IPC_PAIRS_H

#include "arena.h"
#include "base/base.h"
#include "ipc_format.h"

/* Bytes that the pairs come to; 0: there are none. */
size_t kh_ipc_pairs_size(NS(KeyValue_vec_t) pairs);
/* Into so many bytes. */
void kh_ipc_pairs_read(NS(KeyValue_vec_t) pairs, char *to);

/* The generated calls for one table's vector of pairs. */
typedef struct kh_ipc_pairs_ops {
  int (*start)(flatcc_builder_t *builder);
  int (*end)(flatcc_builder_t *builder);
  int (*push_start)(flatcc_builder_t *builder);
  NS(KeyValue_ref_t) * (*push_end)(flatcc_builder_t *builder);
} kh_ipc_pairs_ops;

#define KH_IPC_PAIRS_OPS(table)                                                                                        \
  {                                                                                                                    \
    NS(table##_custom_metadata_start), NS(table##_custom_metadata_end), NS(table##_custom_metadata_push_start),        \
        NS(table##_custom_metadata_push_end)                                                                           \
  }

/* `metadata` may be NULL. False: out of memory. */
KHONSU_MUST_USE bool kh_ipc_pairs_write(flatcc_builder_t *builder, const char *metadata, const kh_ipc_pairs_ops *ops);

#endif
