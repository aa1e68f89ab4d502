/* The oracle of the key-value tests says yes to every state that a store may be in, and no to others, with a reason. */
#include <stdio.h>
#include <string.h>

#include "kv_model.h"
#include "unit.h"

static khonsu_slice text(const char *bytes) { return kh_slice(bytes, strlen(bytes)); }

/* A commit of puts and deletes: "a=1 b=2 c" puts two and deletes c. */
static void commit(kv_model *model, const char *writes, kv_fate fate, uint64_t sequence) {
  char copy[100];
  snprintf(copy, sizeof copy, "%s", writes);
  kv_model_begin(model);
  char *rest = copy;
  for (char *write; (write = strsep(&rest, " ")) != NULL;) {
    char *value = strchr(write, '=');
    if (value == NULL) {
      kv_model_delete(model, text(write));
      continue;
    }
    *value++ = '\0';
    kv_model_put(model, text(write), text(value), 0);
  }
  if (fate != KV_UNDER_WAY) kv_model_end(model, fate, sequence);
}

static bool matches(const kv_model *model, const char *state, uint64_t sequence, kv_fate least, kv_match *match) {
  static char copy[100];
  snprintf(copy, sizeof copy, "%s", state);
  kv_contents found = {.sequence = sequence};
  char *rest = copy;
  for (char *entry; *copy && (entry = strsep(&rest, " ")) != NULL;) {
    char *value = strchr(entry, '=');
    *value++ = '\0';
    kv_contents_add(&found, (kv_entry){text(entry), text(value), 0});
  }
  bool right = kv_model_matches(model, &found, least, 0, match);
  assert_int_equal(right, match->difference[0] == '\0');
  free(found.entries);
  return right;
}

#define RIGHT(state, least) assert_true(matches(&model, state, 0, least, &match))
#define WRONG(state, least) assert_false(matches(&model, state, 0, least, &match))

static void what_had_to_survive_must_be_there(void **state) {
  (void)state;
  kv_model model = {0};
  kv_match match;
  RIGHT("", KV_SYNCED);
  commit(&model, "a=1", KV_SYNCED, 1);
  commit(&model, "b=2", KV_BUFFERED, 2);
  commit(&model, "a=3 c=3", KV_BUFFERED, 3);
  RIGHT("a=1", KV_SYNCED);
  RIGHT("a=1 b=2", KV_SYNCED);
  RIGHT("a=3 b=2 c=3", KV_SYNCED);
  WRONG("", KV_SYNCED);
  WRONG("a=1 c=3", KV_SYNCED);     /* half of a commit */
  WRONG("a=3 c=3", KV_SYNCED);     /* a hole */
  WRONG("a=1 b=2 d=4", KV_SYNCED); /* from nowhere */
  WRONG("a=1 b=3", KV_SYNCED);
  RIGHT("a=3 b=2 c=3", KV_BUFFERED);
  WRONG("a=1 b=2", KV_BUFFERED);
  kv_model_synced(&model);
  WRONG("a=1 b=2", KV_SYNCED);
  kv_model_fini(&model);
}

static void what_is_in_doubt_may_be_there(void **state) {
  (void)state;
  kv_model model = {0};
  kv_match match;
  commit(&model, "a=1", KV_SYNCED, 1);
  commit(&model, "b=2", KV_IN_DOUBT, 0);
  commit(&model, "c=3", KV_SYNCED, 0);
  commit(&model, "d=4", KV_REFUSED, 0);
  commit(&model, "e=5", KV_UNDER_WAY, 0);
  RIGHT("a=1 c=3", KV_SYNCED);
  RIGHT("a=1 b=2 c=3", KV_SYNCED);
  RIGHT("a=1 c=3 e=5", KV_SYNCED);
  RIGHT("a=1 b=2 c=3 e=5", KV_SYNCED);
  WRONG("a=1 b=2", KV_SYNCED);
  WRONG("a=1 c=3 d=4", KV_SYNCED);
  kv_model_fini(&model);
}

