/* What somebody may have meant: the word at the least distance, counted in letters left out, put in, replaced, and
 * neighbours that changed places (Damerau, 1964; the restricted form, in which no part is edited twice). */
#include <stdio.h>
#include <string.h>

#include "cli.h"

enum { SIZE_MAX_COMPARED = 32 };

static size_t least_of(size_t a, size_t b) { return a < b ? a : b; }

/* Three rows of the table of distances between beginnings: of the letter before the last, the last, and this one. */
static size_t distance_of(const char *a, size_t a_size, const char *b, size_t b_size) {
  size_t rows[3][SIZE_MAX_COMPARED + 1];
  size_t *before = rows[0], *last = rows[1], *here = rows[2];
  for (size_t j = 0; j <= b_size; j++) last[j] = before[j] = j;
  for (size_t i = 1; i <= a_size; i++) {
    here[0] = i;
    for (size_t j = 1; j <= b_size; j++) {
      here[j] = least_of(last[j - 1] + (a[i - 1] != b[j - 1]), 1 + least_of(last[j], here[j - 1]));
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) here[j] = least_of(here[j], before[j - 2] + 1);
    }
    size_t *next = before;
    before = last;
    last = here;
    here = next;
  }
  return last[b_size];
}

/* A third of the letters may be wrong. */
void kh_nearest_init(kh_nearest *nearest, const char *word) {
  *nearest = (kh_nearest){.word = word, .distance = (strlen(word) + 2) / 3 + 1};
}

void kh_nearest_offer(kh_nearest *nearest, const char *name) {
  size_t a = strlen(nearest->word), b = strlen(name);
  if (a > SIZE_MAX_COMPARED || b > SIZE_MAX_COMPARED) return;
  size_t distance = distance_of(nearest->word, a, name, b);
  if (distance >= nearest->distance || distance >= b) return;
  nearest->distance = distance;
  nearest->best = name;
}

const char *kh_nearest_say(const kh_nearest *nearest, kh_nearest_text text) {
  text[0] = '\0';
  if (nearest->best != NULL) snprintf(text, sizeof(kh_nearest_text), "; did you mean '%s'?", nearest->best);
  return text;
}
