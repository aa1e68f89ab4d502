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

    def vector(self, field):
        """Where the vector's count stands, and the count."""
        at = self.place(field)
        at += struct.unpack_from("<I", self.data, at)[0]
        return at, struct.unpack_from("<I", self.data, at)[0]

    def tables(self, field):
        at, count = self.vector(field)
        return [Table(self.data, place + struct.unpack_from("<I", self.data, place)[0]) for place in range(at + 4, at + 4 + 4 * count, 4)]

    # ---- changes

    def put(self, field, format, value):
        struct.pack_into(format, self.data, self.place(field), value)

    def forget(self, field):
        """Of all tables that have the same fields."""
        struct.pack_into("<H", self.data, self.vtable + 4 + 2 * field, 0)

    def put_struct(self, field, index, format, *values):
        at, _ = self.vector(field)
        struct.pack_into(format, self.data, at + 4 + index * struct.calcsize(format), *values)

    def put_count(self, field, count):
        struct.pack_into("<I", self.data, self.vector(field)[0], count)

    def share(self, field, index):
        """All elements become this one."""
        at, count = self.vector(field)
        target = self.tables(field)[index].at
        for place in range(at + 4, at + 4 + 4 * count, 4):
            struct.pack_into("<I", self.data, place, target - place)


SCHEMA, DICTIONARY, BATCH = 1, 2, 3


def header(data, kind, number=0):
    """The header of the message of this kind, of several the one of this number."""
    places = [metadata for found, metadata, _ in messages(data) if found == kind]
    return message(data, places[number]).table(2)


def message(data, at):
    return Table.root(data, at)


def footer(data):
    size = struct.unpack_from("<i", data, len(data) - 10)[0]
    return Table.root(data, len(data) - 10 - size)


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


VIEW = "view"


def to_big_endian(stream, widths, of_dictionary=None):
    """What a big-endian machine would have written: `widths` are those of the numbers in each buffer of a batch, in
    their order; a tuple for numbers side by side; 0 for bytes; VIEW for views."""
    data = bytearray(stream)
    for kind, metadata, body in messages(stream):
        header = Table.root(data, metadata).table(2)
        if kind == SCHEMA:
            struct.pack_into("<h", data, header.place(0), 1)
            continue
        batch, of_batch = (header.table(1), of_dictionary) if kind == DICTIONARY else (header, widths)
        for (offset, size), width in zip(batch.structs(2, "<qq"), of_batch, strict=True):
            swap(data, body + offset, size, width)
    return bytes(data)


def units_of_view(data, at):
    """Size, then text; or size, prefix, buffer and place."""
    is_short = struct.unpack_from("<i", data, at)[0] <= 12
    return [4] + [1] * 12 if is_short else [4, 1, 1, 1, 1, 4, 4]


def swap(data, at, size, width):
    units = width if isinstance(width, tuple) else (width,)
    if units == (0,):
        return
    end = at + size
    while at < end:
        for unit in units_of_view(data, at) if width == VIEW else units:
            data[at : at + unit] = data[at : at + unit][::-1]
            at += unit
