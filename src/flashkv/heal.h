/* heal: making the hash table anew when the image it stands on turns out to be damaged. */
#ifndef FKV_HEAL_H
#define FKV_HEAL_H

#include "store.h"

/* Makes it from the files. Readers that need what is damaged wait meanwhile; others go on. The write lock is held. If that
 * fails, what is not found is doubtful from then on. */
void fkv_heal(flashkv *store);

#endif
