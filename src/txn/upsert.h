/* upsert: rows that go into a table by their keys when they are committed, on top of what is there then. Made ready by
 * the transaction, so that the seat only has to look for them. */
#ifndef KH_TXN_UPSERT_H
#define KH_TXN_UPSERT_H

#include "storage/storage.h"

/* Names of key columns. */
typedef struct kh_key_names {
  const char *const *all;
  size_t count;
} kh_key_names;

typedef struct kh_upsert {
  kh_keyed_rows *rows;
  uint64_t
      behind; /* rows of later upserts by these columns, behind those in their table: still to be united with them */
  /* the seat's */
  bool replaces;        /* some row was replaced: the table is not the one before with rows after it */
  kh_ipc_encoded whole; /* if so, the table that came of it, for the storage */
} kh_upsert;

/* Makes rows ready for upserts by these columns. What kh_keyed_rows_new returns. */
KHONSU_MUST_USE khonsu_status kh_upsert_new(kh_table *rows, const kh_key_names *names, uint64_t seed,
                                            kh_upsert **upsert, khonsu_error *error);
void kh_upsert_free(kh_upsert *upsert); /* NULL is a no-op */

/* `joined` is the table of the upsert's rows with `added` rows of another upsert by the same columns behind them. They are
 * united as soon as those behind are more than the others, so that many small upserts cost about as much as a large one:
 * *joined becomes the table of what came of it, and the old reference is dropped. On failure nothing has changed.
 * VALUE_TOO_LARGE, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_upsert_follow(kh_upsert *upsert, kh_table **joined, uint64_t added,
                                               khonsu_error *error);
/* Unites what is behind, if anything is: before anybody looks at the rows. As kh_upsert_follow. */
KHONSU_MUST_USE khonsu_status kh_upsert_unite(kh_upsert *upsert, kh_table **rows, khonsu_error *error);

/* Rows put after those of the base, or, made ready as `keyed`, upserted into them. SCHEMA_MISMATCH: the base is of another
 * schema. VALUE_TOO_LARGE, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_rows_join(kh_table *base, kh_table *rows, const kh_keyed_rows *keyed,
                                           kh_table **joined, khonsu_error *error);

/* In the seat: `result` is the table with the rows, *bytes what it does not share with the base. Encodes it, if it is for
 * a storage and more than rows have come to its end. What kh_table_upsert and kh_ipc_encode return. */
KHONSU_MUST_USE khonsu_status kh_upsert_apply(kh_upsert *upsert, kh_table *base, bool for_storage, kh_table **result,
                                              uint64_t *bytes, khonsu_error *error);

#endif
