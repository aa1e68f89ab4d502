/* Lines of scripts. Not by stdio, which would wait for more without heeding Ctrl-C. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell.h"

enum { READ_SIZE = 65536 };

bool kh_lines_of(kh_input *input, const char *text) {
  input->file = -1;
  input->buffer = strdup(text);
  input->room = input->end = strlen(text);
  return input->buffer != NULL;
}

void kh_lines_fini(kh_input *input) {
  free(input->buffer);
  input->buffer = NULL;
}

/* Moves what is left to the front, and makes room behind it. */
static bool make_room(kh_input *input) {
  if (input->next > 0) memmove(input->buffer, input->buffer + input->next, input->end - input->next);
  input->end -= input->next;
  input->searched -= input->next;
  input->next = 0;
  if (input->room - input->end >= READ_SIZE) return true;
  size_t room = 2 * input->room + READ_SIZE;
  char *grown = realloc(input->buffer, room);
  if (grown == NULL) return false;
  input->buffer = grown;
  input->room = room;
  return true;
}

/* Reads more. False: there is none, or `status` says why not. */
static bool read_more(kh_input *input, khonsu_status *status) {
  if (input->file < 0) return false;
  kh_wait_outcome outcome;
  do outcome = kh_interrupt_wait(input->file);
  while (outcome == KH_WAIT_RESIZED);
  if (outcome == KH_WAIT_INTERRUPTED) *status = KH_INTERRUPTED;
  else if (!make_room(input)) *status = KHONSU_NO_MEMORY;
  if (*status != KHONSU_OK) return false;
  ssize_t size = read(input->file, input->buffer + input->end, READ_SIZE);
  if (size < 0) *status = KHONSU_IO;
  if (size > 0) input->end += (size_t)size;
  return size > 0;
}

static const char *take(kh_input *input, size_t end, size_t *size) {
  const char *line = input->buffer + input->next;
  *size = end - input->next;
  input->next = input->searched = end;
  return line;
}

const char *kh_lines_next(kh_input *input, size_t *size, khonsu_status *status) {
  *status = KHONSU_OK;
  do {
    size_t unsearched = input->end - input->searched;
    char *found = unsearched != 0 ? memchr(input->buffer + input->searched, '\n', unsearched) : NULL;
    if (found != NULL) return take(input, (size_t)(found + 1 - input->buffer), size);
    input->searched = input->end;
  } while (read_more(input, status));
  bool has_rest = *status == KHONSU_OK && input->next < input->end;
  return has_rest ? take(input, input->end, size) : NULL;
}
