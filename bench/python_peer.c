/* python_peer: see python_peer.h.
 *
 *   engine                     script
 *     |------- start ------------->|  opens what it needs
 *     |<------ "ready" ------------|
 *     |------- how often --------->|
 *     |<------ nanoseconds --------|  and further numbers, where the operation has such
 *     |------- end of file ------->|  exits */
#include "python_peer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINE_SIZE = 128 };

typedef struct python_peer {
  pid_t pid;
  FILE *commands, *answers;
} python_peer;

_Noreturn static void be_python(const char *script, const char *operation, const char *directory, int commands,
                                int answers) {
  dup2(commands, STDIN_FILENO);
  dup2(answers, STDOUT_FILENO);
  execl(BENCH_PYTHON, BENCH_PYTHON, script, operation, directory, (char *)NULL);
  engine_fail("cannot run %s", BENCH_PYTHON);
}

static void read_answer(const python_peer *peer, char line[LINE_SIZE]) {
  if (fgets(line, LINE_SIZE, peer->answers) == NULL) engine_fail("its Python has ended");
}

void *python_peer_start(const char *script, const char *operation, const char *directory) {
  python_peer *peer = engine_alloc(sizeof *peer);
  int commands[2], answers[2];
  char line[LINE_SIZE];
  if (pipe2(commands, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0) engine_fail("cannot make a pipe");
  peer->pid = fork();
  if (peer->pid < 0) engine_fail("cannot start a process");
  if (peer->pid == 0) be_python(script, operation, directory, commands[0], answers[1]);
  close(commands[0]);
  close(answers[1]);
  peer->commands = fdopen(commands[1], "w");
  peer->answers = fdopen(answers[0], "r");
  if (peer->commands == NULL || peer->answers == NULL) engine_fail("out of memory");
  read_answer(peer, line);
  return peer;
}

void python_peer_stop(void *started) {
  python_peer *peer = started;
  fclose(peer->commands);
  waitpid(peer->pid, NULL, 0);
  fclose(peer->answers);
  free(peer);
}

static void ask(const python_peer *peer, uint64_t count, char line[LINE_SIZE]) {
  fprintf(peer->commands, "%" PRIu64 "\n", count);
  fflush(peer->commands);
  read_answer(peer, line);
}

uint64_t python_peer_timed(void *started, uint64_t count) {
  char line[LINE_SIZE];
  ask(started, count, line);
  return strtoull(line, NULL, 10);
}

uint64_t python_peer_crowd(void *started, engine_losses *losses) {
  char line[LINE_SIZE];
  uint64_t elapsed_ns, tried, lost, failed, duplicated;
  ask(started, 1, line);
  if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &elapsed_ns, &tried, &lost, &failed,
             &duplicated) != 5)
    engine_fail("an answer that is not five numbers");
  losses->tried += tried;
  losses->lost += lost;
  losses->failed += failed;
  losses->duplicated += duplicated;
  return elapsed_ns;
}
