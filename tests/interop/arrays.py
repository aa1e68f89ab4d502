"""An array of every type, for the interop tests."""

import datetime
import decimal

import pyarrow as pa

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


def batch_of(array):
    field = pa.field("x", array.type, metadata={"made": "here"})
    return pa.RecordBatch.from_arrays([pa.array(range(len(array))), array], schema=pa.schema([pa.field("id", pa.int64(), False), field]))


def assert_same(expected, got):
    got.validate(full=True)
    assert got.schema.equals(expected.schema, check_metadata=True)
    assert got.to_pylist() == expected.to_pylist()
