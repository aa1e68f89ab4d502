"""A reader of flashkv's files that knows docs/formats/flashkv.md and nothing else, against the stores in tests/golden."""

import pathlib
import struct

import pytest

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
LATEST = "flashkv-2"
PUT, DELETE, SEAL, VOID = 1, 2, 3, 4
ALONE, EXPIRES, ALIGNED = 1, 2, 4
NEVER = 2**64 - 1


class Damaged(Exception):
    pass


class Unsupported(Exception):
    pass


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = crc_table()


def crc32c(*parts):
    crc = 0xFFFFFFFF
    for byte in b"".join(parts):
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def must(condition, what):
    if not condition:
        raise Damaged(what)


def known(reserved, what):
    if reserved:
        raise Unsupported(what)


def u64(*numbers):
    return struct.pack(f"<{len(numbers)}Q", *numbers)


def preamble(file, kind, store_id=None):
    """The three numbers, and the store id."""
    must(file[:8] == kind + b"\0", "not a file of this kind")
    version, crc = struct.unpack_from("<II", file, 8)
    must(crc == crc32c(file[:12], file[16:64]), "preamble")
    known(version != (2 if kind == b"FKVIMAG" else 1), "version")
    *numbers, reserved = struct.unpack_from("<4Q", file, 32)
    known(reserved, "preamble")
    must(store_id in (None, file[16:32]), "of another store")
    return numbers, file[16:32]


class Manifest:
    def __init__(self, file):
        (self.generation, size, crc), self.store_id = preamble(file, b"FKVMANI")
        must(len(file) == 64 + size and crc32c(file[64:]) == crc, "manifest")
        fixed = struct.unpack_from("<8Q", file, 64)
        self.next_id, self.seed, self.oldest, self.history_from, count, self.sequence, self.time_us, reserved = fixed
        known(reserved, "manifest")
        must(len(file) == 128 + 64 * count, "rows")
        self.rows = []
        for at in range(128, len(file), 64):
            id, bits, flushed, least, greatest, *reserved = struct.unpack_from("<8Q", file, at)
            known(any(reserved) or bits & ~3, "row")
            self.rows.append((id, bool(bits & 1), bool(bits & 2), flushed, least, greatest))


class Record:
    def __init__(self, file, at, salt):
        """Raises Damaged if no sound record stands there."""
        self.at = at
        must(at + 32 <= len(file), "the file ends")
        crc, value_crc, value_size, key_size, self.kind, self.flags, self.sequence, self.time_us = struct.unpack_from(
            "<IIIHBBQQ", file, at)
        allowed = {PUT: ALONE | EXPIRES | ALIGNED, DELETE: ALONE, SEAL: 0, VOID: 0}
        must(self.kind in allowed and self.flags & ~allowed[self.kind] == 0, "kind or flags")
        is_write = self.kind in (PUT, DELETE)
        must(is_write or key_size == 0, "key of what has none")
        must(value_size == {DELETE: 0, SEAL: 16}.get(self.kind, value_size), "value size")
        key_end = at + 32 + (key_size + 1 if is_write else 0)
        head_end = key_end + (8 if self.flags & EXPIRES else 0)
        value_at = (head_end + 63) // 64 * 64 if self.flags & ALIGNED else head_end
        must(value_at + value_size <= len(file), "the file ends")
        must(crc == crc32c(file[at + 4:at + 16], file[at + 32:head_end], file[at + 16:at + 32], u64(salt, at)), "head")
        self.key, self.value = file[at + 32:key_end], file[value_at:value_at + value_size]
        self.expires_ms = struct.unpack_from("<Q", file, key_end)[0] if self.flags & EXPIRES else 0
        must(self.kind == VOID or crc32c(self.value) == value_crc, "value")
        must(not self.flags & ALIGNED or value_at % 64 == 0, "alignment")
        self.end = (value_at + value_size + 7) // 8 * 8

    def is_write(self):
        return self.kind in (PUT, DELETE)


