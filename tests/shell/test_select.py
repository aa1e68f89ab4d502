"""Parts of tables: select and head."""

import pyarrow as pa
import pytest

from khonsu_program import output, shell


@pytest.fixture
def table(tmp_path):
    rows = pa.table({
        "id": pa.array(range(1, 13)),
        "name": ["it's", "b;c", "d,e", None, *"fghijklm"],
        "dep time": pa.array([i * 1.5 for i in range(12)]),
        "at": pa.array([{"x": i, "y.z": str(i)} if i % 2 else None for i in range(12)]),
    })
    path = tmp_path / "t.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    return path


def select(table, statement):
    return output(f"import t {table}\n{statement}\n", "--format", "csv").splitlines()


@pytest.mark.parametrize(
    "statement, lines",
    [
        ("select id from t where id < 3", ["id", "1", "2"]),
        ("select id, name from t where name = 'it''s'", ["id,name", "1,it's"]),
        ("select name,id from t where name in ('b;c', 'd,e') limit 1", ["name,id", "b;c,2"]),
        ("select id from t where name is null", ["id", "4"]),
        ("select id from t WHERE \"dep time\" >= 15.0 and not id = 12", ["id", "11"]),
        ('select "dep time" from t limit 2', ["dep time", "0.0", "1.5"]),
        ('select at.x, at."y.z" from t offset 1 limit 2', ["at.x,at.y.z", "1,1", ","]),
        ("select id from t where at.x > 8", ["id", "10", "12"]),
        ("select id from t limit 2 offset 10", ["id", "11", "12"]),
        ("select id from t where id > 2 \\\n and id < 5", ["id", "3", "4"]),
        ("select id from t where id > 100", ["id"]),
        ("put from 1; select id from t where (id=1)or(id = 3); put a 2", ["id", "1", "3"]),
        ("select id from t where name > 'l' # a comment", ["id", "12"]),
    ],
)
def test_select(table, statement, lines):
    assert select(table, statement) == lines


def test_all_columns(table):
    assert select(table, "select * from t where id = 2") == select(table, "select id,name,\"dep time\",at from t where id = 2")
    assert select(table, "select * from t where id = 2")[0] == "id,name,dep time,at"


def test_head(table):
    assert len(select(table, "head t")) == 11
    assert select(table, "head t 2") == select(table, "select * from t limit 2")


@pytest.mark.parametrize(
    "statement, message",
    [
        ("select id from t where", "select: there is no condition after where"),
        ("select id from t here id = 1", "select: after the key there may be where CONDITION, limit N, offset N"),
        ("select id, from t", "select: a column has no name; columns are a, b, ... or *"),
        ("select from t where id = 1", "select: there are no columns before from"),
        ("select id, name t", "select: there is no from KEY"),
        ("select id", "select: too few arguments; usage: select COLUMN,...|* from KEY [where CONDITION] [limit N] [offset N]"),
        ("select id from t limit 0", "select: the limit must be a number from 1 on"),
        ("select id from t offset x", "select: the offset must be a number from 0 on"),
        ("select nix from t", "select: there is no column 'nix'"),
        ("select id from t where id = 'x'", "select: column 'id': int64 cannot be compared with 'x', but with a number"),
        ("select id from t where id = ", "select: the condition ends where a value should be"),
        ("select id from t where id = = 1", "select: condition, character 6: a value should be where '=' is"),
        ("select id,id from t", "select: column 'id' is chosen twice"),
        ("head t 0", "head: the number of rows must be a number from 1 on"),
    ],
)
def test_what_is_wrong(table, statement, message):
    ran = shell(f"import t {table}\n{statement}\n")
    assert ran.returncode == 2
    assert ran.stderr.decode() == f"khonsu: line 2: {message}\n"


def test_no_table(table):
    ran = shell("put k v\nselect id from k\n")
    assert (ran.returncode, ran.stderr.decode()) == (2, "khonsu: line 2: select: key 'k' holds bytes, not a table\n")
    assert shell("head nothing\n").returncode == 3
