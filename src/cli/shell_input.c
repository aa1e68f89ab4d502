#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell.h"

enum { NESTING_MAX = 16 };

/* ---- messages */

bool kh_shell_is_typed(const kh_shell *shell) { return shell->input != NULL && shell->input->is_typed; }

static void say_where(const kh_shell *shell) {
  const kh_input *input = shell->input;
  if (input == NULL) fputs("khonsu: ", stderr);
  else if (input->is_typed) fputs(shell->printer.colour ? "\033[31merror:\033[0m " : "error: ", stderr);
  else if (input->name == NULL) fprintf(stderr, "khonsu: line %llu: ", (unsigned long long)input->statement_line);
  else fprintf(stderr, "khonsu: %s:%llu: ", input->name, (unsigned long long)input->statement_line);
}

void kh_shell_say(const kh_shell *shell, const char *format, ...) {
  va_list arguments;
  fflush(stdout);
  say_where(shell);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

void kh_shell_tell(const kh_shell *shell, const char *format, ...) {
  if (!kh_shell_is_typed(shell)) return;
  va_list arguments;
  fflush(stdout);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

/* ---- characters become statements */

/* The first failure is the one that counts; it ends a script, unless that was not wanted. */
static bool goes_on_after(kh_shell *shell, khonsu_status status) {
  if (status == KHONSU_OK) return !shell->quit;
  if (shell->exit_status == KH_EXIT_OK) shell->exit_status = kh_exit_of(status);
  if (kh_shell_is_typed(shell)) return !shell->quit;
  return shell->keep_going && status != KH_INTERRUPTED && !shell->quit;
}

static khonsu_status refuse(kh_shell *shell, const char *what) {
  shell->input->statement_line = shell->input->line;
  kh_shell_say(shell, "%s", what);
  return KHONSU_INVALID_ARGUMENT;
}

static khonsu_status run_event(kh_shell *shell, kh_words *words, kh_words_event event) {
  khonsu_status status = KHONSU_OK;
  if (event == KH_WORDS_STATEMENT && !words->failed) status = kh_shell_run(shell, words);
  if (event == KH_WORDS_STATEMENT && words->failed) {
    kh_shell_say(shell, "out of memory");
    status = KHONSU_NO_MEMORY;
  }
  if (event == KH_WORDS_WRONG)
    status = refuse(
        shell, "there is no such escape; there are \\n \\t \\r \\\\ \\\" \\' \\# \\; \\xHH, and \\ before a blank");
  kh_words_clear(words);
  words->failed = false;
  return status;
}

/* Runs the statements that end in a line. */
static khonsu_status run_line(kh_shell *shell, kh_input *input, const char *line, size_t size) {
  for (size_t i = 0; i < size; i++) {
    bool begun = kh_words_begun(&input->words);
    kh_words_event event = kh_words_feed(&input->words, line[i]);
    if (!begun && kh_words_begun(&input->words)) input->statement_line = input->line;
    if (event == KH_WORDS_MORE) continue;
    khonsu_status status = run_event(shell, &input->words, event);
    if (!goes_on_after(shell, status)) return status;
    if (event == KH_WORDS_WRONG) break; /* the rest of the line makes no sense */
  }
  return KHONSU_OK;
}

/* ---- lines */

/* NULL: there is no more, or `status` says why not. */
static const char *next_line(kh_shell *shell, kh_input *input, size_t *size, khonsu_status *status) {
  *status = KHONSU_OK;
  input->line++;
  return input->is_typed ? kh_terminal_line(shell->terminal, kh_words_open(&input->words), size, status)
                         : kh_lines_next(input, size, status);
}

/* At the end: a last line without its end, or a quote that was never closed. */
static khonsu_status finish(kh_shell *shell, kh_input *input) {
  if (kh_words_open(&input->words)) {
    uint64_t line = input->statement_line;
    input->line--;
    kh_words_clear(&input->words);
    khonsu_status status = KHONSU_INVALID_ARGUMENT;
    input->statement_line = line;
    kh_shell_say(shell, "the input ends in the middle of this statement: is a quote not closed?");
    (void)goes_on_after(shell, status);
    return status;
  }
  return run_line(shell, input, "\n", 1);
}

static khonsu_status read_lines(kh_shell *shell, kh_input *input) {
  while (!shell->quit) {
    size_t size;
    khonsu_status status;
    const char *line = next_line(shell, input, &size, &status);
    if (status == KH_INTERRUPTED && input->is_typed) {
      kh_words_clear(&input->words);
      continue;
    }
    if (status == KHONSU_IO) kh_shell_say(shell, "cannot read on: %s", strerror(errno));
    if (status != KHONSU_OK) {
      (void)goes_on_after(shell, status);
      return status;
    }
    if (line == NULL) return finish(shell, input);
    status = run_line(shell, input, line, size);
    if (status != KHONSU_OK) return status;
  }
  return KHONSU_OK;
}

khonsu_status kh_shell_read(kh_shell *shell, kh_input *input) {
  input->outer = shell->input;
  shell->input = input;
  khonsu_status status = read_lines(shell, input);
  shell->input = input->outer;
  kh_words_fini(&input->words);
  kh_lines_fini(input);
  return status;
}

/* ---- source FILE */

static int nesting(const kh_shell *shell) {
  int depth = 0;
  for (const kh_input *input = shell->input; input != NULL; input = input->outer) depth++;
  return depth;
}

khonsu_status kh_shell_source(kh_shell *shell, const kh_words *words, khonsu_error *error) {
  const char *path = kh_word_string(words, 1);
  if (path == NULL) return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "a path has no NUL bytes");
  if (nesting(shell) > NESTING_MAX)
    return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%s: files are nested more than %d deep", path,
                            NESTING_MAX);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return khonsu_error_set(error, KHONSU_IO, "%s: %s", path, strerror(errno));
  char *name = strdup(path); /* the words are gone by the time of a message */
  kh_input input = {.name = name != NULL ? name : "file", .file = file};
  khonsu_status status = kh_shell_read(shell, &input);
  close(file);
  free(name);
  return status; /* without a text: it has been said */
}
