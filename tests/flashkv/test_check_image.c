/* The image of the index is checked: whatever is amiss in it is found and named, also where its checksums are right and what
 * it says is not so; and nothing is found where what it says was so when it was written. Where nobody checks it, it is not
 * believed either (tests/fuzz/test_flashkv_image.c has more of that). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "damage.h"
#include "os_fault.h"

#include "flashkv/image.h"

/* ---- an image, to be changed */

typedef struct image {
  char path[DAMAGE_PATH_SIZE];
  uint8_t *bytes;
  size_t size;
  fkv_image_head *head;
  fkv_image_row *rows;
  fkv_image_link *links;
  fkv_image_expiry *expiries;
  uint8_t *hash; /* docs/formats/flashkv.md */
} image;

static image image_load(const test_store *test) {
  image own = {0};
  damage_path(test, FKV_IMAGE_NAME, own.path);
  own.size = damage_size(own.path);
  own.bytes = kh_alloc_lines(own.size);
  int file = open(own.path, O_RDONLY);
  assert_true(file >= 0 && own.bytes != NULL);
  assert_int_equal(read(file, own.bytes, own.size), own.size);
  close(file);
  own.head = (void *)(own.bytes + FKV_PREAMBLE_SIZE);
  own.rows = (void *)(own.head + 1);
  own.links = (void *)(own.rows + own.head->rows);
  own.expiries = (void *)(own.links + own.head->links);
  own.hash = own.bytes + own.head->hash_at;
  return own;
}

static uint32_t load_4(const uint8_t *from) { return fkv_load_4(from); }
static void store_4(uint8_t *to, uint32_t number) { memcpy(to, &number, sizeof number); }
static void add_8(uint8_t *to, uint64_t number) {
  number += fkv_load_8(to);
  memcpy(to, &number, sizeof number);
}

/* Makes the checksums right. */
static void image_seal(image *own) {
  size_t at = (64 + 16 * (size_t)load_4(own->hash + 28) + 63) & ~(size_t)63, table_end = at;
  for (uint32_t row = 0; row < load_4(own->hash + 28); row++) {
    uint8_t *about = own->hash + 64 + 16 * row;
    size_t size = 64 + ((size_t)9 << about[13]);
    store_4(about + 8, kh_crc32c(0, own->hash + at, size));
    at += size;
  }
  store_4(own->hash + 32, kh_crc32c(0, own->hash + 64, table_end - 64));
  store_4(own->hash + 60, kh_crc32c(0, own->hash, 60));
  fkv_preamble preamble = {.kind = FKV_FILE_IMAGE};
  memcpy(preamble.store_id, own->bytes + 16, sizeof preamble.store_id);
  memcpy(preamble.numbers, own->bytes + 32, sizeof preamble.numbers);
  preamble.numbers[1] = kh_crc32c(kh_crc32c(0, own->head, (size_t)preamble.numbers[0]), own->hash, 60);
  fkv_preamble_write(&preamble, own->bytes);
}

static void image_save(image *own) {
  image_seal(own);
  int file = open(own->path, O_WRONLY);
  assert_true(file >= 0);
  assert_int_equal(write(file, own->bytes, own->size), own->size);
  close(file);
  kh_free(own->bytes);
}

static void found_in_image(const test_store *test, const char *text) {
  found own;
  char expected[DAMAGE_PATH_SIZE + 64];
  snprintf(expected, sizeof expected, FKV_IMAGE_NAME ": %s", text);
  found_by_check(&own, test->folder, FLASHKV_CORRUPT);
  assert_found(&own, expected);
}

static void assert_whole(const test_store *test, uint64_t keys) {
  found own;
  found_by_check(&own, test->folder, FLASHKV_OK);
  assert_int_equal(own.result.findings, 0);
  assert_int_equal(own.result.keys, keys);
}

/* ---- its entries */

/* The word of the record with this key and value. */
static uint64_t word_of(const test_store *test, const image *own, const char *key_and_value) {
  char path[DAMAGE_PATH_SIZE];
  damage_path(test, DAMAGE_FIRST_FILE, path);
  return (own->rows[0].first_span << FKV_SPAN_BITS) + (damage_find(path, key_and_value) - FKV_HEADER_SIZE) / FKV_UNIT;
}

