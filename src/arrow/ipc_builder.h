/* ipc_builder: a flatbuffer under construction, that remembers whether memory ran out. Some of flatcc's generated calls
 * go on after a failed allocation and build a damaged buffer; who builds asks at the end.
 *
 * The cache of vtables, of which flatcc does not even notice that it could not be allocated and then reads from nowhere
 * (builder.c, flatcc_builder_create_cached_vtable), stands in here: it cannot fail. */
#ifndef KH_ARROW_IPC_BUILDER_H
#define KH_ARROW_IPC_BUILDER_H

#include "base/base.h"
#include "ipc_format.h"

/* A few hundred vtables; a schema makes some dozens. When it is full flatcc begins anew and repeats some. */
#define KH_IPC_VTABLE_CACHE_SIZE 4096

typedef struct kh_ipc_builder {
  flatcc_builder_t flat;
  flatcc_emitter_t emitter;
  bool out_of_memory;
  _Alignas(8) uint8_t vtables[KH_IPC_VTABLE_CACHE_SIZE];
} kh_ipc_builder;

void kh_ipc_builder_init(kh_ipc_builder *builder);
void kh_ipc_builder_fini(kh_ipc_builder *builder);

size_t kh_ipc_builder_size(kh_ipc_builder *builder);
/* Copies what was built to `to`, which has room for it. False: memory ran out; there is nothing to copy. */
KHONSU_MUST_USE bool kh_ipc_builder_copy(kh_ipc_builder *builder, void *to);

#endif
