"""Arrow IPC both ways against pyarrow: compressed, of other versions and byte orders, with dictionaries that change, with
metadata, and of slices."""

import random

import pyarrow as pa
import pytest

from arrays import ARRAYS, assert_same, batch_of
from flatbuffer import VIEW, to_big_endian
from khonsu_c import FILE, LZ4, STREAM, ZSTD, KhonsuError, copy_file, read_file, write_file

FORMATS = pytest.mark.parametrize("format", (FILE, STREAM), ids=("file", "stream"))
CODECS = {"plain": (0, None), "lz4": (LZ4, "lz4"), "zstd": (ZSTD, "zstd")}


def write_theirs(path, batches, format=STREAM, metadata=None, **options):
    make = pa.ipc.new_file if format == FILE else pa.ipc.new_stream
    with pa.OSFile(str(path), "wb") as sink:
        with make(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
            for batch in batches:
                writer.write_batch(batch, custom_metadata=metadata)


def read_theirs(path, format):
    if format == FILE:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("codec", CODECS)
@FORMATS
def test_every_type_both_ways(tmp_path, name, codec, format):
    batch = batch_of(ARRAYS[name])
    flag, their_codec = CODECS[codec]
    pieces = [batch, batch.slice(1, 2), batch.slice(3), batch.slice(0, 0), batch.slice(0, 3), batch]
    table = pa.Table.from_batches(pieces)
    write_file(tmp_path / "ours", table, format | flag)
    assert_same(table, read_theirs(tmp_path / "ours", format))
    assert_same(table, read_file(tmp_path / "ours"))
    write_theirs(tmp_path / "theirs", pieces, format, compression=their_codec)
    assert_same(table, read_file(tmp_path / "theirs"))


LONG = 20000


@pytest.mark.parametrize("codec", CODECS)
@FORMATS
def test_long_columns_come_back_and_shrink(tmp_path, codec, format):
    table = pa.table(
        {
            "id": range(LONG),
            "text": [f"text number {i % 100}" for i in range(LONG)],
            "view": pa.array([f"view number {i % 100} is long" for i in range(LONG)], pa.string_view()),
            "flag": [None if i % 7 == 0 else i % 2 == 0 for i in range(LONG)],
            "noise": pa.array([random.Random(i).random() for i in range(LONG)]),
            "list": pa.array([[i] * (i % 3) for i in range(LONG)], pa.list_(pa.int32())),
        }
    )
    flag, their_codec = CODECS[codec]
    write_file(tmp_path / "ours", table, format | flag)
    assert_same(table, read_theirs(tmp_path / "ours", format))
    write_theirs(tmp_path / "theirs", table.to_batches(), format, compression=their_codec)
    assert_same(table, read_file(tmp_path / "theirs"))
    if flag:
        write_file(tmp_path / "plain", table, format)
        assert (tmp_path / "ours").stat().st_size < (tmp_path / "plain").stat().st_size / 2


# ---- generated: any nesting


def any_type(rng, depth):
    leaves = [pa.int8(), pa.int64(), pa.float32(), pa.bool_(), pa.string(), pa.large_binary(), pa.string_view(), pa.date32(),
              pa.null(), pa.binary(3), pa.timestamp("us", "UTC"), pa.dictionary(pa.int16(), pa.string())]  # fmt: skip
    if depth == 0:
        return rng.choice(leaves)
    child = any_type(rng, depth - 1)
    return rng.choice(
        [
            pa.list_(child), pa.large_list(child), pa.list_view(child), pa.large_list_view(child), pa.list_(child, 2),
            pa.struct([("a", child), ("b", any_type(rng, 0))]), pa.map_(pa.string(), child),
        ]
    )  # fmt: skip


def any_value(rng, of, nulls):
    if rng.random() < nulls or pa.types.is_null(of):
        return None
    if pa.types.is_struct(of):
        return {field.name: any_value(rng, field.type, nulls) for field in of}
    if pa.types.is_map(of):
        return [(f"key {i}", any_value(rng, of.item_type, nulls)) for i in range(rng.randrange(3))]
    if pa.types.is_fixed_size_list(of):
        return [any_value(rng, of.value_type, nulls) for _ in range(of.list_size)]
    if hasattr(of, "value_type") and not pa.types.is_dictionary(of):
        return [any_value(rng, of.value_type, nulls) for _ in range(rng.randrange(4))]
    if pa.types.is_boolean(of):
        return rng.random() < 0.5
    if pa.types.is_fixed_size_binary(of):
        return bytes(rng.randrange(256) for _ in range(3))
    if pa.types.is_large_binary(of):
        return bytes(rng.randrange(20))
    if pa.types.is_dictionary(of) or pa.types.is_string(of) or pa.types.is_string_view(of):
        return "long text " * rng.randrange(4) + str(rng.randrange(5))
    return rng.randrange(100)


@pytest.mark.parametrize("seed", range(120))
def test_any_nesting_any_slice(tmp_path, seed):
    rng = random.Random(seed)
    of = any_type(rng, seed % 6)
    nulls = rng.choice([0, 0, 0.1, 0.5, 1])
    array = pa.array([any_value(rng, of, nulls) for _ in range(rng.choice([0, 1, 9, 70]))], of)
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        pytest.skip("made by pyarrow, and refused by it")
    whole = pa.RecordBatch.from_arrays([array, array.slice(0)], ["x", "y"])
    pieces = [whole]
    for _ in range(4):
        start = rng.randrange(len(array) + 1)
        pieces.append(whole.slice(start, rng.randrange(len(array) + 1 - start)))
    table = pa.Table.from_batches(pieces)
    codec = rng.choice(list(CODECS))
    format = rng.choice([FILE, STREAM])
    write_file(tmp_path / "ours", table, format | CODECS[codec][0])
    assert_same(table, read_theirs(tmp_path / "ours", format))
    assert_same(table, read_file(tmp_path / "ours"))
    write_theirs(tmp_path / "theirs", pieces, STREAM, compression=CODECS[codec][1])
    assert_same(table, read_file(tmp_path / "theirs"))


# ---- slices


@pytest.mark.parametrize("name", [name for name in ARRAYS if name != "null"])
def test_of_a_slice_only_its_rows_are_written(tmp_path, name):
    array = pa.concat_arrays([ARRAYS[name]] * 1000) if name not in ("run_end", "uuid") else None
    if array is None or pa.types.is_dictionary(array.type):
        pytest.skip("pyarrow cannot concatenate these, or a dictionary is written whole")
    batch = pa.RecordBatch.from_arrays([array], ["x"])
    few = pa.RecordBatch.from_arrays([ARRAYS[name]], ["x"])
    write_file(tmp_path / "few", pa.Table.from_batches([few]), STREAM)
    for start in (0, 1, 1003, 3996):
        table = pa.Table.from_batches([batch.slice(start, 4)])
        write_file(tmp_path / "slice", table, STREAM)
        assert (tmp_path / "slice").stat().st_size <= (tmp_path / "few").stat().st_size + 256
        assert_same(table, read_theirs(tmp_path / "slice", STREAM))


# ---- dictionaries


def dictionary_batch(indices, values, wrap=lambda array: array):
    array = pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), pa.array(values))
    return pa.RecordBatch.from_arrays([wrap(array)], ["d"])


