"""Tables that grow: what was written comes back, whatever came into it under which schema."""

import decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from khonsu_c import Database, KhonsuError
from test_kernels import settings  # of hypothesis

INTEGERS = [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()]
VALUES = {
    **{kind: [0, 1, 77, None] for kind in INTEGERS},
    pa.float32(): [0.0, -1.5, None],
    pa.float64(): [0.0, 1e300, None],
    pa.decimal128(9, 2): [decimal.Decimal("1.25"), None],
    pa.decimal128(20, 0): [decimal.Decimal(10**19), None],
    pa.string(): ["", "x", "longer than twelve bytes", None],
    pa.large_string(): ["y", None],
    pa.string_view(): ["z", "longer than twelve bytes, too", None],
    pa.binary(): [b"", b"\xff", None],
    pa.dictionary(pa.int8(), pa.string()): ["d", None],
    pa.list_(pa.int32()): [[], [1, None], None],
    pa.large_list(pa.int64()): [[2**40], None],
    pa.struct([("x", pa.int32())]): [{"x": 1}, {"x": None}, None],
    pa.struct([("y", pa.string()), ("x", pa.int64())]): [{"y": "s", "x": 2**40}, None],
    pa.null(): [None],
}
RULES = {"khonsu.schema_rules": "add,widen"}


@st.composite
def tables(draw):
    """Some of the columns a to d, in any order."""
    names = draw(st.lists(st.sampled_from("abcd"), unique=True, min_size=1))
    rows = draw(st.integers(0, 5))
    columns = []
    for _ in names:
        kind = draw(st.sampled_from(list(VALUES)))
        columns.append(pa.array([draw(st.sampled_from(VALUES[kind])) for _ in range(rows)], kind))
    return pa.Table.from_arrays(columns, names=names)


def plain(value):
    """Text and bytes are one, and a field that is not there is null."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {"x": value.get("x"), "y": plain(value.get("y"))} if isinstance(value, dict) else value


def rows_of(table):
    return [{name: plain(row.get(name)) for name in "abcd"} for row in table.to_pylist()]


def pyarrow_would(one, other):
    """Adds columns and nulls of any type; no more."""
    try:
        return pa.unify_schemas([one.schema, other.schema], promote_options="default")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return None


@settings()
@given(st.lists(tables(), min_size=2, max_size=4))
def test_what_was_written_comes_back(parts):
    database = Database()
    with database.begin() as txn:
        txn.write_stream("khonsu_put", "t", parts[0].replace_schema_metadata(RULES))
    expected = rows_of(parts[0])
    for part in parts[1:]:
        with database.begin() as txn:
            before = txn.get("t")
            try:
                txn.write_stream("khonsu_append", "t", part)
            except KhonsuError as error:
                assert "SCHEMA_MISMATCH" in str(error) and "column '" in str(error)
                assert pyarrow_would(before, part) is None
                assert txn.get("t") == before
                continue
            expected += rows_of(part)
            now = txn.get("t")
            now.validate(full=True)
            assert rows_of(now) == expected
            assert now.schema.metadata[b"khonsu.schema_rules"] == b"add,widen"
            wanted = pyarrow_would(before, part)
            if wanted is not None:
                assert now.schema.equals(wanted)
    database.close()
