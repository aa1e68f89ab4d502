/* One line at the terminal that is written over: what is done, how much of it, how fast, how long it will take.
 *
 *   copying  [########------------]  41 %  1.2 GiB of 2.9 GiB  310 MiB/s  6 s left */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "print.h"

enum { BAR_WIDTH = 24, LINE_MAX_SIZE = 160 };
static const double FIRST_AFTER_S = 0.4, EVERY_S = 0.1; /* what is short shows nothing */

static struct {
  char phase[32];
  double began, shown;
  uint64_t done_at_begin;
  int width; /* of what is at the terminal */
} state;

static bool is_wanted(void) {
  static int wanted = -1;
  if (wanted < 0) wanted = !kh_talk.quiet && !kh_talk.no_progress && isatty(STDERR_FILENO);
  return wanted;
}

static bool is_time(const char *phase, uint64_t done) {
  double now = kh_seconds();
  if (state.began == 0 || strncmp(state.phase, phase, sizeof state.phase - 1) != 0) {
    snprintf(state.phase, sizeof state.phase, "%s", phase);
    state.began = now;
    state.shown = now + FIRST_AFTER_S - EVERY_S;
    state.done_at_begin = done;
  }
  if (now - state.shown < EVERY_S) return false;
  state.shown = now;
  return true;
}

static void amount(char *text, uint64_t number, bool is_bytes) {
  if (is_bytes) kh_bytes(number, text);
  else kh_grouped(number, text);
}

static int add_bar(char *line, uint64_t done, uint64_t total) {
  double part = done < total ? (double)done / (double)total : 1;
  int full = (int)(part * BAR_WIDTH), at = 0;
  line[at++] = '[';
  for (int i = 0; i < BAR_WIDTH; i++) line[at++] = i < full ? '#' : '-';
  return at + snprintf(line + at, LINE_MAX_SIZE - (size_t)at, "] %3d %%  ", (int)(part * 100));
}

static void show(uint64_t done, uint64_t total, bool is_bytes) {
  char line[2 * LINE_MAX_SIZE], part[32], whole[32], rate[32];
  double seconds = kh_seconds() - state.began;
  double speed = done > state.done_at_begin ? (double)(done - state.done_at_begin) / seconds : 0;
  int at = total > 0 ? add_bar(line, done, total) : 0;
  amount(part, done, is_bytes);
  amount(whole, total, is_bytes);
  amount(rate, (uint64_t)speed, is_bytes);
  at +=
      snprintf(line + at, LINE_MAX_SIZE - (size_t)at, total > 0 ? "%s of %s  %s/s" : "%s%.0s  %s/s", part, whole, rate);
  if (total > done && speed > 0)
    at += snprintf(line + at, LINE_MAX_SIZE - (size_t)at, "  %.0f s left", (double)(total - done) / speed);
  int columns = (int)kh_terminal_width(stderr) - (int)strlen(state.phase) - 3;
  if (at > columns) at = columns > 0 ? columns : 0;
  bool bold = kh_wants_colour(STDERR_FILENO);
  int width = (int)strlen(state.phase) + 2 + at;
  fprintf(stderr, "\r%s%s%s  %.*s%*s", bold ? "\x1b[1m" : "", state.phase, bold ? "\x1b[0m" : "", at, line,
          state.width > width ? state.width - width : 0, "");
  state.width = width;
  fflush(stderr);
}

int kh_progress(void *ctx, const char *phase, uint64_t done, uint64_t total) {
  (void)ctx;
  if (is_wanted() && is_time(phase, done)) show(done, total, true);
  return kh_interrupted;
}

int kh_progress_count(const char *phase, uint64_t done, uint64_t total) {
  if (is_wanted() && is_time(phase, done)) show(done, total, false);
  return kh_interrupted;
}

void kh_progress_clear(void) {
  if (state.width > 0) fprintf(stderr, "\r%*s\r", state.width, "");
  state.width = 0;
}
