"""Reads of parts of tables against pyarrow.compute and Python's exact numbers, on random values and conditions."""

import datetime
import decimal
import fractions
import math
import operator

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from khonsu_c import Database, KhonsuError
from test_kernels import FLOATS, LEAVES, arrays, plain_arrays, values_of

COMPARE = {"=": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal}
PYTHON = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

db = Database()


def select(table, columns=None, where=None, offset=0, limit=0):
    with db.begin() as txn:
        txn.write_stream("khonsu_put", "t", table)
        return txn.select("t", columns, where, offset, limit)


def literal(value, t=None):
    """As a condition writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, float):
        return "1e999" if value == math.inf else "-1e999" if value == -math.inf else repr(value)
    if isinstance(value, int) and t is None:
        return str(value)
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if pa.types.is_duration(t):
        return f"'{int(pa.scalar(value, t).value)}{t.unit}'"
    if pa.types.is_timestamp(t):
        return f"'{value.isoformat().replace('+00:00', 'Z')}'"
    if isinstance(value, (datetime.date, datetime.time)):
        return f"'{value.isoformat()}'"
    return str(value)


def scalar_values(array):
    return [value for value in array.to_pylist() if value is not None and value == value]


# pyarrow has no comparison kernels for these: Python's stand in.
UNKNOWN_TO_PYARROW = (pa.string_view(), pa.binary_view(), pa.decimal32(8, 2), pa.decimal64(18, 2))
COMPARED = [t for t in LEAVES if t not in (pa.null(), pa.month_day_nano_interval())]


def expected_mask(array, op, value):
    if array.type not in UNKNOWN_TO_PYARROW:
        return COMPARE[op](array, pa.scalar(value, array.type)).to_pylist()
    return [None if item is None else PYTHON[op](item, value) for item in array.to_pylist()]


@given(plain_arrays(st.sampled_from(COMPARED)), st.sampled_from(list(COMPARE)), st.data())
def test_comparisons_as_pyarrow(array, op, data):
    others = values_of(array.type).filter(lambda value: value is not None and value == value)
    typed = others.map(lambda value: pa.scalar(value, array.type).as_py())
    pool = scalar_values(array)
    value = data.draw(st.sampled_from(pool) | typed if pool else typed)
    mask = expected_mask(array, op, value)
    table = pa.table({"c": array, "row": range(len(array))})
    got = select(table, ["row"], f"c {op} {literal(value, array.type)}")
    assert got["row"].to_pylist() == [row for row, flag in enumerate(mask) if flag]


INTEGERS = [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()]
NUMBERS = [*INTEGERS, pa.float32(), pa.float64(), pa.decimal128(30, 2), pa.decimal256(60, 2), pa.decimal32(8, 2)]
EDGES = [sign * (1 << bits) + by for bits in (0, 7, 8, 15, 16, 31, 32, 53, 63, 64, 100, 254, 300) for by in (-1, 0, 1) for sign in (-1, 1)]
texts = st.one_of(
    st.sampled_from(EDGES).map(str),
    st.integers(-300, 300).map(str),
    st.decimals(-300, 300, places=3, allow_nan=False).map(lambda d: f"{d:f}"),
    st.tuples(st.integers(-99, 99), st.integers(-400, 400)).map(lambda pair: f"{pair[0]}e{pair[1]}"),
)


def number_of(text, t):
    """What the text says exactly; to floats, one with a point or an exponent is the nearest double."""
    if pa.types.is_floating(t) and any(c in text for c in ".eE"):
        return float(text)
    return fractions.Fraction(text)


def holds(op, item, number):
    if isinstance(item, float) and not math.isfinite(item):
        if math.isnan(item):
            return op == "!="
        if isinstance(number, fractions.Fraction):
            number = 0.0
    if isinstance(number, float) and not math.isfinite(number):
        return PYTHON[op](float(item), number)
    return PYTHON[op](fractions.Fraction(item) if math.isfinite(item) else item, number)


@given(plain_arrays(st.sampled_from(NUMBERS)), st.sampled_from(list(COMPARE)), texts, st.booleans())
def test_numbers_of_all_kinds_are_compared_exactly(array, op, text, negated):
    number = number_of(text, array.type)
    table = pa.table({"c": array, "row": range(len(array))})
    got = select(table, ["row"], f"{'not ' if negated else ''}c {op} {text}")
    rows = [row for row, item in enumerate(array.to_pylist()) if item is not None and holds(op, item, number) != negated]
    assert got["row"].to_pylist() == rows


# ---- whole conditions: what pyarrow's Kleene logic makes of them

TABLE = {"a": pa.int16(), "b": pa.string(), "c": pa.float64(), "s": pa.struct([("x", pa.int64()), ("y", pa.bool_())])}


def conditions_on(name, array_of, values):
    """Conditions on a column as text, and as masks."""
    compared = st.tuples(st.sampled_from(list(COMPARE)), values).map(
        lambda pair: (f"{name} {pair[0]} {literal(pair[1])}", lambda t: COMPARE[pair[0]](array_of(t), pair[1]))
    )
    listed = st.tuples(st.booleans(), st.lists(values, min_size=1, max_size=4)).map(
        lambda pair: (
            f"{name} {'not ' if pair[0] else ''}in ({', '.join(literal(value) for value in pair[1])})",
            lambda t: in_list(array_of(t), pair[1], pair[0]),
        )
    )
    nulls = st.sampled_from([(f"{name} is null", lambda t: pc.is_null(array_of(t))), (f"{name} is not null", lambda t: pc.is_valid(array_of(t)))])
    return compared | listed | nulls


def in_list(array, values, negated):
    mask = pa.array([None] * len(array), pa.bool_())
    for i, value in enumerate(values):
        equal = pc.equal(array, value)
        mask = pc.or_kleene(mask, equal) if i else equal
    return pc.invert(mask) if negated else mask


leaf_tests = (
    conditions_on("a", lambda t: t["a"].combine_chunks(), st.integers(-3, 3))
    | conditions_on("b", lambda t: t["b"].combine_chunks(), st.sampled_from(["", "x", "y'", "é"]))
    | conditions_on('"c"', lambda t: t["c"].combine_chunks(), st.sampled_from([-1.5, 0.0, 2.25]))
    | conditions_on("s.x", lambda t: pc.struct_field(t["s"].combine_chunks(), "x"), st.integers(-3, 3))
    | conditions_on("s.y", lambda t: pc.struct_field(t["s"].combine_chunks(), "y"), st.booleans())
)
conditions = st.recursive(
    leaf_tests,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: (f"({p[0][0]}) and ({p[1][0]})", lambda t: pc.and_kleene(p[0][1](t), p[1][1](t)))),
        st.tuples(inner, inner).map(lambda p: (f"({p[0][0]}) OR ({p[1][0]})", lambda t: pc.or_kleene(p[0][1](t), p[1][1](t)))),
        inner.map(lambda p: (f"not ({p[0]})", lambda t: pc.invert(p[1](t)))),
    ),
    max_leaves=6,
)
records = st.lists(
    st.fixed_dictionaries({
        "a": st.none() | st.integers(-3, 3),
        "b": st.none() | st.sampled_from(["", "x", "y'", "z", "é"]),
        "c": st.none() | st.sampled_from([-1.5, 0.0, -0.0, 2.25, math.nan, math.inf]),
        "s": st.none() | st.fixed_dictionaries({"x": st.none() | st.integers(-3, 3), "y": st.none() | st.booleans()}),
    }),
    min_size=1,
    max_size=12,
)


@given(st.lists(records, min_size=1, max_size=3), conditions, st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_conditions_as_pyarrow(chunks, condition, offset, limit, repeated):
    """Also of chunks that are long enough for statistics, asked twice."""
    text, mask = condition
    schema = pa.schema(TABLE)
    batches = [pa.RecordBatch.from_pylist(rows * (300 if repeated else 1), schema) for rows in chunks]
    table = pa.Table.from_batches(batches)
    kept = [row for row, flag in zip(table.to_pylist(), mask(table).to_pylist()) if flag]
    kept = kept[offset:] if limit == 0 else kept[offset : offset + limit]
    with db.begin() as txn:
        txn.write_stream("khonsu_put", "t", table)
        for _ in range(2):
            got = txn.select("t", ["s.x", "a", "b"], text, offset, limit)
            got.validate(full=True)
            assert got.schema.names == ["s.x", "a", "b"]
            assert got.to_pylist() == [{"s.x": row["s"] and row["s"]["x"], "a": row["a"], "b": row["b"]} for row in kept]


# ---- columns


@given(arrays(), st.data())
def test_a_column_of_any_type_comes_out_of_structs(array, data):
    valid = data.draw(st.lists(st.booleans(), min_size=len(array), max_size=len(array)))
    mask = pa.array([not flag for flag in valid], pa.bool_())
    struct = pa.StructArray.from_arrays([array], names=["x"], mask=mask)
    outer = pa.StructArray.from_arrays([struct, pa.array(range(len(array)))], names=["in", "n"])
    start = data.draw(st.integers(0, len(array)))
    got = select(pa.table({"o": outer[start:]}), ["o.in.x"])
    got.validate(full=True)
    assert got.schema.field(0).name == "o.in.x" and got.schema.field(0).type == array.type
    wanted = [value if flag else None for value, flag in zip(array.to_pylist(), valid)][start:]
    values = got.column(0).to_pylist()
    assert repr(values) == repr(wanted) or pa.types.is_union(array.type)  # a union has no nulls of its own


@pytest.mark.parametrize("where", ["c = 1", "d.e = 1", "c"])
def test_what_is_wrong_is_said(where):
    with pytest.raises(KhonsuError) as said:
        select(pa.table({"c": ["x"]}), where=where)
    assert str(said.value) == {
        "c = 1": "KHONSU_SCHEMA_MISMATCH: column 'c': utf8 cannot be compared with 1, but with a 'text'",
        "d.e = 1": "KHONSU_SCHEMA_MISMATCH: there is no column 'd.e'",
        "c": "KHONSU_INVALID_ARGUMENT: the condition ends where a comparison should be",
    }[where]
