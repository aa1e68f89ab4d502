#include <khonsu.h>

/* Names from inside the library, and from third-party code inside it, are free for its user. */
int flatcc_builder_init(int argument);
int flatcc_builder_init(int argument) { return argument; }
int kh_check_failed(int argument);
int kh_check_failed(int argument) { return argument; }

int main(void) {
  int own = flatcc_builder_init(1) + kh_check_failed(1);
  return own == 2 && khonsu_status_text(KHONSU_OK)[0] != '\0' ? 0 : 1;
}
