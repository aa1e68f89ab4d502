"""Every kernel against pyarrow, on random arrays of random types. KHONSU_KERNELS names the library of kernel_bridge.c."""

import ctypes as c
import datetime
import decimal
import math
import os

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from khonsu_c import ArrowArray, ArrowSchema, Error, KhonsuError, lib

bridge = c.CDLL(os.environ["KHONSU_KERNELS"])
SOAK = "KHONSU_SOAK" in os.environ
settings.register_profile(
    "kernels",
    deadline=None,
    max_examples=20000 if SOAK else 80,
    derandomize=not SOAK,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("kernels")


# ---- calling


def lend(batch):
    schema, array = ArrowSchema(), ArrowArray()
    batch._export_to_c(c.addressof(array), c.addressof(schema))
    return c.byref(schema), c.byref(array)


def call(name, *arguments):
    error = Error(struct_size=c.sizeof(Error))
    status = getattr(bridge, name)(*arguments, c.byref(error))
    if status != 0:
        raise KhonsuError(f"{lib.khonsu_status_name(status).decode()}: {error.message.decode()}")
    return error.message.decode()


def made(name, batch, *arguments):
    schema, array = ArrowSchema(), ArrowArray()
    call(name, *lend(batch), *arguments, c.byref(schema), c.byref(array))
    result = pa.RecordBatch._import_from_c(c.addressof(array), c.addressof(schema))
    result.validate(full=True)
    return result


def bits(flags):
    data = bytearray(len(flags) // 8 + 1)
    for i, flag in enumerate(flags):
        data[i // 8] |= bool(flag) << i % 8
    return bytes(data)


def take(batch, rows):
    numbers = (c.c_int64 * len(rows))(*[row or 0 for row in rows])
    valid = bits([row is not None for row in rows]) if None in rows else None
    return made("bridge_take", batch, numbers, valid, c.c_int64(len(rows)))


def hashes(batch, columns=(1,), seed=1):
    result = (c.c_uint64 * max(1, batch.num_rows))()
    call("bridge_hash", *lend(batch), (c.c_uint32 * len(columns))(*columns), c.c_size_t(len(columns)), c.c_uint64(seed), result)
    return list(result)[: batch.num_rows]


def orders(batch, columns=(1,)):
    rows = batch.num_rows
    result = (c.c_int8 * max(1, rows * rows))()
    call("bridge_compare", *lend(batch), (c.c_uint32 * len(columns))(*columns), c.c_size_t(len(columns)), result)
    return [list(result)[i * rows : (i + 1) * rows] for i in range(rows)]


def is_equal(a, b):
    equal = c.c_int32()
    difference = call("bridge_equal", *lend(a), *lend(b), c.byref(equal))
    return bool(equal.value), difference


class Stats(c.Structure):
    _fields_ = [("null_count", c.c_uint64), ("kind", c.c_int32), ("sizes", c.c_uint32 * 2), ("values", c.c_uint8 * 64 * 2)]


def stats(batch):
    result = Stats()
    call("bridge_stats", *lend(batch), c.byref(result))
    values = [bytes(result.values[i])[: result.sizes[i]] for i in (0, 1)]
    return result.null_count, result.kind, values


# ---- random types and values


def integers(bits, signed):
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) if signed else st.integers(0, (1 << bits) - 1)


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
FLOATS = st.floats(width=32) | st.sampled_from([math.nan, 0.0, -0.0, math.inf])
DATES = st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))
LEAVES = {
    pa.null(): st.none(),
    pa.bool_(): st.booleans(),
    **{t: integers(t.bit_width, signed) for signed, types in ((True, (pa.int8(), pa.int16(), pa.int32(), pa.int64())), (False, (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()))) for t in types},
    pa.float32(): FLOATS,
    pa.float64(): FLOATS,
    **{t: st.decimals(-9999, 9999, places=2, allow_nan=False) for t in (pa.decimal32(8, 2), pa.decimal64(18, 2), pa.decimal128(30, 2), pa.decimal256(60, 2))},
    **{t: TEXT for t in (pa.string(), pa.large_string(), pa.string_view())},
    **{t: st.binary(max_size=20) for t in (pa.binary(), pa.large_binary(), pa.binary_view())},
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.date32(): DATES,
    pa.date64(): DATES,
    pa.time32("ms"): st.integers(0, 86399999),
    pa.time64("ns"): st.integers(0, 86399999) .map(lambda n: n * 1000),
    pa.timestamp("us", "UTC"): st.integers(-(10**15), 10**15),
    pa.duration("ms"): st.integers(-(10**9), 10**9),
    pa.month_day_nano_interval(): st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(-9, 9)),
}
leaf_types = st.sampled_from(list(LEAVES))
without_views = st.sampled_from([t for t in LEAVES if t not in (pa.string_view(), pa.binary_view())])
nested_types = st.recursive(
    leaf_types,
    lambda inner: st.one_of(
        inner.map(pa.list_),
        inner.map(pa.large_list),
        inner.map(pa.list_view),
        inner.map(pa.large_list_view),
        inner.map(lambda t: pa.list_(t, 2)),
        st.lists(inner, min_size=0, max_size=3).map(lambda ts: pa.struct([(f"f{i}", t) for i, t in enumerate(ts)])),
        inner.map(lambda t: pa.map_(pa.string(), t)),
    ),
    max_leaves=4,
)


