#include "cli.h"
#include "print.h"

const kh_exit_row kh_exit_table[] = {
    {KH_EXIT_OK, "all went well"},
    {KH_EXIT_FAILURE, "failure: of input or output, of memory, or a limit was reached"},
    {KH_EXIT_USAGE, "the command, a statement or its input is wrong"},
    {KH_EXIT_NOT_FOUND, "a key has no value"},
    {KH_EXIT_CONFLICT, "another transaction was first: run the whole transaction again"},
    {KH_EXIT_CORRUPT, "bytes that should be whole are damaged or cut short"},
    {KH_EXIT_BUSY, "something is in use: try later"},
    {KH_EXIT_TIMEOUT, "the time ran out"},
    {KH_EXIT_INTERRUPTED, "interrupted from the keyboard"},
    {0, NULL},
};

int kh_exit_of(khonsu_status status) {
  if (status == KH_INTERRUPTED) return KH_EXIT_INTERRUPTED;
  if (status == KHONSU_DEADLINE) return KH_EXIT_TIMEOUT;
  switch ((khonsu_class)(status >> 16)) {
    case KHONSU_CLASS_OK: return KH_EXIT_OK;
    case KHONSU_CLASS_USAGE: return KH_EXIT_USAGE;
    case KHONSU_CLASS_NOT_FOUND: return KH_EXIT_NOT_FOUND;
    case KHONSU_CLASS_CONFLICT: return KH_EXIT_CONFLICT;
    case KHONSU_CLASS_BUSY: return KH_EXIT_BUSY;
    case KHONSU_CLASS_CORRUPT: return KH_EXIT_CORRUPT;
    case KHONSU_CLASS_LIMIT:
    case KHONSU_CLASS_IO:
    case KHONSU_CLASS_UNAVAILABLE:
    case KHONSU_CLASS_IN_DOUBT:
    case KHONSU_CLASS_NO_MEMORY: break;
  }
  return KH_EXIT_FAILURE;
}
