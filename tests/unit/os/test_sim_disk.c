/* The simulated disk does what every kh_os must do, on guarded disks, too; and a power loss, a kill, a failed sync and a
 * full disk leave what sim_disk.h says. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os_cases.h"
#include "os_fault.h"
#include "sim_disk.h"

static sim_disk *disk;

static int make_disk(const sim_options *options) {
  disk = sim_disk_new(options);
  os_tested = sim_disk_os(disk);
  snprintf(folder, sizeof folder, "/folder");
  if (CALL(make_directory, folder)) return 1;
  sim_disk_settle(disk);
  return 0;
}

static int make_plain(void **state) {
  (void)state;
  return make_disk(&(sim_options){0});
}

static int make_guarded(void **state) {
  (void)state;
  return make_disk(&(sim_options){.guarded = true});
}

static int remove_disk(void **state) {
  (void)state;
  int failed = empty_folder() || CALL(remove_directory, folder) != 0;
  sim_disk_free(&disk);
  return failed;
}

/* Of tests that leave things behind. */
static int drop_disk(void **state) {
  (void)state;
  sim_disk_free(&disk);
  return 0;
}

static void sync_folder(void) {
  kh_file directory = opened(".", KH_OPEN_DIRECTORY);
  MUST(sync, directory);
  MUST(close, directory);
}

static sim_policy keeping(sim_keep data, sim_keep sizes, sim_keep names) {
  return (sim_policy){.data = data, .sizes = sizes, .names = names};
}

static sim_disk *crashed(uint64_t seed, sim_policy policy) {
  kh_prng prng = {seed};
  return sim_disk_crash(disk, &prng, &policy);
}

/* What the file holds on another disk, as text; NULL: no such file. */
static const char *text_on(sim_disk *other, const char *name) {
  static char texts[4][64];
  static int next;
  uint64_t size;
  const uint8_t *bytes = sim_disk_bytes(other, in_folder(name), &size);
  if (bytes == NULL) return NULL;
  assert_true(size < sizeof texts[0]);
  char *text = texts[next++ % 4];
  memcpy(text, bytes, size);
  text[size] = '\0';
  return text;
}

static void must_be_on(sim_disk *other, const char *name, const char *text) {
  const char *found = text_on(other, name);
  if (text == NULL) assert_null(found);
  else assert_non_null(found);
  if (text != NULL) assert_string_equal(found, text);
}

/* ---- power loss: bytes */

static void what_was_synced_survives_and_the_rest_may(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  write_text(file, "synced", 0);
  MUST(sync, file);
  sync_folder();
  write_text(file, "SYNC", 0);
  write_text(file, "more", 6);
  sim_disk *none = crashed(1, keeping(SIM_NONE, SIM_NONE, SIM_NONE)),
           *all = crashed(1, keeping(SIM_ALL, SIM_ALL, SIM_NONE)),
           *size_only = crashed(1, keeping(SIM_NONE, SIM_ALL, SIM_NONE)),
           *data_only = crashed(1, keeping(SIM_ALL, SIM_NONE, SIM_NONE));
  must_be_on(none, "a", "synced");
  must_be_on(all, "a", "SYNCedmore");
  must_be_on(data_only, "a", "SYNCed");
  uint64_t size = 0;
  assert_memory_equal(sim_disk_bytes(size_only, in_folder("a"), &size), "synced\0\0\0\0", 10);
  assert_int_equal(size, 10);
  sim_disk_free(&none);
  sim_disk_free(&all);
  sim_disk_free(&size_only);
  sim_disk_free(&data_only);
  must_hold(file, "SYNCedmore", 0); /* this disk goes on */
}

enum { BLOCKS = 8, BLOCK = 512 };

/* A file of zeros, durable; then each block is filled with its letter. */
static kh_file lettered(const char *name) {
  kh_file file = opened(name, KH_OPEN_CREATE);
  MUST(allocate, file, 0, BLOCKS * BLOCK);
  MUST(sync, file);
  sync_folder();
  char bytes[BLOCK];
  for (int i = 0; i < BLOCKS; i++) {
    memset(bytes, 'a' + i, sizeof bytes);
    MUST(write_at, file, &(khonsu_slice){bytes, sizeof bytes}, 1, (uint64_t)i * BLOCK);
  }
  return file;
}