def values_of(t):
    if t in LEAVES:
        return LEAVES[t] | st.none()
    if pa.types.is_struct(t):
        return st.fixed_dictionaries({f.name: values_of(f.type) for f in t}) | st.none()
    if pa.types.is_map(t):
        return st.lists(st.tuples(st.text(max_size=2), values_of(t.item_type)), max_size=3) | st.none()
    sizes = {"min_size": 2, "max_size": 2} if pa.types.is_fixed_size_list(t) else {"max_size": 3}
    return st.lists(values_of(t.value_type), **sizes) | st.none()


@st.composite
def plain_arrays(draw, types=nested_types, max_size=12):
    t = draw(types)
    pool = draw(st.lists(values_of(t), min_size=1, max_size=6))
    return pa.array(draw(st.lists(st.sampled_from(pool), max_size=max_size)), t)


@st.composite
def arrays(draw, types=nested_types):
    """Of any type, encoded or not, sliced or not."""
    array = draw(plain_arrays(types))
    form = draw(st.sampled_from(("plain", "dictionary", "runs", "sparse", "dense")))
    if form == "dictionary" and array.type in LEAVES and not pa.types.is_null(array.type):
        try:
            array = array.dictionary_encode()
        except pa.ArrowNotImplementedError:
            pass
    elif form == "runs" and array.type in LEAVES and not pa.types.is_null(array.type):
        try:
            array = pc.run_end_encode(array)
        except pa.ArrowNotImplementedError:
            pass
    elif form in ("sparse", "dense"):
        ids = pa.array(draw(st.lists(st.integers(0, 1), min_size=len(array), max_size=len(array))), pa.int8())
        other = pa.array(range(len(array)), pa.int16())
        if form == "sparse":
            array = pa.UnionArray.from_sparse(ids, [array, other])
        else:
            offsets = pa.array(sorted(draw(st.integers(0, len(array) - 1)) for _ in range(len(array))), pa.int32())  # they must not fall
            array = pa.UnionArray.from_dense(ids, offsets, [array, other])
    start = draw(st.integers(0, len(array)))
    return array[start : start + draw(st.integers(0, len(array)))]


def batch_of(array):
    return pa.RecordBatch.from_arrays([array], names=["c"])


batches = arrays().map(batch_of)


def same(result, rows, expected):
    assert result.schema.types == expected.schema.types
    assert repr(result.column(0).to_pylist()) == repr(rows)


# ---- take, filter, slice


@given(batches, st.data())
def test_take(batch, data):
    rows = data.draw(st.lists(st.integers(0, batch.num_rows - 1), max_size=20)) if batch.num_rows else []
    values = batch.column(0).to_pylist()
    same(take(batch, rows), [values[row] for row in rows], batch)


@given(batches, st.data())
def test_take_with_nulls(batch, data):
    rows = data.draw(st.lists(st.none() | st.integers(0, batch.num_rows - 1), max_size=20)) if batch.num_rows else [None, None]
    values = batch.column(0).to_pylist()
    same(take(batch, rows), [None if row is None else values[row] for row in rows], batch)