/* The slot that has the word, in whatever segment, which is `*segment`. */
static uint64_t *slot_of(const image *own, uint64_t word, uint8_t **segment) {
  size_t at = (64 + 16 * (size_t)load_4(own->hash + 28) + 63) & ~(size_t)63;
  for (uint32_t row = 0; row < load_4(own->hash + 28); row++) {
    size_t slots = (size_t)1 << own->hash[64 + 16 * row + 13];
    uint64_t *first = (void *)(own->hash + at + 64);
    *segment = own->hash + at;
    for (size_t slot = 0; slot < slots; slot++) {
      if ((first[slot] & (KH_WORD_LIMIT - 1)) == word) return &first[slot];
    }
    at += 64 + 9 * slots;
  }
  fail_msg("no slot has the word");
  return NULL;
}

/* And its control byte. */
static uint8_t *control_of(uint8_t *segment, const uint64_t *slot) {
  const uint64_t *slots = (void *)(segment + 64);
  return segment + 64 + (sizeof *slots << load_4(segment + 28)) + (slot - slots);
}

static void entry_remove(const image *own, uint64_t *slot, uint8_t *segment) {
  *slot = KH_SLOT_EMPTY;
  *control_of(segment, slot) = KH_CONTROL_EMPTY;
  add_8(segment + 32, UINT64_MAX);   /* its words, */
  add_8(own->hash + 16, UINT64_MAX); /* and those of the map */
}

static void write_some(flashkv *store) {
  store_put_text(store, "a", "first value of a");
  store_put_text(store, "a", "second value of a");
  store_put_text(store, "b", "value of b");
  store_put_text(store, "c", "value of c");
  store_delete_text(store, "c");
  store_put_until(store, "d", "value of d", UINT64_C(7258118400000));
}

enum { KEYS = 3 };

static void an_entry_of_an_older_record(void **state) {
  test_store *test = *state;
  uint8_t *segment;
  write_some(test->store);
  store_close(test);
  image own = image_load(test);
  uint64_t newest = word_of(test, &own, "asecond value of a"), older = word_of(test, &own, "afirst value of a");
  *slot_of(&own, newest, &segment) ^= newest ^ older;
  image_save(&own);
  found_in_image(test, "leads to commit 1, but 2 is the newest of the key, key a");
  store_open(test);
}

static void an_entry_that_leads_nowhere(void **state) {
  test_store *test = *state;
  uint8_t *segment;
  write_some(test->store);
  store_close(test);
  image own = image_load(test);
  *slot_of(&own, word_of(test, &own, "bvalue of b"), &segment) ^= 1;
  image_save(&own);
  found_in_image(test, "an entry leads to where there is no record");
  found_in_image(test, "has no entry for the key, key b");
  store_open(test);
}

static void an_entry_that_is_missing(void **state) {
  test_store *test = *state;
  uint8_t *segment;
  write_some(test->store);
  store_close(test);
  image own = image_load(test);
  uint64_t *slot = slot_of(&own, word_of(test, &own, "bvalue of b"), &segment);
  entry_remove(&own, slot, segment);
  image_save(&own);
  found_in_image(test, "has no entry for the key, key b");
  store_open(test);
}

/* A find that begins where it should ends at a group with an empty slot. */
static void an_entry_in_the_wrong_place(void **state) {
  test_store *test = *state;
  uint8_t *segment;
  write_some(test->store);
  store_close(test);
  image own = image_load(test);
  uint64_t *slot = slot_of(&own, word_of(test, &own, "bvalue of b"), &segment);
  uint64_t *slots = (void *)(segment + 64);
  size_t count = (size_t)1 << load_4(segment + 28), at = (size_t)(slot - slots), other = (at + count / 2) % count;
  while (slots[other] != 0) other = (other + 1) % count;
  *control_of(segment, &slots[other]) = *control_of(segment, slot);
  *control_of(segment, slot) = KH_CONTROL_EMPTY;
  slots[other] = slots[at];
  slots[at] = 0;
  image_save(&own);
  found_in_image(test, "an entry is not where its key is looked for, key b");
  store_open(test);
}

