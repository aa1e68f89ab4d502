/* lives: tasks about a store as a whole: loading it, opening it, recovering what a killed process left, merging it.
 *
 * Each step of a life is a process of its own, so that nothing stays from one to the next but the files: neither
 * memory, nor threads, nor what a library keeps for itself. */
#ifndef BENCH_LIVES_H
#define BENCH_LIVES_H

#include "measure.h"

/* One turn. Ends the process on failure; a key that a killed process had put, and that is not there, is one. */
measurement lives_measure(const bench_subject *subject, const bench_task *task);

#endif
