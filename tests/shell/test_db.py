"""Commands over a database in a directory: khonsu get, put, import, txn and their kin, and the shell over one."""

import base64
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import unittest.mock

import pyarrow as pa
import pytest

from khonsu_program import PROGRAM, SECONDS_MAX, candidates, environment, khonsu, objects, shell, terminal

# The arrays are what is wanted of the tests of the C API; the library need not be loaded for them.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
with unittest.mock.patch.dict(sys.modules, khonsu_c=unittest.mock.MagicMock()):
    from test_pyarrow import ARRAYS

ROWS = pa.table({"id": [1, 2, 3], "name": ["ann", None, "cy"]})
CSV = b"id,name\n1,ann\n2,\n3,cy\n"
COMMANDS = "get put del ls scan select import append upsert export txn shell stat check repair merge bench".split()


@pytest.fixture
def db(tmp_path):
    return tmp_path / "db"


def ok(command, db, *arguments, **options):
    """What a command that goes well prints."""
    ran = khonsu(command, db, *arguments, **options)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
    return ran.stdout


def fails(status, text, command, db, *arguments, **options):
    ran = khonsu(command, db, *arguments, **options)
    assert ran.returncode == status, ran.stderr
    assert text in ran.stderr.decode()
    return ran.stdout


def stream(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def write_file(path, table):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return path


def table_of(printed):
    return pa.ipc.open_stream(printed).read_all()


def put_rows(db, key="t", table=ROWS):
    ok("import", db, key, script=stream(table))


def temporary_files(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith("khonsu.")]


# ---- get, put, del


def test_put_and_get(db):
    assert ok("put", db, "key", "value") == b""
    assert ok("get", db, "key") == b"value"
    assert json.loads(ok("put", db, "key", "", "--json")) == {"version": 3}
    assert ok("get", db, "key") == b""
    assert ok("put", db, "--counter", "--", "n", "-7") == b""
    assert ok("get", db, "n") == b"-7\n"
    fails(2, "is not a number", "put", db, "n", "seven", "--counter")


def test_values_from_standard_input_and_files(db, tmp_path):
    value = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(value)
    ok("put", db, "piped", "-", script=value)
    ok("put", db, "filed", f"@{tmp_path}/file")
    ok("put", db, "at", "--literal", "@x")
    ok("put", db, "--", "-k", "-v")
    assert [ok("get", db, key) for key in ("piped", "filed", "at")] == [value, value, b"@x"]
    assert ok("get", db, "--", "-k") == b"-v"
    fails(1, "cannot open /none/such", "put", db, "k", "@/none/such")


@pytest.mark.parametrize("notation, write", [("--hex", bytes.hex), ("--base64", lambda b: base64.b64encode(b).decode())])
def test_binary_keys(db, notation, write):
    key, value = b"\x00\nb\xff", b"\x00\xfe"
    ok("put", db, notation, write(key), write(value))
    assert ok("get", db, notation, write(key)).decode() == write(value)
    assert ok("ls", db, notation).decode() == write(key) + "\n"
    assert ok("ls", db, "--null") == key + b"\0"
    assert ok("ls", db, notation, "--prefix", write(b"\x00")).decode() == write(key) + "\n"
    assert ok("ls", db, notation, "--prefix", write(b"\x01")) == b""
    ok("del", db, notation, write(key))
    fails(2, "is not", "put", db, notation, "/x=", "")
    fails(2, "exclude each other", "put", db, "--hex", "--base64", "00", "00")


def test_values_in_formats(db):
    ok("put", db, "k", 'a"b')
    ok("put", db, "n", "5", "--counter")
    assert objects(ok("get", db, "k", "--json")) == [{"key": "k", "type": "bytes", "value": 'a"b'}]
    assert ok("get", db, "n", "--format", "csv") == b"key,type,value\nn,counter,5\n"
    assert ok("get", db, "k", "--format", "table") == b'a"b'
    assert table_of(ok("get", db, "n", "--format", "arrow")).column("value").to_pylist() == [5]


def test_del(db):
    for key in "a", "b", "c":
        ok("put", db, key, "v")
    assert json.loads(ok("del", db, "a", "b", "--json")) == {"deleted": 2, "missing": 0, "version": 5}
    said = khonsu("del", db, "c", "x")
    assert said.returncode == 3
    assert said.stderr.decode().splitlines() == [
        "khonsu: there is no value at key 'x'", "khonsu: 1 of 2 keys had no value; the others were deleted"]
    assert ok("ls", db) == b""


def test_missing_keys(db):
    ok("put", db, "a", "1")
    for command in ["get"], ["select"], ["export"]:
        assert fails(3, "there is no value at key 'b'", *command, db, "b") == b""


# ---- rows in


def test_rows_from_files_and_pipes(db, tmp_path):
    as_file, as_stream, as_csv = tmp_path / "f.arrow", tmp_path / "s", tmp_path / "c.csv"
    write_file(as_file, ROWS)
    as_stream.write_bytes(stream(ROWS))
    as_csv.write_bytes(CSV)
    for path in as_file, as_stream, as_csv:
        ok("import", db, "named", path)
        ok("import", db, "piped", "-", script=path.read_bytes())
        with open(path, "rb") as file:
            assert subprocess.run([PROGRAM, "import", db, "redirected"], stdin=file, env=environment()).returncode == 0
        for key in "named", "piped", "redirected":
            got = table_of(ok("get", db, key))
            assert got.equals(ROWS) and got.schema == ROWS.schema
    (tmp_path / "nameless").write_bytes(CSV)
    ok("import", db, "t", tmp_path / "nameless", "--format", "csv")
    assert table_of(ok("get", db, "t")).equals(ROWS)


def test_all_types(db, tmp_path):
    table = pa.table(ARRAYS)
    path = write_file(tmp_path / "t.arrow", table)
    ok("import", db, "t", path)
    assert table_of(ok("get", db, "t")).equals(table)
    for compression in "none", "lz4", "zstd":
        ok("export", db, "t", tmp_path / "out", "--compression", compression)
        with pa.OSFile(str(tmp_path / "out")) as source:
            got = pa.ipc.open_file(source).read_all()
        assert got.schema == table.schema and got.to_pylist() == table.to_pylist()
    ok("append", db, "t", tmp_path / "out")
    assert table_of(ok("get", db, "t")).to_pylist() == 2 * table.to_pylist()


def test_append_and_upsert(db):
    assert json.loads(ok("append", db, "t", "--json", script=CSV)) == {"version": 2}
    ok("append", db, "t", script=stream(ROWS))
    assert table_of(ok("get", db, "t")).num_rows == 6
    ok("import", db, "t", script=CSV)
    said = khonsu("upsert", db, "t", "--by", "id", script=b"id,name\n2,bob\n9,new\n")
    assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"khonsu: 1 inserted, 1 updated\n")
    counts = ok("upsert", db, "t", "--by", "id", "--json", script=b"id,name\n9,newer\n")
    assert json.loads(counts) == {"inserted": 0, "updated": 1, "version": 6}
    assert ok("get", db, "t", "--format", "csv") == b"id,name\n1,ann\n2,bob\n3,cy\n9,newer\n"
    fails(2, "no --by", "upsert", db, "t", script=CSV)
    fails(2, "nope", "upsert", db, "t", "--by", "nope", script=CSV)
    fails(2, "the same key", "upsert", db, "t", "--by", "id", script=b"id,name\n1,a\n1,b\n")