static void deletes_take_keys_out(void **state) {
  (void)state;
  kv_model model = {0};
  kv_match match;
  commit(&model, "a=1 b=2", KV_SYNCED, 1);
  commit(&model, "a b=3 b", KV_BUFFERED, 2);
  RIGHT("a=1 b=2", KV_SYNCED);
  RIGHT("", KV_SYNCED);
  WRONG("b=3", KV_SYNCED);
  WRONG("a=1", KV_SYNCED);
  size_t count;
  khonsu_slice *keys = kv_model_keys(&model, &count);
  assert_int_equal(count, 2);
  free(keys);
  kv_model_fini(&model);
}

static void what_was_found_is_history(void **state) {
  (void)state;
  kv_model model = {0};
  kv_match match;
  commit(&model, "a=1", KV_BUFFERED, 1);
  commit(&model, "b=2", KV_BUFFERED, 2);
  commit(&model, "c=3", KV_IN_DOUBT, 0);
  RIGHT("a=1", KV_SYNCED);
  kv_model_adopt(&model, &match, KV_SYNCED);
  WRONG("", KV_SYNCED);
  WRONG("a=1 b=2", KV_SYNCED);
  commit(&model, "d=4", KV_IN_DOUBT, 0);
  RIGHT("a=1 d=4", KV_SYNCED);
  kv_model_adopt(&model, &match, KV_BUFFERED);
  WRONG("a=1", KV_BUFFERED);
  RIGHT("a=1", KV_SYNCED);
  kv_contents contents = kv_model_contents(&model, 0);
  assert_int_equal(contents.count, 2);
  free(contents.entries);
  kv_model_fini(&model);
}

/* Two commits that leave the same differ by their sequence. */
static void the_sequence_must_fit_what_is_there(void **state) {
  (void)state;
  kv_model model = {0};
  kv_match match;
  commit(&model, "a=1", KV_SYNCED, 5);
  commit(&model, "a=1", KV_BUFFERED, 6);
  assert_true(matches(&model, "a=1", 5, KV_SYNCED, &match));
  assert_int_equal(match.commits, 1);
  assert_true(matches(&model, "a=1", 6, KV_SYNCED, &match));
  assert_int_equal(match.commits, 2);
  assert_false(matches(&model, "a=1", 7, KV_SYNCED, &match));
  assert_false(matches(&model, "a=1", 5, KV_BUFFERED, &match));
  kv_model_fini(&model);
}

static void expired_keys_are_gone(void **state) {
  (void)state;
  kv_model model = {0};
  kv_model_begin(&model);
  kv_model_put(&model, text("a"), text("1"), 1000);
  kv_model_end(&model, KV_SYNCED, 1);
  kv_match match;
  kv_contents none = {0}, one = {0};
  kv_contents_add(&one, (kv_entry){text("a"), text("1"), 1000});
  assert_true(kv_model_matches(&model, &one, KV_SYNCED, 999, &match));
  assert_false(kv_model_matches(&model, &none, KV_SYNCED, 999, &match));
  assert_true(kv_model_matches(&model, &none, KV_SYNCED, 1000, &match));
  one.entries[0].expires_ms = 1001;
  assert_false(kv_model_matches(&model, &one, KV_SYNCED, 999, &match));
  free(one.entries);
  kv_model_fini(&model);
}

static void a_difference_is_told(void **state) {
  (void)state;
  kv_model model = {0};
  kv_match match;
  commit(&model, "a=1 b=2", KV_SYNCED, 1);
  WRONG("a=1 b=7", KV_SYNCED);
  assert_string_equal(match.difference,
                      "key b (1 bytes): found 7 (1 bytes), where after 1 of 1 commits there is 2 (1 bytes); "
                      "2 keys found, 2 there");
  WRONG("a=1", KV_SYNCED);
  assert_non_null(strstr(match.difference, "key b (1 bytes): found nothing"));
  WRONG("0=0 a=1 b=2", KV_SYNCED);
  assert_non_null(strstr(match.difference, "key 0 (1 bytes): found 0 (1 bytes)"));
  assert_non_null(strstr(match.difference, "there is nothing"));
  kv_model_fini(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_had_to_survive_must_be_there),
      cmocka_unit_test(what_is_in_doubt_may_be_there),
      cmocka_unit_test(deletes_take_keys_out),
      cmocka_unit_test(what_was_found_is_history),
      cmocka_unit_test(the_sequence_must_fit_what_is_there),
      cmocka_unit_test(expired_keys_are_gone),
      cmocka_unit_test(a_difference_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
