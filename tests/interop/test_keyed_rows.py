"""Upsert and deletion of rows by key, against Python and pyarrow, on random tables of keys of random types."""

import ctypes as c

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from khonsu_c import ArrowStream, KhonsuError
from test_kernels import arrays, call, key, plain_arrays


def lend(table):
    stream = ArrowStream()
    table.to_reader()._export_to_c(c.addressof(stream))
    return c.byref(stream)


def take_back(stream):
    result = pa.RecordBatchReader._import_from_c(c.addressof(stream)).read_all()
    result.validate(full=True)
    return result


def upsert(base, rows, *columns):
    counts, stream = (c.c_uint64 * 2)(), ArrowStream()
    names = (c.c_char_p * len(columns))(*[name.encode() for name in columns])
    call("bridge_upsert", lend(base), lend(rows), names, c.c_size_t(len(columns)), counts, c.byref(stream))
    return take_back(stream), tuple(counts)


def delete_rows(base, keys):
    deleted, stream = c.c_uint64(), ArrowStream()
    call("bridge_delete_rows", lend(base), lend(keys), c.byref(deleted), c.byref(stream))
    return take_back(stream), deleted.value


# ---- random tables


def keys_of(columns):
    """A key for each row; of unions with the type."""

    def typed(value):
        return (value.type_code if pa.types.is_union(value.type) else 0, key(value.as_py()))

    return list(zip(*[[typed(value) for value in column] for column in columns]))


@st.composite
def cases(draw, columns=st.just(1), types=None):
    """A base of several batches, rows to upsert, whose keys differ, and the keys of both. Values `v` are all different."""
    count = draw(columns)
    made = [draw(arrays() if types is None else plain_arrays(types)) for _ in range(count)]
    size = min(map(len, made))
    made = [column[:size] for column in made]
    keys = keys_of(made)
    names = [f"k{i}" for i in range(count)]
    pool = pa.RecordBatch.from_arrays(made + [pa.array(range(size), pa.int64())], names=names + ["v"])
    other = pa.RecordBatch.from_arrays(made + [pa.array(range(1000, 1000 + size), pa.int64())], names=names + ["v"])
    cuts = sorted(draw(st.lists(st.integers(0, size), max_size=3)))
    end = size - draw(st.integers(0, min(3, size)))
    edges = [0] + [cut for cut in cuts if cut <= end] + [end]
    base = pa.Table.from_batches([pool.slice(a, b - a) for a, b in zip(edges, edges[1:])], schema=pool.schema)
    chosen, met = [], set()
    for row in range(size):
        if repr(keys[row]) not in met and draw(st.booleans()):
            met.add(repr(keys[row]))
            chosen.append(row)
    rows = pa.Table.from_batches([other.slice(row, 1) for row in chosen], schema=pool.schema)
    return names, base, rows, [repr(k) for k in keys[:end]], [repr(keys[row]) for row in chosen]


def rows_as_text(table):
    return [repr(row) for row in zip(*[column.to_pylist() for column in table.columns])]


def check_upsert(names, base, rows, base_keys, row_keys):
    place = {k: i for i, k in enumerate(row_keys)}
    before, new = rows_as_text(base), rows_as_text(rows)
    expected = [new[place[k]] if k in place else row for k, row in zip(base_keys, before)]
    fresh = [row for k, row in zip(row_keys, new) if k not in set(base_keys)]
    result, counts = upsert(base, rows, *names)
    assert result.schema.equals(base.schema)
    assert rows_as_text(result) == expected + fresh
    assert counts == (len(fresh), sum(k in place for k in base_keys))


@given(cases())
def test_upsert(case):
    names, base, rows, base_keys, row_keys = case
    check_upsert(names, base, rows, base_keys, row_keys)


@given(cases(st.integers(2, 3)))
def test_upsert_by_several_columns(case):
    names, base, rows, base_keys, row_keys = case
    check_upsert(names, base, rows, base_keys, row_keys)


@given(cases(st.integers(1, 2)))
def test_delete_rows(case):
    names, base, rows, base_keys, row_keys = case
    result, deleted = delete_rows(base, rows.select(names))
    expected = [row for k, row in zip(base_keys, rows_as_text(base)) if k not in set(row_keys)]
    assert rows_as_text(result) == expected
    assert deleted == len(base_keys) - len(expected)


JOINED = st.sampled_from([pa.int8(), pa.uint16(), pa.int64(), pa.string(), pa.large_binary(), pa.date32()])


@given(cases(st.just(1), JOINED))
def test_as_pyarrow_joins(case):
    """A join finds no nulls, so these are left out."""
    _, base, rows, _, _ = case
    base, rows = (table.filter(table.column("k0").is_valid()) for table in (base, rows))
    result, (inserted, updated) = upsert(base, rows, "k0")
    kept, replaced = (base.join(rows.select(["k0"]), "k0", join_type=kind) for kind in ("left anti", "left semi"))
    fresh = rows.join(base.select(["k0"]), "k0", join_type="left anti")
    in_place = replaced.select(["k0"]).join(rows, "k0", join_type="inner")
    expected = rows_as_text(kept) + rows_as_text(in_place.select(["k0", "v"])) + rows_as_text(fresh)
    assert sorted(rows_as_text(result)) == sorted(expected)
    assert (inserted, updated) == (fresh.num_rows, replaced.num_rows)
    result, deleted = delete_rows(base, rows.select(["k0"]))
    assert sorted(rows_as_text(result)) == sorted(rows_as_text(kept))
    assert deleted == replaced.num_rows


@given(cases())
def test_keys_twice(case):
    names, base, rows, _, row_keys = case
    if not row_keys:
        return
    twice = pa.concat_tables([rows, rows.slice(0, 1)])
    with pytest.raises(KhonsuError, match=f"INVALID_ARGUMENT: rows 0 and {len(row_keys)} of the input have the same key"):
        upsert(base, twice, *names)
