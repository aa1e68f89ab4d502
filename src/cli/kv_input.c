/* Files and standard input, read through a buffer that grows to the longest item. Ctrl-C ends a wait for more. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kv.h"

enum { ROOM_FIRST = 262144 };

flashkv_status kh_kv_input_open(kh_kv_input *input, const char *path, flashkv_error *error) {
  bool is_standard = strcmp(path, "-") == 0;
  *input = (kh_kv_input){.name = is_standard ? "standard input" : path};
  input->file = is_standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (input->file < 0) return kh_kv_fail(error, FLASHKV_IO, "cannot open %s: %s", path, strerror(errno));
  struct stat info;
  if (fstat(input->file, &info) == 0 && S_ISREG(info.st_mode)) input->size_bytes = (uint64_t)info.st_size;
  return FLASHKV_OK;
}

void kh_kv_input_close(kh_kv_input *input) {
  if (input->file > STDIN_FILENO) close(input->file);
  free(input->buffer);
  *input = (kh_kv_input){.file = -1};
}

/* Room behind `end`: what has been used goes first, then the buffer grows. */
static bool make_room(kh_kv_input *input) {
  if (input->end < input->room) return true;
  if (input->next > input->room / 2) {
    input->end -= input->next;
    memmove(input->buffer, input->buffer + input->next, input->end);
    input->next = 0;
    return true;
  }
  size_t room = input->room == 0 ? ROOM_FIRST : input->room * 2;
  char *buffer = realloc(input->buffer, room);
  if (buffer == NULL) return false;
  input->buffer = buffer;
  input->room = room;
  return true;
}

static flashkv_status read_more(kh_kv_input *input, flashkv_error *error) {
  if (kh_interrupted) return KH_INTERRUPTED;
  if (!make_room(input)) return kh_kv_fail(error, FLASHKV_NO_MEMORY, "out of memory for what %s holds", input->name);
  ssize_t got = read(input->file, input->buffer + input->end, input->room - input->end);
  if (got < 0 && errno == EINTR) return FLASHKV_OK;
  if (got < 0) return kh_kv_fail(error, FLASHKV_IO, "cannot read %s: %s", input->name, strerror(errno));
  input->end += (size_t)got;
  input->ended = got == 0;
  return FLASHKV_OK;
}

static void take(kh_kv_input *input, size_t size, size_t skipped, flashkv_slice *bytes) {
  *bytes = (flashkv_slice){input->buffer + input->next, size};
  input->next += size + skipped;
  input->offset += size + skipped;
}

flashkv_status kh_kv_input_item(kh_kv_input *input, char end, flashkv_slice *item, flashkv_error *error) {
  for (size_t searched = 0;;) {
    size_t size = input->end - input->next;
    const char *start = size > 0 ? input->buffer + input->next : NULL;
    const char *found = size > searched ? memchr(start + searched, end, size - searched) : NULL;
    if (found != NULL) {
      take(input, (size_t)(found - start), 1, item);
      return FLASHKV_OK;
    }
    if (input->ended && size == 0) return FLASHKV_END;
    if (input->ended) {
      take(input, size, 0, item);
      return FLASHKV_OK;
    }
    searched = size;
    flashkv_status status = read_more(input, error);
    if (status != FLASHKV_OK) return status;
  }
}

flashkv_status kh_kv_input_peek(kh_kv_input *input, size_t size, flashkv_slice *bytes, flashkv_error *error) {
  flashkv_status status = FLASHKV_OK;
  while (status == FLASHKV_OK && !input->ended && input->end - input->next < size) status = read_more(input, error);
  if (status != FLASHKV_OK) return status;
  size_t there = input->end - input->next;
  *bytes = (flashkv_slice){input->buffer + input->next, there < size ? there : size};
  return FLASHKV_OK;
}

flashkv_status kh_kv_input_bytes(kh_kv_input *input, size_t size, flashkv_slice *bytes, flashkv_error *error) {
  flashkv_status status = kh_kv_input_peek(input, size, bytes, error);
  if (status == FLASHKV_OK) take(input, bytes->size, 0, bytes);
  return status;
}

flashkv_status kh_kv_input_rest(kh_kv_input *input, flashkv_slice *bytes, flashkv_error *error) {
  return kh_kv_input_bytes(input, SIZE_MAX, bytes, error);
}

/* ---- keys */

static flashkv_status next_of_list(kh_kv_keys *keys, flashkv_slice *written, flashkv_error *error) {
  flashkv_status status = kh_kv_input_item(&keys->input, kh_item_end(), written, error);
  if (status != FLASHKV_END) return status;
  keys->reads = false;
  kh_kv_input_close(&keys->input);
  return FLASHKV_END;
}

static flashkv_status next_written(kh_kv_keys *keys, flashkv_slice *written, flashkv_error *error) {
  flashkv_status status = keys->reads ? next_of_list(keys, written, error) : FLASHKV_END;
  while (status == FLASHKV_END && keys->next < kh_kv.rest.count) {
    const char *word = kh_kv.rest.at[keys->next++];
    if (strcmp(word, "-") != 0) {
      *written = flashkv_text(word);
      return FLASHKV_OK;
    }
    status = kh_kv_input_open(&keys->input, word, error);
    keys->reads = status == FLASHKV_OK;
    if (status == FLASHKV_OK) status = next_of_list(keys, written, error);
  }
  return status;
}

flashkv_status kh_kv_keys_next(kh_kv_keys *keys, flashkv_slice *key, flashkv_error *error) {
  flashkv_slice written;
  flashkv_status status = next_written(keys, &written, error);
  if (status != FLASHKV_OK) return status;
  kh_text_clear(&keys->key);
  status = kh_kv_read_bytes(written, &keys->key, error);
  *key = kh_kv_slice(&keys->key);
  return status;
}

void kh_kv_keys_fini(kh_kv_keys *keys) {
  if (keys->reads) kh_kv_input_close(&keys->input);
  kh_text_fini(&keys->key);
}