@pytest.mark.parametrize("rows, text", [(b"id,other\n1,a\n", "other"), (b"id,name\nx,a\n", "id"), (b"id\n1\n", "name")])
def test_rows_of_the_wrong_types(db, rows, text):
    put_rows(db)
    fails(2, text, "append", db, "t", script=rows)
    assert table_of(ok("get", db, "t")).equals(ROWS)


@pytest.mark.parametrize(
    "status, data, text",
    [
        (2, b"", "there are no names of columns"),
        (2, b"a,b\n1\n", "line 2: 1 fields, but there are 2 columns"),
        (2, stream(ROWS)[:-200], "standard input: record batch 0: it is cut short"),
        (5, b"ARROW1\0\0 and then nothing of the kind", ""),
    ],
)
def test_bad_rows_leave_the_table_as_it_is(db, status, data, text):
    put_rows(db)
    fails(status, text, "import", db, "t", script=data)
    assert table_of(ok("get", db, "t")).equals(ROWS)


def test_values_of_other_types(db):
    put_rows(db)
    ok("put", db, "b", "v")
    ok("put", db, "n", "1", "--counter")
    fails(2, "the key holds bytes", "append", db, "b", script=CSV)
    fails(2, "holds bytes", "select", db, "b")
    fails(2, "only tables and bytes", "export", db, "n")


