/* rows: what is reported of a workload's turns. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "report.h"
#include "turns.h"

/* A row for each peer, and one for the bound. */
void rows_report(const turns *done, report *results);

#endif
