/* mend_record: makes the checksums of a mutated record, or preamble, right. */
#ifndef TEST_MEND_RECORD_H
#define TEST_MEND_RECORD_H

#include "flashkv/preamble.h"
#include "flashkv/record.h"

/* As who writes the record would compute them; a value's only if it is where its record says. */
static inline void mend_record(uint8_t *record, uint64_t offset, uint64_t room, uint64_t salt) {
  size_t head = fkv_record_head_size(record);
  if (head > room) return;
  if (fkv_record_size(record, offset) <= room && fkv_record_kind(record) != FKV_VOID) {
    uint32_t value = kh_crc32c(0, record + fkv_record_value_at(record, offset), fkv_record_value_size(record));
    memcpy(record + 4, &value, sizeof value);
  }
  uint64_t place[4] = {fkv_record_sequence(record), fkv_record_timestamp_us(record), salt, offset};
  uint32_t crc = kh_crc32c(kh_crc32c(0, record + 4, 12), record + FKV_HEADER_SIZE, head - FKV_HEADER_SIZE);
  crc = kh_crc32c(crc, place, sizeof place);
  memcpy(record, &crc, sizeof crc);
}

static inline void mend_preamble(uint8_t *bytes) {
  uint32_t crc = kh_crc32c(kh_crc32c(0, bytes, 12), bytes + 16, FKV_PREAMBLE_SIZE - 16);
  memcpy(bytes + 12, &crc, sizeof crc);
}

#endif
