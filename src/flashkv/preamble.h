/* preamble: the first 64 bytes of every file of a store.
 *
 *   offset  bytes  little-endian
 *        0      8  what the file is: FKVDATA, FKVHINT, FKVMANI or FKVIMAG, and a zero
 *        8      4  version of the format of files of this kind
 *       12      4  CRC-32C of the other 60 bytes
 *       16     16  identity of the store: random, made with the store
 *       32     24  three numbers, which mean what the file's kind says
 *       56      8  bits that a reader must understand; 0 so far */
#ifndef FKV_PREAMBLE_H
#define FKV_PREAMBLE_H

#include "flashkv.h"
#include "os/os.h"

enum { FKV_PREAMBLE_SIZE = 64, FKV_STORE_ID_SIZE = 16 };

typedef enum fkv_file_kind { FKV_FILE_DATA, FKV_FILE_HINT, FKV_FILE_MANIFEST, FKV_FILE_IMAGE } fkv_file_kind;

typedef struct fkv_preamble {
  fkv_file_kind kind;
  uint8_t store_id[FKV_STORE_ID_SIZE];
  uint64_t numbers[3];
} fkv_preamble;

/* The version that is written, and the only one that is read. That of an image was 1 until finds by control bytes
 * (index/control.h); one of that version is as good as none. */
static inline uint32_t fkv_format_version(fkv_file_kind kind) { return kind == FKV_FILE_IMAGE ? 2 : 1; }

void fkv_preamble_write(const fkv_preamble *preamble, uint8_t to[FKV_PREAMBLE_SIZE]);

/* "PATH is of a later format: WHERE has bits set ..." as the error's text; returns UNSUPPORTED. */
khonsu_status fkv_say_unknown(const char *path, const char *where, khonsu_error *error);

/* Reads what is a preamble of this kind. `path` is for the texts. CORRUPT: it is none. UNSUPPORTED: of another version. */
KHONSU_MUST_USE khonsu_status fkv_preamble_read(const uint8_t from[FKV_PREAMBLE_SIZE], fkv_file_kind kind,
                                                const char *path, fkv_preamble *preamble, khonsu_error *error);
/* The same of the file at `path`. NOT_FOUND: there is none. IO. */
KHONSU_MUST_USE khonsu_status fkv_preamble_load(const kh_os *os, const char *path, fkv_file_kind kind,
                                                fkv_preamble *preamble, khonsu_error *error);

#endif
