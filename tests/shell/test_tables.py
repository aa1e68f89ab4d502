"""Tables: every Arrow type in every format, files that pyarrow wrote, and what pyarrow reads."""

import csv
import datetime
import decimal
import io
import json
import pathlib
import random
import subprocess
import sys
import unittest.mock

import pyarrow as pa
import pytest

from khonsu_program import PROGRAM, environment, output, shell

# The arrays are what is wanted of the tests of the C API; the library need not be loaded for them.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
with unittest.mock.patch.dict(sys.modules, khonsu_c=unittest.mock.MagicMock()):
    from test_pyarrow import ARRAYS

# As JSON; four rows each, of which most have None as the second.
NUMBERS = [1, None, 3, 4]
WORDS = ["one", None, "", "four"]
LISTS = [[1, 2], None, [], [3]]
DECIMALS = ["1.25", None, "-3.50", "0.00"]
DATES = ["2013-01-31", None, "2013-01-31", "2013-01-31"]
UNION = [1, "a", 2]
JSON = {
    "null": [None] * 4,
    "bool": [True, None, False, True],
    **dict.fromkeys(["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"], NUMBERS),
    **dict.fromkeys(["float", "double"], [1.0, None, 3.0, 4.0]),
    "float16": [1.5, None, 2.5, 0.0],
    "decimal128": DECIMALS,
    "decimal256": DECIMALS,
    "utf8": ["one", None, "", "four is longer than twelve bytes"],
    "large_utf8": WORDS,
    "utf8_view": ["one", None, "", "four is longer than twelve bytes"],
    "binary": ["6f6e65", None, "", "0001"],
    "large_binary": ["6f6e65", None, "", "0001"],
    "binary_view": ["6f6e65", None, "", b"more than twelve bytes here".hex()],
    "fixed_binary": ["616263", None, "646566", "676869"],
    "date32": DATES,
    "date64": DATES,
    "time32": ["00:00:00.001", None, "00:00:00.003", "00:00:00.004"],
    "time64": ["00:00:00.000001", None, "00:00:00.000003", "00:00:00.000004"],
    "timestamp": ["2013-01-31T12:00:01", None, "2013-01-31T12:00:01", "2013-01-31T12:00:01"],
    "timestamp_tz": ["2013-01-31T12:00:01Z", None, "2013-01-31T12:00:01Z", "2013-01-31T12:00:01Z"],
    "duration": ["1ms", None, "3ms", "4ms"],
    "interval": ["P1M2DT0.000000003S", None, "P4M5DT0.000000006S", "P0D"],
    "list": LISTS,
    "large_list": LISTS,
    "list_view": LISTS,
    "large_list_view": [["a"], None, [], ["b", "c"]],
    "fixed_list": [[1, 2], None, [3, 4], [5, 6]],
    "struct": [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}, {"a": 3, "b": None}],
    "map": [[{"key": "a", "value": 1}], None, [], [{"key": "b", "value": 2}, {"key": "c", "value": None}]],
    "dictionary": ["red", None, "green", "red"],
    "nested_dictionary": [["red"], None, ["green", "red"], []],
    "dense_union": [*UNION, None],
    "sparse_union": [*UNION, "b"],
    "run_end": ["a", None, None, "b"],
    "deep": [[{"a": [{"b": 1}]}], None, [], [{"a": None}]],
    "uuid": ["00010203-0405-0607-0809-0a0b0c0d0e0f", None, *["00000000-0000-0000-0000-000000000000"] * 2],
}
TYPES = {
    "float": "float32",
    "double": "float64",
    "decimal128": "decimal128(20, 2)",
    "decimal256": "decimal256(50, 2)",
    "fixed_binary": "fixed_size_binary(3)",
    "time32": "time32[ms]",
    "time64": "time64[ns]",
    "timestamp": "timestamp[us]",
    "timestamp_tz": "timestamp[s, tz=America/New_York]",
    "duration": "duration[ms]",
    "interval": "interval[months, days, ns]",
    "list": "list<int32>",
    "large_list": "large_list<int32>",
    "list_view": "list_view<int32>",
    "large_list_view": "large_list_view<utf8>",
    "fixed_list": "fixed_size_list<int32>(2)",
    "struct": "struct<a: int64, b: utf8>",
    "map": "map<utf8, int64>",
    "dictionary": "dictionary<utf8>",
    "nested_dictionary": "list<dictionary<utf8>>",
    "dense_union": "dense_union<0: int64, 1: utf8>",
    "sparse_union": "sparse_union<0: int64, 1: utf8>",
    "run_end": "run_end_encoded<utf8>",
    "deep": "list<struct<a: list<struct<b: int64>>>>",
    "uuid": "arrow.uuid",
}


