/* Ctrl-C asks what is running to stop; it does not end the process, which may hold open transactions. System calls that
 * wait return early (no SA_RESTART). */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "shell.h"

volatile sig_atomic_t kh_interrupted;
static volatile sig_atomic_t window_changed;

static void note(int number) {
  if (number == SIGINT) kh_interrupted = 1;
  else window_changed = 1;
}

void kh_interrupt_catch(void) {
  struct sigaction action = {.sa_handler = note};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGWINCH, &action, NULL);
}

void kh_interrupt_catch_first(void) {
  struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
}

/* Signals are let in only while it waits: one that comes just before is not missed. */
kh_wait_outcome kh_interrupt_wait(int file) {
  struct pollfd input = {.fd = file, .events = POLLIN};
  sigset_t ours, before;
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGWINCH);
  sigprocmask(SIG_BLOCK, &ours, &before);
  int ready = 0;
  while (ready == 0 && !kh_interrupted && !window_changed) {
    ready = ppoll(&input, 1, NULL, &before);
    if (ready < 0 && errno == EINTR) ready = 0;
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (ready != 0) return KH_WAIT_READY; /* an error shows when it is read */
  if (kh_interrupted) return KH_WAIT_INTERRUPTED;
  window_changed = 0;
  return KH_WAIT_RESIZED;
}