/* Bit i: block i is new. Each block is all new or all old, but for one that may be torn: `*torn` is its number or -1. */
static unsigned blocks_on(sim_disk *other, const char *name, int *torn) {
  uint64_t size = 0;
  const uint8_t *bytes = sim_disk_bytes(other, in_folder(name), &size);
  assert_int_equal(size, BLOCKS * BLOCK);
  unsigned new_blocks = 0;
  *torn = -1;
  for (int i = 0; i < BLOCKS; i++) {
    int count = 0, changes = 0;
    for (int at = 0; at < BLOCK; at++) {
      uint8_t byte = bytes[i * BLOCK + at];
      assert_true(byte == 0 || byte == 'a' + i);
      count += byte != 0;
      changes += at > 0 && byte != bytes[i * BLOCK + at - 1];
    }
    if (changes > 0) {
      assert_int_equal(changes, 1);
      assert_int_equal(*torn, -1);
      *torn = i;
    } else if (count > 0) {
      new_blocks |= 1u << i;
    }
  }
  return new_blocks;
}

static void every_subset_of_blocks_may_survive(void **state) {
  (void)state;
  MUST(close, lettered("a"));
  sim_policy policy = {.data = SIM_SUBSET, .block_size = BLOCK};
  bool seen[1 << BLOCKS] = {false};
  int kinds = 0, torn;
  for (uint64_t seed = 0; seed < 5000; seed++) {
    sim_disk *after = crashed(seed, policy);
    unsigned found = blocks_on(after, "a", &torn);
    assert_int_equal(torn, -1);
    kinds += !seen[found];
    seen[found] = true;
    sim_disk_free(&after);
  }
  assert_int_equal(kinds, 1 << BLOCKS);
}

static void prefixes_end_anywhere_and_in_a_torn_block(void **state) {
  (void)state;
  MUST(close, lettered("a"));
  sim_policy policy = {.data = SIM_PREFIX, .block_size = BLOCK, .tear = true};
  bool seen[BLOCKS + 1] = {false};
  for (uint64_t seed = 0; seed < 500; seed++) {
    sim_disk *after = crashed(seed, policy);
    int torn, length = 0;
    unsigned found = blocks_on(after, "a", &torn);
    while (found & 1u << length) length++;
    assert_int_equal(found, (1u << length) - 1);
    assert_int_equal(torn, length < BLOCKS ? length : -1);
    seen[length] = true;
    sim_disk_free(&after);
  }
  for (int i = 0; i <= BLOCKS; i++) assert_true(seen[i]);
}

static void the_same_seed_gives_the_same_bytes(void **state) {
  (void)state;
  MUST(close, lettered("a"));
  MUST(close, lettered("b"));
  int different = 0;
  uint64_t last = 0;
  for (uint64_t seed = 0; seed < 50; seed++) {
    kh_prng prng = {seed};
    sim_policy policy = sim_policy_random(&prng);
    char text[128];
    sim_policy_text(&policy, text);
    sim_disk *one = crashed(seed, policy), *two = crashed(seed, policy);
    assert_int_equal(sim_disk_hash(one), sim_disk_hash(two));
    different += sim_disk_hash(one) != last;
    last = sim_disk_hash(one);
    sim_disk_free(&one);
    sim_disk_free(&two);
  }
  assert_true(different > 20);
}

/* A file that grew may have its new size with none of its bytes: zeros, or with `garbage` what was on the disk before. */
static void what_was_not_written_is_zeros_or_garbage(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  sync_folder();
  char bytes[3000];
  memset(bytes, 'x', sizeof bytes);
  MUST(write_at, file, &(khonsu_slice){bytes, sizeof bytes}, 1, 0);
  int garbage = 0;
  for (uint64_t seed = 0; seed < 40; seed++) {
    sim_policy policy = keeping(SIM_NONE, SIM_ALL, SIM_NONE);
    policy.garbage = seed >= 20;
    sim_disk *after = crashed(seed, policy);
    uint64_t size = 0;
    const uint8_t *found = sim_disk_bytes(after, in_folder("a"), &size);
    assert_int_equal(size, sizeof bytes);
    int other = 0;
    for (size_t i = 0; i < size; i++) other += found[i] != 0;
    if (seed < 20) assert_int_equal(other, 0);
    garbage += other != 0;
    sim_disk_free(&after);
  }
  assert_true(garbage > 0);
}

