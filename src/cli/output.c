#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "print.h"

kh_talk_settings kh_talk;

int kh_complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("khonsu: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  return KH_EXIT_FAILURE;
}

void kh_tell(const char *format, ...) {
  va_list arguments;
  if (kh_talk.quiet) return;
  kh_progress_clear();
  va_start(arguments, format);
  fputs("khonsu: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
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

/* One paragraph. Returns where it ends. */
static const char *print_paragraph(FILE *out, const char *text, int indent, int width) {
  int column = 0;
  const char *word = text + strspn(text, " ");
  while (*word != '\0' && *word != '\n') {
    int size = (int)strcspn(word, " \n");
    if (column > indent && column + 1 + size > width) {
      putc('\n', out);
      column = 0;
    }
    column += column == 0 ? fprintf(out, "%*s%.*s", indent, "", size, word) : fprintf(out, " %.*s", size, word);
    word += size;
    word += strspn(word, " ");
  }
  putc('\n', out);
  return word;
}

void kh_print_wrapped(FILE *out, const char *text, int indent, int width) {
  for (text = print_paragraph(out, text, indent, width); *text == '\n';) {
    putc('\n', out);
    text = print_paragraph(out, text + 1, indent, width);
  }
}

const char *kh_bytes(uint64_t size, kh_bytes_text text) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = (double)size;
  size_t unit = 0;
  for (; value >= 1024; unit++) value /= 1024;
  snprintf(text, sizeof(kh_bytes_text), unit > 0 && value < 100 ? "%.1f %s" : "%.0f %s", value,
           size == 1 ? "byte" : units[unit]);
  return text;
}

bool kh_wants_colour(int file) {
  const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
  return (no_color == NULL || *no_color == '\0') && term != NULL && strcmp(term, "dumb") != 0 && isatty(file);
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
