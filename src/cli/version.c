/* khonsu version [--json] */
#include <stdio.h>

#include "cli.h"

static bool json;

static int run(void) {
  if (json) printf("%s\n", khonsu_build_info());
  else printf("khonsu %s\n", khonsu_library_version());
  return KH_EXIT_OK;
}

static const kh_option options[] = {
    {"json", NULL, "also how the library was built, as a JSON object", .flag = &json},
    {.name = NULL},
};

const kh_command kh_command_version = {
    .name = "version",
    .summary = "print the version",
    .about = "Prints the version.",
    .options = options,
    .run = run,
};