static void a_store_through_a_mapping_is_durable_when_synced(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  void *address;
  MUST(allocate, file, 0, 8);
  MUST(map, file, 0, 8, KH_MAP_WRITE, &address);
  MUST(sync, file);
  sync_folder();
  memcpy(address, "first...", 8);
  sim_disk *before = crashed(1, keeping(SIM_NONE, SIM_ALL, SIM_NONE));
  MUST(sync, file);
  memcpy(address, "second..", 8);
  sim_disk *after = crashed(1, keeping(SIM_NONE, SIM_ALL, SIM_NONE));
  MUST(unmap, address, 8);
  sim_disk *unmapped = crashed(1, keeping(SIM_NONE, SIM_ALL, SIM_NONE));
  must_be_on(before, "a", "");
  must_be_on(after, "a", "first...");
  must_be_on(unmapped, "a", "first...");
  sim_disk_free(&before);
  sim_disk_free(&after);
  sim_disk_free(&unmapped);
}

static void the_kernel_may_write_back_by_itself(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  kh_prng prng = {7};
  int kept = 0, lost = 0;
  for (int round = 0; round < 40; round++) {
    char text[32];
    snprintf(text, sizeof text, "round %d", round);
    write_text(file, text, 0);
    sim_disk_write_back(disk, &prng);
    sim_disk *after = crashed(1, keeping(SIM_NONE, SIM_NONE, SIM_NONE));
    const char *found = text_on(after, "a");
    kept += found != NULL && strcmp(found, text) == 0;
    lost += found == NULL || strcmp(found, text) != 0;
    sim_disk_free(&after);
  }
  assert_true(kept > 0 && lost > 0);
}

/* ---- power loss: names */

static void a_name_is_durable_when_its_directory_is_synced(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  write_text(file, "text", 0);
  MUST(sync, file);
  sim_policy none = keeping(SIM_NONE, SIM_NONE, SIM_NONE);
  sim_disk *unsynced = crashed(1, none);
  sync_folder();
  MUST(rename, in_folder("a"), in_folder("b"));
  sim_disk *renamed = crashed(1, none), *moved = crashed(1, keeping(SIM_NONE, SIM_NONE, SIM_ALL));
  sync_folder();
  MUST(unlink, in_folder("b"));
  MUST(close, file);
  sim_disk *unlinked = crashed(1, none);
  sync_folder();
  sim_disk *gone = crashed(1, none);
  must_be_on(unsynced, "a", NULL);
  must_be_on(renamed, "a", "text");
  must_be_on(renamed, "b", NULL);
  must_be_on(moved, "a", NULL);
  must_be_on(moved, "b", "text");
  must_be_on(unlinked, "b", "text");
  must_be_on(gone, "b", NULL);
  sim_disk_free(&unsynced);
  sim_disk_free(&renamed);
  sim_disk_free(&moved);
  sim_disk_free(&unlinked);
  sim_disk_free(&gone);
}

/* How a file is replaced: the new one is synced, then renamed over the old one. Either is there, whole. */
static void a_rename_happens_or_not(void **state) {
  (void)state;
  kh_file old = opened("a", KH_OPEN_CREATE);
  write_text(old, "old", 0);
  MUST(sync, old);
  MUST(close, old);
  sync_folder();
  kh_file new = opened("a.new", KH_OPEN_CREATE);
  write_text(new, "new", 0);
  MUST(sync, new);
  MUST(rename, in_folder("a.new"), in_folder("a"));
  int olds = 0, news = 0, both = 0;
  for (uint64_t seed = 0; seed < 100; seed++) {
    sim_disk *after = crashed(seed, keeping(SIM_SUBSET, SIM_SUBSET, seed % 2 ? SIM_SUBSET : SIM_PREFIX));
    const char *found = text_on(after, "a");
    assert_non_null(found);
    bool is_old = strcmp(found, "old") == 0;
    olds += is_old;
    news += strcmp(found, "new") == 0;
    both += is_old && text_on(after, "a.new") != NULL;
    sim_disk_free(&after);
  }
  assert_int_equal(olds + news, 100);
  assert_true(olds > 10 && news > 10 && both > 5);
}

