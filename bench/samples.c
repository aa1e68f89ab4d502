/* samples: see samples.h. */
#include "samples.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void samples_add(samples *all, double value) {
  assert(all->count < ROUNDS_MAX);
  all->values[all->count++] = value;
}

static int compare(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static samples sorted(const samples *all) {
  assert(all->count > 0);
  samples copy = *all;
  qsort(copy.values, copy.count, sizeof *copy.values, compare);
  return copy;
}

double samples_median(const samples *all) {
  samples ordered = sorted(all);
  return (ordered.values[(ordered.count - 1) / 2] + ordered.values[ordered.count / 2]) / 2;
}

double samples_mean(const samples *all) {
  assert(all->count > 0);
  double sum = 0;
  for (unsigned i = 0; i < all->count; i++) sum += all->values[i];
  return sum / all->count;
}

double samples_spread(const samples *all) {
  samples ordered = sorted(all);
  double median = samples_median(all);
  return median == 0 ? 0 : (ordered.values[ordered.count - 1] - ordered.values[0]) / median;
}