static void an_entry_of_a_key_that_is_gone(void **state) {
  test_store *test = *state;
  uint8_t *segment;
  write_some(test->store);
  store_close(test);
  image own = image_load(test);
  uint64_t word = word_of(test, &own, "bvalue of b"), gone = word_of(test, &own, "cvalue of c");
  *slot_of(&own, word, &segment) ^= word ^ gone;
  image_save(&own);
  found_in_image(test, "leads to commit 4, but the key has no value, key c");
  store_open(test);
}

/* ---- its lists */

static void what_it_lists(void **state) {
  test_store *test = *state;
  MUST(flashkv_retain(test->store, 0, &err));
  write_some(test->store);
  store_reopen(test);
  assert_whole(test, KEYS);
  store_put_text(test->store, "new", "so that an image is written");
  store_close(test);
  image own = image_load(test);
  assert_true(own.head->links > 0 && own.head->expiries > 0);
  own.links[0].older++;
  image_save(&own);
  found_in_image(test, "what it keeps for the past are not two records of one key");
  own = image_load(test);
  own.links[0].older--;
  own.links[0].from++;
  image_save(&own);
  found_in_image(test, "what it keeps for the past are not two records of one key");
  own = image_load(test);
  own.links[0].from--;
  own.expiries[0].expires_ms++;
  image_save(&own);
  found_in_image(test, "what is to expire is not a record that does so then");
  own = image_load(test);
  own.expiries[0].expires_ms--;
  image_save(&own);
  assert_whole(test, KEYS + 1);
  own = image_load(test);
  own.rows[0].covered += 8;
  image_save(&own);
  found_in_image(test, "knows ");
  store_open(test);
}

/* ---- what is made of a wrong one that is not checked */

static void get_is(flashkv *store, const char *key, flashkv_status wanted) {
  flashkv_value value = FLASHKV_VALUE_INIT;
  MUST_BE(wanted, flashkv_get(store, flashkv_text(key), &value, &err));
  flashkv_value_release(&value);
}

static int visit_none(void *ctx, flashkv_slice key, flashkv_slice value) {
  (void)ctx, (void)key, (void)value;
  return 0;
}

/* A word that cannot be that of a record of the key is no reason to say that there is none; the next opening knows better. */
static void what_leads_astray_is_noticed(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  flashkv_merge_options all = FLASHKV_MERGE_OPTIONS_INIT;
  all.threshold = -1;
  damage_path(test, FKV_IMAGE_NAME, path);
  write_some(test->store);
  store_close(test);
  image own = image_load(test);
  uint64_t word = word_of(test, &own, "bvalue of b"), first = own.rows[0].first_span << FKV_SPAN_BITS;
  const uint64_t wrong[] = {
      word_of(test, &own, "asecond value of a"), /* of another key */
      first + 1,                                 /* not behind the preamble */
      first + own.rows[0].covered / FKV_UNIT,    /* behind the last record */
      first + (1 << FKV_SPAN_BITS) - 1,          /* behind the file */
      first + (1 << FKV_SPAN_BITS),              /* of no file */
      KH_WORD_LIMIT - 1,                         /* beyond all tables */
  };
  kh_free(own.bytes);
  for (size_t at = 0; at < sizeof wrong / sizeof wrong[0]; at++) {
    uint8_t *segment;
    store_open(test);
    store_put_text(test->store, "new", "so that an image is written");
    store_close(test);
    own = image_load(test);
    *slot_of(&own, word, &segment) ^= word ^ wrong[at];
    image_save(&own);
    store_open(test);
    get_is(test->store, "b", FLASHKV_CORRUPT);
    store_assert_text(test->store, "a", "second value of a");
    MUST_BE(FLASHKV_CORRUPT, flashkv_list_keys(test->store, visit_none, NULL, &err));
    MUST_BE(FLASHKV_CORRUPT, flashkv_merge(test->store, &all, NULL, &err));
    store_close(test);
    assert_false(damage_exists(path));
    store_open(test);
    store_assert_text(test->store, "b", "value of b");
    assert_int_equal(store_stats(test->store).key_num, KEYS + 1);
    store_close(test);
  }
  store_open(test);
}

/* One that is not believed is as good as none. */
static void opens_without_it(test_store *test) {
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  store_open(test);
  flashkv_recovered(test->store, &recovery);
  assert_false(recovery.clean);
  assert_int_equal(recovery.sequence, flashkv_sequence(test->store));
  assert_int_equal(recovery.sequence, 7);
  store_assert_entries(test->store, NULL, "a=second value of a b=value of b d=value of d new=value");
  store_assert_text_at(test->store, 1, "a", "first value of a");
  store_close(test);
}

