#include "check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void kh_check_failed(const char *expression, const char *file, int line) {
  fprintf(stderr, "khonsu: internal error: %s is false at %s:%d\n", expression, file, line);
  abort();
}
