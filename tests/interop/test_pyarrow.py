"""Every Arrow type goes in from pyarrow and comes out equal, through the C Data and C Stream interfaces and through Arrow
IPC files, whole, sliced, appended and concatenated."""

import ctypes
import datetime
import decimal

import pyarrow as pa
import pytest

from khonsu_c import FILE, STREAM, Database, KhonsuError, read_file, write_file

D = decimal.Decimal
DAY = datetime.date(2013, 1, 31)
NOON = datetime.datetime(2013, 1, 31, 12, 0, 1)


def run_ends(values, ends, length):
    return pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int32()), pa.array(values), pa.run_end_encoded(pa.int32(), pa.string()))[:length]


def union(dense):
    types = pa.array([0, 1, 0, 1], pa.int8())
    if dense:
        return pa.UnionArray.from_dense(types, pa.array([0, 0, 1, 1], pa.int32()), [pa.array([1, 2]), pa.array(["a", None])])
    return pa.UnionArray.from_sparse(types, [pa.array([1, 0, 2, 0]), pa.array(["", "a", "", "b"])])


ARRAYS = {
    "null": pa.nulls(4),
    "bool": pa.array([True, None, False, True]),
    **{str(t): pa.array([1, None, 3, 4], t) for t in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64(), pa.float32(), pa.float64())},
    "float16": pa.array([1.5, None, 2.5, 0.0], pa.float32()).cast(pa.float16()),
    "decimal128": pa.array([D("1.25"), None, D("-3.50"), D("0.00")], pa.decimal128(20, 2)),
    "decimal256": pa.array([D("1.25"), None, D("-3.50"), D("0.00")], pa.decimal256(50, 2)),
    "utf8": pa.array(["one", None, "", "four is longer than twelve bytes"]),
    "large_utf8": pa.array(["one", None, "", "four"], pa.large_string()),
    "utf8_view": pa.array(["one", None, "", "four is longer than twelve bytes"], pa.string_view()),
    "binary": pa.array([b"one", None, b"", b"\0\1"], pa.binary()),
    "large_binary": pa.array([b"one", None, b"", b"\0\1"], pa.large_binary()),
    "binary_view": pa.array([b"one", None, b"", b"more than twelve bytes here"], pa.binary_view()),
    "fixed_binary": pa.array([b"abc", None, b"def", b"ghi"], pa.binary(3)),
    "date32": pa.array([DAY, None, DAY, DAY], pa.date32()),
    "date64": pa.array([DAY, None, DAY, DAY], pa.date64()),
    "time32": pa.array([1, None, 3, 4], pa.time32("ms")),
    "time64": pa.array([1000, None, 3000, 4000], pa.time64("ns")),
    "timestamp": pa.array([NOON, None, NOON, NOON], pa.timestamp("us")),
    "timestamp_tz": pa.array([NOON, None, NOON, NOON], pa.timestamp("s", "America/New_York")),
    "duration": pa.array([1, None, 3, 4], pa.duration("ms")),
    "interval": pa.array([(1, 2, 3), None, (4, 5, 6), (0, 0, 0)], pa.month_day_nano_interval()),
    "list": pa.array([[1, 2], None, [], [3]], pa.list_(pa.int32())),
    "large_list": pa.array([[1, 2], None, [], [3]], pa.large_list(pa.int32())),
    "list_view": pa.array([[1, 2], None, [], [3]], pa.list_view(pa.int32())),
    "large_list_view": pa.array([["a"], None, [], ["b", "c"]], pa.large_list_view(pa.string())),
    "fixed_list": pa.array([[1, 2], None, [3, 4], [5, 6]], pa.list_(pa.int32(), 2)),
    "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}, {"a": 3, "b": None}]),
    "map": pa.array([[("a", 1)], None, [], [("b", 2), ("c", None)]], pa.map_(pa.string(), pa.int64())),
    "dictionary": pa.array(["red", None, "green", "red"]).dictionary_encode(),
    "nested_dictionary": pa.array([["red"], None, ["green", "red"], []], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
    "dense_union": union(True),
    "sparse_union": union(False),
    "run_end": run_ends(["a", None, "b"], [1, 3, 4], 4),
    "deep": pa.array([[{"a": [{"b": 1}]}], None, [], [{"a": None}]]),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(range(16)), None, bytes(16), bytes(16)], pa.binary(16))),
}


