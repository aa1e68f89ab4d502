/* words: statements of the shell, cut into words as their characters come in.
 *
 *   statement  words up to a line's end or a ';'
 *   word       runs of these, one after the other without a blank between:
 *                bare       anything but blanks ' " ; and, as its first character, #; \ begins an escape
 *                "..."      anything but "; \ begins an escape; may go over several lines
 *                '...'      anything but ', taken as it is; may go over several lines
 *   escape     \n \t \r \\ \" \' \# \; "\ " and \xHH, any byte by its two hexadecimal digits. Outside of quotes \ at the
 *              end of a line goes on in the next
 *   comment    # where a word could begin, up to the line's end
 *
 * Words are bytes: a \x00 is one of them. */
#ifndef KH_CLI_WORDS_H
#define KH_CLI_WORDS_H

#include "text.h"

typedef struct kh_word {
  size_t start, size;        /* in kh_words.bytes */
  bool is_quoted;            /* in part, at least: it is no keyword then */
  size_t raw_start, raw_end; /* in kh_words.raw */
} kh_word;

typedef enum kh_words_state {
  KH_WORDS_BETWEEN, /* words */
  KH_WORDS_BARE,
  KH_WORDS_DOUBLE,
  KH_WORDS_SINGLE,
  KH_WORDS_COMMENT
} kh_words_state;

typedef struct kh_words {
  kh_text bytes; /* of all words; each is followed by a NUL, so that one without NULs inside is a string */
  kh_text raw;   /* the statement as it was typed */
  kh_word *words;
  size_t count, room;
  kh_words_state state;
  int escape; /* characters of an escape that were read: 0 = none is being read, 1 = \, 2 = \x, 3 = \xH */
  unsigned hex;
  bool failed; /* out of memory */
} kh_words;

typedef enum kh_words_event {
  KH_WORDS_MORE,      /* go on */
  KH_WORDS_STATEMENT, /* a statement is whole: use it, then clear */
  KH_WORDS_WRONG      /* the character cannot stand here: an escape that is none */
} kh_words_event;

/* Starts zeroed. */
void kh_words_fini(kh_words *words);
void kh_words_clear(kh_words *words);

kh_words_event kh_words_feed(kh_words *words, char c);
/* Whether a line's end would not end the statement. */
bool kh_words_open(const kh_words *words);
/* Whether anything of a statement was read. */
bool kh_words_begun(const kh_words *words);

static inline khonsu_slice kh_word_at(const kh_words *words, size_t index) {
  return (khonsu_slice){words->bytes.data + words->words[index].start, words->words[index].size};
}
/* Words from one up to another, as they were typed, quotes and all: for what has a grammar of its own. */
static inline khonsu_slice kh_words_raw(const kh_words *words, size_t first, size_t last) {
  size_t start = words->words[first].raw_start;
  return (khonsu_slice){words->raw.data + start, words->words[last].raw_end - start};
}
/* Whether it is this keyword. */
bool kh_word_is(const kh_words *words, size_t index, const char *keyword);
/* The word as a string; NULL if it has a NUL inside. */
const char *kh_word_string(const kh_words *words, size_t index);

#endif
