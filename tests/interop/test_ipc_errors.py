"""Arrow IPC that is not as it should be: what is wrong is said, and where. Each is made of a good one by one change."""

import struct

import pyarrow as pa
import pytest

from flatbuffer import BATCH, DICTIONARY, SCHEMA, footer, header, message, messages
from khonsu_c import FILE, STREAM, ZSTD, KhonsuError, read_file, write_file

NODE = BUFFER = "<qq"
BLOCK = "<qi4xq"
LONG = [f"a text that is long enough {i}" for i in range(100)]
NUMBERS = pa.table({"a": pa.array([1, 2, 3]), "b": pa.array(["x", None, "z"])})
DICTIONARIES = pa.table({"a": pa.array(["x", "y"]).dictionary_encode(), "b": pa.array([7, 8]).dictionary_encode()})
VIEWS = pa.table({"a": pa.array(LONG, pa.string_view())})
WIDE = pa.table({name: pa.array(range(8)) for name in "abc"})


def encoded(tmp_path, table, format=STREAM):
    write_file(tmp_path / "good", table, format)
    return bytearray((tmp_path / "good").read_bytes())


def theirs(tmp_path, table, metadata=None, **options):
    with pa.OSFile(str(tmp_path / "good"), "wb") as sink:
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
            for batch in table.to_batches():
                writer.write_batch(batch, custom_metadata=metadata)
    return bytearray((tmp_path / "good").read_bytes())


def refused(tmp_path, data, expected):
    """By khonsu_ipc_read, or by the stream that it gives."""
    path = tmp_path / "bad"
    path.write_bytes(data)
    with pytest.raises((KhonsuError, pa.ArrowException, OSError)) as failed:
        read_file(path)
    assert f"{path}: {expected}" in str(failed.value)


def message_bytes(data, kind):
    """The whole of the message, prefix and body."""
    for found, metadata, body in messages(data):
        if found == kind:
            return data[metadata - 8 : body + message(data, metadata).scalar(3, "<q")]


# ---- the changes: of a table, how it is written, what is changed, and the text


def place(data, kind):
    return [message(data, metadata) for found, metadata, _ in messages(data) if found == kind][0]