def test_nothing_of_an_input_is_left_behind(db, tmp_path):
    folder = tmp_path / "tmp"
    folder.mkdir()
    for data in CSV, b"a,b\n1\n":
        subprocess.run([PROGRAM, "import", db, "t"], input=data, env=environment(TMPDIR=str(folder)), capture_output=True)
    subprocess.run([PROGRAM, "get", db, "t"], env=environment(TMPDIR=str(folder)), capture_output=True, check=True)
    assert not list(folder.iterdir())
    ran = subprocess.run([PROGRAM, "get", db, "t"], env=environment(TMPDIR="/none/such"), capture_output=True)
    assert ran.returncode == 1 and b"/none/such" in ran.stderr


# ---- rows out


def test_select(db):
    put_rows(db)
    assert ok("select", db, "t", "--columns", "name", "--where", "id > 1", "--format", "csv") == b"name\n\ncy\n"
    assert objects(ok("select", db, "t", "--limit", "1", "--offset", "1", "--json")) == [{"id": 2, "name": None}]
    assert table_of(ok("select", db, "t", "--where", "name = 'cy'")).to_pylist() == [{"id": 3, "name": "cy"}]
    assert table_of(ok("select", db, "t", "--columns", "*")).equals(ROWS)
    fails(2, "", "select", db, "t", "--where", "id >")
    fails(2, "nope", "select", db, "t", "--columns", "nope")


def test_formats(db):
    put_rows(db)
    lines = b'{"id":1,"name":"ann"}\n{"id":2,"name":null}\n{"id":3,"name":"cy"}\n'
    assert [ok("get", db, "t", *f) for f in (["--json"], ["--format", "json"], ["--format", "jsonl"])] == [lines] * 3
    assert ok("get", db, "t", "--format", "csv") == CSV
    assert ok("get", db, "t", "--format", "table").decode().splitlines()[-1] == "3 rows"
    assert "1 more row" in ok("get", db, "t", "--format", "table", "--rows", "2").decode()
    fails(2, "must be one of auto|table|json|jsonl|csv|arrow", "get", db, "t", "--format", "xml")