@given(plain_arrays(without_views), st.data())
def test_take_as_pyarrow(array, data):
    rows = data.draw(st.lists(st.none() | st.integers(0, len(array) - 1), max_size=20)) if len(array) else []
    expected = array.take(pa.array(rows, pa.int64()))
    same(take(batch_of(array), rows), expected.to_pylist(), batch_of(array))


@given(batches, st.data())
def test_filter(batch, data):
    flags = data.draw(st.lists(st.booleans(), min_size=batch.num_rows, max_size=batch.num_rows))
    values = batch.column(0).to_pylist()
    same(made("bridge_filter", batch, bits(flags)), [v for v, flag in zip(values, flags) if flag], batch)


@given(plain_arrays(without_views), st.data())
def test_filter_as_pyarrow(array, data):
    flags = data.draw(st.lists(st.booleans(), min_size=len(array), max_size=len(array)))
    expected = array.filter(pa.array(flags, pa.bool_()))
    same(made("bridge_filter", batch_of(array), bits(flags)), expected.to_pylist(), batch_of(array))


@given(batches, st.booleans(), st.data())
def test_slice(batch, rebase, data):
    start = data.draw(st.integers(0, batch.num_rows))
    end = data.draw(st.integers(start, batch.num_rows))
    result = made("bridge_slice", batch, c.c_int64(start), c.c_int64(end), c.c_int(rebase))
    same(result, batch.slice(start, end - start).column(0).to_pylist(), batch)
    if rebase:
        assert result.column(0).offset == 0


@given(batches, st.data())
def test_concat(batch, data):
    """Of two slices, and of a slice and rows in another order, whose dictionary or runs are others."""
    cut = data.draw(st.integers(0, batch.num_rows))
    rows = data.draw(st.permutations(range(batch.num_rows)))
    values = batch.column(0).to_pylist()
    same(made("bridge_concat", batch.slice(0, cut), *lend(batch.slice(cut))), values, batch)
    expected = values[:cut] + [values[row] for row in rows]
    same(made("bridge_concat", batch.slice(0, cut), *lend(take(batch, rows))), expected, batch)


@given(plain_arrays(leaf_types), st.data())
def test_concat_as_pyarrow(array, data):
    other = array[data.draw(st.integers(0, len(array))) :]
    expected = pa.concat_arrays([array, other])
    same(made("bridge_concat", batch_of(array), *lend(batch_of(other))), expected.to_pylist(), batch_of(array))


# ---- equality, hash, order: the same for pyarrow and Python