def count_dictionaries(path):
    with open(path, "rb") as file:
        reader = pa.ipc.MessageReader.open_stream(pa.PythonFile(file))
        return [message.type for message in reader].count("dictionary")


@pytest.mark.parametrize("nested", (False, True))
@FORMATS
def test_dictionaries_that_grow(tmp_path, nested, format):
    wrap = (lambda array: pa.ListArray.from_arrays([0, len(array)], array)) if nested else (lambda array: array)
    values = ["red", "green", None, "blue"]
    batches = [dictionary_batch([0, 1], values[:2], wrap), dictionary_batch([0, 1, 2], values[:3], wrap)]
    batches += [dictionary_batch([3], values, wrap), dictionary_batch([1], values, wrap)]
    table = pa.Table.from_batches(batches)
    write_file(tmp_path / "ours", table, format)
    assert read_theirs(tmp_path / "ours", format).to_pylist() == table.to_pylist()
    assert read_file(tmp_path / "ours").to_pylist() == table.to_pylist()
    if format == STREAM:
        assert count_dictionaries(tmp_path / "ours") == 3
    write_theirs(tmp_path / "theirs", batches, format, emit_dictionary_deltas=True)
    assert read_file(tmp_path / "theirs").to_pylist() == table.to_pylist()


def test_dictionaries_that_are_replaced(tmp_path):
    batches = [dictionary_batch([0, 1], ["red", "green"]), dictionary_batch([0, None], ["blue"])]
    batches += [dictionary_batch([0, 1], ["red", "green"]), dictionary_batch([0, 1], ["red", "white"])]
    table = pa.Table.from_batches(batches)
    write_file(tmp_path / "ours", table, STREAM)
    assert_same(table, read_theirs(tmp_path / "ours", STREAM))
    write_theirs(tmp_path / "theirs", batches)
    assert_same(table, read_file(tmp_path / "theirs"))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("nested", (False, True))
