/* columns: names of columns, as people write them: a, "b c", d. */
#ifndef KH_CLI_COLUMNS_H
#define KH_CLI_COLUMNS_H

#include "text.h"

/* Names of columns. Starts zeroed. */
typedef struct kh_columns {
  const char **names; /* count of them; NULL: none */
  size_t count;
  kh_text text; /* what they point into */
} kh_columns;

typedef enum kh_columns_reading {
  KH_COLUMNS_AS_TYPED, /* with their quotes, as khonsu_select takes them */
  KH_COLUMNS_UNQUOTED
} kh_columns_reading;

/* Names as they were typed, with commas between them and blanks around them; one with commas or blanks is in double
 * quotes, in which a quote is doubled. INVALID_ARGUMENT: one is missing, or not in quotes as a whole. NO_MEMORY. End it
 * with _fini in any case. */
khonsu_status kh_columns_read(kh_columns *columns, khonsu_slice list, kh_columns_reading reading, khonsu_error *error);
khonsu_status kh_columns_copy(const kh_columns *columns, kh_columns *copy, khonsu_error *error);
/* As _read takes them. */
void kh_columns_write(const kh_columns *columns, kh_text *text);
void kh_columns_fini(kh_columns *columns);

#endif
