/* Whatever the bytes of an Arrow IPC file: no crash, no leak, no hang, no memory beyond what they can stand for; what is
 * let in can be used. */
#include "ipc_corpus.h"

static void files(void **state) {
  (void)state;
  static fuzz_corpus corpus;
  make_corpus(&corpus, true);
  fuzz_all("IPC files", decode_mutated, &corpus);
  fuzz_corpus_fini(&corpus);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(files)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
