/* python_peer: an engine that is a Python script in a process of its own, told through a pipe how often to do the one thing
 * it is there for. */
#ifndef BENCH_PYTHON_PEER_H
#define BENCH_PYTHON_PEER_H

#include "engine.h"

/* Runs `script operation directory`, and returns when it says that it is ready. */
void *python_peer_start(const char *script, const char *operation, const char *directory);
void python_peer_stop(void *peer);
/* Does it `count` times; the script keeps the time. */
uint64_t python_peer_timed(void *peer, uint64_t count);
/* Does it once; the script's answer has what became of it. */
uint64_t python_peer_crowd(void *peer, engine_losses *losses);

#endif