def write(path, table, stream=False):
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, make(sink, table.schema) as writer:
        writer.write_table(table)


def read_streams(data):
    """All the streams that follow each other in `data`."""
    source, tables = io.BytesIO(data), []
    while source.tell() < len(data):
        tables.append(pa.ipc.open_stream(source).read_all())
    return tables


def text_of(value, name):
    """What a cell of a table or of CSV reads, given what it is in JSON."""
    if isinstance(value, str) and name.startswith("timestamp"):
        return value.replace("T", " ")
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


@pytest.fixture(scope="module")
def all_types(tmp_path_factory):
    path = tmp_path_factory.mktemp("types") / "all.arrow"
    write(path, pa.table(ARRAYS))
    return path


def test_no_type_is_forgotten():
    assert JSON.keys() == ARRAYS.keys()


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("first", (0, 1))
def test_every_type_in_every_format(name, first, tmp_path):
    """Whole, and a part that does not begin at the first row."""
    table, values = pa.table({"x": ARRAYS[name]}).slice(first), JSON[name][first:]
    write(tmp_path / "t", table)
    script = "import t t; get t; format json; get t; format csv; get t"
    lines = output(script, "--rows", "9", cwd=tmp_path).splitlines()
    rows = len(values)
    shown = [text_of(value, name) for value in values]
    head, types, rule, *cells, count = lines[: rows + 4]
    assert head.strip() == "x"
    assert [cell.strip() for cell in cells] == ["NULL" if text is None else text for text in shown]
    assert count == f"{rows} rows"
    assert [json.loads(line) for line in lines[rows + 4 : 2 * rows + 4]] == [{"x": value} for value in values]
    parsed = list(csv.reader(lines[2 * rows + 4 :]))
    assert [row[0] if row else "" for row in parsed[1:]] == [text or "" for text in shown]


def test_names_of_types(all_types):
    rows = [json.loads(line) for line in output(f"import t {all_types}; schema t", "--format", "json").splitlines()]
    in_full = {"dictionary": "dictionary<values=utf8, indices=int32>", "nested_dictionary": "list<dictionary<values=utf8, indices=int8>>"}
    assert {row["column"]: row["type"] for row in rows} == {name: TYPES.get(name, name) for name in ARRAYS} | in_full
    assert {row["nullable"] for row in rows} == {"yes"}


def test_all_types_at_once_go_through_files_and_pipes(all_types, tmp_path):
    expected = pa.table(ARRAYS)
    for stream, word in (False, "file"), (True, "stream"):
        output(f"import t {all_types}; export t out {word}", cwd=tmp_path)
        opened = pa.ipc.open_stream if stream else pa.ipc.open_file
        with pa.OSFile(str(tmp_path / "out")) as source:
            got = opened(source).read_all()
        assert got.schema == expected.schema
        assert got.to_pylist() == expected.to_pylist()
        (got_again,) = read_streams(shell("import t out; export t -", cwd=tmp_path).stdout)
        assert got_again.to_pylist() == expected.to_pylist()