def test_dictionaries_of_a_file_become_one(tmp_path, nested, codec):
    """What is new in each goes behind what was written."""
    wrap = (lambda array: pa.ListArray.from_arrays([0, 1, len(array)], array)) if nested else (lambda array: array)
    batches = [dictionary_batch([0, 1], ["red", "green"], wrap), dictionary_batch([1, None, 0], ["blue", "green"], wrap)]
    batches += [dictionary_batch([2, 0], ["white", "never", "red"], wrap), dictionary_batch([0, 1, 2], [None, "blue", "black"], wrap)]
    batches += [dictionary_batch([1, 0], ["red", "green"], wrap), dictionary_batch([0, 2], ["red", "x", "red"], wrap)]
    table = pa.Table.from_batches(batches)
    write_file(tmp_path / "ours", table, FILE | CODECS[codec][0])
    assert read_theirs(tmp_path / "ours", FILE).to_pylist() == table.to_pylist()
    assert read_file(tmp_path / "ours").to_pylist() == table.to_pylist()
    values = read_theirs(tmp_path / "ours", FILE).column("d").chunk(0)
    assert (values.values if nested else values).dictionary.to_pylist() == ["red", "green", "blue", "white", None, "black"]


def test_dictionaries_with_values_that_come_more_than_once(tmp_path):
    batches = [dictionary_batch([0, 1, 3], ["red", "red", None, "green"]), dictionary_batch([1, 0, 2], ["blue", "green", "green"])]
    batches += [dictionary_batch([0, 1], ["blue", "red"])]
    table = pa.Table.from_batches(batches)
    write_file(tmp_path / "ours", table, FILE)
    assert read_theirs(tmp_path / "ours", FILE).to_pylist() == table.to_pylist()
    assert read_file(tmp_path / "ours").to_pylist() == table.to_pylist()


@pytest.mark.parametrize("name", ("utf8", "utf8_view", "int64", "double", "decimal128", "list", "list_view", "struct", "fixed_binary", "dense_union"))
def test_dictionaries_of_any_values_in_a_file(tmp_path, name):
    array = ARRAYS[name]
    others = (array[:3], array[2:], array)
    batches = [pa.RecordBatch.from_arrays([pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int8()), values)], ["d"]) for values in others]
    table = pa.Table.from_batches(batches)
    write_file(tmp_path / "ours", table, FILE)
    assert read_file(tmp_path / "ours").to_pylist() == table.to_pylist()
    assert read_theirs(tmp_path / "ours", FILE).to_pylist() == table.to_pylist()


def test_dictionaries_that_no_file_can_hold(tmp_path):
    table = pa.Table.from_batches([dictionary_batch(range(100), [f"{i}" for i in range(at, at + 100)]) for at in (0, 100)])
    write_file(tmp_path / "ours", table, STREAM)
    with pytest.raises(KhonsuError, match="KHONSU_VALUE_TOO_LARGE: column 'd': dictionaries of 200 values together, of which a file has one"):
        write_file(tmp_path / "ours", table, FILE)
    assert read_theirs(tmp_path / "ours", STREAM).to_pylist() == table.to_pylist()


def test_dictionaries_in_dictionaries(tmp_path):
    def batch(colours):
        inner = pa.array(colours).dictionary_encode()
        values = pa.StructArray.from_arrays([inner], ["colour"])
        return pa.RecordBatch.from_arrays([pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()), values)], ["d"])

    batches = [batch(["red", "green"]), batch(["red", "green"]), batch(["red", "blue"]), batch(["red", "blue", "white"])]
    table = pa.Table.from_batches(batches)
    write_file(tmp_path / "ours", table, STREAM)
    assert_same(table, read_theirs(tmp_path / "ours", STREAM))
    assert_same(table, read_file(tmp_path / "ours"))
    write_theirs(tmp_path / "theirs", batches)
    assert_same(table, read_file(tmp_path / "theirs"))


# ---- metadata


