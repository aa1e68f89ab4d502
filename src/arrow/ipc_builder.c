#include "ipc_builder.h"

static int note(kh_ipc_builder *builder, int failed) {
  if (failed != 0) builder->out_of_memory = true;
  return failed;
}

static int lend_vtables(kh_ipc_builder *builder, flatcc_iovec_t *buffer, size_t request) {
  KH_ASSERT(request <= sizeof builder->vtables);
  *buffer = request == 0 ? (flatcc_iovec_t){NULL, 0} : (flatcc_iovec_t){builder->vtables, sizeof builder->vtables};
  return 0;
}

static int allocate(void *ctx, flatcc_iovec_t *buffer, size_t request, int zero_fill, int hint) {
  if (hint == flatcc_builder_alloc_vb) return lend_vtables(ctx, buffer, request);
  return note(ctx, flatcc_builder_default_alloc(NULL, buffer, request, zero_fill, hint));
}

static int emit(void *ctx, const flatcc_iovec_t *slices, int count, flatbuffers_soffset_t offset, size_t size) {
  kh_ipc_builder *builder = ctx;
  return note(builder, flatcc_emitter(&builder->emitter, slices, count, offset, size));
}

void kh_ipc_builder_init(kh_ipc_builder *builder) {
  memset(builder, 0, offsetof(kh_ipc_builder, vtables));
  if (flatcc_builder_custom_init(&builder->flat, emit, builder, allocate, builder) != 0) builder->out_of_memory = true;
  flatcc_builder_set_vtable_cache_limit(&builder->flat, sizeof builder->vtables);
}

void kh_ipc_builder_fini(kh_ipc_builder *builder) {
  flatcc_builder_clear(&builder->flat);
  flatcc_emitter_clear(&builder->emitter);
}

size_t kh_ipc_builder_size(kh_ipc_builder *builder) { return flatcc_builder_get_buffer_size(&builder->flat); }

bool kh_ipc_builder_copy(kh_ipc_builder *builder, void *to) {
  if (builder->out_of_memory) return false;
  return flatcc_emitter_copy_buffer(&builder->emitter, to, kh_ipc_builder_size(builder)) != NULL;
}