def test_schemas_in_full(tmp_path):
    """What the types of a table leave out: indices, the order of dictionaries, fields inside that are not nullable."""
    item = pa.field("item", pa.int64(), nullable=False)
    fields = [
        ("d", pa.dictionary(pa.int8(), pa.utf8()), "dictionary<values=utf8, indices=int8>"),
        ("o", pa.dictionary(pa.uint16(), pa.date32(), ordered=True), "dictionary<values=date32, indices=uint16, ordered>"),
        ("l", pa.list_(item), "list<int64 not null>"),
        ("f", pa.list_(item, 2), "fixed_size_list<int64 not null>(2)"),
        ("s", pa.struct([item, pa.field("d", pa.dictionary(pa.int8(), pa.utf8()))]),
         "struct<item: int64 not null, d: dictionary<values=utf8, indices=int8>>"),
        ("m", pa.map_(pa.utf8(), pa.field("value", pa.int8(), nullable=False)), "map<utf8, int8 not null>"),
        ("r", pa.run_end_encoded(pa.int32(), pa.utf8()), "run_end_encoded<utf8>"),
    ]
    write(tmp_path / "t", pa.schema([(name, type) for name, type, _ in fields]).empty_table())
    rows = output("import t t; schema t", "--format", "json", "--rows", "2", cwd=tmp_path).splitlines()
    assert [json.loads(row) for row in rows] == [{"column": name, "type": text, "nullable": "yes"} for name, _, text in fields]
    assert "more" not in output("import t t; schema t", "--rows", "2", cwd=tmp_path)


def test_metadata(tmp_path):
    inside = pa.field("x", pa.int8(), metadata={"unit": "m"})
    schema = pa.schema(
        [pa.field("a", pa.struct([inside, pa.field("l", pa.list_(pa.field("item", pa.int8(), metadata={"deep": "yes"})))])),
         pa.field("", pa.utf8(), metadata={"": ""}), pa.field("b", pa.utf8())],
        metadata={"who": "me", "bin": b"\xff\x00"},
    )
    write(tmp_path / "t", schema.empty_table())
    rows = output("import t t; schema t metadata", "--format", "json", cwd=tmp_path).splitlines()
    assert [tuple(json.loads(row).values()) for row in rows] == [
        (None, "who", "me"), (None, "bin", {"hex": "ff00"}), ("a.x", "unit", "m"), ("a.l.item", "deep", "yes"), ("", "", "")]
    lines = output("import t t; schema t metadata", "--rows", "2", cwd=tmp_path).splitlines()
    assert (len(lines), lines[-1]) == (8, "5 pairs")
    write(tmp_path / "t", pa.table({"a": [1]}))
    assert output("import t t; schema t metadata", "--format", "csv", cwd=tmp_path) == "column,key,value\n"


def test_the_arrow_format():
    ran = shell("put a 1; set b 2; get a; ls; scan", "--format", "arrow")
    one, keys, entries = read_streams(ran.stdout)
    assert one.to_pylist() == [{"key": b"a", "type": "bytes", "value": b"1"}]
    assert keys.schema.names == ["key", "type", "rows", "bytes", "version"]
    assert keys.column("bytes").to_pylist() == [1, None]
    assert keys.schema.field("key").type == pa.binary()
    assert entries.column("value").to_pylist() == [b"1", 2]
    for table in one, keys, entries:
        table.validate(full=True)


def test_import_append_export(tmp_path):
    first, second = pa.table({"id": [1, 2], "s": ["a", None]}), pa.table({"id": [3], "s": ["c"]})
    write(tmp_path / "first", first)
    write(tmp_path / "second", second, stream=True)
    output("append t first; append t second; import u second; export t t.arrow; export u u.arrow stream", cwd=tmp_path)
    assert pa.ipc.open_file(str(tmp_path / "t.arrow")).read_all().equals(pa.concat_tables([first, second]))
    with pa.OSFile(str(tmp_path / "u.arrow")) as source:
        assert pa.ipc.open_stream(source).read_all().equals(second)
    write(tmp_path / "other", pa.table({"id": ["x"]}))
    ran = shell("append t first; append t other", cwd=tmp_path)
    assert (ran.returncode, ran.stderr.count(b"append: ")) == (2, 1)


