/* worker: see worker.h.
 *
 *   parent                       worker
 *     |------- fork --------------->|  opens and loads
 *     |<------ measurement ---------|  (its content means nothing: "loaded")
 *     |------- command ------------>|
 *     |<------ measurement ---------|  ... any number of times
 *     |------- end of file -------->|  closes the engine, exits
 *
 * A worker that fails writes why to stderr and exits; the parent then reads an end of file. */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "scratch_dir.h"

/* Far more than any task takes: beyond it an engine is stuck. */
enum { ANSWER_MS_MAX = 15 * 60 * 1000, FAILED = 3 };

/* At most PIPE_BUF bytes, so that writes and reads are whole. */
typedef struct command {
  bench_task task;
  uint64_t seed;
} command;

static volatile sig_atomic_t interrupted;
static const char *engine_name = "benchmark"; /* in a worker: whose it is */

static void interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
}

void worker_init(void) {
  struct sigaction action = {.sa_handler = interrupt}; /* without SA_RESTART: waiting calls return */
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
}

/* ---- the worker's side */

void engine_fail(const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  fprintf(stderr, "khonsu_bench: %s: %s\n", engine_name, text);
  _exit(FAILED);
}

void *engine_alloc(size_t size) {
  void *memory = calloc(1, size);
  if (memory == NULL) engine_fail("out of memory");
  return memory;
}

static void answer(int fd, const measurement *result) {
  if (write(fd, result, sizeof *result) != sizeof *result) engine_fail("cannot answer");
}

static void open_store(bench_subject *subject) {
  subject->empty_bytes = machine_anonymous_bytes();
  subject->store = subject->ops->open(subject->config);
  if (subject->ops->load != NULL) subject->ops->load(subject->store, subject->config);
  if (subject->ops->settle != NULL) subject->ops->settle(subject->store);
}

static void serve(const engine_ops *ops, const engine_config *config, bool closed, int command_fd, int answer_fd) {
  if (mkdir(config->directory, 0755) != 0) engine_fail("cannot make the directory %s", config->directory);
  bench_subject subject = {.ops = ops, .config = config};
  if (!closed) open_store(&subject);
  answer(answer_fd, &(measurement){0});
  command given;
  ssize_t size;
  while ((size = read(command_fd, &given, sizeof given)) == sizeof given) {
    measurement result = measure(&subject, &given.task, given.seed);
    answer(answer_fd, &result);
  }
  if (size != 0) engine_fail("half a command");
  if (!closed) ops->close(subject.store);
}

_Noreturn static void be_worker(const engine_ops *ops, const engine_config *config, bool closed, int command_fd,
                                int answer_fd, pid_t parent) {
  engine_name = ops->name;
  signal(SIGINT, SIG_IGN); /* the parent decides; it closes the pipe or kills */
  signal(SIGTERM, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(FAILED);
  serve(ops, config, closed, command_fd, answer_fd);
  _exit(EXIT_SUCCESS);
}

/* ---- the parent's side */

static void close_pair(const int fds[2]) {
  close(fds[0]);
  close(fds[1]);
}

/* An end of a pipe that a later worker kept open would hide that the earlier one has died. */
static void close_others(const worker *others, size_t count) {
  for (size_t i = 0; i < count; i++) {
    close(others[i].command_fd);
    close(others[i].answer_fd);
  }
}

bool worker_start(worker *started, const engine_ops *ops, const engine_config *config, bool closed,
                  const worker *others, size_t other_count) {
  int commands[2], answers[2];
  *started = (worker){.ops = ops};
  if (pipe(commands) != 0) return perror("khonsu_bench: pipe"), false;
  if (pipe(answers) != 0) return close_pair(commands), perror("khonsu_bench: pipe"), false;
  fflush(stdout);
  pid_t parent = getpid(), pid = fork();
  if (pid < 0) return close_pair(commands), close_pair(answers), perror("khonsu_bench: fork"), false;
  if (pid == 0) {
    close_others(others, other_count);
    close(commands[1]);
    close(answers[0]);
    be_worker(ops, config, closed, commands[0], answers[1], parent);
  }
  close(commands[0]);
  close(answers[1]);
  *started = (worker){ops, strdup(config->directory), pid, commands[1], answers[0]};
  if (started->directory == NULL) abort();
  return true;
}

static int reap(worker *ended) {
  int status = 0;
  close(ended->answer_fd);
  while (waitpid(ended->pid, &status, 0) < 0 && errno == EINTR) continue;
  ended->pid = 0;
  scratch_dir_remove(ended->directory);
  return status;
}

void worker_kill(worker *killed) {
  if (killed->pid == 0) return;
  kill(killed->pid, SIGKILL);
  if (killed->command_fd >= 0) close(killed->command_fd);
  (void)reap(killed);
}

static bool report_death(worker *dead) {
  close(dead->command_fd);
  int status = reap(dead);
  if (WIFSIGNALED(status))
    fprintf(stderr, "khonsu_bench: the process of %s was ended by signal %d (%s)\n", dead->ops->name, WTERMSIG(status),
            strsignal(WTERMSIG(status)));
  else fprintf(stderr, "khonsu_bench: the process of %s ended with status %d\n", dead->ops->name, WEXITSTATUS(status));
  return false;
}

/* True: there is something to read, which may be an end of file. */
static bool wait_readable(worker *waited_for) {
  struct pollfd waiting = {.fd = waited_for->answer_fd, .events = POLLIN};
  int ready = interrupted ? -1 : poll(&waiting, 1, ANSWER_MS_MAX);
  if (ready > 0) return true;
  if (interrupted) fprintf(stderr, "khonsu_bench: interrupted\n");
  else fprintf(stderr, "khonsu_bench: the process of %s does not answer\n", waited_for->ops->name);
  worker_kill(waited_for);
  return false;
}

static bool read_answer(worker *asked, measurement *result) {
  if (!wait_readable(asked)) return false;
  return read(asked->answer_fd, result, sizeof *result) == sizeof *result || report_death(asked);
}

bool worker_await(worker *loading) {
  measurement loaded;
  return read_answer(loading, &loaded);
}

bool worker_measure(worker *measuring, const bench_task *task, uint64_t seed, measurement *result) {
  command given = {*task, seed};
  if (write(measuring->command_fd, &given, sizeof given) != sizeof given) return report_death(measuring);
  return read_answer(measuring, result);
}

/* Its end of file is the command to stop, and the worker's is the sign that it did. */
bool worker_stop(worker *stopped) {
  if (stopped->pid == 0) return true;
  close(stopped->command_fd);
  stopped->command_fd = -1;
  if (!wait_readable(stopped)) return false;
  int status = reap(stopped);
  if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) return true;
  fprintf(stderr, "khonsu_bench: the process of %s failed while closing\n", stopped->ops->name);
  return false;
}
