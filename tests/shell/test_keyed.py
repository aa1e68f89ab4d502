"""Rows by key: upsert, delete-rows, key-columns; compared with what dictionaries and pyarrow make of them."""

import json
import random

import pyarrow as pa
import pytest

from khonsu_program import output, shell
from test_tables import write


@pytest.fixture
def files(tmp_path):
    (tmp_path / "t.csv").write_text("id,name\n1,a\n2,b\n")
    (tmp_path / "more.csv").write_text("id,name\n2,B\n3,C\n")
    (tmp_path / "keys.csv").write_text("id\n2\n9\n")
    (tmp_path / "twice.csv").write_text("id,name\n5,a\n5,b\n")
    return tmp_path


def run(files, script, *arguments):
    return output(script, *arguments, cwd=files)


def failure(files, script):
    ran = shell(script, cwd=files)
    return ran.returncode, ran.stderr.decode()


# ---- what they do


def test_upsert(files):
    script = "import t t.csv; upsert t by id from more.csv; get t"
    assert run(files, script, "--format", "csv") == "inserted,updated\n1,1\nid,name\n1,a\n2,B\n3,C\n"
    assert run(files, "upsert t by id from t.csv; upsert t by id from t.csv") == "2 inserted, 0 updated\n0 inserted, 2 updated\n"


def test_delete_rows(files):
    script = "import t t.csv; delete-rows t from keys.csv; delete-rows t from keys.csv; get t"
    assert run(files, script, "--format", "csv") == "deleted\n1\ndeleted\n0\nid,name\n1,a\n"
    assert run(files, "delete-rows nothing from keys.csv; import t t.csv; delete-rows t from t.csv; ls", "--format", "json").splitlines()[:2] == [
        '{"deleted":0}', '{"deleted":2}']


def test_counts_in_arrow(files):
    ran = shell("import t t.csv; upsert t by id from more.csv", "--format", "arrow", cwd=files)
    assert pa.ipc.open_stream(ran.stdout).read_all().to_pylist() == [{"inserted": 1, "updated": 1}]


@pytest.mark.parametrize(
    "columns, names",
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("a , b", ["a", "b"]),
        ('"a","b c"', ["a", "b c"]),
        ('"b c"', ["b c"]),
        ('b c, a', ["b c", "a"]),
        ('"x,y"', ["x,y"]),
        ('"q""q", a', ['q"q', "a"]),
        ('"from"', ["from"]),
        ('""', [""]),
    ],
)
def test_names_of_key_columns(columns, names, tmp_path):
    all_names = ["a", "b", "b c", "x,y", 'q"q', "from", ""]
    first = pa.table([pa.array([1, 2]) for _ in all_names], names=all_names)
    second = pa.table([pa.array([2, 3]) if name in names else pa.array([7, 8]) for name in all_names], names=all_names)
    write(tmp_path / "first", first)
    write(tmp_path / "second", second)
    got = output(f"import t first; upsert t by {columns} from second; key-columns {columns}; key-columns", cwd=tmp_path)
    counts, setting = got.splitlines()
    assert counts == "1 inserted, 1 updated"
    assert setting == ",".join(name if name.isalnum() else '"' + name.replace('"', '""') + '"' for name in names)


def test_as_dictionaries_do(tmp_path):
    """Upserts and deletions by two columns, one of them a dictionary, against what Python makes of them."""
    draw, expected = random.Random(29), {}
    script, counts = ["format json"], []
    for step in range(40):
        keys = list({(draw.randrange(12), draw.choice(["x", "y", None])) for _ in range(draw.randrange(9))})
        texts = pa.array([text for _, text in keys], pa.utf8())
        columns = {"n": pa.array([number for number, _ in keys], pa.int64()), "s": texts.dictionary_encode()}
        if step % 3 == 2:
            write(tmp_path / str(step), pa.table(columns))
            script.append(f"delete-rows t from {step}")
            counts.append({"deleted": sum(key in expected for key in keys)})
            for key in keys:
                expected.pop(key, None)
        else:
            write(tmp_path / str(step), pa.table({**columns, "v": pa.array([step] * len(keys), pa.int64())}))
            script.append(f"upsert t by n, s from {step}")
            updated = sum(key in expected for key in keys)
            counts.append({"inserted": len(keys) - updated, "updated": updated})
            expected.update(dict.fromkeys(keys, step))
    lines = [json.loads(line) for line in output("\n".join([*script, "export t all stream"]), cwd=tmp_path).splitlines()]
    assert lines == counts
    rows = pa.ipc.open_stream((tmp_path / "all").read_bytes()).read_all().to_pylist()
    assert [((row["n"], row["s"]), row["v"]) for row in rows] == list(expected.items())


# ---- in transactions


def test_upserts_read(files):
    """One that another commit overtakes is a conflict; what it did is gone."""
    script = "import t t.csv; begin a; upsert t by id from more.csv; use; delete-rows t from keys.csv; commit a"
    status, message = failure(files, script)
    assert status == 4 and "key 't' was read and written here" in message
    read_only = "import t t.csv; begin read-only; upsert t by id from more.csv"
    assert failure(files, read_only) == (2, "khonsu: line 1: upsert: transaction 2 is read-only: it cannot write\n"
                                            "khonsu: 1 transaction was still open, and aborted: t1\n")