def test_bytes_are_exported_as_they_are(tmp_path):
    assert output(r"put k \x00\xff; export k raw; put k 2; export k raw; export k - ", cwd=tmp_path) == "2"
    assert (tmp_path / "raw").read_bytes() == b"2"
    assert shell("set c 1; export c raw", cwd=tmp_path).returncode == 2
    assert shell("put k v; export k nowhere/raw", cwd=tmp_path).returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_a_table_in_lists(tmp_path):
    write(tmp_path / "t", pa.table({"id": pa.array([1, 2], pa.int32()), "s": ["a", "b"]}))
    assert output("import t t; ls", "--format", "csv", cwd=tmp_path).splitlines()[1].startswith("t,table,2,,")
    assert output("import t t; scan", "--format", "json", cwd=tmp_path).rstrip().endswith(
        '"value":"2 rows: id int32, s utf8"}'
    )


# ---- how tables look


def test_a_table(tmp_path):
    table = pa.table(
        {"id": [1, -20, None], "name": ["ann", "NULL", None], "text": ["日本語", "a\tb\n", "null"], "price": [1.5, 2.0, -3.25]}
    )
    write(tmp_path / "t", table)
    assert output("import t t; get t", cwd=tmp_path) == """\
   id  name    text      price
int64  utf8    utf8    float64
─────  ──────  ──────  ───────
    1  ann     日本語      1.5
  -20  "NULL"  a\\tb\\n      2.0
 NULL  NULL    null      -3.25
3 rows
"""


def test_of_a_long_table_the_ends_are_shown(tmp_path):
    write(tmp_path / "t", pa.table({"n": pa.array(range(12345), pa.int64())}))
    assert output("import t t; rows 4; rows; get t; rows 5; get t", cwd=tmp_path).splitlines() == [
        "4", "    n", "int64", "─────", "    0", "    1", "… 12,341 more rows", "12343", "12344", "12,345 rows, 4 of them shown",
        "    n", "int64", "─────", "    0", "    1", "    2", "… 12,340 more rows", "12343", "12344", "12,345 rows, 5 of them shown",
    ]


