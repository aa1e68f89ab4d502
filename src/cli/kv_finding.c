/* What is damaged in a store: findings of check, of repair, and of --salvage. */
#include <inttypes.h>
#include <stdio.h>

#include "kv.h"

void kh_kv_add_finding(kh_text *line, const flashkv_finding *finding) {
  kh_key_text key;
  kh_text_add_string(line, finding->file);
  kh_text_addf(line, ":%" PRIu64 ": ", finding->offset);
  kh_text_add_visible(line, kh_kv_plain(flashkv_text(finding->text)));
  if (finding->size > 0) kh_text_addf(line, " (%" PRIu64 " bytes)", finding->size);
  if (finding->key.size > 0) kh_text_addf(line, ", key %s", kh_kv_key(finding->key, key));
}

void kh_kv_tell_finding(void *ctx, const flashkv_finding *finding) {
  kh_text line = {.data = NULL};
  (void)ctx;
  kh_kv_add_finding(&line, finding);
  kh_tell("%.*s", (int)line.size, line.size > 0 ? (const char *)line.data : "");
  kh_text_fini(&line);
}

/* Also of a key that was not found nobody can say that it has no value. */
flashkv_status kh_kv_salvaged(const flashkv *store, flashkv_status status, flashkv_error *error) {
  flashkv_recovery opened = FLASHKV_RECOVERY_INIT;
  flashkv_recovered(store, &opened);
  if (opened.findings == 0 || (status != FLASHKV_OK && status != FLASHKV_NOT_FOUND)) return status;
  const char *format = "%s is damaged in %" PRIu64 " place%s; records lost: %" PRIu64;
  const char *dir = kh_kv.dir.at[0], *plural = opened.findings == 1 ? "" : "s";
  if (status == FLASHKV_OK)
    return kh_kv_fail(error, FLASHKV_CORRUPT, format, dir, opened.findings, plural, opened.records_lost);
  return kh_kv_fail_also(error, FLASHKV_CORRUPT, format, dir, opened.findings, plural, opened.records_lost);
}
