#include "words.h"

#include <stdlib.h>
#include <string.h>

void kh_words_fini(kh_words *words) {
  kh_text_fini(&words->bytes);
  kh_text_fini(&words->raw);
  free(words->words);
  *words = (kh_words){.count = 0};
}

void kh_words_clear(kh_words *words) {
  kh_text_clear(&words->bytes);
  kh_text_clear(&words->raw);
  words->count = 0;
  words->escape = 0;
  words->state = KH_WORDS_BETWEEN;
}

bool kh_words_open(const kh_words *words) {
  return words->state == KH_WORDS_DOUBLE || words->state == KH_WORDS_SINGLE || words->escape != 0;
}

bool kh_words_begun(const kh_words *words) { return words->count > 0 || kh_words_open(words); }

bool kh_word_is(const kh_words *words, size_t index, const char *keyword) {
  return index < words->count && !words->words[index].is_quoted && kh_slice_is(kh_word_at(words, index), keyword);
}

const char *kh_word_string(const kh_words *words, size_t index) {
  khonsu_slice word = kh_word_at(words, index);
  return memchr(word.data, '\0', word.size) == NULL ? word.data : NULL;
}

/* ---- words grow at their end */

static void begin_word(kh_words *words) {
  if (words->count == words->room) {
    size_t room = 2 * words->room + 8;
    kh_word *grown = realloc(words->words, room * sizeof *grown);
    words->failed |= grown == NULL;
    if (grown == NULL) return;
    words->words = grown;
    words->room = room;
  }
  words->words[words->count++] = (kh_word){.start = words->bytes.size, .raw_start = words->raw.size - 1};
}

static void add(kh_words *words, char c) {
  kh_text_add_char(&words->bytes, c);
  words->failed |= words->bytes.failed;
  if (!words->failed) words->words[words->count - 1].size++;
}

static void end_word(kh_words *words) {
  kh_text_add_char(&words->bytes, '\0');
  words->failed |= words->bytes.failed;
  if (!words->failed) words->words[words->count - 1].raw_end = words->raw.size - 1;
  words->state = KH_WORDS_BETWEEN;
}

static void open_quote(kh_words *words, kh_words_state state) {
  if (words->failed) return;
  words->words[words->count - 1].is_quoted = true;
  words->state = state;
}

/* ---- escapes */

static int hex_digit(char c) {
  static const char digits[] = "0123456789abcdef0123456789ABCDEF";
  const char *found = c != '\0' ? strchr(digits, c) : NULL;
  return found != NULL ? (int)(found - digits) % 16 : -1;
}

static kh_words_event feed_hex(kh_words *words, char c) {
  int digit = hex_digit(c);
  if (digit < 0) return KH_WORDS_WRONG;
  words->hex = words->hex << 4 | (unsigned)digit;
  if (words->escape++ == 2) return KH_WORDS_MORE;
  words->escape = 0;
  add(words, (char)words->hex);
  return KH_WORDS_MORE;
}

static kh_words_event feed_escape(kh_words *words, char c) {
  static const char names[] = "ntr\\\"'#; ", meanings[] = "\n\t\r\\\"'#; ";
  if (words->escape > 1) return feed_hex(words, c);
  if (c == 'x') {
    words->escape = 2;
    words->hex = 0;
    return KH_WORDS_MORE;
  }
  words->escape = 0;
  if (c == '\n' && words->state == KH_WORDS_BARE) { /* the line goes on in the next */
    memset(words->raw.data + words->raw.size - 2, ' ', 2);
    return KH_WORDS_MORE;
  }
  const char *found = c != '\0' ? strchr(names, c) : NULL;
  if (found == NULL) return KH_WORDS_WRONG;
  add(words, meanings[found - names]);
  return KH_WORDS_MORE;
}

/* ---- one character */

static kh_words_event end_statement(kh_words *words) {
  words->state = KH_WORDS_BETWEEN;
  return words->count > 0 ? KH_WORDS_STATEMENT : KH_WORDS_MORE;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static kh_words_event feed_bare(kh_words *words, char c) {
  bool ends_statement = c == '\n' || c == ';';
  if (ends_statement || is_blank(c)) {
    end_word(words);
    return ends_statement ? end_statement(words) : KH_WORDS_MORE;
  }
  if (c == '"') open_quote(words, KH_WORDS_DOUBLE);
  else if (c == '\'') open_quote(words, KH_WORDS_SINGLE);
  else if (c == '\\') words->escape = 1;
  else add(words, c);
  return KH_WORDS_MORE;
}

static kh_words_event feed_between(kh_words *words, char c) {
  if (c == '\n' || c == ';') return end_statement(words);
  if (is_blank(c)) return KH_WORDS_MORE;
  if (c == '#') {
    words->state = KH_WORDS_COMMENT;
    return KH_WORDS_MORE;
  }
  begin_word(words);
  words->state = KH_WORDS_BARE;
  return feed_bare(words, c);
}

kh_words_event kh_words_feed(kh_words *words, char c) {
  kh_text_add_char(&words->raw, c);
  words->failed |= words->raw.failed;
  if (words->failed) return c == '\n' ? end_statement(words) : KH_WORDS_MORE;
  if (words->escape != 0) return feed_escape(words, c);
  switch (words->state) {
    case KH_WORDS_BETWEEN: return feed_between(words, c);
    case KH_WORDS_BARE: return feed_bare(words, c);
    case KH_WORDS_COMMENT: return c == '\n' ? end_statement(words) : KH_WORDS_MORE;
    case KH_WORDS_SINGLE:
      if (c == '\'') words->state = KH_WORDS_BARE;
      else add(words, c);
      return KH_WORDS_MORE;
    case KH_WORDS_DOUBLE:
      if (c == '"') words->state = KH_WORDS_BARE;
      else if (c == '\\') words->escape = 1;
      else add(words, c);
      return KH_WORDS_MORE;
  }
  return KH_WORDS_WRONG;
}
