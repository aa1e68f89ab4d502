"""The C API through ctypes, as far as the interop tests need it. KHONSU_LIB names the shared library."""

import ctypes as c
import os

import pyarrow as pa


class Slice(c.Structure):
    _fields_ = [("data", c.c_char_p), ("size", c.c_size_t)]


class Error(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("status", c.c_int32),
        ("conflicts", c.c_void_p),
        ("conflict_count", c.c_size_t),
        ("private_data", c.c_void_p),
        ("message", c.c_char * 512),
    ]


class ArrowSchema(c.Structure):
    _fields_ = [("bytes", c.c_int64 * 9)]


class ArrowArray(c.Structure):
    _fields_ = [("bytes", c.c_int64 * 10)]


class ArrowStream(c.Structure):
    _fields_ = [("bytes", c.c_int64 * 5)]


class SelectOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("columns", c.POINTER(c.c_char_p)),
        ("column_count", c.c_size_t),
        ("where", c.c_char_p),
        ("offset", c.c_uint64),
        ("limit", c.c_uint64),
    ]


lib = c.CDLL(os.environ["KHONSU_LIB"])
lib.khonsu_status_name.restype = c.c_char_p
FILE, STREAM, LZ4, ZSTD = 1, 2, 16, 32


class KhonsuError(Exception):
    pass


def call(name, *arguments):
    error = Error(struct_size=c.sizeof(Error))
    status = getattr(lib, name)(*arguments, c.byref(error))
    message = error.message.decode()
    lib.khonsu_error_clear(c.byref(error))
    if status != 0:
        raise KhonsuError(f"{lib.khonsu_status_name(status).decode()}: {message}")


def key(text):
    data = text.encode()
    return Slice(data, len(data))


class Database:
    def __init__(self):
        self.handle = c.c_void_p()
        call("khonsu_open", None, None, c.byref(self.handle))

    def close(self):
        call("khonsu_close", c.byref(self.handle))

    def begin(self):
        return Transaction(self)


class Transaction:
    """Commits at the end of a with-block, aborts on an exception."""

    def __init__(self, db):
        self.handle = c.c_void_p()
        call("khonsu_begin", db.handle, None, c.byref(self.handle))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                call("khonsu_commit", self.handle, None)
        finally:
            lib.khonsu_txn_free(c.byref(self.handle))

    def write_batch(self, name, at, batch):
        schema, array = ArrowSchema(), ArrowArray()
        batch._export_to_c(c.addressof(array), c.addressof(schema))
        call(name, self.handle, key(at), c.byref(schema), c.byref(array))
        return schema, array

    def write_stream(self, name, at, table):
        stream = ArrowStream()
        table.to_reader()._export_to_c(c.addressof(stream))
        call(name, self.handle, key(at), c.byref(stream))

    def get(self, at):
        stream = ArrowStream()
        call("khonsu_get", self.handle, key(at), c.byref(stream))
        return pa.RecordBatchReader._import_from_c(c.addressof(stream)).read_all()

    def select(self, at, columns=None, where=None, offset=0, limit=0):
        names = [name.encode() for name in columns or []]
        options = SelectOptions(c.sizeof(SelectOptions), (c.c_char_p * len(names))(*names), len(names), where and where.encode(), offset, limit)
        stream = ArrowStream()
        call("khonsu_select", self.handle, key(at), c.byref(options), c.byref(stream))
        return pa.RecordBatchReader._import_from_c(c.addressof(stream)).read_all()

    def get_batch(self, at):
        schema, array = ArrowSchema(), ArrowArray()
        call("khonsu_get_batch", self.handle, key(at), c.byref(schema), c.byref(array))
        return pa.RecordBatch._import_from_c(c.addressof(array), c.addressof(schema))


def write_file(path, table, format):
    stream = ArrowStream()
    table.to_reader()._export_to_c(c.addressof(stream))
    call("khonsu_ipc_write", str(path).encode(), format, c.byref(stream))


def read_file(path):
    stream = ArrowStream()
    call("khonsu_ipc_read", str(path).encode(), c.byref(stream))
    return pa.RecordBatchReader._import_from_c(c.addressof(stream)).read_all()


def copy_file(source, target, format):
    """Without pyarrow in between: what only IPC knows, such as the metadata of batches, goes along."""
    stream = ArrowStream()
    call("khonsu_ipc_read", str(source).encode(), c.byref(stream))
    call("khonsu_ipc_write", str(target).encode(), format, c.byref(stream))
