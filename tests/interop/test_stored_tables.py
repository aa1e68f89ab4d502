"""Tables as they are stored: the parts together are a stream that pyarrow reads, and each piece alone is its batch."""

import ctypes as c

import pyarrow as pa
import pytest

from arrays import ARRAYS, assert_same, batch_of
from khonsu_c import ArrowStream
from test_kernels import call


def store(table, path):
    """The file of all parts, and the table of all pieces."""
    given, taken = ArrowStream(), ArrowStream()
    table.to_reader()._export_to_c(c.addressof(given))
    call("bridge_store", c.byref(given), str(path).encode(), c.byref(taken))
    pieces = pa.RecordBatchReader._import_from_c(c.addressof(taken)).read_all()
    return pa.ipc.open_stream(pa.memory_map(str(path))).read_all(), pieces


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("codec", ("none", "lz4", "zstd"))
def test_parts_are_a_stream(tmp_path, name, codec):
    batch = batch_of(ARRAYS[name]).replace_schema_metadata({"khonsu.compression": codec})
    table = pa.Table.from_batches([batch, batch.slice(1, 2), batch.slice(3), batch])
    stream, pieces = store(table, tmp_path / "stored")
    assert_same(table, stream)
    assert_same(table, pieces)


@pytest.mark.parametrize("codec, most", (("none", 90000), ("lz4", 45000), ("zstd", 45000)))
def test_codecs_shrink(tmp_path, codec, most):
    table = pa.table({"x": [7] * 10000}).replace_schema_metadata({"khonsu.compression": codec})
    assert_same(table, store(table, tmp_path / "stored")[0])
    assert (codec == "none") == ((tmp_path / "stored").stat().st_size > 45000)
    assert (tmp_path / "stored").stat().st_size < most