def key(value):
    """What Python compares as keys are compared: zeros are one, and so are all that are not a number."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value + 0.0
    if isinstance(value, (list, tuple)) and not isinstance(value, pa.MonthDayNano):
        return tuple(key(item) for item in value)
    if isinstance(value, dict):
        return tuple(key(item) for item in value.values())
    return value


def typed_rows(batch):
    column = batch.column(0)
    return [(value.type_code if pa.types.is_union(column.type) else 0, value.as_py()) for value in column]


@given(batches)
def test_rows_are_equal_and_hash_equal_when_values_are(batch):
    rows = [(i, key(value)) for i, value in typed_rows(batch)]
    order, hashed = orders(batch), hashes(batch)
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            assert (order[i][j] == 0) == (a == b)
            assert (hashed[i] == hashed[j]) == (a == b)


NOT_SORTED = (pa.null(), pa.month_day_nano_interval(), pa.string_view(), pa.binary_view(), pa.decimal32(8, 2), pa.decimal64(18, 2))
SORTED = [t for t in LEAVES if t not in NOT_SORTED]


@given(plain_arrays(st.sampled_from(SORTED)))
def test_order_as_pyarrow(array):
    batch = batch_of(array)
    order = orders(batch)
    expected = pc.array_sort_indices(array, null_placement="at_start").to_pylist()
    # pyarrow puts what is not a number beside the nulls
    if pa.types.is_floating(array.type):
        expected = [i for i in expected if array[i].as_py() is None] + [i for i in expected if array[i].as_py() is not None and not math.isnan(array[i].as_py())] + [i for i in expected if array[i].as_py() is not None and math.isnan(array[i].as_py())]
    assert all(order[i][j] <= 0 for i, j in zip(expected, expected[1:]))


@given(plain_arrays(), plain_arrays())
def test_several_key_columns(a, b):
    size = min(len(a), len(b))
    batch = pa.RecordBatch.from_arrays([a[:size], b[:size]], names=["a", "b"])
    rows = list(zip(map(key, a[:size].to_pylist()), map(key, b[:size].to_pylist())))
    order, hashed = orders(batch, (1, 2)), hashes(batch, (1, 2))
    for i in range(size):
        for j in range(size):
            assert (order[i][j] == 0) == (rows[i] == rows[j]) == (hashed[i] == hashed[j])


@given(batches, st.data())
def test_equal(batch, data):
    rows = list(range(batch.num_rows))
    copied = take(batch, rows)
    assert is_equal(batch, copied) == (True, "")
    if not rows:
        return
    at, other = data.draw(st.sampled_from(rows)), data.draw(st.sampled_from(rows))
    rows[at] = other
    changed = take(batch, rows)
    equal, difference = is_equal(batch, changed)
    typed = typed_rows(batch)
    assert equal == (repr(typed[at]) == repr(typed[other]))
    assert equal or f"row {at}: " in difference


# ---- casts

WIDER = [
    (pa.int8(), pa.int64()),
    (pa.uint8(), pa.int16()),
    (pa.uint32(), pa.int64()),
    (pa.int32(), pa.float64()),
    (pa.float32(), pa.float64()),
    (pa.string(), pa.large_string()),
    (pa.string_view(), pa.string()),
    (pa.string(), pa.binary()),
    (pa.binary_view(), pa.large_binary()),
    (pa.binary(3), pa.binary()),
    (pa.date32(), pa.date64()),
    (pa.decimal32(8, 2), pa.decimal128(30, 5)),
    (pa.decimal128(30, 2), pa.decimal256(60, 4)),
]


@pytest.mark.parametrize("source, target", WIDER, ids=str)
@settings(max_examples=20)
@given(data=st.data())
def test_cast_as_pyarrow(source, target, data):
    array = data.draw(plain_arrays(st.just(source)))
    schema = ArrowSchema()
    pa.schema([("c", target)])._export_to_c(c.addressof(schema))
    result = made("bridge_cast", batch_of(array), c.byref(schema))
    assert result.column(0).type == target
    assert repr(result.column(0).to_pylist()) == repr(array.cast(target).to_pylist())


def plain(t):
    if pa.types.is_dictionary(t) or pa.types.is_run_end_encoded(t):
        return plain(t.value_type)
    if t == pa.string_view():
        return pa.string()
    if t == pa.binary_view():
        return pa.binary()
    return t


@given(batches)
def test_cast_to_plain_arrays(batch):
    result = made("bridge_cast", batch, None)
    column = batch.column(0)
    assert repr(result.column(0).to_pylist()) == repr(column.to_pylist())
    if column.type in LEAVES or not pa.types.is_nested(column.type):
        assert result.column(0).type == plain(column.type)


def test_a_cast_that_loses_is_refused():
    schema = ArrowSchema()
    pa.schema([("c", pa.int32())])._export_to_c(c.addressof(schema))
    with pytest.raises(KhonsuError, match="SCHEMA_MISMATCH: column 'c': int64 cannot become int32 without loss"):
        made("bridge_cast", batch_of(pa.array([1], pa.int64())), c.byref(schema))


# ---- statistics


def number(kind, data):
    return int.from_bytes(data, "little", signed=kind != 2)


@given(plain_arrays(st.sampled_from([t for t in LEAVES if pa.types.is_integer(t) or t in (pa.string(), pa.large_binary(), pa.decimal128(30, 2))])))
def test_stats_as_pyarrow(array):
    nulls, kind, (low, high) = stats(batch_of(array))
    expected = pc.min_max(array)
    assert nulls == array.null_count
    if nulls == len(array):
        assert kind == 0
        return
    for data, name in ((low, "min"), (high, "max")):
        value = expected[name].as_py()
        if isinstance(value, int):
            assert number(kind, data) == value
        elif isinstance(value, decimal.Decimal):
            assert number(kind, data) == int(value.scaleb(2))
        else:
            assert data == (value.encode() if isinstance(value, str) else value)[:64]