@pytest.mark.parametrize("sizes", [[1] * 30, [7, 1, 22], [29, 1], [1, 29], [30], [3] * 10])
def test_the_last_rows_may_lie_in_any_batches(sizes, tmp_path):
    """However the rows were appended; and all are shown where they just fit."""
    script, first = [], 0
    for i, size in enumerate(sizes):
        write(tmp_path / str(i), pa.table({"n": pa.array(range(first, first + size), pa.int64())}))
        script.append(f"append t {i}")
        first += size
    for rows_max in 2, 3, 9, 29, 30, 40:
        lines = output("\n".join([*script, "get t"]), "--rows", rows_max, cwd=tmp_path).splitlines()[3:-1]
        head = (rows_max + 1) // 2
        if rows_max >= 30:
            assert [int(line) for line in lines] == list(range(30))
        else:
            assert lines[head] == f"… {30 - rows_max} more rows"
            assert [int(line) for line in lines[:head] + lines[head + 1 :]] == [*range(head), *range(30 - rows_max // 2, 30)]


def test_a_table_without_rows_or_columns(tmp_path):
    write(tmp_path / "t", pa.table({"n": pa.array([], pa.int64())}))
    assert output("import t t; get t; format json; get t; format csv; get t", cwd=tmp_path) == (
        "    n\nint64\n─────\n0 rows\nn\n"
    )


# ---- values at their edges, against what Python says


def json_column(array, tmp_path):
    write(tmp_path / "t", pa.table({"x": array}))
    lines = output("import t t; get t", "--format", "json", cwd=tmp_path).split("\n")[:-1]
    return [json.loads(line)["x"] for line in lines]


def csv_column(array, tmp_path):
    write(tmp_path / "t", pa.table({"x": array, "y": ["y"] * len(array)}))
    return [row[0] for row in csv.reader(io.StringIO(output("import t t; get t", "--format", "csv", cwd=tmp_path)))][1:]


def test_integers_are_exact(tmp_path):
    assert json_column(pa.array([-(2**63), 2**63 - 1], pa.int64()), tmp_path) == [-(2**63), 2**63 - 1]
    assert json_column(pa.array([0, 2**64 - 1], pa.uint64()), tmp_path) == [0, 2**64 - 1]


@pytest.mark.parametrize("type", (pa.float64(), pa.float32(), pa.float16()), ids=str)
def test_floating_point_reads_back_the_same(type, tmp_path):
    draw = random.Random(7)
    numbers = [0.0, -0.0, 0.1, 1 / 3, 1e15, 1.5, 65504.0, 6e-8, 6.1e-5] + [draw.uniform(-1, 1) * 10 ** draw.randint(-4, 4) for _ in range(300)]
    if type == pa.float64():
        numbers += [5e-324, 1.7976931348623157e308, 123456789012345680.0]

    def as_type(values):
        return pa.array(values, pa.float32()).cast(type) if type == pa.float16() else pa.array(values, type)

    array = as_type([number for number in numbers if abs(number) <= 65504 or type != pa.float16()])
    assert str(as_type(json_column(array, tmp_path)).to_pylist()) == str(array.to_pylist())


def test_numbers_that_json_has_not(tmp_path):
    assert csv_column(pa.array([float("nan"), float("inf"), -float("inf")]), tmp_path) == ["NaN", "Infinity", "-Infinity"]
    assert json_column(pa.array([float("nan"), float("inf"), -float("inf")]), tmp_path) == ["NaN", "Infinity", "-Infinity"]


@pytest.mark.parametrize("type", (pa.decimal32(9, 3), pa.decimal64(18, 3), pa.decimal128(38, 3), pa.decimal256(76, 3)), ids=str)
def test_decimals_are_exact(type, tmp_path):
    with decimal.localcontext(prec=100):
        unit, largest = decimal.Decimal("0.001"), decimal.Decimal(10**type.precision - 1)
        numbers = [unit * n for n in (0, 1, -1, 999, -1000, 123456, largest, -largest)]
        assert json_column(pa.array(numbers, type), tmp_path) == [f"{number:.3f}" for number in numbers]


def test_decimals_without_fraction_and_with_zeros_left_out(tmp_path):
    D = decimal.Decimal
    assert json_column(pa.array([D(0), D(-7)], pa.decimal128(5, 0)), tmp_path) == ["0", "-7"]
    assert json_column(pa.array([D("1E+3"), D(0)], pa.decimal128(5, -2)), tmp_path) == ["1000", "0"]


@pytest.mark.parametrize("scale", (80, 2_000_000_000, -80, -2_000_000_000))
def test_decimals_whose_point_is_far_off(scale, tmp_path):
    words = b"".join(number.to_bytes(16, "little", signed=True) for number in (7, -12, 0))
    numbers = pa.Array.from_buffers(pa.decimal128(5, scale), 3, [None, pa.py_buffer(words)])
    assert json_column(numbers, tmp_path) == [f"{number}e{-scale}" for number in (7, -12, 0)]


def test_dates_and_times(tmp_path):
    draw = random.Random(11)
    days = [0, -1, -719162, 2932896, 11016, 11017] + [draw.randint(-719162, 2932896) for _ in range(300)]
    epoch = datetime.date(1970, 1, 1).toordinal()
    expected = [datetime.date.fromordinal(epoch + day).isoformat() for day in days]
    assert json_column(pa.array(days, pa.int32()).cast(pa.date32()), tmp_path) == expected
    seconds = [0, -1, 86399, 86400, -86400, -86401] + [draw.randint(-(10**10), 10**10) for _ in range(300)]
    zero = datetime.datetime(1970, 1, 1)
    expected = [(zero + datetime.timedelta(seconds=second)).isoformat() for second in seconds]
    assert json_column(pa.array(seconds, pa.int64()).cast(pa.timestamp("s")), tmp_path) == expected
    nanos = pa.array([-1, 1, 1_500_000_000, -1_500_000_000, -(2**63), 2**63 - 1], pa.int64()).cast(pa.timestamp("ns"))
    assert json_column(nanos, tmp_path) == [
        "1969-12-31T23:59:59.999999999", "1970-01-01T00:00:00.000000001", "1970-01-01T00:00:01.5", "1969-12-31T23:59:58.5",
        "1677-09-21T00:12:43.145224192", "2262-04-11T23:47:16.854775807",
    ]
    assert json_column(pa.array([86399999], pa.time32("ms")), tmp_path) == ["23:59:59.999"]


HOSTILE = ['"', "\\", "a,b", "a\nb", "\r\n", "\t", "\x01\x1f\x7f", "\u2028", "🙂", "", " x ", "null", '{"a":1}']


def test_text_in_json_and_csv(tmp_path):
    assert json_column(pa.array(HOSTILE), tmp_path) == HOSTILE
    write(tmp_path / "t", pa.table({"x": HOSTILE, "y": HOSTILE}))
    data = shell("import t t; get t", "--format", "csv", cwd=tmp_path).stdout
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert rows == [["x", "y"], *([text, text] for text in HOSTILE)]


def test_null_and_empty_text_differ_in_csv(tmp_path):
    write(tmp_path / "t", pa.table({"x": ["", None], "y": [None, ""]}))
    assert output("import t t; get t", "--format", "csv", cwd=tmp_path) == 'x,y\n"",\n,""\n'


def test_text_that_is_none(tmp_path):
    """What is not UTF-8 does not get in; control characters get into JSON, but not to a terminal."""
    broken = pa.Array.from_buffers(pa.utf8(), 1, pa.array([b"a\xffb"]).buffers())
    write(tmp_path / "t", pa.table({"x": broken}))
    ran = shell("import t t", cwd=tmp_path)
    assert ran.returncode != 0
    assert "column 'x': row 0: 3 bytes that are not UTF-8" in ran.stderr.decode()
    assert json_column(pa.array(["b\x1b[31m"]), tmp_path) == ["b\x1b[31m"]
    assert "b\\x1b[31m\n" in output("import t t; get t", cwd=tmp_path)


def test_names_of_columns_are_escaped_too(tmp_path):
    write(tmp_path / "t", pa.table({'a"b\n': [1], "": [2], "a,b": [3]}))
    assert json.loads(output("import t t; get t", "--format", "json", cwd=tmp_path)) == {'a"b\n': 1, "": 2, "a,b": 3}
    assert output("import t t; get t", "--format", "csv", cwd=tmp_path) == '"a""b\n","","a,b"\n1,2,3\n'
    assert output("import t t; get t", cwd=tmp_path).splitlines()[0] == 'a"b\\n           a,b'


def test_deep_and_wide_cells_are_bounded_in_tables(tmp_path):
    write(tmp_path / "t", pa.table({"x": [list(range(100000))], "s": ["ä" * 100000]}))
    lines = output("import t t; get t", cwd=tmp_path).splitlines()
    assert len(lines[3]) < 10000 and lines[3].count("…") == 2
    assert json.loads(output("import t t; get t", "--format", "json", cwd=tmp_path))["x"][-1] == 99999


def test_a_full_disk_is_noticed(tmp_path):
    write(tmp_path / "t", pa.table({"x": range(100000)}))
    command = [PROGRAM, "shell", "--format", "csv", "--command", "import t t; get t"]
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment(), cwd=tmp_path, timeout=60)
    assert (ran.returncode, b"No space left" in ran.stderr) == (1, True)
