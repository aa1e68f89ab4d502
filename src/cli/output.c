#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "print.h"

int kh_complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("khonsu: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  return KH_EXIT_FAILURE;
}

const char *kh_grouped(uint64_t number, kh_grouped_text text) {
  char digits[24];
  int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
  char *next = text;
  for (int i = 0; i < size; i++) {
    if (i > 0 && (size - i) % 3 == 0) *next++ = ',';
    *next++ = digits[i];
  }
  *next = '\0';
  return text;
}

void kh_print_wrapped(const char *text, int indent, int width) {
  int column = 0;
  for (const char *word = text + strspn(text, " "); *word != '\0';) {
    int size = (int)strcspn(word, " ");
    if (column > indent && column + 1 + size > width) {
      putchar('\n');
      column = 0;
    }
    column += column == 0 ? printf("%*s%.*s", indent, "", size, word) : printf(" %.*s", size, word);
    word += size;
    word += strspn(word, " ");
  }
  putchar('\n');
}

int kh_page_width(void) {
  enum { READABLE_MAX = 100 };
  size_t width = isatty(STDOUT_FILENO) ? kh_terminal_width(stdout) : READABLE_MAX;
  return width < READABLE_MAX ? (int)width : READABLE_MAX;
}

double kh_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