class Store:
    def __init__(self, folder):
        self.folder = folder
        self.manifest = Manifest((folder / "MANIFEST").read_bytes())
        self.files, self.records = {}, []  # records: of commits that count
        self.marks, self.voids, self.batches, self.cut = [], [], [], 0
        last, ended, continues = self.manifest.sequence, False, None
        for id, sealed, merged, flushed, least, greatest in self.manifest.rows:
            file = (folder / f"{id:09}.data").read_bytes()
            (own_id, salt, _), _ = preamble(file, b"FKVDATA", self.manifest.store_id)
            must(own_id == id and len(file) >= flushed, f"{id}.data")
            self.files[id] = file
            if sealed:
                must(len(file) == flushed, "size")
                commits, end, _ = self.read(file, id, salt, None, None)
                must(end == flushed, "records of a sealed file")
                sequences = [r.sequence for r in commits]
                must(not sequences or (min(sequences), max(sequences)) == (least, greatest), "sequences of the row")
                must(merged or sequences == sorted(sequences), "order")
                last = max([last] + sequences)
            else:
                if ended:
                    must(flushed <= 64, "the log ends before what was flushed")
                    continue
                commits, end, continues = self.read(file, id, salt, last, continues)
                must(end >= flushed, "the log ends before what was flushed")
                ended = any(file[end:])
                self.cut += len(file[end:].rstrip(b"\0"))
            self.records += commits
        newest = max([last] + [r.sequence for r in self.records])
        must(all(synced_to <= newest for synced_to in self.marks), "the log ends before what was flushed")
        self.sequence = newest

    def read(self, file, id, salt, last, before):
        """Writes of commits that are whole, and where these end. `last`: of the log, which must go on from there."""
        done, batch, at, end = [], [], 64, 64
        while at < len(file) and any(file[at:at + 32]):
            try:
                record = Record(file, at, salt)
            except Damaged:
                must(last is not None, f"{id}.data at {at}")
                break
            record.file = id
            is_mark = record.kind == SEAL and record.value[:8] == u64(0)
            if last is not None and not is_mark and not batch:
                first = before is None
                if record.sequence > last + 1 if first else record.sequence not in (before, before + 1):
                    break
                before = record.sequence
            if record.is_write() and not record.flags & ALONE:
                if batch and batch[0].sequence != record.sequence:
                    break
                batch.append(record)
            elif record.kind == SEAL and not is_mark:
                count = struct.unpack_from("<Q", record.value)[0]
                if count != len(batch) or batch[0].sequence != record.sequence:
                    break
                done += batch
                self.batches.append(len(batch))
                batch = []
            elif batch:
                break
            elif record.is_write():
                done.append(record)
            elif record.kind == VOID:
                self.voids.append(record)
            if record.kind == SEAL:
                self.marks.append(struct.unpack_from("<Q", record.value, 8)[0])
            at = record.end
            end = end if batch else at
        return done, end, before

    def contents(self, now_ms, sequence=NEVER):
        newest = {}
        for record in self.records:
            if record.sequence <= sequence and record.sequence >= newest.get(record.key, record).sequence:
                newest[record.key] = record
        return {key: record.value for key, record in newest.items()
                if record.kind == PUT and not 0 < record.expires_ms <= now_ms}

    def at_word(self, word, rows):
        for id, first, covered in rows:
            offset = (word - (first << 22)) * 8
            if 0 <= offset < covered:
                salt = struct.unpack_from("<Q", self.files[id], 40)[0]
                return Record(self.files[id], offset, salt)
        raise Damaged(f"word {word}")


class Index:
    def __init__(self, store):
        file = (store.folder / "INDEX").read_bytes()
        (size, crc, _), _ = preamble(file, b"FKVIMAG", store.manifest.store_id)
        fixed = struct.unpack_from("<8Q", file, 64)
        self.sequence, self.time_us, self.keys, rows, links, expiries, map_at, map_size = fixed
        hash_map = file[map_at:]
        must(map_at % 4096 == 0 and len(hash_map) == map_size, "sizes")
        must(size == 64 + 80 * rows + 32 * links + 16 * expiries, "sizes")
        must(crc == crc32c(file[64:64 + size], hash_map[:60]), "index")
        must(not any(file[64 + size:map_at]), "zeros")
        at = 128
        take = lambda count, numbers: [struct.unpack_from(f"<{numbers}Q", file, at + i * numbers * 8) for i in range(count)]
        self.rows = take(rows, 10)
        at += 80 * rows
        self.links = take(links, 4)
        at += 32 * links
        self.expiries = take(expiries, 2)
        known(any(row[8] & ~1 or row[9] for row in self.rows), "row")
        self.spans = [(row[0], row[1], row[2]) for row in self.rows]
        self.words = list(self.words_of(hash_map))

    @staticmethod
    def words_of(image):
        magic, size, words, depth, segments, table_crc = struct.unpack_from("<8sQQIII", image)
        must(magic == b"KHIMAGE2" and size == len(image), "hash map")
        must(crc32c(image[:60]) == struct.unpack_from("<I", image, 60)[0], "hash map")
        known(any(image[36:60]), "hash map")
        at = (64 + 16 * segments + 63) // 64 * 64
        must(table_crc == crc32c(image[64:at]), "hash map")
        found, taken = 0, 0
        for row in range(segments):
            place, crc, own_depth, log2, reserved = struct.unpack_from("<QIBBH", image, 64 + 16 * row)
            known(reserved, "row of a segment")
            end = at + 64 + (9 << log2)
            must(place == at and crc == crc32c(image[at:end]), "segment")
            d, l, count, deleted = struct.unpack_from("<IIQQ", image, at + 24)
            slots = struct.unpack_from(f"<{1 << log2}Q", image, at + 64)
            controls = image[at + 64 + (8 << log2):end]
            live = [slot for slot in slots if slot != 0]
            must((d, l, count, deleted) == (own_depth, log2, len(live), controls.count(1)), "counts")
            must(0 in controls, "no slot is empty")
            for slot, control in zip(slots, controls):
                tag = slot >> 56
                must(control == (tag if tag > 1 else tag + 2) if slot else control <= 1, "control byte")
            yield from (slot & (1 << 48) - 1 for slot in live)
            found, taken, at = found + len(live), taken + (1 << depth - own_depth), end
        must((found, taken, at) == (words, 1 << depth, size), "hash map")