@FORMATS
def test_metadata_of_batches_schemas_and_fields(tmp_path, format):
    any_bytes = {b"key": b"a\0b\xff", b"": b"", b"pair\0": b"\x80"}
    schema = pa.schema([pa.field("a", pa.int32(), metadata=any_bytes)], metadata=any_bytes)
    batches = [pa.RecordBatch.from_arrays([pa.array([i], pa.int32())], schema=schema) for i in range(2)]
    write_theirs(tmp_path / "theirs", batches, STREAM, metadata=any_bytes)
    copy_file(tmp_path / "theirs", tmp_path / "ours", format)
    if format == FILE:
        reader = pa.ipc.open_file(str(tmp_path / "ours"))
        read = [reader.get_batch_with_custom_metadata(i) for i in range(2)]
    else:
        reader = pa.ipc.open_stream(pa.OSFile(str(tmp_path / "ours")))
        read = [reader.read_next_batch_with_custom_metadata() for i in range(2)]
    for expected, (batch, metadata) in zip(batches, read):
        assert_same(expected, batch)
        assert dict(metadata) == any_bytes


# ---- other versions, other machines


@pytest.mark.parametrize("name", ARRAYS)
@FORMATS
def test_streams_from_before_0_15(tmp_path, name, format):
    batch = batch_of(ARRAYS[name])
    write_theirs(tmp_path / "old", [batch, batch.slice(1)], format, use_legacy_format=True)
    assert_same(pa.Table.from_batches([batch, batch.slice(1)]), read_file(tmp_path / "old"))


@pytest.mark.parametrize("name", ARRAYS)
def test_metadata_version_4(tmp_path, name):
    batch = batch_of(ARRAYS[name])
    write_theirs(tmp_path / "old", [batch], metadata_version=pa.ipc.MetadataVersion.V4)
    assert_same(pa.Table.from_batches([batch]), read_file(tmp_path / "old"))


# Numbers in the buffers of each type, after those of the column before it: two of int64.
WIDTHS = {
    "bool": [0, 0], "int16": [0, 2], "uint32": [0, 4], "int64": [0, 8], "halffloat": [0, 2], "double": [0, 8],
    "decimal128": [0, 16], "decimal256": [0, 32], "utf8": [0, 4, 0], "large_utf8": [0, 8, 0], "fixed_binary": [0, 0],
    "timestamp": [0, 8], "interval": [0, (4, 4, 8)], "list": [0, 4, 0, 4], "large_list": [0, 8, 0, 4],
    "fixed_list": [0, 0, 4], "struct": [0, 0, 8, 0, 4, 0], "map": [0, 4, 0, 0, 4, 0, 0, 8], "sparse_union": [0, 0, 8, 0, 4, 0],
    "dense_union": [0, 4, 0, 8, 0, 4, 0], "run_end": [0, 4, 0, 4, 0], "list_view": [0, 4, 4, 0, 4],
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in WIDTHS if name in ARRAYS])
def test_big_endian(tmp_path, name):
    table = pa.Table.from_batches([batch_of(ARRAYS[name])])
    write_file(tmp_path / "little", table, STREAM)
    (tmp_path / "big").write_bytes(to_big_endian((tmp_path / "little").read_bytes(), [0, 8] + WIDTHS[name]))
    assert_same(table, read_file(tmp_path / "big"))
    if name not in ("list_view", "interval", "run_end"):  # which pyarrow cannot turn over
        assert_same(table, read_theirs(tmp_path / "big", STREAM))


def test_big_endian_views(tmp_path):
    texts = ["short", None, "a text that is longer than twelve bytes", "", "twelve bytes", "thirteen byte"]
    table = pa.table({"a": pa.array(texts, pa.string_view()), "b": pa.array(texts[::-1], pa.binary_view())})
    write_file(tmp_path / "little", table, STREAM)
    (tmp_path / "big").write_bytes(to_big_endian((tmp_path / "little").read_bytes(), [0, VIEW, 0] * 2))
    assert_same(table, read_file(tmp_path / "big"))


@pytest.mark.parametrize("indices", (pa.int8(), pa.uint16(), pa.int64()), ids=str)
def test_big_endian_dictionaries(tmp_path, indices):
    def batch(numbers):
        return pa.RecordBatch.from_arrays([pa.DictionaryArray.from_arrays(pa.array([1, 0, None], indices), pa.array(numbers))], ["a"])

    table = pa.Table.from_batches([batch([7, 1 << 40]), batch([7, 1 << 40, 9]), batch([-1, 0])])
    write_file(tmp_path / "little", table, STREAM)
    width = 0 if indices.bit_width == 8 else indices.bit_width // 8
    (tmp_path / "big").write_bytes(to_big_endian((tmp_path / "little").read_bytes(), [0, width], [0, 8]))
    assert_same(table, read_file(tmp_path / "big"))
    assert_same(table, read_theirs(tmp_path / "big", STREAM))
