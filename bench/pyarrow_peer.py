"""pyarrow's side of bench/engine_pyarrow.c: one operation on the tables in a directory, as often as each line of the
input says. Answers with the nanoseconds that this took, less what as many calls took that have nothing to do.
"""

import gc
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

pa.set_cpu_count(1)


def load(name):
    return pa.ipc.open_stream((Path(sys.argv[2]) / name).read_bytes()).read_all()


def nothing():
    pass


def join():
    """Rows in the order of the base, then all of the input: which of the base is replaced, a join finds."""
    base, rows = load("base"), load("rows")
    return lambda: pa.concat_tables(
        [base.join(rows.select(["key"]), "key", join_type="left anti", use_threads=False), rows]
    ), nothing


def is_in():
    """The same by looking each key up in a set."""
    base, rows = load("base"), load("rows")
    return lambda: pa.concat_tables([base.filter(pc.invert(pc.is_in(base["key"], value_set=rows["key"]))), rows]), nothing


def concat():
    table = load("rows")
    return table.combine_chunks, table.slice(0, 0).combine_chunks


def take():
    rows, numbers = (load(name).column(0).chunk(0) for name in ("rows", "choice"))
    return lambda: rows.take(numbers), lambda: rows[:0].take(numbers[:0])


def filter():
    rows, mask = (load(name).column(0).chunk(0) for name in ("rows", "choice"))
    return lambda: rows.filter(mask), lambda: rows[:0].filter(mask[:0])


def time_ns(function, count):
    began = time.perf_counter_ns()
    for _ in range(count):
        function()
    return time.perf_counter_ns() - began


operation, empty = globals()[sys.argv[1]]()
operation()
gc.disable()
print("ready", flush=True)
for line in sys.stdin:
    count = int(line)
    print(max(1, time_ns(operation, count) - time_ns(empty, count)), flush=True)
