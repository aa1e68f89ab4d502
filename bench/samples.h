/* samples: what the rounds of one row gave, and what is said of them. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

enum { ROUNDS_MAX = 99 };

typedef struct samples {
  unsigned count;
  double values[ROUNDS_MAX];
} samples;

void samples_add(samples *all, double value);
/* Of at least one sample. */
double samples_median(const samples *all);
double samples_mean(const samples *all);
/* (largest - smallest) / median; 0 if the median is. */
double samples_spread(const samples *all);

#endif