# ---- what is in the golden stores: tests/flashkv/test_golden.c made them

NOW_MS = 1_790_000_000_000
BIG = bytes((at * 7 + at // 256) % 256 for at in range(5000))


def expected(crashed):
    contents = {f"old/a{n:02}": f"the first value, of {n:02}" for n in range(3 if crashed else 2, 20)}
    contents |= {f"old/b{n:02}": f"the first value, of {n:02}" for n in range(1, 20, 2)}
    contents |= {"kept": "third", "aligned": "at 64", "late": "not over yet", "batch/1": "one again",
                 "batch/2": "aligned, and late", "empty": "no more" if crashed else "", "k" * 600: "of a long key"}
    if crashed:
        contents["after"] = "the image"
    return {key.encode(): value.encode() for key, value in contents.items()} | {b"big": BIG, b"\0\xff\n": b"\0"}


@pytest.fixture(params=["flashkv-1/closed", "flashkv-1/crashed", "flashkv-2/closed", "flashkv-2/crashed"])
def store(request):
    return Store(GOLDEN / request.param)


@pytest.fixture(params=["closed", "crashed"])
def latest(request):
    return Store(GOLDEN / LATEST / request.param)


def is_crashed(store):
    return store.folder.name == "crashed"


def test_crc32c():
    assert crc32c(b"123456789") == 0xE3069283


def test_contents(store):
    assert store.contents(NOW_MS) == expected(is_crashed(store))
    assert store.sequence == (67 if is_crashed(store) else 64)
    assert store.contents(1_700_000_000_000).keys() - store.contents(NOW_MS).keys() == {b"soon"}


def test_the_past(store):
    kept = [store.contents(NOW_MS, sequence).get(b"kept") for sequence in range(51, 56)]
    assert kept == [None, b"first", b"second", None, b"third"]
    assert store.manifest.oldest == 51
    before, after = store.contents(NOW_MS, 62), store.contents(NOW_MS, 63)
    assert b"batch/1" not in before and b"old/a00" in before and after[b"batch/1"] == b"one again" and b"old/a00" not in after


def test_everything_there_is_in_files(store):
    """So that nothing of the page goes untested."""
    kinds = {(sealed, merged) for _, sealed, merged, *_ in store.manifest.rows}
    assert kinds == {(True, True), (True, False), (False, False)}
    assert store.batches == [4] and len(store.voids) == 1 and 0 < len(store.marks)
    assert any(r.flags & ALIGNED and r.flags & EXPIRES for r in store.records)
    assert any(r.kind == DELETE and not r.flags & ALONE for r in store.records)
    assert (store.cut > 0) == is_crashed(store)


def test_an_earlier_index_is_none():
    with pytest.raises(Unsupported):
        Index(Store(GOLDEN / "flashkv-1" / "closed"))


def test_index(latest):
    store, index, crashed = latest, Index(latest), is_crashed(latest)
    assert index.sequence == 64 and {row[0] for row in index.rows} <= {row[0] for row in store.manifest.rows}
    records = [store.at_word(word, index.spans) for word in index.words]
    assert len({r.key for r in records}) == len(records)
    with_value = {r.key: r.value for r in records if r.kind == PUT}
    assert with_value == store.contents(0, 64) and len(with_value) == index.keys
    assert index.links and index.expiries
    for newer, older, sequence, until in index.links:
        newer, older = store.at_word(newer, index.spans), store.at_word(older, index.spans)
        assert newer.key == older.key and older.sequence == sequence < until <= newer.sequence
    for expires_ms, word in index.expiries:
        assert store.at_word(word, index.spans).expires_ms == expires_ms
    for id, _, covered, *_ in index.rows:
        assert crashed or covered == len(store.files[id])


@pytest.mark.parametrize("name", ["MANIFEST", "000000002.data", "INDEX"])
def test_each_damaged_byte_of_what_is_small_is_found(name, tmp_path):
    """Which shows that the checksums cover what the page says they do. Zeros inside of records are under none."""
    for file in (GOLDEN / LATEST / "closed").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    whole = (tmp_path / name).read_bytes()
    missed = []
    for at in range(0, len(whole), 1 if name == "MANIFEST" else 11):
        changed = bytearray(whole)
        changed[at] ^= 1
        (tmp_path / name).write_bytes(changed)
        try:
            Index(Store(tmp_path))
            missed.append(at)
        except (Damaged, Unsupported):
            pass
    assert all(whole[at] == 0 for at in missed)
    assert not missed if name == "MANIFEST" else len(missed) < len(whole) / 10