/* Each change of a name happens or not, but those of one name in their order: prefixes have no more. */
static void subsets_of_names_have_holes_and_prefixes_have_none(void **state) {
  (void)state;
  MUST(close, opened("a", KH_OPEN_CREATE));
  MUST(close, opened("b", KH_OPEN_CREATE));
  MUST(close, opened("c", KH_OPEN_CREATE));
  int with_holes = 0;
  for (uint64_t seed = 0; seed < 200; seed++) {
    bool prefix = seed % 2;
    sim_disk *after = crashed(seed, keeping(SIM_ALL, SIM_ALL, prefix ? SIM_PREFIX : SIM_SUBSET));
    bool a = text_on(after, "a"), b = text_on(after, "b"), c = text_on(after, "c"), hole = (b && !a) || (c && !b);
    if (prefix) assert_false(hole);
    with_holes += hole;
    sim_disk_free(&after);
  }
  assert_true(with_holes > 10);
}

static void what_is_in_a_lost_directory_is_lost(void **state) {
  (void)state;
  MUST(make_directory, in_folder("d"));
  MUST(close, opened("d/a", KH_OPEN_CREATE));
  kh_file directory = opened("d", KH_OPEN_DIRECTORY);
  MUST(sync, directory);
  MUST(close, directory);
  sim_disk *after = crashed(1, keeping(SIM_ALL, SIM_ALL, SIM_NONE));
  must_be_on(after, "d/a", NULL);
  sim_disk_free(&after);
  sync_folder();
  after = crashed(1, keeping(SIM_ALL, SIM_ALL, SIM_NONE));
  must_be_on(after, "d/a", "");
  sim_disk_free(&after);
}

/* Into a directory that is synced, over a name that was made there before and is not durable by itself. */
static void a_rename_between_directories_is_one_change(void **state) {
  (void)state;
  MUST(make_directory, in_folder("d"));
  sync_folder();
  kh_file file = opened("a", KH_OPEN_CREATE);
  write_text(file, "moved", 0);
  MUST(sync, file);
  MUST(close, file);
  MUST(close, opened("d/b", KH_OPEN_CREATE));
  MUST(rename, in_folder("a"), in_folder("d/b"));
  sync_folder();
  for (uint64_t seed = 0; seed < 20; seed++) {
    sim_disk *after = crashed(seed, keeping(SIM_NONE, SIM_NONE, SIM_SUBSET));
    must_be_on(after, "a", NULL);
    must_be_on(after, "d/b", "moved");
    sim_disk_free(&after);
  }
}

static void a_second_name_keeps_the_file(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  write_text(file, "text", 0);
  MUST(sync, file);
  sync_folder();
  MUST(link, in_folder("a"), in_folder("b"));
  MUST(unlink, in_folder("a"));
  bool lost = false, both = false;
  for (uint64_t seed = 0; seed < 50; seed++) {
    sim_disk *after = crashed(seed, keeping(SIM_NONE, SIM_NONE, SIM_SUBSET));
    bool a = text_on(after, "a"), b = text_on(after, "b");
    lost = lost || (!a && !b); /* the order between different names is not kept */
    both = both || (a && b);
    sim_disk_free(&after);
  }
  assert_true(lost && both);
}

/* ---- kill */

static void a_kill_keeps_all_that_was_written(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE), unlinked = opened("b", KH_OPEN_CREATE);
  write_text(file, "text", 0);
  MUST(lock, file);
  MUST(unlink, in_folder("b"));
  write_text(unlinked, "gone", 0);
  sim_disk *after = sim_disk_kill(disk);
  assert_int_equal(sim_disk_hash(after), sim_disk_hash(disk));
  write_text(file, "TEXT", 0);
  must_be_on(after, "a", "text");
  must_be_on(after, "b", NULL);
  const kh_os *os = sim_disk_os(after);
  kh_file_info info;
  assert_int_equal(KH_OS_CALL(os, info, file, &info), EBADF); /* its handles are its own */
  kh_file again = KH_FILE_NONE;
  assert_int_equal(KH_OS_CALL(os, open, in_folder("a"), KH_OPEN_WRITE, &again), 0);
  assert_int_equal(KH_OS_CALL(os, lock, again), 0);
  /* What was not durable is not yet. */
  kh_prng prng = {1};
  sim_policy none = keeping(SIM_NONE, SIM_NONE, SIM_NONE);
  sim_disk *crash = sim_disk_crash(after, &prng, &none);
  must_be_on(crash, "a", NULL);
  sim_disk_free(&crash);
  sim_disk_free(&after);
}

