/* ipc_codec: compressed buffers (Columnar format, "Compression"). Each stands alone: its size as int64, then a frame of
 * zstd or lz4; or the size -1, then the bytes as they are. Contexts are made when first needed and used again. */
#ifndef KH_ARROW_IPC_CODEC_H
#define KH_ARROW_IPC_CODEC_H

#include "base/base.h"

/* The numbers are the format's (CompressionType), but for the first. */
typedef enum kh_ipc_codec { KH_IPC_PLAIN = -1, KH_IPC_LZ4 = 0, KH_IPC_ZSTD = 1 } kh_ipc_codec;

enum { KH_IPC_CODEC_PREFIX = 8 };

/* Zero-initialise to begin. Not shared between threads. */
typedef struct kh_ipc_compression {
  void *zstd_in, *zstd_out, *lz4_in;
} kh_ipc_compression;

void kh_ipc_compression_fini(kh_ipc_compression *compression);

const char *kh_ipc_codec_name(kh_ipc_codec codec);

/* Whether a frame of `frame_size` bytes can hold `size` bytes at all: what asks for more is a lie, and nothing needs to
 * be allocated to find out. */
bool kh_ipc_frame_can_hold(kh_ipc_codec codec, uint64_t frame_size, uint64_t size);
/* The frame holds `size` bytes, no more and no less: CORRUPT if not. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_decompress(kh_ipc_compression *compression, kh_ipc_codec codec, khonsu_slice frame,
                                                void *to, size_t size);

/* Room that a frame of `size` bytes needs at most. */
size_t kh_ipc_compress_bound(kh_ipc_codec codec, size_t size);
/* Writes a frame of the bytes, which has *size bytes. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_compress(kh_ipc_compression *compression, kh_ipc_codec codec, khonsu_slice bytes,
                                              void *to, size_t *size);

#endif
