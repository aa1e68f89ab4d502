"""Reads back what `khonsu demo` has exported and compares it with the source, row by row, in any order.

usage: demo_verify.py [--data DIR] [--out DIR] [--limit ROWS]      (other options are the demo's, and ignored)

Prints what differs, if anything does. The last line is the verdict, and the exit status follows it.
"""

import argparse
import collections
import pathlib
import sys

import pyarrow as pa
from pyarrow import compute, ipc

UNCHANGED = "airlines airports planes weather".split()
EXAMPLES_MAX = 5


def read(path):
    with pa.memory_map(str(path)) as source:
        return ipc.open_file(source).read_all()


def sorted_rows(table):
    return table.sort_by([(name, "ascending") for name in table.column_names]).combine_chunks()


def same_rows(left, right):
    return left.num_rows == right.num_rows and sorted_rows(left).equals(sorted_rows(right))


def count_rows(table):
    """How often each row is there. Times as integers: Python need not know time zones."""
    columns = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in table.columns]
    return collections.Counter(zip(*(column.to_pylist() for column in columns)))


def show(title, rows):
    if rows:
        print(f"  {sum(rows.values())} {title}, such as")
        for row in list(rows)[:EXAMPLES_MAX]:
            print(f"    {row}")


def compare_flights(source, exported):
    """What is wrong: (lost, duplicated, foreign), in rows."""
    if same_rows(source, exported):
        return 0, 0, 0
    wanted, found = count_rows(source), count_rows(exported)
    lost, surplus = wanted - found, found - wanted
    duplicated = collections.Counter({row: count for row, count in surplus.items() if row in wanted})
    foreign = surplus - duplicated
    show("rows lost", lost)
    show("rows duplicated", duplicated)
    show("rows that are not in the source", foreign)
    return sum(lost.values()), sum(duplicated.values()), sum(foreign.values())


def sums_by(table, name):
    grouped = table.group_by(name).aggregate([("distance", "count"), ("distance", "sum")])
    return {key: (rows, distance) for key, rows, distance in
            zip(*(grouped[column].to_pylist() for column in (name, "distance_count", "distance_sum")))}


def totals_of(table, name):
    return {key: (rows, distance) for key, rows, distance in
            zip(*(table[column].to_pylist() for column in (name, "rows", "distance")))}


def other_differences(source, out, tables):
    """Everything but lost and duplicated flights, one line each."""
    for name in UNCHANGED:
        if not read(out / f"{name}.arrow").equals(tables[name]):
            yield f"{name} is not what was put"
    for name, file in ("month", "totals-months"), ("origin", "totals-airports"):
        wanted, found = sums_by(source, name), totals_of(read(out / f"{file}.arrow"), name)
        for key in sorted(wanted.keys() | found.keys()):
            if wanted.get(key) != found.get(key):
                yield f"{file}: {name} {key} has (rows, miles) {found.get(key)}, the source {wanted.get(key)}"


def read_flights(out, schema):
    """All flights/<carrier> as one table, and what is wrong with them."""
    tables, wrong = [], []
    for path in sorted(out.glob("flights-*.arrow")):
        carrier, table = path.stem.removeprefix("flights-"), read(path)
        if not table.schema.equals(schema):
            wrong.append(f"{path.name} has another schema: {table.schema}")
            continue
        if table.num_rows and compute.unique(table["carrier"]).to_pylist() != [carrier]:
            wrong.append(f"{path.name} holds flights of other carriers")
        tables.append(table)
    return pa.concat_tables(tables) if tables else schema.empty_table(), len(tables), wrong


def verify(data, out, limit):
    source = read(data / "flights.arrow").slice(0, limit)
    exported, carriers, wrong = read_flights(out, source.schema)
    lost, duplicated, foreign = compare_flights(source, exported)
    wrong += other_differences(source, out, {name: read(data / f"{name}.arrow") for name in UNCHANGED})
    for line in wrong:
        print(f"  {line}")
    result = f"rows={exported.num_rows} lost={lost} duplicated={duplicated}"
    if lost or duplicated or foreign or wrong:
        print(f"demo: FAILED {result} foreign={foreign} other={len(wrong)}")
        return 1
    print(f"  compared    with the source by pyarrow {pa.__version__}: {carriers} carriers, {source.num_columns} columns, "
          f"totals of {len(totals_of(read(out / 'totals-months.arrow'), 'month'))} months and "
          f"{len(totals_of(read(out / 'totals-airports.arrow'), 'origin'))} airports\n")
    print(f"demo: ok {result}")
    return 0


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, default=pathlib.Path("build/demo"))
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/demo/out"))
    arguments.add_argument("--limit", type=int, default=None)
    options, _ = arguments.parse_known_args()
    try:
        return verify(options.data, options.out, options.limit)
    except (OSError, pa.ArrowException, KeyError) as error:
        print(f"demo: FAILED cannot compare: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