def test_export(db, tmp_path):
    put_rows(db)
    ok("put", db, "b", "\x01bytes")
    for name in "t.csv", "t.json", "t.jsonl", "t.arrows", "t.arrow", "t":
        ok("export", db, "t", tmp_path / name)
    assert (tmp_path / "t.csv").read_bytes() == ok("export", db, "t", "--format", "csv") == CSV
    assert (tmp_path / "t.json").read_bytes() == (tmp_path / "t.jsonl").read_bytes() == ok("get", db, "t", "--json")
    assert table_of((tmp_path / "t.arrows").read_bytes()).equals(ROWS)
    assert (tmp_path / "t.arrow").read_bytes()[:6] == (tmp_path / "t").read_bytes()[:6] == b"ARROW1"
    assert table_of(ok("export", db, "t")).equals(ROWS) and table_of(ok("export", db, "t", "-")).equals(ROWS)
    ok("export", db, "b", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == ok("export", db, "b") == b"\x01bytes"
    fails(1, "/none/such", "export", db, "t", "/none/such/file")


def test_pipes_from_database_to_database(db, tmp_path):
    put_rows(db, table=pa.table({"x": range(100_000)}))
    script = 'set -o pipefail; "$0" get "$1" t | "$0" import "$2" copy && "$0" select "$1" t --where "x < 10" | "$0" append "$2" copy'
    subprocess.run(["bash", "-c", script, PROGRAM, db, tmp_path / "other"], check=True, env=environment())
    assert table_of(ok("get", tmp_path / "other", "copy")).column("x").to_pylist() == [*range(100_000), *range(10)]


@pytest.mark.parametrize("format", ["arrow", "csv", "json"])
def test_a_pipe_that_nobody_reads(db, tmp_path, format):
    put_rows(db, table=pa.table({"x": range(100_000)}))
    process = subprocess.Popen([PROGRAM, "get", db, "t", "--format", format], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment(TMPDIR=str(tmp_path)))
    assert len(process.stdout.read(10)) == 10
    process.stdout.close()
    assert process.wait(SECONDS_MAX) != 0
    assert process.stderr.read() in (b"", b"khonsu: cannot write to standard output: Broken pipe\n")
    process.stderr.close()
    assert not temporary_files(tmp_path)
    with open("/dev/full", "wb") as full:
        ran = subprocess.run([PROGRAM, "get", db, "t", "--format", format], stdout=full, stderr=subprocess.PIPE,
                             env=environment())
    assert ran.returncode == 1 and b"No space left" in ran.stderr


# ---- keys


def test_ls(db):
    for key in "a", "b/1", "b/2", "b/3", "c", "ä":
        ok("put", db, key, key)
    names = lambda *arguments: ok("ls", db, *arguments).decode().split()
    assert names() == ["a", "b/1", "b/2", "b/3", "c", "ä"]
    assert names("--prefix", "b/") == ["b/1", "b/2", "b/3"]
    assert names("--from", "b/2", "--to", "c") == ["b/2", "b/3"]
    assert names("--reverse", "--limit", "2") == ["ä", "c"]
    put_rows(db)
    assert objects(ok("ls", db, "--prefix", "t", "--json")) == [
        {"key": "t", "type": "table", "rows": 3, "bytes": None, "version": 8}]


def test_scan(db):
    ok("put", db, "b", "v")
    ok("put", db, "n", "5", "--counter")
    put_rows(db)
    assert objects(ok("scan", db)) == [
        {"key": "b", "type": "bytes", "version": 2, "value": "v"},
        {"key": "n", "type": "counter", "version": 3, "value": 5},
        {"key": "t", "type": "table", "version": 4, "value": "3 rows: id int64, name utf8"},
    ]
    assert ok("scan", db, "--reverse", "--limit", "1", "--format", "csv").startswith(b"key,type,version,value\nt,table,")


def test_as_of(db):
    kept = ["--set", "retain_versions=100"]
    ok("put", db, "k", "first", *kept)
    ok("import", db, "t", *kept, script=CSV)
    time.sleep(0.01)
    between = time.time()
    time.sleep(0.01)
    ok("put", db, "k", "second", *kept)
    ok("append", db, "t", *kept, script=CSV)
    ok("del", db, "k", *kept)
    fails(3, "no value", "get", db, "k")
    assert ok("get", db, "k", "--as-of", "2") == b"first"
    assert ok("get", db, "k", "--as-of", "4") == b"second"
    assert table_of(ok("get", db, "t", "--as-of", "4")).equals(ROWS) and table_of(ok("get", db, "t")).num_rows == 6
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(between)) + f".{int(between % 1 * 1000):03}Z"
    for time_ in moment, moment[:-1], moment[:-1].replace("T", " "):
        assert ok("get", db, "k", "--as-of", time_) == b"first"
    assert ok("ls", db, "--as-of", "2") == b"k\n" and ok("ls", db) == b"t\n"
    assert len(objects(ok("scan", db, "--as-of", moment))) == 2
    assert table_of(ok("select", db, "t", "--as-of", "3")).equals(ROWS)
    assert table_of(ok("export", db, "t", "--as-of", "3")).equals(ROWS)
    for wrong in "x", "0", "-1", "2026-13-01T00:00:00Z":
        fails(2, "--as-of", "get", db, "k", f"--as-of={wrong}")
    fails(2, "", "get", db, "k", "--as-of", "99")


# ---- conditions and statements in one transaction


def txn(db, script, *arguments):
    return khonsu("txn", db, "-", *arguments, script=script)