static void a_kill_between_stores_keeps_some(void **state) {
  (void)state;
  enum { SIZE = 64 };
  kh_file file = opened("a", KH_OPEN_CREATE);
  MUST(allocate, file, 0, SIZE);
  void *address;
  MUST(map, file, 0, SIZE, KH_MAP_WRITE, &address);
  sim_disk *before = sim_disk_kill(disk);
  memset(address, 'x', SIZE);
  kh_prng prng = {1};
  int none = 0, all = 0, some = 0;
  for (int i = 0; i < 1000; i++) {
    sim_disk *between = sim_disk_kill_between(before, disk, &prng);
    uint64_t size = 0;
    const uint8_t *bytes = sim_disk_bytes(between, in_folder("a"), &size);
    int count = 0;
    for (int at = 0; at < SIZE; at++) count += bytes[at] == 'x';
    none += count == 0;
    all += count == SIZE;
    some += count > 0 && count < SIZE;
    sim_disk_free(&between);
  }
  assert_true(none > 0 && all > 0 && some > 800);
  sim_disk_free(&before);
}

/* ---- faults */

static void a_failed_sync_loses_what_it_should_have_written(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  write_text(file, "old old", 0);
  MUST(sync, file);
  sync_folder();
  kh_os_fault fault;
  kh_os_fault_init(&fault, sim_disk_os(disk));
  sim_loss loss = {.disk = disk, .kept = SIM_NONE};
  kh_os_fault_plan(
      &fault,
      (kh_os_plan){
          .operation = KH_OS_OP_SYNC, .fail_at = 1, .error = EIO, .failing = sim_disk_fail_sync, .failing_ctx = &loss});
  os_tested = &fault.os;
  write_text(file, "new", 0);
  assert_int_equal(CALL(sync, file), EIO);
  MUST(sync, file); /* says so, and writes nothing */
  must_hold(file, "new old", 0);
  sim_policy all = keeping(SIM_ALL, SIM_ALL, SIM_ALL);
  sim_disk *after = crashed(1, all);
  must_be_on(after, "a", "old old");
  sim_disk_free(&after);

  sim_disk *evicted = sim_disk_kill(disk);
  sim_disk_drop_caches(evicted);
  must_be_on(evicted, "a", "old old");
  sim_disk_free(&evicted);

  write_text(file, "new", 0); /* the same bytes, but written again */
  MUST(sync, file);
  after = crashed(1, keeping(SIM_NONE, SIM_NONE, SIM_NONE));
  must_be_on(after, "a", "new old");
  sim_disk_free(&after);
  os_tested = sim_disk_os(disk);
}

static void a_full_disk_takes_what_fits(void **state) {
  (void)state;
  enum { PAGES = 4 };
  sim_disk_set_capacity(disk, PAGES * 4096);
  kh_file file = opened("a", KH_OPEN_CREATE), other = opened("b", KH_OPEN_CREATE);
  static char bytes[PAGES * 4096];
  uint64_t left;
  MUST(truncate, file, 1 << 20); /* takes no space until it is written */
  MUST(free_space, folder, &left);
  assert_int_equal(left, PAGES * 4096);
  MUST(write_at, file, &(khonsu_slice){bytes, 4097}, 1, 0);
  assert_int_equal(CALL(allocate, other, 0, 3 * 4096), ENOSPC);
  assert_int_equal(size_of(other), 0);
  assert_int_equal(CALL(write_at, other, &(khonsu_slice){bytes, 4 * 4096}, 1, 100), ENOSPC);
  assert_int_equal(size_of(other), 2 * 4096); /* a prefix */
  MUST(free_space, folder, &left);
  assert_int_equal(left, 0);
  write_text(file, "here is space already", 4096);
  assert_int_equal(CALL(write_at, file, &(khonsu_slice){"x", 1}, 1, 3 * 4096), ENOSPC);
  MUST(unlink, in_folder("a"));
  MUST(free_space, folder, &left);
  assert_int_equal(left, 0); /* it is open */
  MUST(close, file);
  MUST(free_space, folder, &left);
  assert_int_equal(left, 2 * 4096);
  MUST(truncate, other, 0);
  MUST(allocate, other, 0, PAGES * 4096);
  MUST(close, other);
}

