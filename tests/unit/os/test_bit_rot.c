/* Harm to a simulated disk changes what it says, and only that, and can be undone. */
#include <stdio.h>

#include "bit_rot.h"
#include "unit.h"

enum { SIZE_A = 10000, SIZE_B = 5000 };

static void put_file(sim_disk *disk, const char *path, uint8_t first, size_t size) {
  static uint8_t bytes[SIZE_A];
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(first + i % 251 + i / 4096);
  const kh_os *os = sim_disk_os(disk);
  kh_file file;
  assert_int_equal(KH_OS_CALL(os, open, path, KH_OPEN_CREATE, &file), 0);
  assert_int_equal(KH_OS_CALL(os, write_at, file, &(khonsu_slice){bytes, size}, 1, 0), 0);
  assert_int_equal(KH_OS_CALL(os, close, file), 0);
}

static int make_disk(void **state) {
  sim_disk *disk = sim_disk_new(&(sim_options){0});
  put_file(disk, "/a", 1, SIZE_A);
  put_file(disk, "/b", 3, SIZE_B);
  put_file(disk, "/empty", 0, 0);
  *state = disk;
  return 0;
}

static int drop_disk(void **state) {
  sim_disk_free((sim_disk **)state);
  return 0;
}

static unsigned count_bits(uint8_t byte) { return (unsigned)__builtin_popcount(byte); }

typedef struct compared {
  sim_disk *other;
  uint64_t bits, bytes, blocks;
} compared;

static int compare_file(void *ctx, const char *path, uint8_t *bytes, uint64_t size) {
  compared *c = ctx;
  uint64_t other_size = 0;
  const uint8_t *other = sim_disk_bytes(c->other, path, &other_size);
  assert_int_equal(size, other_size);
  for (uint64_t i = 0, block = UINT64_MAX; i < size; i++) {
    if (bytes[i] == other[i]) continue;
    c->bits += count_bits(bytes[i] ^ other[i]);
    c->bytes++;
    c->blocks += block != i / BIT_ROT_BLOCK;
    block = i / BIT_ROT_BLOCK;
  }
  return 0;
}

static compared differences(sim_disk *disk, sim_disk *other) {
  compared c = {.other = other};
  (void)sim_disk_each_file(disk, compare_file, &c);
  return c;
}

static void every_bit_can_be_flipped_and_back(void **state) {
  sim_disk *disk = *state, *whole = sim_disk_kill(disk);
  bit_rot rot;
  bit_rot_init(&rot, disk);
  assert_int_equal(rot.count, 2);
  assert_int_equal(rot.bytes, SIZE_A + SIZE_B);
  for (uint64_t n = 0; n < 8 * rot.bytes; n += 97) {
    bit_rot_harm harm = bit_rot_flip(&rot, n);
    assert_true(bit_rot_do(&harm, disk, NULL));
    assert_int_equal(differences(disk, whole).bits, 1);
    bit_rot_undo(&harm, disk);
    assert_int_equal(differences(disk, whole).bits, 0);
  }
  sim_disk_free(&whole);
}

static void blocks_are_harmed_and_mended(void **state) {
  sim_disk *disk = *state, *earlier = sim_disk_kill(disk);
  put_file(disk, "/a", 100, SIZE_A);
  sim_disk *whole = sim_disk_kill(disk);
  bit_rot rot;
  bit_rot_init(&rot, disk);
  kh_prng prng = {unit_seed()};
  int done[BIT_ROT_KINDS] = {0};
  for (int i = 0; i < 2000; i++) {
    bit_rot_harm harm = bit_rot_random(&rot, &prng, true);
    bool harmed = bit_rot_do(&harm, disk, earlier);
    compared c = differences(disk, whole);
    assert_int_equal(harmed, c.bytes > 0);
    assert_true(c.blocks <= (harm.kind == BIT_ROT_SWAP ? 2 : 1));
    done[harm.kind] += harmed;
    char text[320];
    bit_rot_text(&harm, text);
    if (harmed) bit_rot_undo(&harm, disk);
    assert_int_equal(sim_disk_hash(disk), sim_disk_hash(whole));
  }
  for (int kind = 0; kind < BIT_ROT_KINDS; kind++) assert_true(done[kind] > 20);
  sim_disk_free(&whole);
  sim_disk_free(&earlier);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_bit_can_be_flipped_and_back, make_disk, drop_disk),
      cmocka_unit_test_setup_teardown(blocks_are_harmed_and_mended, make_disk, drop_disk),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
