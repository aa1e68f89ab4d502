/* ipc_builder: a flatbuffer under construction, that remembers whether memory ran out. Some of flatcc's generated calls
 * go on after a failed allocation and build a damaged buffer; who builds asks at the end. */
#ifndef KH_ARROW_IPC_BUILDER_H
#define KH_ARROW_IPC_BUILDER_H

#include "base/base.h"
#include "ipc_format.h"

typedef struct kh_ipc_builder {
  flatcc_builder_t flat;
  flatcc_emitter_t emitter;
  bool out_of_memory;
} kh_ipc_builder;

void kh_ipc_builder_init(kh_ipc_builder *builder);
void kh_ipc_builder_fini(kh_ipc_builder *builder);

size_t kh_ipc_builder_size(kh_ipc_builder *builder);
/* Copies what was built to `to`, which has room for it. False: memory ran out; there is nothing to copy. */
KHONSU_MUST_USE bool kh_ipc_builder_copy(kh_ipc_builder *builder, void *to);

#endif
