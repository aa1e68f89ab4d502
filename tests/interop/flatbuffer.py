"""As much of flatbuffers as it takes to change Arrow IPC messages by hand: tables, vectors, scalars in place."""

import struct


class Table:
    def __init__(self, data, at):
        self.data, self.at = data, at
        self.vtable = at - struct.unpack_from("<i", data, at)[0]
        self.size = struct.unpack_from("<H", data, self.vtable)[0]

    @classmethod
    def root(cls, data, start=0):
        return cls(data, start + struct.unpack_from("<I", data, start)[0])

    def place(self, field):
        """Where the field stands; None: it is left out."""
        at = 4 + 2 * field
        offset = struct.unpack_from("<H", self.data, self.vtable + at)[0] if at < self.size else 0
        return self.at + offset if offset else None

    def table(self, field):
        at = self.place(field)
        return Table(self.data, at + struct.unpack_from("<I", self.data, at)[0])

    def structs(self, field, format):
        at = self.place(field)
        at += struct.unpack_from("<I", self.data, at)[0]
        count = struct.unpack_from("<I", self.data, at)[0]
        size = struct.calcsize(format)
        return [struct.unpack_from(format, self.data, at + 4 + i * size) for i in range(count)]

    def scalar(self, field, format, default=0):
        at = self.place(field)
        return default if at is None else struct.unpack_from(format, self.data, at)[0]


SCHEMA, DICTIONARY, BATCH = 1, 2, 3


def messages(stream):
    """Kind, metadata's beginning, body's beginning of each message of a stream."""
    at = 0
    while at + 8 <= len(stream):
        marker, size = struct.unpack_from("<II", stream, at)
        if size == 0:
            return
        message = Table.root(stream, at + 8)
        body = at + 8 + size
        yield message.scalar(1, "<B"), at + 8, body
        at = body + message.scalar(3, "<q")


def to_big_endian(stream, widths):
    """What a big-endian machine would have written: `widths` are those of the numbers in each buffer of a batch, in
    their order; a tuple for numbers side by side; 0 for bytes."""
    data = bytearray(stream)
    for kind, metadata, body in messages(stream):
        header = Table.root(data, metadata).table(2)
        if kind == SCHEMA:
            struct.pack_into("<h", data, header.place(0), 1)
            continue
        if kind == DICTIONARY:
            raise ValueError("not here")
        for (offset, size), width in zip(header.structs(2, "<qq"), widths, strict=True):
            swap(data, body + offset, size, width)
    return bytes(data)


def swap(data, at, size, width):
    units = width if isinstance(width, tuple) else (width,)
    if units == (0,):
        return
    end = at + size
    while at < end:
        for unit in units:
            data[at : at + unit] = data[at : at + unit][::-1]
            at += unit