CHANGES = {
    "compression": (WIDE, STREAM | ZSTD, lambda d: header(d, BATCH).table(3).put(0, "<b", 7),
                    "record batch 0: it is compressed by other means than lz4 and zstd; write it with one of these, or plain"),
    "short frame": (WIDE, STREAM | ZSTD, lambda d: header(d, BATCH).put_struct(2, 1, BUFFER, 0, 3),
                    "record batch 0: column 'a': a compressed buffer of 3 bytes"),
    "columns missing": (NUMBERS, STREAM, lambda d: header(d, BATCH).put_count(1, 1), "record batch 0: column 'b': it is missing"),
    "buffers missing": (NUMBERS, STREAM, lambda d: header(d, BATCH).put_count(2, 4), "record batch 0: column 'b': its buffers are missing"),
    "buffer beyond": (NUMBERS, STREAM, lambda d: header(d, BATCH).put_struct(2, 1, BUFFER, 64, 1 << 40),
                      "record batch 0: column 'a': a buffer of 1099511627776 bytes at 64 in a body of "),
    "buffer before": (NUMBERS, STREAM, lambda d: header(d, BATCH).put_struct(2, 1, BUFFER, -8, 8),
                      "record batch 0: column 'a': a buffer of 8 bytes at -8 in a body of "),
    "counts missing": (VIEWS, STREAM, lambda d: header(d, BATCH).forget(4),
                       "record batch 0: column 'a': it is not said how many buffers it has"),
    "negative count": (VIEWS, STREAM, lambda d: header(d, BATCH).put_struct(4, 0, "<q", -1),
                       "record batch 0: column 'a': it is said to have -1 buffers"),
    "great count": (VIEWS, STREAM, lambda d: header(d, BATCH).put_struct(4, 0, "<q", 9),
                    "record batch 0: column 'a': it is said to have 9 buffers"),
    "version": (NUMBERS, STREAM, lambda d: place(d, SCHEMA).put(0, "<h", 2), "a message of format version 3; 4 and 5 can be read"),
    "a tensor": (NUMBERS, STREAM, lambda d: place(d, BATCH).put(1, "<B", 4), "record batch 0: a message that is no table's: a tensor"),
    "no header": (NUMBERS, STREAM, lambda d: place(d, SCHEMA).forget(2), "a message without header"),
    "damage": (NUMBERS, STREAM, lambda d: struct.pack_into("<I", d, 8, 1 << 20), "a damaged message: "),
    "no type": (NUMBERS, STREAM, lambda d: [header(d, SCHEMA).tables(1)[0].forget(field) for field in (2, 3)],
                "the schema is damaged: field 'a' has no type"),
    "new type": (NUMBERS, STREAM, lambda d: header(d, SCHEMA).tables(1)[1].put(2, "<B", 99),
                 "field 'b' is of a type that came after Arrow 21"),
    "other values": (DICTIONARIES, STREAM, lambda d: header(d, SCHEMA).tables(1)[1].table(4).put(0, "<q", 0),
                     "column 'b': its dictionary has values of another type"),
    "no values": (DICTIONARIES, STREAM, lambda d: header(d, DICTIONARY).forget(1), "record batch 0: a dictionary without values"),
    "no column": (DICTIONARIES, STREAM, lambda d: header(d, DICTIONARY).put(0, "<q", 99), "record batch 0: a dictionary of no column"),
    "negative footer": (NUMBERS, FILE, lambda d: struct.pack_into("<i", d, len(d) - 10, -1), "its footer is said to have -1 bytes"),
    "great footer": (NUMBERS, FILE, lambda d: struct.pack_into("<i", d, len(d) - 10, 1 << 20), "its footer is said to have 1048576 bytes"),
    "damaged footer": (NUMBERS, FILE, lambda d: struct.pack_into("<i", d, len(d) - 10, 64), "a damaged footer: "),
    "footer without schema": (NUMBERS, FILE, lambda d: footer(d).forget(1), "its footer has no schema"),
    "footer without place": (NUMBERS, FILE, lambda d: footer(d).put_struct(3, 0, BLOCK, 4, 0, 0), "its footer points outside of it, to byte 4"),
    "no batch": (NUMBERS, FILE, lambda d: footer(d).put_struct(3, 0, BLOCK, 8, 0, 0),
                 "record batch 0: its footer points to no record batch"),
    "no dictionary": (DICTIONARIES, FILE, lambda d: footer(d).put_struct(2, 0, BLOCK, 8, 0, 0), "its footer points to no dictionary"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_one_change(tmp_path, name):
    table, format, change, expected = CHANGES[name]
    data = encoded(tmp_path, table, format)
    change(data)
    refused(tmp_path, data, expected)


# ---- messages where others should be


def test_a_batch_of_another_schema(tmp_path):
    one, both = encoded(tmp_path, NUMBERS.select(["a"])), encoded(tmp_path, NUMBERS)
    data = message_bytes(one, SCHEMA) + message_bytes(both, BATCH)
    refused(tmp_path, data, "record batch 0: more columns than the schema has")


def test_a_second_schema(tmp_path):
    data = encoded(tmp_path, NUMBERS)
    refused(tmp_path, message_bytes(data, SCHEMA) + data, "record batch 0: a second schema")


# ---- a few bytes that stand for many


def test_buffers_that_overlap(tmp_path):
    """Where they have to be copied, as from a big-endian machine."""
    data = encoded(tmp_path, WIDE)
    header(data, SCHEMA).put(0, "<h", 1)
    for index in (1, 3, 5):
        header(data, BATCH).put_struct(2, index, BUFFER, 0, 192)
    refused(tmp_path, data, "record batch 0: column 'b': its buffers overlap with others")


def test_texts_of_metadata_that_are_shared(tmp_path):
    data = theirs(tmp_path, NUMBERS, {b"long": b"x" * 5000, **{b"%d" % i: b"" for i in range(200)}})
    pairs = place(data, BATCH)
    sizes = [struct.unpack_from("<I", data, (at := pair.place(1)) + struct.unpack_from("<I", data, at)[0])[0] for pair in pairs.tables(4)]
    pairs.share(4, sizes.index(5000))
    refused(tmp_path, data, "record batch 0: its metadata have more text than there is room for")


def test_names_that_are_shared(tmp_path):
    fields = [pa.field("x" * 40000 if i == 0 else "", pa.int8()) for i in range(500)]
    data = theirs(tmp_path, pa.table([[1]] * 500, schema=pa.schema(fields)))
    header(data, SCHEMA).share(1, 0)
    refused(tmp_path, data, "the schema is damaged: more text than it has room for")


def test_fields_that_are_shared(tmp_path):
    many = pa.struct([pa.field("", pa.int8())] * 500)
    data = theirs(tmp_path, pa.schema([pa.field("", many if i == 0 else pa.int8()) for i in range(500)]).empty_table())
    header(data, SCHEMA).share(1, 0)
    refused(tmp_path, data, "a damaged message: tables that are shared")


# ---- what used to be


@pytest.mark.parametrize("mode", ("sparse", "dense"))
def test_unions_with_nulls_of_their_own(tmp_path, mode):
    make = pa.UnionArray.from_sparse if mode == "sparse" else lambda ids, fields: pa.UnionArray.from_dense(ids, pa.array([0, 1], pa.int32()), fields)
    union = make(pa.array([0, 0], pa.int8()), [pa.array([1, 2])])
    data = theirs(tmp_path, pa.table({"u": union}), metadata_version=pa.ipc.MetadataVersion.V4)
    batch = header(data, BATCH)
    batch.put_struct(1, 0, NODE, 2, 1)
    batch.put_struct(2, 0, BUFFER, 0, 8)
    refused(tmp_path, data, "record batch 0: column 'u': a union with nulls of its own, as before Arrow 1.0; write it again with a later version")
