/* flash_keys: the first byte of a key says what the record is for, so that no key of the user's can be taken for
 * another's. Numbers are big-endian, so that records of a table stand in order.
 *
 *   'k' the user's key                                a value, or the head of a table
 *   'c' incarnation, 12 bytes; chunk id, 8 bytes      a chunk
 *   'd' incarnation, 12 bytes; segment, 8 bytes       a segment of a table's directory
 *   't' issued_ms, 8 bytes; id, 16 bytes             a token: that its commit was, or was given up
 *   'm'                                               what the database is */
#ifndef KH_FLASH_KEYS_H
#define KH_FLASH_KEYS_H

#include "base/base.h"

enum {
  KH_SPACE_USER = 'k',
  KH_SPACE_CHUNK = 'c',
  KH_SPACE_SEGMENT = 'd',
  KH_SPACE_TOKEN = 't',
  KH_SPACE_DATABASE = 'm'
};

enum { KH_TOKEN_KEY_SIZE = 1 + 8 + 16 };

/* Told to every table when it is put: the version, and the how many-th write of the commit it was. */
typedef struct kh_incarnation {
  uint64_t version;
  uint32_t ordinal;
} kh_incarnation;

static inline bool kh_incarnations_equal(kh_incarnation a, kh_incarnation b) {
  return a.version == b.version && a.ordinal == b.ordinal;
}

enum { KH_PART_KEY_SIZE = 1 + 12 + 8 };

static inline void kh_store_big(uint8_t *to, uint64_t number, int bytes) {
  for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
}

static inline uint64_t kh_load_big(const uint8_t *from, int bytes) {
  uint64_t number = 0;
  for (int i = 0; i < bytes; i++) number = number << 8 | from[i];
  return number;
}

static inline khonsu_slice kh_part_key(uint8_t to[KH_PART_KEY_SIZE], int space, kh_incarnation incarnation,
                                       uint64_t number) {
  to[0] = (uint8_t)space;
  kh_store_big(to + 1, incarnation.version, 8);
  kh_store_big(to + 9, incarnation.ordinal, 4);
  kh_store_big(to + 13, number, 8);
  return kh_slice(to, KH_PART_KEY_SIZE);
}

/* False: it is not the key of a part. */
static inline bool kh_part_key_read(khonsu_slice key, kh_incarnation *incarnation, uint64_t *number) {
  const uint8_t *from = key.data;
  if (key.size != KH_PART_KEY_SIZE) return false;
  incarnation->version = kh_load_big(from + 1, 8);
  incarnation->ordinal = (uint32_t)kh_load_big(from + 9, 4);
  *number = kh_load_big(from + 13, 8);
  return true;
}

static inline khonsu_slice kh_token_key(uint8_t to[KH_TOKEN_KEY_SIZE], const khonsu_token *token) {
  to[0] = KH_SPACE_TOKEN;
  kh_store_big(to + 1, token->issued_ms, 8);
  memcpy(to + 9, token->id, sizeof token->id);
  return kh_slice(to, KH_TOKEN_KEY_SIZE);
}

/* The user's key as the store's, in `to`, which has room for one byte more than the key. */
static inline khonsu_slice kh_user_key(uint8_t *to, khonsu_slice key) {
  to[0] = KH_SPACE_USER;
  memcpy(to + 1, key.data, key.size);
  return kh_slice(to, key.size + 1);
}

#endif
