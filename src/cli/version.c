/* khonsu version [--json] */
#include <stdio.h>

#include "cli.h"

int kh_command_version(int argc, char **argv) {
  bool json = false;
  const kh_option options[] = {
      {"json", NULL, "also how the library was built, as a JSON object", .flag = &json},
      {.name = NULL},
  };
  int status = kh_options_parse(options, "Prints the version.", argc, argv);
  if (status != KH_GO_ON) return status;
  if (json) printf("%s\n", khonsu_build_info());
  else printf("khonsu %s\n", khonsu_library_version());
  return KH_EXIT_OK;
}