static void numbers_that_cannot_be_are_not_believed(void **state) {
  test_store *test = *state;
  char whole[FOLDER_PATH_SIZE];
  MUST(flashkv_retain(test->store, 0, &err));
  write_some(test->store);
  store_put_text(test->store, "new", "value");
  store_close(test);
  folder_make(whole);
  folder_copy(test->folder, whole);
  for (int which = 0; which < 10; which++) {
    folder_copy(whole, test->folder);
    image own = image_load(test);
    switch (which) {
      case 0: own.head->sequence++; break;
      case 1: own.head->timestamp_us += 1000000; break;
      case 2: own.rows[0].first_span = UINT64_C(1) << 40; break;
      case 3: own.rows[0].first_span = UINT64_MAX; break;
      case 4: own.rows[0].covered -= 8; break; /* in the middle of a record */
      case 5: own.rows[0].sequence_max = UINT64_MAX; break;
      case 6: own.links[0].older = own.links[0].newer; break;
      case 7: own.links[0].newer = UINT64_MAX; break;
      case 8: own.links[0].older = KH_WORD_LIMIT; break;
      default: own.expiries[0].word = 1; break;
    }
    image_save(&own);
    opens_without_it(test);
  }
  folder_remove(whole);
  store_open(test);
}

/* An image that ends inside a batch has, by the log, only a part of it: the seal counts more writes than stand behind it. */
static void one_that_ends_within_a_batch_is_not_believed(void **state) {
  test_store *test = *state;
  uint8_t *segment;
  char path[DAMAGE_PATH_SIZE];
  store_put_batch(test->store, "batch of");
  damage_close(test, path);
  image own = image_load(test);
  own.rows[0].covered = damage_find(path, "qbatch of q") - FKV_HEADER_SIZE;
  uint64_t *slot = slot_of(&own, word_of(test, &own, "pbatch of p"), &segment);
  entry_remove(&own, slot, segment);
  image_save(&own);
  store_open(test);
  store_assert_entries(test->store, NULL, "p=batch of p q=batch of q r=batch of r");
}

/* Where the log goes on behind it, its damage would be met while it is not known yet where the log ends. */
static void a_damaged_one_is_not_taken_when_the_log_goes_on(void **state) {
  test_store *test = *state;
  uint8_t *segment;
  char path[DAMAGE_PATH_SIZE];
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  write_some(test->store);
  store_reopen(test);
  store_put_text(test->store, "b", "second value of b");
  store_delete_text(test->store, "d");
  store_put_batch(test->store, "half a batch:");
  store_kill(test);
  damage_path(test, DAMAGE_FIRST_FILE, path);
  damage_cut(path, damage_find(path, "qhalf a batch: q") - FKV_HEADER_SIZE);
  image own = image_load(test);
  uint64_t *slot = slot_of(&own, word_of(test, &own, "bvalue of b"), &segment);
  damage_flip(own.path, (uint64_t)((uint8_t *)slot - own.bytes));
  kh_free(own.bytes);
  store_open(test);
  flashkv_recovered(test->store, &recovery);
  assert_int_equal(recovery.sequence, 8);
  store_assert_entries(test->store, NULL, "a=second value of a b=second value of b");
  store_assert_text(test->store, "p", NULL);
  assert_int_equal(store_stats(test->store).key_num, 2);
  store_reopen(test);
  assert_whole(test, 2);
}

/* A file that is dead by what the image counts is looked at nevertheless before it goes. */
static void counts_do_not_remove_a_file(void **state) {
  test_store *test = *state;
  flashkv_merge_options merging = FLASHKV_MERGE_OPTIONS_INIT;
  merging.threshold = 0;
  write_some(test->store);
  store_close(test);
  image own = image_load(test);
  own.rows[0].live = own.rows[0].tombstones = own.rows[0].bits = 0;
  image_save(&own);
  store_open(test);
  MUST(flashkv_merge(test->store, &merging, NULL, &err));
  store_assert_entries(test->store, NULL, "a=second value of a b=value of b d=value of d");
  store_reopen(test);
  store_assert_entries(test->store, NULL, "a=second value of a b=value of b d=value of d");
}