static void stores_to_where_no_space_is_are_counted(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  MUST(truncate, file, 4096);
  char *address;
  MUST(map, file, 0, 3 * 4096, KH_MAP_WRITE, (void **)&address);
  assert_int_equal(sim_disk_stray_stores(disk), 0);
  address[0] = 'x';
  assert_int_equal(sim_disk_stray_stores(disk), 1);
  address[2 * 4096] = 'x';
  MUST(truncate, file, 3 * 4096);
  assert_int_equal(sim_disk_stray_stores(disk), 2);
  assert_int_equal(address[2 * 4096], 0); /* it was not the file's */
  MUST(allocate, file, 0, 3 * 4096);
  address[2 * 4096] = 'x';
  MUST(unmap, address, 3 * 4096);
  assert_int_equal(sim_disk_stray_stores(disk), 2);
  MUST(close, file);
}

/* ---- guards */

static volatile char *touched;
static void read_touched(void) { (void)*touched; }
static void write_touched(void) { *touched = 'x'; }

/* In a child, as SIGSEGV ends it. */
static bool dies(void (*act)(void), volatile char *address) {
  touched = address;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL); /* which sanitizers report */
    act();
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void a_guarded_mapping_ends_where_the_file_does(void **state) {
  (void)state;
  kh_file file = opened("a", KH_OPEN_CREATE);
  MUST(truncate, file, 5000);
  char *writable, *readable;
  MUST(map, file, 0, 4 * 4096, KH_MAP_WRITE, (void **)&writable);
  MUST(map, file, 4096, 4096, KH_MAP_READ, (void **)&readable);
  assert_false(dies(write_touched, writable + 8191)); /* the page in which it ends */
  assert_true(dies(read_touched, writable + 8192));
  assert_true(dies(write_touched, readable));
  MUST(truncate, file, 8193);
  assert_false(dies(write_touched, writable + 8192));
  MUST(truncate, file, 4096);
  assert_true(dies(read_touched, writable + 4096));
  assert_true(dies(read_touched, readable));
  MUST(allocate, file, 0, 4 * 4096);
  assert_false(dies(read_touched, readable));
  assert_true(dies(write_touched, readable));
  MUST(unmap, readable, 4096);
  assert_true(dies(read_touched, readable));
  MUST(unmap, writable, 4 * 4096);
  MUST(close, file);
}

/* ---- watching */

typedef struct watched {
  uint64_t steps, last;
  char text[200];
  uint64_t hashes[16];
} watched;

static void note_step(void *ctx, sim_disk *of, const sim_step *step) {
  watched *seen = ctx;
  assert_int_equal(step->number, ++seen->last);
  size_t length = strlen(seen->text);
  snprintf(seen->text + length, sizeof seen->text - length, "%s %s\n",
           step->operation == KH_OS_OP_ANY ? "mark" : kh_os_op_name(step->operation), step->path);
  sim_disk *copy = sim_disk_kill(of);
  seen->hashes[seen->steps++] = sim_disk_hash(copy);
  sim_disk_free(&copy);
}

static void who_watches_sees_the_disk_before_each_step(void **state) {
  (void)state;
  watched seen = {.last = sim_disk_steps(disk)};
  sim_disk_watch(disk, note_step, &seen);
  kh_file file = opened("a", KH_OPEN_CREATE);
  write_text(file, "text", 0);
  MUST(sync, file);
  must_hold(file, "text", 0);
  MUST(close, opened("a", KH_OPEN_CREATE)); /* changes nothing */
  sim_disk_mark(disk, "here");
  MUST(rename, in_folder("a"), in_folder("b"));
  MUST(unlink, in_folder("b"));
  MUST(close, file);
  sim_disk_watch(disk, NULL, NULL);
  assert_string_equal(
      seen.text, "open /folder/a\nwrite_at /folder/a\nsync /folder/a\nmark here\nrename /folder/a\nunlink /folder/b\n");
  const uint64_t *hash = seen.hashes;
  assert_true(hash[0] != hash[1] && hash[1] != hash[2] && hash[3] != hash[5]);
  assert_true(hash[2] == hash[3] && hash[3] == hash[4]);
  assert_int_equal(hash[0], sim_disk_hash(disk));
}

/* ---- all of it at random */

enum { FILES = 6, WRITE_MAX = 9000 };