@pytest.fixture
def db():
    opened = Database()
    yield opened
    if opened.handle:
        opened.close()


def batch_of(array):
    field = pa.field("x", array.type, metadata={"made": "here"})
    return pa.RecordBatch.from_arrays([pa.array(range(len(array))), array], schema=pa.schema([pa.field("id", pa.int64(), False), field]))


def assert_same(expected, got):
    got.validate(full=True)
    assert got.schema.equals(expected.schema, check_metadata=True)
    assert got.to_pylist() == expected.to_pylist()


@pytest.mark.parametrize("name", ARRAYS)
def test_a_batch_comes_back(db, name):
    batch = batch_of(ARRAYS[name])
    with db.begin() as txn:
        txn.write_batch("khonsu_put_batch", "k", batch)
        assert_same(batch, txn.get_batch("k"))
    with db.begin() as txn:
        got = txn.get_batch("k")
        streamed = txn.get("k")
    db.close()  # what was read outlives the database
    assert_same(batch, got)
    assert_same(pa.Table.from_batches([batch]), streamed)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_copy_is_taken_and_the_input_stays(db, name):
    batch = batch_of(ARRAYS[name])
    with db.begin() as txn:
        schema, array = txn.write_batch("khonsu_put_batch_ref", "k", batch)
        kept = pa.RecordBatch._import_from_c(ctypes.addressof(array), ctypes.addressof(schema))
        assert_same(batch, kept)
        del kept
        assert_same(batch, txn.get_batch("k"))


@pytest.mark.parametrize("name", ARRAYS)
def test_slices_are_appended_and_concatenated(db, name):
    batch = batch_of(ARRAYS[name])
    pieces = [batch.slice(1, 2), batch, batch.slice(3), batch.slice(0, 0), batch.slice(0, 3)]
    for piece in pieces:
        with db.begin() as txn:
            txn.write_batch("khonsu_append_batch", "k", piece)
    expected = pa.Table.from_batches(pieces)
    with db.begin() as txn:
        assert_same(expected, txn.get("k"))
        assert_same(expected, pa.Table.from_batches([txn.get_batch("k")]))


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("format", (FILE, STREAM), ids=("file", "stream"))
def test_pyarrow_reads_what_we_write_and_the_reverse(tmp_path, name, format):
    batch = batch_of(ARRAYS[name])
    table = pa.Table.from_batches([batch, batch.slice(1, 2)])
    write_file(tmp_path / "ours", table, format)
    opened = pa.ipc.open_file if format == FILE else pa.ipc.open_stream
    with opened(str(tmp_path / "ours")) if format == FILE else opened(pa.OSFile(str(tmp_path / "ours"))) as reader:
        assert_same(table, reader.read_all())
    make = pa.ipc.new_file if format == FILE else pa.ipc.new_stream
    with pa.OSFile(str(tmp_path / "theirs"), "wb") as sink, make(sink, table.schema) as writer:
        writer.write_table(table)
    assert_same(table, read_file(tmp_path / "theirs"))


def test_a_table_streams_in_and_grows(db):
    table = pa.table({"id": range(1000), "text": [str(i) for i in range(1000)]})
    with db.begin() as txn:
        txn.write_stream("khonsu_put", "k", pa.Table.from_batches(table.to_batches(max_chunksize=100)))
        txn.write_stream("khonsu_append", "k", table)
        got = txn.get("k")
    assert got.num_rows == 2000
    assert got.column("id").num_chunks == 11
    assert got.equals(pa.concat_tables([table, table]))


def test_a_schema_that_differs_is_named(db):
    with db.begin() as txn:
        txn.write_batch("khonsu_put_batch", "k", pa.RecordBatch.from_pydict({"a": pa.array([1], pa.int32())}))
        with pytest.raises(KhonsuError, match="KHONSU_SCHEMA_MISMATCH.*'a'.*int32.*int64"):
            txn.write_batch("khonsu_append_batch", "k", pa.RecordBatch.from_pydict({"a": pa.array([1], pa.int64())}))
        assert txn.get("k").num_rows == 1


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "whole"
    write_file(path, pa.table({"a": range(100)}), FILE)
    whole = path.read_bytes()
    for size in range(0, len(whole), 31):
        path.write_bytes(whole[:size])
        with pytest.raises(KhonsuError, match="KHONSU_CORRUPT"):
            read_file(path)