/* ---- the file */

static void each_damaged_byte_is_found(void **state) {
  test_store *test = *state;
  write_some(test->store);
  store_close(test);
  image own = image_load(test);
  for (uint64_t at = 0; at < own.size; at++) {
    bool is_padding = at >= FKV_PREAMBLE_SIZE + fkv_load_8(own.bytes + 32) && at < own.head->hash_at;
    if (is_padding && at % 64 != 0) continue;
    damage_flip(own.path, at);
    flashkv_status status = flashkv_check(test->folder, NULL, NULL, NULL);
    damage_flip(own.path, at);
    assert_int_equal(status, is_padding ? FLASHKV_OK : FLASHKV_CORRUPT);
  }
  kh_free(own.bytes);
  store_open(test);
}

static void damage_is_found_where_it_is(void **state) {
  test_store *test = *state;
  found own;
  write_some(test->store);
  store_close(test);
  image was = image_load(test);
  char text[DAMAGE_PATH_SIZE + 32];
  damage_flip(was.path, 8);
  found_in_image(test, "the first 64 bytes of ");
  damage_flip(was.path, 8);
  damage_flip(was.path, 64);
  snprintf(text, sizeof text, "%s is damaged", was.path);
  found_in_image(test, text);
  damage_flip(was.path, 64);
  damage_flip(was.path, was.size - 8);
  found_in_image(test, "a segment is damaged");
  damage_flip(was.path, was.head->hash_at + 64);
  found_in_image(test, "the head of the hash map is damaged");
  damage_cut(was.path, 64);
  found_in_image(test, "");
  damage_cut(was.path, 10);
  found_in_image(test, "");
  damage_cut(was.path, 0);
  found_in_image(test, "is empty");
  assert_int_equal(unlink(was.path), 0);
  found_by_check(&own, test->folder, FLASHKV_OK);
  kh_free(was.bytes);
  store_open(test);
}

static void one_of_another_store(void **state) {
  test_store *test = *state;
  write_some(test->store);
  store_close(test);
  image own = image_load(test);
  own.bytes[20] ^= 1;
  image_save(&own);
  found_in_image(test, own.path);
  found_in_image(test, "");
  store_open(test);
}

/* What means something to a later version only is not used, as if it were not there. */
static void one_of_a_later_version_is_none(void **state) {
  test_store *test = *state;
  write_some(test->store);
  store_close(test);
  image own = image_load(test);
  own.rows[0].bits |= 2;
  image_save(&own);
  assert_whole(test, KEYS);
  store_open(test);
  flashkv_recovery recovery = FLASHKV_RECOVERY_INIT;
  flashkv_recovered(test->store, &recovery);
  assert_false(recovery.clean);
}

/* ---- what is not amiss */

static void nothing_is_amiss_when_the_log_goes_on(void **state) {
  test_store *test = *state;
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = 0;
  write_some(test->store);
  store_reopen(test);
  assert_whole(test, KEYS);
  store_put_text(test->store, "a", "third value of a");
  store_delete_text(test->store, "b");
  store_put_text(test->store, "e", "value of e");
  assert_whole(test, KEYS); /* beside who writes */
  store_crash(test);
  assert_whole(test, KEYS);
  store_delete_text(test->store, "d");
  store_put_until(test->store, "f", "value of f", store_now_ms() + 1);
  store_reopen(test);
  store_sleep_ms(20);
  assert_whole(test, KEYS - 1); /* the image has a key that has expired since */
  MUST(flashkv_merge(test->store, &options, NULL, &err));
  assert_whole(test, KEYS - 1); /* the image is of files that are gone */
  store_crash(test);
  assert_whole(test, KEYS - 1);
  store_reopen(test);
  assert_whole(test, KEYS - 1);
}

