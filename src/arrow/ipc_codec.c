#include "ipc_codec.h"

#include <lz4frame.h>
#include <zstd.h>
#include <zstd_errors.h>

/* What C++ and Python choose as well: nearly as fast as lz4. */
enum { ZSTD_LEVEL = 1 };

const char *kh_ipc_codec_name(kh_ipc_codec codec) {
  switch (codec) {
    case KH_IPC_LZ4: return "lz4";
    case KH_IPC_ZSTD: return "zstd";
    default: return "no";
  }
}

/* The densest that the formats have: of zstd a block of 128 KiB that repeats one byte takes 4 bytes; in lz4 a byte adds
 * at most 255 to the length of a match. */
bool kh_ipc_frame_can_hold(kh_ipc_codec codec, uint64_t frame_size, uint64_t size) {
  uint64_t densest = codec == KH_IPC_ZSTD ? 32768 : 255;
  return size / densest <= frame_size;
}

/* ---- reading */

static khonsu_status zstd_read(kh_ipc_compression *compression, khonsu_slice frame, void *to, size_t size) {
  if (compression->zstd_in == NULL) compression->zstd_in = ZSTD_createDCtx();
  if (compression->zstd_in == NULL) return KHONSU_NO_MEMORY;
  size_t got = ZSTD_decompressDCtx(compression->zstd_in, to, size, frame.data, frame.size);
  if (got == size) return KHONSU_OK;
  return ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation ? KHONSU_NO_MEMORY : KHONSU_CORRUPT;
}

static khonsu_status lz4_read(kh_ipc_compression *compression, khonsu_slice frame, void *to, size_t size) {
  LZ4F_dctx *context = compression->lz4_in;
  if (context == NULL && LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return KHONSU_NO_MEMORY;
  compression->lz4_in = context;
  LZ4F_resetDecompressionContext(context);
  const char *from = frame.data;
  size_t read = 0, written = 0, hint = 1;
  while (hint != 0) { /* 0: the frame has ended */
    size_t in = frame.size - read, out = size - written;
    hint = LZ4F_decompress(context, (char *)to + written, &out, from + read, &in, NULL);
    if (LZ4F_isError(hint) || (in == 0 && out == 0)) return KHONSU_CORRUPT;
    read += in;
    written += out;
  }
  return written == size ? KHONSU_OK : KHONSU_CORRUPT;
}

khonsu_status kh_ipc_decompress(kh_ipc_compression *compression, kh_ipc_codec codec, khonsu_slice frame, void *to,
                                size_t size) {
  KH_ASSERT(codec != KH_IPC_PLAIN);
  return codec == KH_IPC_ZSTD ? zstd_read(compression, frame, to, size) : lz4_read(compression, frame, to, size);
}

/* ---- writing */

size_t kh_ipc_compress_bound(kh_ipc_codec codec, size_t size) {
  return codec == KH_IPC_ZSTD ? ZSTD_compressBound(size) : LZ4F_compressFrameBound(size, NULL);
}

/* With room as above, compression fails for lack of memory only. */
khonsu_status kh_ipc_compress(kh_ipc_compression *compression, kh_ipc_codec codec, khonsu_slice bytes, void *to,
                              size_t *size) {
  size_t room = kh_ipc_compress_bound(codec, bytes.size);
  if (codec == KH_IPC_LZ4) {
    *size = LZ4F_compressFrame(to, room, bytes.data, bytes.size, NULL);
    return LZ4F_isError(*size) ? KHONSU_NO_MEMORY : KHONSU_OK;
  }
  if (compression->zstd_out == NULL) compression->zstd_out = ZSTD_createCCtx();
  if (compression->zstd_out == NULL) return KHONSU_NO_MEMORY;
  *size = ZSTD_compressCCtx(compression->zstd_out, to, room, bytes.data, bytes.size, ZSTD_LEVEL);
  return ZSTD_isError(*size) ? KHONSU_NO_MEMORY : KHONSU_OK;
}

void kh_ipc_compression_fini(kh_ipc_compression *compression) {
  ZSTD_freeDCtx(compression->zstd_in);
  ZSTD_freeCCtx(compression->zstd_out);
  LZ4F_freeDecompressionContext(compression->lz4_in);
  *compression = (kh_ipc_compression){0};
}
