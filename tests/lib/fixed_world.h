/* fixed_world: time, chance and the process's number, as a seed has them: for programs linked with --wrap of the functions
 * of os.h that tell them, so that a scenario of one thread does the same, to the byte, whenever it runs. Where a library is
 * optimised across files, its calls cannot be wrapped, and runs differ in what they are told. */
#ifndef TEST_FIXED_WORLD_H
#define TEST_FIXED_WORLD_H

#include <stdint.h>

/* From here on; before, all is as it is. Time begins in 2023 and passes by some microseconds a look. */
void fixed_world_begin(uint64_t seed);
/* Time jumps to this, microseconds since 1970, if that is not in the past. */
void fixed_world_wait(uint64_t until_us);

#endif