def test_then_and_else(db):
    script = "if missing stock\nthen\nput stock 5; set n 7; add n\nelse\nget stock\nget n\n"
    first = txn(db, script, "--json")
    assert (first.returncode, objects(first.stdout)) == (0, [{"succeeded": True, "version": 2}])
    second = txn(db, script, "--json")
    assert second.returncode == 4 and second.stderr == b"khonsu: line 1 does not hold: if missing stock\n"
    assert [o.get("value") for o in objects(second.stdout)] == ["5", 8, None]
    assert objects(second.stdout)[-1]["succeeded"] is False
    assert txn(db, script, "--format", "table").stdout == b"5\n8\n"


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A database that tests leave as it is, with a value of each type."""
    db = tmp_path_factory.mktemp("three") / "db"
    ok("put", db, "b", "five")
    ok("put", db, "n", "5", "--counter")
    put_rows(db)
    return db


@pytest.mark.parametrize(
    "condition, holds",
    [
        ("exists b", True), ("exists x", False), ("missing b", False), ("missing x", True),
        ("value b = five", True), ("value b = fiv", False), ("value b != fiv", True), ("value b > fiv", True),
        ("value b < g", True), ("value b >= five", True), ("value b <= fiv", False), ("value x != five", False),
        ("value n = 5", True), ("value n < 10", True), ("value n > -3", True), ("value n != 5", False),
        ("version b = 2", True), ("version b > 2", False), ("version x = 0", True), ("version t <= 4", True),
        ("rows t = 3", True), ("rows t >= 4", False), ("rows x >= 0", False),
    ],
)
def test_conditions(three, condition, holds):
    ran = txn(three, f"if exists b\nif {condition}\nthen\nget b\nelse\nget n", "--format", "table")
    assert (ran.returncode, ran.stdout) == ((0, b"five\n") if holds else (4, b"5\n"))


@pytest.mark.parametrize(
    "status, line, script",
    [
        (2, 1, "if"), (2, 1, "if exists"), (2, 1, "if exists a b"), (2, 1, "if value a ~ b\nthen"),
        (2, 1, "if version a = x\nthen"), (2, 2, "if exists a\nput a b"), (2, 2, "then\nthen"), (2, 1, "else\nput a b"),
        (2, 3, "then\nelse\nelse"), (2, 2, "then\nif exists a"), (2, 1, "then now"), (2, 1, "export a b"),
        (2, 1, "nonsense"), (2, 1, "put a"), (2, 1, "put a \\q"), (2, 2, "put a 1\nput b 'x\n"), (2, 1, "begin"),
        (3, 2, "put a 1\nget nope"), (2, 2, "put a 1\nadd a"), (1, 2, "put a 1\nimport t /none/such"),
        (2, 1, "if rows b = 1\nthen\nput a 1"), (2, 1, "if value n = x\nthen\nput a 1"), (2, 1, "if value t = x\nthen\nput a 1"),
    ],
)
def test_a_script_that_fails_has_done_nothing(three, status, line, script):
    ran = txn(three, script)
    assert (ran.returncode, ran.stdout) == (status, b"")
    assert ran.stderr.decode().startswith(f"khonsu: line {line}: ")
    assert ok("ls", three).split() == [b"b", b"n", b"t"]


def test_scripts_that_are_none(db):
    for script, text in ("", "no statements"), ("if exists a", "no then"):
        ran = txn(db, script)
        assert ran.returncode == 2 and text in ran.stderr.decode()
    fails(1, "/none/such", "txn", db, "/none/such")
    assert not db.exists()


def test_tables_in_a_transaction(db, tmp_path):
    put_rows(db, "orders/open")
    (tmp_path / "more.csv").write_bytes(b"id,name\n4,dan\n")
    (tmp_path / "script").write_text(
        "# all of it, or nothing\nif rows orders/open > 2\nthen\nappend orders/done more.csv\ndel orders/open\nput moved yes\n"
        "select id from orders/done\n")
    assert objects(ok("txn", db, "script", cwd=tmp_path)) == [{"id": 4}]
    assert ok("ls", db).split() == [b"moved", b"orders/done"]


@pytest.mark.parametrize("level", ["read-committed", "snapshot", "repeatable-read", "serializable"])
def test_options_of_transactions(db, level):
    for strategy in "default", "fail", "ignore", "replace", "append":
        ok("put", db, "k", strategy, "--isolation", level, "--on-conflict", strategy, "--durability", "buffered")
    assert txn(db, "get k", "--isolation", level, "--format", "table").stdout == b"append\n"
    fails(2, "must be one of", "put", db, "k", "v", "--isolation", "chaos")
    fails(2, "must be one of sync|buffered|async", "put", db, "k", "v", "--durability", "never")


# ---- which database


def test_the_database_as_an_option(db):
    assert khonsu("put", "--db", db, "k", "v").returncode == 0
    assert khonsu("get", "k", "--db", db).stdout == b"v"
    assert khonsu("get", f"--db={db}", "k").stdout == b"v"
    assert khonsu("stat", "--db", db).returncode == 0
    for wrong in ["get"], ["get", db], ["get", db, "k", "k2"], ["get", "--db", db, "k", "k2"], ["stat"], ["stat", db, "x"]:
        ran = khonsu(*wrong)
        assert ran.returncode == 2 and ran.stderr, wrong


def test_what_is_no_database(db, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    assert khonsu("kv", tmp_path / "store", "put", "a", "b").returncode == 0
    for path in tmp_path / "none", tmp_path / "empty", tmp_path / "file", tmp_path / "store":
        for command in ["get", path, "k"], ["ls", path], ["del", path, "k"], ["merge", path], ["put", path, "k", "v", "--no-create"]:
            ran = khonsu(*command)
            assert (ran.returncode, ran.stdout) == (2, b"") and ran.stderr, command
    assert not (tmp_path / "none").exists() and not list((tmp_path / "empty").iterdir())
    for path in tmp_path / "file", tmp_path / "store", tmp_path:
        assert khonsu("put", path, "k", "v").returncode == 2
    assert not (tmp_path / "LOCK").exists()
    fails(1, "/proc/none", "put", "/proc/none", "k", "v")
    ok("put", tmp_path / "empty", "k", "v")


def test_a_database_of_a_later_version(db):
    ok("put", db, "k", "v")
    about = khonsu("kv", db, "get", "--hex", "6d").stdout.decode()
    assert khonsu("kv", db, "put", "--hex", "6d", about.replace("01", "02", 1)).returncode == 0
    for command in ["get", db, "k"], ["put", db, "k", "w"], ["ls", db]:
        ran = khonsu(*command)
        assert ran.returncode == 2 and b"is of format 2; this library knows format 1" in ran.stderr


def test_a_read_only_file_system(db):
    ok("put", db, "k", "v")
    mounted = ["unshare", "-m", "sh", "-c", 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"', "sh", db]
    if subprocess.run([*mounted, "true"], capture_output=True).returncode != 0:
        pytest.skip("file systems cannot be mounted here")
    run = lambda *arguments: subprocess.run([*mounted, PROGRAM, *arguments], capture_output=True, env=environment())
    assert run("get", db, "k").stdout == b"v"
    assert run("ls", db).stdout == b"k\n"
    assert run("check", db).returncode == 0
    for command in ["put", db, "k", "w"], ["del", db, "k"]:
        ran = run(*command)
        assert ran.returncode == 1 and b"Read-only file system" in ran.stderr and str(db).encode() in ran.stderr
    assert ok("get", db, "k") == b"v"


def test_locked_and_read_beside_the_writer(db):
    with subprocess.Popen([PROGRAM, "shell", db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as writer:
        writer.stdin.write(b"put k v\nget k\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == b"v\n"
        for command in ["put", db, "a", "b"], ["del", db, "k"], ["merge", db], ["append", db, "t", "/dev/null"]:
            ran = khonsu(*command)
            assert ran.returncode == 6 and f"process {writer.pid}" in ran.stderr.decode(), command
        fails(6, "the store is open", "repair", db)
        assert ok("get", db, "k") == b"v"
        assert ok("ls", db) == b"k\n"
        ok("check", db)
        writer.stdin.close()
        assert writer.wait(SECONDS_MAX) == 0


def test_settings(db):
    ok("put", db, "k", "v", "--storage", "data_file_size=8192", "--set", "key_size_max=10")
    fails(1, "key", "put", db, "k" * 11, "v", "--set", "key_size_max=10")
    fails(2, "no_such", "put", db, "k", "v", "--set", "no_such=1")
    fails(2, "NAME=VALUE", "put", db, "k", "v", "--set", "x")
    fails(2, "no_such", "put", db, "k", "v", "--storage", "no_such=1")


# ---- the shell over a directory


def test_the_shell_over_a_directory(db):
    ran = shell("put k 1; set n 5; begin; get k; put k 2; commit\n", db)
    assert (ran.returncode, ran.stdout) == (0, b"1\n")
    assert shell("get k; get n", db).stdout == b"2\n5\n"
    assert shell("get k", "--read-only", db).stdout == b"2\n"
    assert shell("get k", "--db", db).stdout == b"2\n"
    refused = shell("put k 3", db, "--read-only")
    assert refused.returncode == 2 and b"read-only" in refused.stderr
    conflict = shell("begin a; get k; put k 3; use; put k 4; commit a", db)
    message, *report = conflict.stderr.decode().splitlines()
    assert conflict.returncode == 4 and "'k' was read and written here" in message
    assert report[0].startswith("Transaction a (number ") and report[1].startswith("  Key k: it had read it, at version 4")
    assert ok("get", db, "k") == b"4"
    assert shell("isolation; strategy", "--isolation", "snapshot", "--on-conflict", "replace").stdout == b"snapshot\nreplace\n"
    assert shell("get k", db, "--read-only", db).returncode == 2
    assert shell("", f"{db}/none/such").returncode == 1


# ---- looking after it


FIGURES = ["version", "synced", "stored_records", "data_files", "disk_bytes", "live_bytes", "reclaimable_bytes"]


def test_stat_check_and_merge(db):
    put_rows(db)
    for i in range(30):
        ok("put", db, "k", str(i) * 1000, "--durability", "buffered")
    stat = {o["figure"]: o["value"] for o in objects(ok("stat", db, "--json"))}
    assert list(stat) == FIGURES and stat["version"] == 32 and stat["disk_bytes"] > stat["reclaimable_bytes"] > 20_000
    assert ok("stat", db).decode().splitlines()[-1] == f"{len(FIGURES)} figures"
    assert ok("check", db).decode().endswith("keys: 2, tables: 1, rows: 3; whole\n")
    merged = json.loads(ok("merge", db, "--json"))
    assert merged["files_merged"] == 1 and merged["bytes_freed"] > 20_000
    assert khonsu("merge", db).stderr.startswith(b"khonsu: merged ")
    assert json.loads(ok("check", db, "--json"))["findings"] == 0
    assert table_of(ok("get", db, "t")).equals(ROWS)
    fails(2, "--threshold", "merge", db, "--threshold", "2")


def test_damage_is_found_and_repaired(db):
    put_rows(db, "t", pa.table({"x": range(1000)}))
    ok("put", db, "k", "a value that is damaged")
    ok("put", db, "other", "v")
    (name,) = db.glob("*.data")
    data = bytearray(name.read_bytes())
    data[data.index(b"value that is")] ^= 1
    name.write_bytes(data)
    fails(5, "damaged", "get", db, "k")
    assert ok("get", db, "other") == b"v"
    lines = fails(5, "", "check", db).decode().splitlines()
    assert re.match(r"\d+\.data:\d+: ", lines[0]) and lines[-1].endswith("finding")
    *findings, summary = objects(fails(5, "", "check", db, "--json"))
    assert findings[0]["file"] == name.name and summary["findings"] == len(findings)
    assert fails(5, "something was lost", "repair", db).decode().splitlines()[-1].endswith("lost: 1")
    assert json.loads(ok("check", db, "--json"))["findings"] == 0
    assert ok("ls", db).split() == [b"other", b"t"]
    assert b"whole" in ok("repair", db)


def test_bench(db):
    ran = objects(ok("bench", db, "--keys", "200", "--batches", "3", "--threads", "2", "--durability", "buffered", "--json"))
    assert [(o["phase"], o["ops"]) for o in ran] == [("put", 200), ("get", 200), ("move", 200), ("append", 3), ("sum", 2)]
    assert not db.exists()
    ok("bench", db, "--keys", "10", "--batches", "1", "--keep")
    fails(2, "is not empty", "bench", db)
    assert len(ok("ls", db).split()) == 11


@pytest.mark.parametrize("format", ["csv", "arrow"])
def test_a_file_that_is_cut_short_under_its_map(db, format):
    put_rows(db, table=pa.table({"x": range(1_000_000)}))
    process = subprocess.Popen([PROGRAM, "get", db, "t", "--format", format], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment())
    assert len(process.stdout.read(1000)) == 1000
    (name,) = db.glob("*.data")
    os.truncate(name, 4096)
    _, errors = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == (1 if format == "csv" else 0), errors  # not a signal; Arrow is copied before it is written
    assert (str(name) in errors.decode()) == (format == "csv")
    fails(5, "", "check", db)


# ---- Ctrl-C


@pytest.mark.parametrize("command", [["import", "t"], ["append", "t"], ["put", "k", "-"], ["txn", "-"]])
def test_an_interrupted_input(db, tmp_path, command):
    ok("put", db, "before", "v")
    name, *arguments = command
    process = subprocess.Popen([PROGRAM, name, db, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment(TMPDIR=str(tmp_path)))
    process.stdin.write(b"a,b\n")
    process.stdin.flush()
    until = time.monotonic() + SECONDS_MAX
    while not temporary_files(tmp_path):
        assert time.monotonic() < until and process.poll() is None
    ok("put", db, "meanwhile", "v")  # nothing is locked while it waits
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS_MAX) == 130
    _, messages = process.communicate()
    assert messages == b"khonsu: interrupted\n" and not temporary_files(tmp_path)
    assert ok("ls", db).split() == [b"before", b"meanwhile"]


def test_an_interrupted_file(db, tmp_path):
    (tmp_path / "long.csv").write_bytes(b"x\n" + b"1\n" * 20_000_000)
    process = subprocess.Popen([PROGRAM, "import", db, "t", tmp_path / "long.csv"], stderr=subprocess.PIPE, env=environment())
    until = time.monotonic() + SECONDS_MAX
    while not (db / "MANIFEST").exists():
        assert time.monotonic() < until and process.poll() is None
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, messages = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130 and messages == b"khonsu: interrupted\n" and time.monotonic() - began < 10
    assert ok("ls", db) == b""


@pytest.mark.parametrize("format", ["arrow", "csv"])
def test_an_interrupted_output(db, format):
    put_rows(db, table=pa.table({"x": range(100_000)}))
    process = subprocess.Popen([PROGRAM, "get", db, "t", "--format", format], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment())
    process.stdout.read(100)  # it has begun, and waits for the pipe to be read
    process.send_signal(signal.SIGINT)
    rest, messages = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130 and messages == b"khonsu: interrupted\n"
    assert len(rest) < 500_000


# ---- at a terminal


def test_at_a_terminal(db):
    put_rows(db)
    ok("put", db, "--hex", "1b5b324a", "1b07")
    table, status = terminal("get", db, "t")
    assert status == 0 and "3 rows" in table and "│" not in table and "int64" in table
    assert terminal("get", db, "\x1b[2J") == ("\\x1b\\x07\r\n", 0)
    listed, _ = terminal("ls", db)
    assert "2 keys" in listed and "\x1b[2J" not in listed
    assert "3 rows: id int64" in terminal("scan", db)[0]
    assert terminal("get", db, "t", "--format", "arrow")[1] == 2
    assert terminal("get", db, "nope")[1] == 3


def test_progress(db):
    """Of rows that come slowly."""

    def feed(end):
        with os.fdopen(end, "wb") as pipe:
            pipe.write(b"id\n")
            for _ in range(7):
                pipe.write(b"1\n")
                pipe.flush()
                time.sleep(0.1)

    for options, shown in ([], True), (["--no-progress"], False), (["--quiet"], False):
        begin, end = os.pipe()
        feeder = threading.Thread(target=feed, args=[end])
        feeder.start()
        came, status = terminal("import", db, "t", *options, stdin=begin)
        feeder.join()
        os.close(begin)
        assert status == 0 and bool(re.search(r"\r(\x1b\[1m)?reading(\x1b\[0m)?  \d+ bytes  \d+ bytes/s", came)) == shown
    assert table_of(ok("get", db, "t")).num_rows == 7


# ---- help, manual pages, completion


def test_help_and_manual_pages():
    everything = khonsu("help").stdout.decode()
    for name in COMMANDS:
        assert f"\n  {name} " in everything
        told = khonsu("help", name).stdout
        assert told == khonsu(name, "--help").stdout
        page = khonsu("help", "--man", name).stdout.decode()
        assert page.startswith(f".TH KHONSU\\-{name.upper()} 1")
        for option in re.findall(r"^  --([\w-]+)", told.decode(), re.MULTILINE):
            assert "\\-\\-" + option.replace("-", "\\-") in page
        assert all(status in page for status in (".TP\n\\fB4\\fR", ".TP\n\\fB130\\fR"))


def test_completion_words():
    assert set(COMMANDS) < set(candidates(""))
    assert candidates("get", "") == [":directories"]
    assert candidates("get", "db", "") == candidates("get", "--db", "db", "k", "") == []
    assert candidates("get", "--db", "") == [":directories"]
    assert candidates("import", "db", "") == candidates("import", "db", "k", "") == [":files"]
    assert candidates("import", "db", "k", "f", "") == candidates("import", "--db=db", "k", "f", "") == []
    assert candidates("shell", "") == [":directories"]
    assert candidates("put", "db", "--isolation", "")[-1] == "serializable"
    assert candidates("get", "--format", "") == ["auto", "table", "json", "jsonl", "csv", "arrow"]
    assert "--where" in candidates("select", "db", "t", "--")