def test_appends_with_key_columns_do_not(files):
    script = "import t t.csv; key-columns id; begin a; append t more.csv; use; append t more.csv; commit a; append t t.csv; get t"
    assert run(files, script, "--format", "csv") == "id,name\n1,a\n2,b\n3,C\n"


def test_the_setting(files):
    """Each transaction has its own from when it begins; a name in quotes is never a keyword."""
    script = """
        key-columns; key-columns id; begin a; key-columns; key-columns none; key-columns; use; key-columns
        begin b; key-columns id, name; use a; key-columns; use b; key-columns; abort b; abort a
        key-columns "none"; key-columns; key-columns none; key-columns
        import t t.csv; append t t.csv; get t"""
    assert run(files, script, "--format", "csv").splitlines() == [
        "none", "id", "none", "id", "none", "id,name", '"none"', "none", "id,name", "1,a", "2,b", "1,a", "2,b"]


def test_with_the_strategy_append(files):
    script = "import t t.csv; key-columns id; begin a on-conflict append; import t more.csv; use; append t t.csv; commit a; get t"
    assert run(files, script, "--format", "csv") == "id,name\n1,a\n2,B\n3,C\n"


# ---- what is wrong


@pytest.mark.parametrize(
    "statement, status, message",
    [
        ("upsert t by id from", 2, "upsert: too few arguments; usage: upsert KEY by COLUMN,... from FILE [arrow|csv]"),
        ("upsert t on id from more.csv", 2, "upsert: after the key there must be by COLUMN,... from FILE"),
        ('upsert t "by" id from more.csv', 2, "upsert: after the key there must be by COLUMN,... from FILE"),
        ("upsert t by from more.csv csv", 2, "upsert: there are no columns behind by"),
        ("upsert t by id more.csv csv", 2, "upsert: there is no from FILE"),
        ("upsert t by id, name from", 2, "upsert: there is no from FILE"),
        ("upsert t by id from more.csv csv csv", 2, "upsert: after the file there may be arrow or csv"),
        ("upsert t by id from more.csv json", 2, "upsert: the format must be one of arrow|csv"),
        ("upsert t by id, from more.csv", 2, "upsert: a column has no name; columns are a, b, ...; a name with blanks goes in double quotes"),
        ('upsert t by "id"x from more.csv', 2, "upsert: a column has no name; columns are a, b, ...; a name with blanks goes in double quotes"),
        ("upsert t by nix from more.csv", 2, "upsert: the input has no column 'nix', which is a key column"),
        ("upsert t by id,id from more.csv", 2, "upsert: key column 'id' is named twice"),
        ("upsert t by id from twice.csv", 2, "upsert: rows 0 and 1 of the input have the same key"),
        ("upsert t by id from keys.csv", 2, "upsert: 2 columns in the table, 1 in the rows; the first that differs: 'name' in the table, none in the rows"),
        ("upsert bytes by id from more.csv", 2, "upsert: cannot upsert rows: the key holds bytes"),
        ("upsert t by id from nothing.csv", 1, "upsert: cannot open nothing.csv: No such file or directory"),
        ("upsert t by id from more.csv arrow", 5, None),
        ("delete-rows t keys.csv csv", 2, "delete-rows: after the key there must be from FILE"),
        ("delete-rows t keys.csv", 2, "delete-rows: too few arguments; usage: delete-rows KEY from FILE [arrow|csv]"),
        ("delete-rows t from keys.csv csv csv", 2, "delete-rows: too many arguments; usage: delete-rows KEY from FILE [arrow|csv]"),
        ("delete-rows t from nothing.csv", 1, "delete-rows: cannot open nothing.csv: No such file or directory"),
        ("delete-rows t from other.csv", 2, "delete-rows: the table has no column 'nix', which is a key column"),
        ("delete-rows t from text.csv", 2, None),
        ("delete-rows bytes from keys.csv", 2, "delete-rows: cannot delete rows: the key holds bytes"),
        ("key-columns id,", 2, "key-columns: a column has no name; columns are a, b, ...; a name with blanks goes in double quotes"),
        ("key-columns nix; append t more.csv", 2, "append: the input has no column 'nix', which is a key column"),
        ("key-columns id,id; append t more.csv", 2, "append: key column 'id' is named twice"),
        ("key-columns id; append t twice.csv", 2, "append: rows 0 and 1 of the input have the same key"),
    ],
)
def test_what_is_wrong(files, statement, status, message):
    (files / "other.csv").write_text("nix\n1\n")
    (files / "text.csv").write_text("id\nx\n")
    got, said = failure(files, f"put bytes x; import t t.csv\n{statement}\n")
    assert got == status
    assert said.startswith("khonsu: line 2: ")
    if message is not None:
        assert said == f"khonsu: line 2: {message}\n"


def test_nothing_is_half_done(files):
    ran = shell("import t t.csv; upsert t by id from twice.csv; delete-rows t from nothing; get t", "--keep-going", "--format", "csv", cwd=files)
    assert (ran.returncode, ran.stdout.decode()) == (2, "id,name\n1,a\n2,b\n")
