/* Lines typed at a terminal, edited with libedit. Its keys can be changed in ~/.editrc, as for any program that uses
 * it.
 *
 * Characters are read here, not by libedit, which would read on after a signal: so Ctrl-C drops the line, and a new
 * size of the window is taken up at once. */
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell.h"

enum { PROMPT_SIZE = KH_NAME_SIZE + 16 };

struct kh_terminal {
  kh_shell *shell;
  EditLine *editor;
  kh_history *history;
  FILE *out;
  char prompt[PROMPT_SIZE];
};

static kh_terminal *terminal_of(EditLine *editor) {
  void *terminal = NULL;
  el_get(editor, EL_CLIENTDATA, &terminal);
  return terminal;
}

static char *prompt(EditLine *editor) { return terminal_of(editor)->prompt; }

/* ---- characters */

/* One byte. Returns 1, 0 at the end of the input, -1 after Ctrl-C or an error. */
static int read_byte(EditLine *editor, char *byte) {
  kh_wait_outcome outcome;
  while ((outcome = kh_interrupt_wait(STDIN_FILENO)) == KH_WAIT_RESIZED) el_resize(editor);
  return outcome == KH_WAIT_READY ? (int)read(STDIN_FILENO, byte, 1) : -1;
}

/* What libedit asks for characters; bytes that are no character become the one for that. */
static int read_character(EditLine *editor, wchar_t *character) {
  char bytes[4];
  uint32_t code = 0;
  for (size_t size = 1; size <= sizeof bytes; size++) {
    int got = read_byte(editor, &bytes[size - 1]);
    if (got <= 0) return got;
    if (kh_utf8_next(bytes, size, &code) != 0) break;
    code = 0xfffd;
    bool begins_more = (unsigned char)bytes[0] >= 0xc2;
    if (!begins_more) break;
  }
  *character = (wchar_t)code;
  return 1;
}

/* ---- completion */

static size_t common_size(const kh_completion *found) {
  const char *first = found->candidates.data, *next = first;
  size_t size = strlen(first);
  for (size_t i = 1; i < found->count; i++) {
    next += strlen(next) + 1;
    size_t same = 0;
    while (same < size && next[same] == first[same]) same++;
    size = same;
  }
  return size;
}

static void list_candidates(const kh_terminal *self, const kh_completion *found) {
  size_t width = 0, across = kh_terminal_width(self->out), column = 0;
  const char *next = found->candidates.data;
  for (size_t i = 0; i < found->count; i++, next += strlen(next) + 1) {
    size_t size = kh_utf8_width(khonsu_key(next));
    if (size > width) width = size;
  }
  size_t columns = across / (width + 2) > 0 ? across / (width + 2) : 1;
  fputc('\n', self->out);
  next = found->candidates.data;
  for (size_t i = 0; i < found->count; i++, next += strlen(next) + 1) {
    bool last = ++column == columns || i + 1 == found->count;
    size_t size = kh_utf8_width(khonsu_key(next));
    fprintf(self->out, "%s%*s", next, last ? 0 : (int)(width + 2 - size), "");
    if (last) fputc('\n', self->out);
    if (last) column = 0;
  }
  fflush(self->out);
}

/* Puts what all candidates begin with in the place of what was typed of the word. */
static bool insert(EditLine *editor, kh_completion *found) {
  size_t size = common_size(found);
  if (size < found->typed || (size == found->typed && found->count > 1)) return false;
  kh_text text = {.data = NULL};
  kh_text_add(&text, found->candidates.data, size);
  if (found->count == 1 && found->is_final) kh_text_add_char(&text, ' ');
  kh_text_add_char(&text, '\0');
  if (!text.failed) {
    el_deletestr(editor, (int)found->typed);
    el_insertstr(editor, text.data);
  }
  kh_text_fini(&text);
  return true;
}

static unsigned char complete(EditLine *editor, int key) {
  (void)key;
  kh_terminal *self = terminal_of(editor);
  const LineInfo *line = el_line(editor);
  kh_completion found = {.count = 0};
  unsigned char outcome = CC_REFRESH_BEEP;
  if (kh_completion_find(self->shell, line->buffer, (size_t)(line->cursor - line->buffer), &found) && found.count > 0) {
    if (insert(editor, &found)) outcome = CC_REFRESH;
    else {
      list_candidates(self, &found);
      outcome = CC_REDISPLAY;
    }
  }
  kh_completion_fini(&found);
  return outcome;
}

/* ---- opening, closing */

static void set_up(kh_terminal *self) {
  el_set(self->editor, EL_CLIENTDATA, self);
  el_set(self->editor, EL_PROMPT, prompt);
  el_set(self->editor, EL_EDITOR, "emacs");
  el_set(self->editor, EL_GETCFN, read_character);
  /* The narrow call would leak the copies it makes of these. */
  el_wset(self->editor, EL_ADDFN, L"khonsu-complete", L"complete statements, keys and files", complete);
  el_set(self->editor, EL_BIND, "^I", "khonsu-complete", NULL);
  el_set(self->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
  if (self->history != NULL) el_set(self->editor, EL_HIST, history, kh_history_handle(self->history));
  el_source(self->editor, NULL);
}

kh_terminal *kh_terminal_open(kh_shell *shell) {
  if (!isatty(STDIN_FILENO)) return NULL;
  kh_terminal *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->shell = shell;
  self->out = isatty(STDOUT_FILENO) ? stdout : stderr;
  self->editor = el_init("khonsu", stdin, self->out, stderr);
  if (self->editor == NULL) {
    free(self);
    return NULL;
  }
  self->history = kh_history_open();
  set_up(self);
  return self;
}

void kh_terminal_close(kh_terminal **terminal) {
  kh_terminal *self = *terminal;
  if (self == NULL) return;
  el_end(self->editor);
  kh_history_close(&self->history);
  free(self);
  *terminal = NULL;
}

/* ---- lines */

static void set_prompt(kh_terminal *self, bool goes_on) {
  const kh_shell *shell = self->shell;
  bool inside = shell->current < shell->txn_count;
  if (goes_on) snprintf(self->prompt, PROMPT_SIZE, "   ...> ");
  else if (inside) snprintf(self->prompt, PROMPT_SIZE, "khonsu %s> ", shell->txns[shell->current].name);
  else snprintf(self->prompt, PROMPT_SIZE, "khonsu> ");
}

const char *kh_terminal_line(kh_terminal *self, bool goes_on, size_t *size, khonsu_status *status) {
  int count = 0;
  kh_interrupted = 0;
  set_prompt(self, goes_on);
  el_set(self->editor, EL_PREP_TERM, 1); /* before the prompt, so that nothing typed from then on is echoed twice */
  const char *line = el_gets(self->editor, &count);
  if (kh_interrupted) {
    fputs("^C\n", self->out);
    *status = KH_INTERRUPTED;
    return NULL;
  }
  if (line == NULL || count <= 0) {
    fputc('\n', self->out);
    return NULL;
  }
  if (self->history != NULL) kh_history_add(self->history, line);
  *size = (size_t)count;
  return line;
}