static void do_something(kh_prng *prng) {
  static char noise[WRITE_MAX];
  char name[8], other[8];
  snprintf(name, sizeof name, "f%u", (unsigned)kh_prng_below(prng, FILES));
  snprintf(other, sizeof other, "f%u", (unsigned)kh_prng_below(prng, FILES));
  kh_file file;
  switch (kh_prng_below(prng, 8)) {
    case 0: (void)CALL(rename, in_folder(name), in_folder(other)); return;
    case 1: (void)CALL(link, in_folder(name), in_folder(other)); return;
    case 2: (void)CALL(unlink, in_folder(name)); return;
    case 3: sync_folder(); return;
    case 4:
      if (CALL(open, in_folder(name), KH_OPEN_WRITE, &file)) return;
      MUST(truncate, file, kh_prng_below(prng, 2 * WRITE_MAX));
      break;
    case 5:
      if (CALL(open, in_folder(name), KH_OPEN_WRITE, &file)) return;
      MUST(sync, file);
      break;
    default:
      MUST(open, in_folder(name), KH_OPEN_CREATE, &file);
      memset(noise, (int)kh_prng_below(prng, 256), sizeof noise);
      MUST(write_at, file, &(khonsu_slice){noise, (size_t)kh_prng_below(prng, WRITE_MAX)}, 1,
           kh_prng_below(prng, WRITE_MAX));
      break;
  }
  MUST(close, file);
}

/* What is synced is the same after any power loss; a crash of a crash that nothing followed changes nothing. */
static void what_is_settled_survives_anything(void **state) {
  (void)state;
  kh_prng prng = {unit_seed()};
  for (uint64_t round = 0; round < unit_steps(300, 100000); round++) {
    do_something(&prng);
    sim_policy policy = sim_policy_random(&prng);
    sim_disk *once = sim_disk_crash(disk, &prng, &policy);
    policy = sim_policy_random(&prng);
    sim_disk *twice = sim_disk_crash(once, &prng, &policy);
    assert_int_equal(sim_disk_hash(once), sim_disk_hash(twice));
    sim_disk_free(&once);
    sim_disk_free(&twice);
    sim_disk *settled = sim_disk_kill(disk);
    sim_disk_settle(settled);
    sim_disk *after = sim_disk_crash(settled, &prng, &policy);
    assert_int_equal(sim_disk_hash(settled), sim_disk_hash(disk));
    assert_int_equal(sim_disk_hash(after), sim_disk_hash(disk));
    sim_disk_free(&after);
    sim_disk_free(&settled);
  }
}

#define PLAIN(name) cmocka_unit_test_setup_teardown(name, make_plain, remove_disk)
#define GUARDED(name)                                                                                                  \
  { #name " (guarded)", name, make_guarded, remove_disk, NULL }
#define OWN(name) cmocka_unit_test_setup_teardown(name, make_plain, drop_disk)

int main(void) {
  const struct CMUnitTest tests[] = {
      OS_CASES(PLAIN),
      OS_CASES(GUARDED),
      OWN(what_was_synced_survives_and_the_rest_may),
      OWN(every_subset_of_blocks_may_survive),
      OWN(prefixes_end_anywhere_and_in_a_torn_block),
      OWN(the_same_seed_gives_the_same_bytes),
      OWN(what_was_not_written_is_zeros_or_garbage),
      OWN(a_store_through_a_mapping_is_durable_when_synced),
      OWN(the_kernel_may_write_back_by_itself),
      OWN(a_name_is_durable_when_its_directory_is_synced),
      OWN(a_rename_happens_or_not),
      OWN(subsets_of_names_have_holes_and_prefixes_have_none),
      OWN(what_is_in_a_lost_directory_is_lost),
      OWN(a_rename_between_directories_is_one_change),
      OWN(a_second_name_keeps_the_file),
      OWN(a_kill_keeps_all_that_was_written),
      OWN(a_kill_between_stores_keeps_some),
      OWN(a_failed_sync_loses_what_it_should_have_written),
      PLAIN(a_full_disk_takes_what_fits),
      OWN(stores_to_where_no_space_is_are_counted),
      GUARDED(a_guarded_mapping_ends_where_the_file_does),
      OWN(who_watches_sees_the_disk_before_each_step),
      OWN(what_is_settled_survives_anything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
