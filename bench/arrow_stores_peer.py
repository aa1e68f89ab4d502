"""The stores of bench/engine_arrow_stores.c: `arrow_stores_peer.py "STORE OPERATION" DIRECTORY`.

  append   1,000 rows to one table, as often as each line of the input says; answers with the nanoseconds that took
  read     a table of 1,000 rows, likewise
  crowd    four threads append 500 times each, or for so many seconds, trying once, while another reads; answers with the
           nanoseconds, and how many appends were tried, lost, failed, and came out with another number of rows

Rows are made, and brought into the form that the store wants, before the clock starts.
"""

import ctypes
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa

ROWS, WRITERS, APPENDS, BURST, CROWD_S = 1000, 4, 500, 64, 20

warnings.filterwarnings("ignore")


def columns(tag):
    return {
        "id": np.arange(ROWS, dtype=np.int64),
        "tag": np.full(ROWS, tag, dtype=np.int64),
        "value": np.random.default_rng(tag).random(ROWS),
    }


class Store:
    """With pa.Table as rows; a method takes the table's name, as paths are the stores' names."""

    def __init__(self, directory):
        self.directory = directory

    def rows(self, tag):
        return pa.table(columns(tag))

    def path(self, name):
        return str(Path(self.directory) / name)

    def writer(self, name):
        """What appends rows to the table; one for each thread."""
        return lambda rows: self.append(name, rows)

    def tags(self, name):
        return self.read(name)["tag"].to_numpy()


class IpcStream(Store):
    def rows(self, tag):
        return pa.record_batch(columns(tag))

    def writer(self, name):
        sink = pa.OSFile(self.path(name), "wb")
        stream = pa.ipc.new_stream(sink, self.rows(0).schema)
        self.kept = stream, sink
        return stream.write_batch


class DuckDb(Store):
    """By the C API, which the extension module exports."""

    BIGINT, DOUBLE = 5, 11  # of duckdb_type

    class Result(ctypes.Structure):
        _fields_ = [("unused", ctypes.c_uint64 * 3), ("pointers", ctypes.c_void_p * 3)]

    class Handle(ctypes.c_void_p):
        """What functions return as a pointer stays one."""

    def __init__(self, directory):
        import _duckdb

        super().__init__(directory)
        self.api = ctypes.CDLL(_duckdb.__file__)
        for function in ("create_logical_type", "create_data_chunk", "data_chunk_get_vector", "vector_get_data"):
            getattr(self.api, "duckdb_" + function).restype = self.Handle
        self.api.duckdb_fetch_chunk.restype = self.Handle
        self.api.duckdb_fetch_chunk.argtypes = [self.Result]
        self.api.duckdb_data_chunk_get_size.restype = ctypes.c_uint64
        self.api.duckdb_data_chunk_get_vector.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        self.api.duckdb_create_data_chunk.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        self.api.duckdb_data_chunk_set_size.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        self.types = (self.Handle * 3)(*map(self.api.duckdb_create_logical_type, (self.BIGINT, self.BIGINT, self.DOUBLE)))
        self.database = self.Handle()
        self.must(self.api.duckdb_open(self.path("db").encode(), ctypes.byref(self.database)))
        self.here = threading.local()

    @staticmethod
    def must(state):
        if state != 0:
            raise RuntimeError("duckdb refused")

    def connect(self):
        connection = self.Handle()
        self.must(self.api.duckdb_connect(self.database, ctypes.byref(connection)))
        return connection

    def rows(self, tag):
        chunk = self.api.duckdb_create_data_chunk(self.types, 3)
        for number, column in enumerate(columns(tag).values()):
            vector = self.api.duckdb_data_chunk_get_vector(chunk, number)
            ctypes.memmove(self.api.duckdb_vector_get_data(vector), column.ctypes.data, column.nbytes)
        self.api.duckdb_data_chunk_set_size(chunk, ROWS)
        return chunk

    def writer(self, name):
        connection, appender = self.connect(), self.Handle()
        statement = f'create table if not exists "{name}"(id bigint, tag bigint, value double)'
        self.must(self.api.duckdb_query(connection, statement.encode(), None))
        self.must(self.api.duckdb_appender_create(connection, None, name.encode(), ctypes.byref(appender)))

        def write(chunk):
            self.must(self.api.duckdb_append_data_chunk(appender, chunk))
            self.must(self.api.duckdb_appender_flush(appender))
            self.api.duckdb_destroy_data_chunk(ctypes.byref(chunk))

        return write

    def fetch(self, result):
        """The columns of all chunks."""
        while (chunk := self.api.duckdb_fetch_chunk(result)).value is not None:
            size = self.api.duckdb_data_chunk_get_size(chunk)
            vectors = [self.api.duckdb_data_chunk_get_vector(chunk, number) for number in range(3)]
            data = [self.api.duckdb_vector_get_data(vector).value for vector in vectors]
            yield [np.frombuffer(ctypes.string_at(at, 8 * size), np.int64) for at in data]
            self.api.duckdb_destroy_data_chunk(ctypes.byref(chunk))

    def read(self, name):
        if not hasattr(self.here, "connection"):
            self.here.connection = self.connect()
        result = self.Result()
        self.must(self.api.duckdb_query(self.here.connection, f'from "{name}"'.encode(), ctypes.byref(result)))
        parts = list(self.fetch(result))
        self.api.duckdb_destroy_result(ctypes.byref(result))
        return [np.concatenate(column) for column in zip(*parts)]

    def tags(self, name):
        return self.read(name)[1]


