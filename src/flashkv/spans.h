/* spans: from the words of the index to places in files, and back.
 *
 * A word counts units of 8 bytes through all data files, as if they lay one after the other: its upper 26 bits say which
 * span of 32 MiB, its lower 22 which unit in it. A file takes as many spans, in a row, as its size may come to; that costs
 * 16 bytes for each. So words have room for 2 PiB, files may have any size, and no word is 0, as no record begins a file.
 *
 * Readers, in the epoch, load the table after they have got a word; the writer changes the table before it publishes words
 * that need it. Spans of a file that has left are used again only when no reader can have a word of its. */
#ifndef FKV_SPANS_H
#define FKV_SPANS_H

#include "file.h"
#include "index/index.h"

enum { FKV_SPAN_BITS = 22 };
#define FKV_SPAN_SIZE ((uint64_t)FKV_UNIT << FKV_SPAN_BITS)

typedef struct fkv_span {
  const uint8_t *base; /* NULL: the file is not mapped */
  fkv_file *file;      /* NULL: free */
} fkv_span;

typedef struct fkv_span_table {
  kh_retired retired;
  size_t count;
  fkv_span spans[];
} fkv_span_table;

struct fkv_spans {
  _Atomic(fkv_span_table *) table;
  kh_epoch *epoch;
};

typedef struct fkv_spans fkv_spans;

KHONSU_MUST_USE khonsu_status fkv_spans_init(fkv_spans *spans, kh_epoch *epoch);
void fkv_spans_fini(fkv_spans *spans);

/* Gives the file spans: from `first` on if that is not 0 and they are free, else the first that are. NO_MEMORY. */
KHONSU_MUST_USE khonsu_status fkv_spans_add(fkv_spans *spans, fkv_file *file, uint64_t first);
/* Takes them back. No reader has a word of the file's. */
void fkv_spans_remove(fkv_spans *spans, fkv_file *file);
/* The index leads to the file no more: it leaves, as does its place here, when the readers that are in the epoch have gone. */
void fkv_spans_retire(fkv_spans *spans, fkv_file *file);

/* A word that leads to a file. */
static inline const fkv_span *fkv_spans_at(const fkv_spans *spans, uint64_t word) {
  return &atomic_load_explicit(&spans->table, memory_order_acquire)->spans[word >> FKV_SPAN_BITS];
}
static inline uint64_t fkv_word_in_span(uint64_t word) {
  return (word & ((UINT64_C(1) << FKV_SPAN_BITS) - 1)) * FKV_UNIT;
}
static inline uint64_t fkv_word_of(const fkv_file *file, uint64_t offset) {
  return (file->first_span << FKV_SPAN_BITS) + offset / FKV_UNIT;
}
/* `file` is the one the word leads to. */
static inline uint64_t fkv_word_offset(const fkv_file *file, uint64_t word) {
  return (word - (file->first_span << FKV_SPAN_BITS)) * FKV_UNIT;
}
/* The file of a word that may be anything, as an image of the index may say it; NULL: there is none. */
static inline fkv_file *fkv_spans_file(const fkv_spans *spans, uint64_t word) {
  const fkv_span_table *table = atomic_load_explicit(&spans->table, memory_order_acquire);
  return word >> FKV_SPAN_BITS < table->count ? table->spans[word >> FKV_SPAN_BITS].file : NULL;
}

/* Whether a record with a key of so many bytes can stand at a word that may be anything: then it leads to bytes of a file. */
static inline bool fkv_spans_may_have(const fkv_spans *spans, uint64_t word, size_t key_size) {
  const fkv_file *file = fkv_spans_file(spans, word);
  if (file == NULL) return false;
  uint64_t offset = fkv_word_offset(file, word);
  return offset >= FKV_PREAMBLE_SIZE &&
         offset + FKV_HEADER_SIZE + key_size <= atomic_load_explicit(&file->readable, memory_order_relaxed);
}

#endif
