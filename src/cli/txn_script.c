#include "txn_script.h"

#include <stdlib.h>
#include <string.h>

/* Statements of the shell that only read and write keys: what a transaction cannot take back is not among them. */
static const char *const allowed[] = {"get",  "put",    "set",         "add",      "del",         "select",
                                      "head", "import", "append",      "upsert",   "schema",      "schema-rules",
                                      "ls",   "scan",   "delete-rows", "strategy", "key-columns", NULL};

khonsu_status kh_script_fail(uint64_t line, khonsu_status status, khonsu_error *error) {
  char message[KHONSU_ERROR_MESSAGE_SIZE];
  memcpy(message, error->message, sizeof message);
  return khonsu_error_set(error, status, "line %llu: %s", (unsigned long long)line, message);
}

void kh_script_fini(kh_script *script) {
  for (size_t i = 0; i < script->count; i++) kh_words_fini(&script->lines[i].words);
  free(script->lines);
  *script = (kh_script){.lines = NULL};
}

/* ---- lines */

typedef struct reading {
  kh_script *script;
  kh_script_part part;
  bool has_then, has_else;
} reading;

static khonsu_status wrong(khonsu_error *error, const char *what) {
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "%s", what);
}

static khonsu_status enter(reading *self, kh_script_part part, const kh_words *words, khonsu_error *error) {
  if (words->count > 1) return wrong(error, "then and else are lines of their own");
  if (part == KH_SCRIPT_THEN && self->has_then) return wrong(error, "there is more than one then");
  if (part == KH_SCRIPT_ELSE && (!self->has_then || self->has_else))
    return wrong(error, "else stands once, behind then and its statements");
  self->has_then |= part == KH_SCRIPT_THEN;
  self->has_else |= part == KH_SCRIPT_ELSE;
  self->part = part;
  return KHONSU_OK;
}

static khonsu_status check_count(const kh_statement *statement, const kh_words *words, khonsu_error *error) {
  char usage[160];
  if (words->count - 1 >= statement->least && words->count - 1 <= statement->most) return KHONSU_OK;
  kh_statement_usage(statement, usage, sizeof usage);
  return khonsu_error_set(error, KHONSU_INVALID_ARGUMENT, "too %s arguments; usage: %s",
                          words->count - 1 < statement->least ? "few" : "many", usage);
}

static khonsu_status find_statement(reading *self, kh_script_line *line, khonsu_error *error) {
  line->statement = kh_statement_find(kh_word_at(&line->words, 0));
  if (line->statement == NULL || kh_choice_find(allowed, line->statement->name) < 0)
    return wrong(error, "there is no such statement in transactions; see `khonsu help txn`");
  if (self->part == KH_SCRIPT_IF && self->script->count > 0)
    return wrong(error, "there is no then behind the conditions");
  if (self->part == KH_SCRIPT_IF) {
    self->part = KH_SCRIPT_THEN;
    self->has_then = true;
  }
  line->part = self->part;
  return check_count(line->statement, &line->words, error);
}

static khonsu_status add_line(reading *self, const kh_script_line *line, khonsu_error *error) {
  kh_script *script = self->script;
  if (script->count == script->room) {
    size_t room = script->room == 0 ? 16 : script->room * 2;
    kh_script_line *lines = realloc(script->lines, room * sizeof *lines);
    if (lines == NULL) return khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
    script->lines = lines;
    script->room = room;
  }
  script->lines[script->count++] = *line;
  return KHONSU_OK;
}

/* `words` are moved into the script, or stay. */
static khonsu_status take(reading *self, kh_words *words, uint64_t number, khonsu_error *error) {
  kh_script_line line = {.part = KH_SCRIPT_IF, .words = *words, .number = number};
  khonsu_status status;
  if (kh_word_is(words, 0, "then")) return enter(self, KH_SCRIPT_THEN, words, error);
  if (kh_word_is(words, 0, "else")) return enter(self, KH_SCRIPT_ELSE, words, error);
  if (kh_word_is(words, 0, "if") && self->has_then) return wrong(error, "conditions stand before then");
  if (kh_word_is(words, 0, "if")) status = kh_condition_read(words, &line.condition, error);
  else status = find_statement(self, &line, error);
  if (status == KHONSU_OK) status = add_line(self, &line, error);
  if (status == KHONSU_OK) *words = (kh_words){.count = 0};
  return status;
}

static khonsu_status take_event(reading *self, kh_words *words, kh_words_event event, uint64_t number,
                                khonsu_error *error) {
  khonsu_status status = KHONSU_OK;
  if (event == KH_WORDS_MORE) return KHONSU_OK;
  if (event == KH_WORDS_WRONG) status = wrong(error, "there is no such escape");
  else if (words->failed) status = khonsu_error_set(error, KHONSU_NO_MEMORY, "out of memory");
  else status = take(self, words, number, error);
  kh_words_clear(words);
  return status == KHONSU_OK ? status : kh_script_fail(number, status, error);
}

/* ---- the whole */

static khonsu_status check_whole(const reading *self, khonsu_error *error) {
  if (self->has_then) return KHONSU_OK;
  return wrong(error, self->script->count > 0 ? "there is no then behind the conditions" : "there are no statements");
}

khonsu_status kh_script_read(kh_script *script, khonsu_slice text, khonsu_error *error) {
  reading self = {.script = script};
  kh_words words = {.count = 0};
  khonsu_status status = KHONSU_OK;
  uint64_t line = 1, begun = 1;
  for (size_t i = 0; status == KHONSU_OK && i <= text.size; i++) {
    char c = '\n'; /* also at the end */
    if (i < text.size) c = ((const char *)text.data)[i];
    if (i == text.size && kh_words_open(&words)) {
      status =
          kh_script_fail(begun, wrong(error, "the script ends in the middle of this: is a quote not closed?"), error);
      break;
    }
    bool has_begun = kh_words_begun(&words);
    kh_words_event event = kh_words_feed(&words, c);
    if (!has_begun && kh_words_begun(&words)) begun = line;
    status = take_event(&self, &words, event, begun, error);
    line += c == '\n';
  }
  kh_words_fini(&words);
  return status == KHONSU_OK ? check_whole(&self, error) : status;
}
