"""Every Arrow type goes in from pyarrow and comes out equal, through the C Data and C Stream interfaces and through Arrow
IPC files, whole, sliced, appended and concatenated."""

import ctypes

import pyarrow as pa
import pytest

from arrays import ARRAYS, assert_same, batch_of
from khonsu_c import FILE, STREAM, Database, KhonsuError, read_file, write_file

@pytest.fixture
def db():
    opened = Database()
    yield opened
    if opened.handle:
        opened.close()


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
