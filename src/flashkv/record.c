#include "record.h"

static void store_2(uint8_t *to, uint16_t number) { memcpy(to, &number, sizeof number); }
static void store_4(uint8_t *to, uint32_t number) { memcpy(to, &number, sizeof number); }
static void store_8(uint8_t *to, uint64_t number) { memcpy(to, &number, sizeof number); }

/* ---- writing */

static uint16_t stored_key_size(const fkv_draft *draft) {
  return (uint16_t)(draft->key.size == 0 ? 0 : draft->key.size - 1);
}

/* Bytes 8 to 15. */
static void write_shape(const fkv_draft *draft, uint8_t to[8]) {
  store_4(to, (uint32_t)draft->value.size);
  store_2(to + 4, stored_key_size(draft));
  to[6] = draft->kind;
  to[7] = draft->flags;
}

static void finish_head(fkv_draft *draft) {
  uint8_t bytes[12], expires[8];
  store_4(bytes, draft->value_crc);
  write_shape(draft, bytes + 4);
  uint32_t crc = kh_crc32c(0, bytes, sizeof bytes);
  crc = kh_crc32c(crc, draft->key.data, draft->key.size);
  if (draft->flags & FKV_EXPIRES) {
    store_8(expires, draft->expires_ms);
    crc = kh_crc32c(crc, expires, sizeof expires);
  }
  draft->body_crc = crc;
}

void fkv_draft_finish(fkv_draft *draft) {
  if (draft->expires_ms != 0) draft->flags |= FKV_EXPIRES;
  draft->value_crc = kh_crc32c(0, draft->value.data, draft->value.size);
  finish_head(draft);
}

void fkv_draft_finish_void(fkv_draft *draft) {
  draft->value_crc = 0;
  finish_head(draft);
}

static uint32_t head_crc(uint32_t body_crc, const fkv_place *place) {
  uint64_t bytes[4] = {place->sequence, place->timestamp_us, place->salt, place->offset};
  return kh_crc32c(body_crc, bytes, sizeof bytes);
}

static size_t draft_head_size(const fkv_draft *draft) {
  return FKV_HEADER_SIZE + draft->key.size + (draft->flags & FKV_EXPIRES ? 8 : 0);
}

size_t fkv_draft_value_at(const fkv_draft *draft, uint64_t offset) {
  size_t head = draft_head_size(draft);
  if (!(draft->flags & FKV_ALIGNED)) return head;
  return (size_t)(((offset + head + FKV_ALIGNMENT - 1) & ~(uint64_t)(FKV_ALIGNMENT - 1)) - offset);
}

uint64_t fkv_draft_size(const fkv_draft *draft, uint64_t offset) {
  uint64_t end = fkv_draft_value_at(draft, offset) + (uint64_t)draft->value.size;
  return (end + FKV_UNIT - 1) & ~(uint64_t)(FKV_UNIT - 1);
}

void fkv_draft_write_header(const fkv_draft *draft, const fkv_place *place, uint8_t to[FKV_HEADER_SIZE]) {
  store_4(to, head_crc(draft->body_crc, place));
  store_4(to + 4, draft->value_crc);
  write_shape(draft, to + 8);
  store_8(to + 16, place->sequence);
  store_8(to + 24, place->timestamp_us);
}

size_t fkv_draft_write_middle(const fkv_draft *draft, uint64_t offset, uint8_t to[8 + FKV_ALIGNMENT]) {
  size_t size = fkv_draft_value_at(draft, offset) - FKV_HEADER_SIZE - draft->key.size;
  memset(to, 0, size);
  if (draft->flags & FKV_EXPIRES) store_8(to, draft->expires_ms);
  return size;
}

void fkv_draft_write(const fkv_draft *draft, const fkv_place *place, uint8_t *to) {
  size_t value_at = fkv_draft_value_at(draft, place->offset);
  uint64_t size = fkv_draft_size(draft, place->offset), end = value_at + draft->value.size;
  uint8_t *middle = to + FKV_HEADER_SIZE + draft->key.size;
  if (draft->key.size > 0) memcpy(to + FKV_HEADER_SIZE, draft->key.data, draft->key.size);
  if (KH_UNLIKELY((draft->flags & (FKV_EXPIRES | FKV_ALIGNED)) != 0)) {
    (void)fkv_draft_write_middle(draft, place->offset, middle);
  }
  if (draft->value.size > 0) memcpy(to + value_at, draft->value.data, draft->value.size);
  memset(to + end, 0, size - end);
  fkv_draft_write_header(draft, place, to);
}