/* A merge that failed at its end has left copies of what the image leads to, and a manifest that lists both. */
static void nor_when_records_are_there_twice(void **state) {
  test_store *test = *state;
  char left[FOLDER_PATH_SIZE];
  kh_os_fault fault;
  flashkv *store;
  flashkv_merge_options options = FLASHKV_MERGE_OPTIONS_INIT;
  options.threshold = -1;
  write_some(test->store);
  store_close(test);
  kh_os_fault_init(&fault, kh_os_posix());
  assert_int_equal(fkv_open_on(&fault.os, &test->options, &store, NULL), FLASHKV_OK);
  /* The first is of the sealed file, the second of what was merged. */
  kh_os_fault_plan(&fault,
                   (kh_os_plan){.operation = KH_OS_OP_RENAME, .renamed_to = "MANIFEST", .fail_at = 2, .error = EIO});
  assert_int_equal(flashkv_merge(store, &options, NULL, NULL), FLASHKV_IO);
  kh_os_fault_plan(&fault, (kh_os_plan){0});
  MUST(flashkv_retain(store, UINT64_MAX, &err));
  assert_int_equal(store_stats(store).data_file_num, 2);
  folder_make(left);
  folder_copy(test->folder, left);
  MUST(flashkv_close(&store, &err));
  folder_copy(left, test->folder);
  folder_remove(left);
  assert_whole(test, KEYS);
  store_open(test);
}

static void a_backup_of_what_stands_on_an_image_is_whole(void **state) {
  test_store *test = *state;
  char to[FOLDER_PATH_SIZE];
  found own;
  write_some(test->store);
  store_reopen(test);
  store_put_text(test->store, "e", "value of e");
  folder_make(to);
  MUST(flashkv_backup(test->store, to, true, NULL, NULL, &err));
  found_by_check(&own, to, FLASHKV_OK);
  assert_int_equal(own.result.keys, KEYS + 1);
  flashkv_options options = test->options;
  flashkv *copy = NULL;
  options.dir_path = to;
  MUST(flashkv_open(&options, &copy, &err));
  store_assert_text(copy, "a", "second value of a");
  store_assert_text(copy, "e", "value of e");
  MUST(flashkv_close(&copy, &err));
  found_by_check(&own, to, FLASHKV_OK); /* with an image of its own */
  assert_int_equal(own.result.files, 3);
  folder_remove(to);
}

/* ---- repair */

static void repair_takes_a_damaged_one_away(void **state) {
  test_store *test = *state;
  char path[DAMAGE_PATH_SIZE];
  found own;
  write_some(test->store);
  store_close(test);
  damage_path(test, FKV_IMAGE_NAME, path);
  found_by_repair(&own, test->folder, FLASHKV_OK);
  assert_true(own.result.findings == 0 && damage_exists(path));
  damage_flip(path, damage_size(path) - 8);
  found_by_repair(&own, test->folder, FLASHKV_OK);
  assert_found(&own, "INDEX: a segment is damaged");
  assert_found(&own, "INDEX: it is removed");
  assert_int_equal(own.result.records_lost, 0);
  assert_int_equal(own.result.keys, KEYS);
  assert_false(damage_exists(path));
  assert_whole(test, KEYS);
  store_open(test);
  store_assert_text(test->store, "b", "value of b");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_entry_of_an_older_record),
      cmocka_unit_test(an_entry_that_leads_nowhere),
      cmocka_unit_test(an_entry_that_is_missing),
      cmocka_unit_test(an_entry_in_the_wrong_place),
      cmocka_unit_test(an_entry_of_a_key_that_is_gone),
      cmocka_unit_test(what_it_lists),
      cmocka_unit_test(what_leads_astray_is_noticed),
      cmocka_unit_test(numbers_that_cannot_be_are_not_believed),
      cmocka_unit_test(one_that_ends_within_a_batch_is_not_believed),
      cmocka_unit_test(a_damaged_one_is_not_taken_when_the_log_goes_on),
      cmocka_unit_test(counts_do_not_remove_a_file),
      cmocka_unit_test(each_damaged_byte_is_found),
      cmocka_unit_test(damage_is_found_where_it_is),
      cmocka_unit_test(one_of_another_store),
      cmocka_unit_test(one_of_a_later_version_is_none),
      cmocka_unit_test(nothing_is_amiss_when_the_log_goes_on),
      cmocka_unit_test(nor_when_records_are_there_twice),
      cmocka_unit_test(a_backup_of_what_stands_on_an_image_is_whole),
      cmocka_unit_test(repair_takes_a_damaged_one_away),
  };
  return store_suite_of(FLASHKV_INDEX_HASH, tests, sizeof tests / sizeof tests[0]);
}
