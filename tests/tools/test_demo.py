"""The khonsu program, and the demo with the comparison that follows it, on made-up flights."""

import os
import pathlib
import random
import subprocess
import sys

import pyarrow as pa
import pytest
from pyarrow import ipc

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ["KHONSU_LIB"]).with_name("khonsu")
FLIGHTS = 3000


def khonsu(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def verify(data, out):
    command = [sys.executable, ROOT / "tools/demo_verify.py", "--data", data, "--out", out]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def write(table, path, batch_rows=None):
    with ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch_rows)


def read(path):
    return ipc.open_file(path).read_all()


def made_up_flights():
    """With nulls, empty strings and rows that are there twice."""
    draw = random.Random(5)
    rows = [
        {
            "month": draw.randint(1, 12),
            "carrier": draw.choice(["AA", "UA", "9E"]),
            "origin": draw.choice(["EWR", "LGA", "JFK"]),
            "dest": draw.choice(["", "A", "a longer name", None]),
            "distance": draw.randint(80, 90),
            "delay": draw.choice([None, -1.5, 0.0, 2.25]),
        }
        for _ in range(FLIGHTS)
    ]
    types = {"month": pa.int32(), "distance": pa.int32(), "delay": pa.float64()}
    return pa.Table.from_pylist(rows, pa.schema([(name, types.get(name, pa.utf8())) for name in rows[0]]))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Data, export, and what the program printed."""
    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("demo") / "out"
    write(made_up_flights(), data / "flights.arrow", batch_rows=700)
    for name in "airlines", "airports", "planes", "weather":
        write(pa.table({"name": [name, None], "number": [1.5, 2.5]}), data / f"{name}.arrow")
    return data, out, khonsu("demo", "--data", data, "--out", out, "--batch", 20)


def test_demo_ingests_all(demo):
    data, out, ran = demo
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "3,000 rows" in ran.stdout
    verified = verify(data, out)
    assert verified.stdout.splitlines()[-1] == "demo: ok rows=3000 lost=0 duplicated=0"
    assert verified.returncode == 0


def spoil(table, kind):
    if kind == "lost":
        return table.slice(2)
    if kind == "duplicated":
        return pa.concat_tables([table, table.slice(0, 3)])
    changed = pa.concat_arrays([pa.array([-7], pa.int32()), table["distance"].slice(1).combine_chunks()])
    return table.set_column(table.column_names.index("distance"), "distance", changed)


@pytest.mark.parametrize(
    "kind, verdict",
    [
        ("lost", "demo: FAILED rows=2998 lost=2 duplicated=0 foreign=0 other=0"),
        ("duplicated", "demo: FAILED rows=3003 lost=0 duplicated=3 foreign=0 other=0"),
        ("changed", "demo: FAILED rows=3000 lost=1 duplicated=0 foreign=1 other=0"),
    ],
)
def test_verify_finds_spoilt_rows(demo, kind, verdict):
    data, out, _ = demo
    path = out / "flights-UA.arrow"
    whole = read(path)
    write(spoil(whole, kind), path)
    verified = verify(data, out)
    write(whole, path)
    assert (verified.stdout.splitlines()[-1], verified.returncode) == (verdict, 1)


def test_verify_finds_wrong_total(demo):
    data, out, _ = demo
    path = out / "totals-months.arrow"
    whole = read(path)
    write(whole.set_column(1, "rows", pa.array([1] + whole["rows"].to_pylist()[1:])), path)
    verified = verify(data, out)
    write(whole, path)
    assert "totals-months: month 1 has" in verified.stdout
    assert verified.returncode == 1


@pytest.mark.parametrize(
    "arguments, status",
    [
        (["help"], 0),
        (["help", "demo"], 0),
        (["version", "--json"], 0),
        (["--version"], 0),
        (["demo", "--data", "/nowhere"], 1),
        ([], 2),
        (["fly"], 2),
        (["help", "fly"], 2),
        (["demo", "--fly"], 2),
        (["demo", "--writers"], 2),
        (["demo", "--writers", "0"], 2),
        (["demo", "--batch=many"], 2),
        (["demo", "flights"], 2),
    ],
)
def test_exit_statuses(arguments, status):
    """Results on stdout where it went well, one line on stderr where it did not."""
    ran = khonsu(*arguments)
    assert ran.returncode == status
    assert (ran.stdout != "", ran.stderr.count("\n")) == ((True, 0) if status == 0 else (False, 1))