fkv_draft fkv_seal_draft(fkv_seal seal, uint8_t bytes[FKV_SEAL_VALUE_SIZE]) {
  store_8(bytes, seal.records);
  store_8(bytes + 8, seal.synced_to);
  fkv_draft draft = {.value = kh_slice(bytes, FKV_SEAL_VALUE_SIZE), .kind = FKV_SEAL};
  fkv_draft_finish(&draft);
  return draft;
}

/* ---- reading */

static bool header_is_zero(const uint8_t *record) {
  uint64_t words[FKV_HEADER_SIZE / 8];
  memcpy(words, record, sizeof words);
  return (words[0] | words[1] | words[2] | words[3]) == 0;
}

/* Whether a record can look like this. */
static bool shape_makes_sense(const uint8_t *record) {
  unsigned flags = fkv_record_flags(record);
  if ((flags & ~(unsigned)FKV_FLAGS) != 0) return false;
  switch (fkv_record_kind(record)) {
    case FKV_PUT: return true;
    case FKV_DELETE: return fkv_record_value_size(record) == 0 && (flags & ~(unsigned)FKV_SEALED) == 0;
    case FKV_SEAL:
      return fkv_record_value_size(record) == FKV_SEAL_VALUE_SIZE && flags == 0 && fkv_load_2(record + 12) == 0;
    case FKV_VOID: return flags == 0 && fkv_load_2(record + 12) == 0;
  }
  return false;
}

static uint32_t computed_head_crc(const uint8_t *record, uint64_t salt, uint64_t offset) {
  uint32_t crc = kh_crc32c(0, record + 4, 12);
  crc = kh_crc32c(crc, record + FKV_HEADER_SIZE, fkv_record_head_size(record) - FKV_HEADER_SIZE);
  fkv_place place = {salt, offset, fkv_record_sequence(record), fkv_record_timestamp_us(record)};
  return head_crc(crc, &place);
}

fkv_soundness fkv_record_check_part(const uint8_t *record, size_t readable, uint64_t room, uint64_t salt,
                                    uint64_t offset, size_t *wanted) {
  *wanted = FKV_HEADER_SIZE;
  if (room < FKV_HEADER_SIZE) return room == 0 ? FKV_NOTHING : FKV_BAD;
  if (readable < FKV_HEADER_SIZE) return FKV_BAD;
  if (header_is_zero(record)) return FKV_NOTHING;
  if (!shape_makes_sense(record) || fkv_record_size(record, offset) > room) return FKV_BAD;
  *wanted = fkv_record_head_size(record);
  if (*wanted > readable) return FKV_BAD;
  return computed_head_crc(record, salt, offset) == fkv_load_4(record) ? FKV_SOUND : FKV_BAD;
}

fkv_soundness fkv_record_check_head(const uint8_t *record, uint64_t room, uint64_t salt, uint64_t offset) {
  size_t wanted;
  return fkv_record_check_part(record, (size_t)room, room, salt, offset, &wanted);
}

fkv_seal fkv_record_seal(const uint8_t *record) {
  return (fkv_seal){fkv_load_8(record + FKV_HEADER_SIZE), fkv_load_8(record + FKV_HEADER_SIZE + 8)};
}

fkv_draft fkv_record_draft(const uint8_t *record, uint64_t offset) {
  fkv_draft draft = {.key = fkv_record_key(record), .kind = (uint8_t)fkv_record_kind(record), .flags = FKV_SEALED};
  draft.value = kh_slice(record + fkv_record_value_at(record, offset), fkv_record_value_size(record));
  draft.expires_ms = fkv_record_expires_ms(record);
  draft.flags |= (uint8_t)(fkv_record_flags(record) & FKV_ALIGNED);
  fkv_draft_finish(&draft);
  return draft;
}