class ArcticDb(Store):
    def __init__(self, directory):
        import arcticdb

        super().__init__(directory)
        self.arctic = arcticdb.Arctic("lmdb://" + directory)
        self.library = self.arctic.get_library("tables", create_if_missing=True)

    def rows(self, tag):
        import pandas

        return pandas.DataFrame(columns(tag))

    def append(self, name, rows):
        self.library.append(name, rows)

    def read(self, name):
        return self.library.read(name).data


class Lance(Store):
    def __init__(self, directory):
        import lance

        super().__init__(directory)
        self.lance = lance

    def append(self, name, rows):
        there = Path(self.path(name)).exists()
        self.lance.write_dataset(rows, self.path(name), mode="append" if there else "create")

    def read(self, name):
        return self.lance.dataset(self.path(name)).to_table()


class Delta(Store):
    def __init__(self, directory):
        import deltalake

        super().__init__(directory)
        self.deltalake = deltalake

    def append(self, name, rows):
        self.deltalake.write_deltalake(self.path(name), rows, mode="append")

    def read(self, name):
        return self.deltalake.DeltaTable(self.path(name)).to_pyarrow_table()


STORES = {"ipc_stream": IpcStream, "duckdb": DuckDb, "arcticdb": ArcticDb, "lance": Lance, "deltalake": Delta}


def append(store):
    write = store.writer("growing")
    write(store.rows(0))

    def some(count):
        elapsed = 0
        for done in range(0, count, BURST):
            batches = [store.rows(i) for i in range(min(BURST, count - done))]
            began = time.perf_counter_ns()
            for rows in batches:
                write(rows)
            elapsed += time.perf_counter_ns() - began
        return [elapsed]

    return some


def read(store):
    store.writer("small")(store.rows(0))
    assert len(store.tags("small")) == ROWS

    def some(count):
        began = time.perf_counter_ns()
        for _ in range(count):
            store.read("small")
        return [time.perf_counter_ns() - began]

    return some


def crowd(store):
    def one(_):
        first = WRITERS * APPENDS  # a tag that is not counted: the table is there when the writers come
        store.writer("shared")(store.rows(first))
        batches = [store.rows(tag) for tag in range(WRITERS * APPENDS)]
        tried, acknowledged, written = set(), set(), threading.Event()
        writers = [store.writer("shared") for _ in range(WRITERS)]

        def write_all(number):
            for tag in range(number * APPENDS, (number + 1) * APPENDS):
                if time.perf_counter_ns() - began > CROWD_S * 10**9:
                    break
                tried.add(tag)
                try:
                    writers[number](batches[tag])
                    acknowledged.add(tag)
                except Exception:  # whatever the store calls it
                    pass

        def read_all():
            while not written.is_set():
                try:
                    store.read("shared")
                except Exception:
                    pass

        threads = [threading.Thread(target=write_all, args=[number]) for number in range(WRITERS)]
        reader = threading.Thread(target=read_all)
        began = time.perf_counter_ns()
        for thread in [reader, *threads]:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.perf_counter_ns() - began
        written.set()
        reader.join()
        found = np.bincount(store.tags("shared"), minlength=WRITERS * APPENDS)
        lost = sum(found[tag] == 0 for tag in acknowledged)
        twice = sum(found[tag] not in (0, ROWS) for tag in acknowledged)
        return [elapsed, len(tried), lost, len(tried) - len(acknowledged), twice]

    return one


name, operation = sys.argv[1].split()
run = {"append": append, "read": read, "crowd": crowd}[operation](STORES[name](sys.argv[2]))
print("ready", flush=True)
for line in sys.stdin:
    print(*run(int(line)), flush=True)
