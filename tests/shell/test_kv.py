"""`khonsu kv`: commands, notations, formats, exit statuses, pipes, Ctrl-C, and what others have locked."""

import base64
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

from khonsu_program import PROGRAM, SECONDS_MAX, candidates, environment, khonsu, objects, terminal

# Under a sanitizer all is slow.
MANY = 20_000 if b"__asan_init" in open(PROGRAM, "rb").read() else 200_000
GOLDEN = Path(__file__).parents[1] / "golden" / "flashkv-2"
MAGIC = b"\x89FKV1\r\n\x1a"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def kv(store, *arguments, script=b"", **options):
    return khonsu("kv", store, *arguments, script=script, **options)


def ok(store, *arguments, **options):
    """What a command that goes well prints."""
    ran = kv(store, *arguments, **options)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
    return ran.stdout


def fails(status, text, store, *arguments, **options):
    ran = kv(store, *arguments, **options)
    assert ran.returncode == status
    assert text in ran.stderr.decode()
    return ran.stdout


def fill(store, count, value="v"):
    lines = "".join(f'{{"key":"k{i:07}","value":"{value}{i}"}}\n' for i in range(count))
    ok(store, "--quiet", "import", script=lines)


# ---- get, put, del


def test_put_and_get(store):
    assert ok(store, "put", "key", "value") == b""
    assert ok(store, "get", "key") == b"value"
    assert ok(store, "put", "key", "", "--json") == b'{"sequence":2}\n'
    assert ok(store, "get", "key") == b""


def test_values_from_standard_input_and_files(store, tmp_path):
    value = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(value)
    ok(store, "put", "piped", "-", script=value)
    ok(store, "put", "filed", f"@{tmp_path}/file")
    ok(store, "put", "dash", "--literal", "-")
    ok(store, "put", "at", "--literal", "@x")
    ok(store, "put", "--", "-k", "-v")
    assert [ok(store, "get", key) for key in ("piped", "filed", "dash", "at")] == [value, value, b"-", b"@x"]
    assert ok(store, "get", "--", "-k") == b"-v"
    fails(1, "cannot open", store, "put", "k", "@/none/such")


@pytest.mark.parametrize("notation, write", [("--hex", bytes.hex), ("--base64", lambda b: base64.b64encode(b).decode())])
@pytest.mark.parametrize("key", [b"\x00", b"a\nb", b"\xff" * 7, bytes(range(256))])
def test_binary_keys(store, notation, write, key):
    value = b"\x00\xfe" + key[:3]
    ok(store, "put", notation, "--", write(key), write(value))
    assert ok(store, "get", notation, "--", write(key)).decode() == write(value)
    assert ok(store, "get", notation, "--raw", "--", write(key)) == value
    assert ok(store, "ls", notation, "--values").decode() == f"{write(key)}\t{write(value)}\n"
    assert ok(store, "ls", "--null") == key + b"\0"
    if b"\0" not in key:
        assert ok(store, "get", "--raw", "--null", "-", script=key + b"\0") == value + b"\0"
    ok(store, "del", notation, "--", write(key))
    assert ok(store, "ls") == b""


@pytest.mark.parametrize("notation, wrong", [("--hex", "abc"), ("--hex", "zz"), ("--base64", "abc"), ("--base64", "ab=c"),
                                             ("--base64", "ab=="[:3] + "!"), ("--base64", "/x==")])
def test_wrong_notation(store, notation, wrong):
    fails(2, "is not", store, "put", notation, wrong, "")


def test_notations_exclude_each_other(store):
    fails(2, "exclude each other", store, "put", "--hex", "--base64", "00", "00")


def test_missing_keys(store):
    ok(store, "put", "a", "1")
    assert fails(3, "there is no value at key 'b'", store, "get", "b") == b""
    assert fails(3, "2 of 3 keys have no value", store, "get", "x", "a", "y") == b"1\n"
    many = fails(3, "100 of 100 keys", store, "get", "-", script="".join(f"n{i}\n" for i in range(100)))
    assert many == b""
    fails(3, "1 of 2 keys had no value", store, "del", "a", "b")
    assert ok(store, "ls") == b""


def test_get_json(store):
    ok(store, "put", "a", "ä\n")
    ok(store, "put", "--hex", "ff", "fe", "--ttl", "1h")
    before = time.time()
    first, second = objects(ok(store, "get", "--json", "--hex", "61", "ff"))
    assert first == {"key": "a", "value": "ä\n", "size": 3, "sequence": 1, "time_us": first["time_us"]}
    assert abs(first["time_us"] / 1e6 - before) < 60
    assert (second["key_base64"], second["value_base64"]) == ("/w==", "/g==")
    assert abs(second["expires_ms"] / 1e3 - 3600 - before) < 60


def test_expiry(store):
    for name, ttl in [("ms", "1ms"), ("s", "100s"), ("w", "2w")]:
        ok(store, "put", name, "v", "--ttl", ttl)
    time.sleep(0.01)
    fails(3, "no value", store, "get", "ms")
    assert ok(store, "ls") == b"s\nw\n"
    for wrong in "", "s", "1", "1y", "-1s", "1.5s", "99999999999999999999s":
        fails(2, "--ttl", store, "put", "k", "v", f"--ttl={wrong}")


def test_del_is_one_commit(store):
    fill(store, 3)
    assert ok(store, "del", "k0000000", "k0000002", "--json") == b'{"deleted":2,"missing":0}\n'
    changes = objects(ok(store, "dump"))[3:]
    assert [(c["op"], c.get("more", False)) for c in changes] == [("delete", True), ("delete", False)]
    assert changes[0]["sequence"] == changes[1]["sequence"]


# ---- ls


def test_ls_ranges(store):
    for key in "a", "b/1", "b/2", "b/3", "c", "ä":
        ok(store, "put", key, key.upper())
    names = lambda *arguments: ok(store, "ls", *arguments).decode().split()
    assert names() == ["a", "b/1", "b/2", "b/3", "c", "ä"]
    assert names("--prefix", "b/") == ["b/1", "b/2", "b/3"]
    assert names("--from", "b/2", "--to", "c") == ["b/2", "b/3"]
    assert names("--reverse", "--limit", "2") == ["ä", "c"]
    assert names("--prefix", "b/", "--from", "b/2", "--reverse") == ["b/3", "b/2"]
    assert names("--hex", "--prefix", "622f", "--limit", "1") == ["622f31"]
    assert ok(store, "ls", "--values", "--limit", "2") == b"a\tA\nb/1\tB/1\n"
    assert names("--prefix", "nothing") == []


def test_ls_long(store):
    ok(store, "put", "a", "12345")
    ok(store, "put", "b", "", "--ttl", "1d")
    a, b = (line.split("\t") for line in ok(store, "ls", "--long").decode().splitlines())
    assert (a[:2], a[3:]) == (["5", "1"], ["-", "a"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", a[2])
    assert b[3] > b[2] and b[4] == "b"
    first = objects(ok(store, "ls", "--long", "--values", "--json"))[0]
    assert list(first) == ["key", "value", "size", "sequence", "time_us"]
    assert objects(ok(store, "ls", "--json")) == [{"key": "a"}, {"key": "b"}]


# ---- stat, merge, options


def test_stat(store):
    fill(store, 1000)
    fill(store, 500)
    figures = json.loads(ok(store, "stat", "--json"))
    assert list(figures) == ("keys data_files disk_bytes live_bytes dead_bytes index_bytes sequence oldest_replay retained "
                             "records_read files_read bytes_dropped clean").split()
    assert (figures["keys"], figures["data_files"], figures["sequence"]) == (1000, 1, 2)
    assert 0 < figures["live_bytes"] < figures["disk_bytes"] and figures["dead_bytes"] > 0
    assert re.search(r"^keys +1,000$", ok(store, "stat").decode(), re.MULTILINE)


def test_merge(store):
    for _ in range(3):
        fill(store, 2000)
    before = json.loads(ok(store, "stat", "--json"))
    result = json.loads(ok(store, "merge", "--threshold", "0.1", "--json"))
    assert list(result) == ["files_merged", "files_dropped", "bytes_copied", "bytes_freed"]
    assert result["files_merged"] + result["files_dropped"] > 0
    after = json.loads(ok(store, "stat", "--json"))
    assert after["disk_bytes"] < before["disk_bytes"] / 2 and after["keys"] == 2000
    assert "merged" in kv(store, "merge", "--all", "--rate", "100M").stderr.decode()
    assert kv(store, "merge", "--all", "--quiet").stderr == b""
    for wrong in ["--threshold", "2"], ["--threshold", "x"], ["--threshold", "0.5", "--all"], ["--rate", "1X"]:
        fails(2, "--", store, "merge", *wrong)


@pytest.mark.parametrize("index", ["hash", "btree", "skiplist", "bptree"])
def test_index_kinds_open_the_same_store(store, index):
    ok(store, "put", "a", "1")
    assert ok(store, "ls", "--values", "--index", index) == b"a\t1\n"


def test_options_by_name(store):
    ok(store, "put", "a", "1", "--set", "data_file_size=64K", "--set=sync_writes=async", "--sync")
    fails(2, "did you mean 'data_file_size'?", store, "ls", "--set", "datafile_size=1")
    fails(2, "there is no option", store, "ls", "--set", "what=1")
    fails(2, "must be NAME=VALUE", store, "ls", "--set", "data_file_size")
    fails(2, "data_file_size cannot be", store, "ls", "--set", "data_file_size=many")


# ---- check, repair, backup


def damage(store, text):
    file = next(path for path in sorted(store.glob("*.data")) if text in path.read_bytes())
    whole = file.read_bytes()
    at = whole.index(text)
    file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    return file.name


SUMMARY = {"files", "records", "bytes", "keys", "findings", "records_lost"}


def test_check(store):
    fill(store, 1000)
    assert ok(store, "check").decode().rstrip().endswith("; keys: 1,000; whole")
    summary = json.loads(ok(store, "check", "--json"))
    assert set(summary) == SUMMARY and (summary["keys"], summary["findings"]) == (1000, 0)


def test_damage(store):
    for i in range(9):
        ok(store, "put", f"key{i}", f"value{i}")
    name = damage(store, b"value5")
    fails(5, "damaged", store, "get", "key5")
    assert ok(store, "get", "key6") == b"value6"
    listed = fails(5, "not everything could be read", store, "ls", "--values").decode().splitlines()
    assert listed == [f"key{i}\tvalue{i}" for i in range(9) if i != 5]
    lines = fails(5, "", store, "check").decode().splitlines()
    assert re.fullmatch(rf"{name}:\d+: .*, key 'key5'", lines[0]) and lines[-1].endswith("1 finding")
    finding, summary = objects(fails(5, "", store, "check", "--json"))
    assert (finding["file"], finding["key"], summary["findings"]) == (name, "key5", 1)
    repaired = fails(5, "records were lost", store, "repair").decode().splitlines()
    assert repaired[-1].endswith("records lost: 1")
    assert len(ok(store, "ls").split()) == 8
    ok(store, "check")
    assert "whole" in ok(store, "repair").decode()
    assert (store / f"{name}.damaged").exists()


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_salvage(store, tmp_path):
    for i in range(16):
        ok(store, "--set", "data_file_size=4096", "put", f"key{i}", "v" * 800 + str(i))
    name = damage(store, b"v2\0")
    missing = sorted(store.glob("*.data"))[1]
    missing.unlink()
    fails(5, f"{missing.name} is missing", store, "get", "key1")
    before = files_of(store)
    keys = fails(5, f"{store} is damaged in", store, "--salvage", "ls").decode().split()
    assert len(keys) < 15 and "key2" not in keys and "key15" in keys
    ran = kv(store, "--salvage", "get", "key15")
    assert (ran.returncode, ran.stdout) == (5, b"v" * 800 + b"15")
    said = ran.stderr.decode().splitlines()
    assert any(re.fullmatch(rf"khonsu: {name}:\d+: the value is damaged \(\d+ bytes\), key 'key2'", line) for line in said)
    assert any(missing.name in line and "missing" in line for line in said)
    assert len(kv(store, "--salvage", "--quiet", "get", "key15").stderr.splitlines()) == 1
    fails(5, "there is no value at key 'key2'; ", store, "--salvage", "get", "key2")
    stat = json.loads(fails(5, "", store, "--salvage", "stat", "--json"))
    assert (stat["keys"], stat["records_lost"]) == (len(keys), 2) and stat["findings"] >= 2
    exported = fails(5, "records lost: 2", store, "--salvage", "export")
    fails(5, "", store, "--set", "salvage=true", "dump")
    fails(5, "repair a copy", store, "--salvage", "backup", tmp_path / "copy")
    for command in ["put", "a", "b"], ["del", "a"], ["merge"], ["import", "-"]:
        fails(2, "--salvage", store, "--salvage", *command)
    fails(2, "--salvage", store, "--salvage", "check")
    fails(2, "--salvage", store, "--salvage", "repair")
    assert files_of(store) == before
    ok(tmp_path / "new", "--quiet", "import", script=exported.decode())
    fails(5, "", store, "repair")
    assert ok(store, "ls").decode().split() == keys == ok(tmp_path / "new", "ls").decode().split()
    assert ok(store, "--salvage", "get", "key15") == b"v" * 800 + b"15"


def test_damaged_hint(store):
    shutil.copytree(GOLDEN / "hinted", store)
    whole = ok(store, "check", "--json")
    hint = bytearray((store / "000000003.hint").read_bytes())
    hint[150] ^= 1
    (store / "000000003.hint").write_bytes(hint)
    lines = fails(5, "", store, "check").decode().splitlines()
    assert re.match(r"000000003\.hint:0: .*not used", lines[0]) and lines[-1].endswith("1 finding")
    ok(store, "repair")
    assert not list(store.glob("*.hint"))
    assert json.loads(ok(store, "check", "--json"))["keys"] == json.loads(whole)["keys"]


def test_repair_refuses(store, tmp_path):
    ok(store, "put", "a", "b")
    fails(2, "--read-only", store, "repair", "--read-only")
    fails(2, "", tmp_path / "none", "repair")
    fails(2, "", tmp_path / "none", "check")
    assert not (tmp_path / "none").exists()


def test_backup(store, tmp_path):
    copy = tmp_path / "copy"
    fill(store, 1000)
    assert b"as of commit 1" in kv(store, "backup", copy).stderr
    ok(store, "put", "new", "1")
    assert b"as of commit 2" in kv(store, "backup", copy, "--verify").stderr
    assert ok(copy, "export") == ok(store, "export")
    ok(copy, "put", "other", "1")
    assert b"other" not in ok(store, "ls")
    fails(2, "own directory", store, "backup", store)
    (tmp_path / "files").mkdir()
    (tmp_path / "files/file").write_text("precious")
    fails(2, "", store, "backup", tmp_path / "files")
    assert (tmp_path / "files/file").read_text() == "precious"


# ---- what is wrong


@pytest.mark.parametrize(
    "arguments, text",
    [
        ([], "an argument is missing; usage: khonsu kv [options] DIR <command>"),
        (["d"], "which command?"),
        (["d", "gte", "a"], "there is no command 'gte'; did you mean 'get'?"),
        (["d", "frobnicate"], "`khonsu help kv` lists them"),
        (["d", "get"], "an argument is missing; usage: khonsu kv DIR get [options] KEY..."),
        (["d", "put", "a"], "an argument is missing"),
        (["d", "put", "a", "b", "c"], "unexpected argument: c; see `khonsu help kv put`"),
        (["d", "ls", "--revers"], "did you mean --reverse?"),
        (["d", "ls", "--limit"], "the value is missing"),
        (["d", "ls", "--limit", "x"], "--limit is 'x'"),
        (["d", "ls", "--reverse=yes"], "takes no value"),
        (["d", "ls", "--index", "hsah"], "did you mean 'hash'?"),
        (["d", "export", "--format", "jsno"], "did you mean 'json'?"),
        (["d", "ls"], "d is not a directory with a store"),
        (["d", "del", "a"], "d is not a directory with a store"),
        (["d", "--read-only", "put", "a", "b"], "--read-only"),
        (["d", "put", "", "b"], "key"),
    ],
)
def test_usage(tmp_path, arguments, text):
    ran = khonsu("kv", *arguments, cwd=tmp_path)
    assert ran.returncode == 2 and ran.stdout == b""
    assert text in ran.stderr.decode()


def test_did_you_mean_for_commands_of_the_program():
    assert "did you mean 'shell'?" in khonsu("shel").stderr.decode()
    assert "did you mean" not in khonsu("xyzzy").stderr.decode()


def test_a_directory_of_something_else(tmp_path):
    (tmp_path / "file").write_text("precious")
    fails(2, "", tmp_path, "put", "a", "b")
    assert [path.name for path in tmp_path.iterdir() if path.name != "LOCK"] == ["file"]


def test_full_standard_output(store):
    fill(store, 20000)
    with open("/dev/full", "wb") as full:
        ran = subprocess.run([PROGRAM, "kv", str(store), "ls"], stdout=full, stderr=subprocess.PIPE, env=environment())
    assert ran.returncode == 1 and b"cannot write" in ran.stderr


# ---- export, dump, import


def awkward(store):
    """Keys and values of every sort; what they are."""
    pairs = {bytes([i]): bytes([255 - i]) for i in range(256)}
    pairs |= {"ä😀\"\\\n\t".encode(): "\u0000\u001f\x7f".encode(), b"long" * 4000: b"\xc3" * 100000, b"empty": b""}
    for key, value in pairs.items():
        record = {"key_base64": base64.b64encode(key).decode(), "value_base64": base64.b64encode(value).decode()}
        yield json.dumps(record)


def test_round_trips(store, tmp_path):
    lines = list(awkward(store))
    ok(store, "--quiet", "import", script="\n".join(lines))
    ok(store, "put", "expires", "later", "--ttl", "1d")
    text, binary = ok(store, "export"), ok(store, "export", "--format", "binary")
    assert len(text.splitlines()) == len(lines) + 1 and binary.startswith(MAGIC)
    assert all(json.loads(line) for line in text.splitlines())
    for number, data in enumerate((text, binary)):
        other = tmp_path / f"other{number}"
        assert b"imported 260 records" in kv(other, "import", script=data).stderr
        assert ok(other, "export") == text
    ok(store, "--quiet", "export", tmp_path / "file", "--format=binary")
    assert (tmp_path / "file").read_bytes() == binary
    assert ok(tmp_path / "third", "--json", "import", tmp_path / "file") == b'{"imported":260,"next":260,"sequence":1}\n'
    assert ok(tmp_path / "third", "export") == text


def test_what_ls_prints_can_be_imported(store, tmp_path):
    ok(store, "put", "a", "1", "--ttl", "1d")
    ok(tmp_path / "other", "--quiet", "import", script=ok(store, "ls", "--json", "--long", "--values"))
    assert ok(tmp_path / "other", "export") == ok(store, "export")


def test_export_of_a_range(store):
    fill(store, 100)
    assert [o["key"] for o in objects(ok(store, "export", "--from", "k0000098"))] == ["k0000098", "k0000099"]


def test_binary_format_is_what_is_documented(store):
    ok(store, "put", "ab", "xyz")
    head = struct.pack("<BBHIIQQQ", 1, 0, 0, 2, 3, 0, 0, 0)
    end = struct.pack("<BBHIIQQQ", 0, 0, 0, 0, 0, 0, 1, 0)
    assert ok(store, "export", "--format", "binary") == MAGIC + head + b"abxyz" + end


@pytest.mark.parametrize("at", [0, 1, 2, 3])
@pytest.mark.parametrize("record", [0, 1])
def test_what_only_a_later_version_knows_is_refused(store, at, record):
    ok(store, "put", "ab", "xyz")
    exported = bytearray(ok(store, "export", "--format", "binary"))
    exported[8 + record * (36 + 5) + at] |= 0x80
    fails(5, "there is no record at byte", store, "--quiet", "import", script=bytes(exported))


def test_dump_and_replaying_it(store, tmp_path):
    ok(store, "put", "a", "1")
    ok(store, "put", "a", "2", "--ttl", "1d")
    ok(store, "put", "b", "3")
    ok(store, "del", "a", "b")
    ok(store, "put", "b", "4")
    changes = objects(ok(store, "dump"))
    assert [(c["sequence"], c.get("op"), c["key"], c.get("value")) for c in changes] == [
        (1, None, "a", "1"), (2, None, "a", "2"), (3, None, "b", "3"), (4, "delete", "a", None), (4, "delete", "b", None),
        (5, None, "b", "4")]
    assert [c["sequence"] for c in objects(ok(store, "dump", "--from", "2", "--to", "3"))] == [2, 3]
    for format in "json", "binary":
        dumped, other = ok(store, "dump", "--format", format), tmp_path / format
        ok(other, "--quiet", "import", "--batch", "1", script=dumped)
        assert ok(other, "ls", "--values") == b"b\t4\n"
        strip = lambda record: {name: value for name, value in record.items() if name != "time_us"}
        assert [strip(o) for o in objects(ok(other, "dump"))] == [strip(c) for c in changes]


def test_a_dump_of_what_was_merged_away(store):
    for _ in range(3):
        fill(store, 1000)
    ok(store, "--quiet", "merge", "--threshold", "0")
    fails(1, "", store, "dump", "--from", "1")
    oldest = json.loads(ok(store, "stat", "--json"))["oldest_replay"]
    assert oldest > 1
    ok(store, "dump", "--from", oldest)
    ok(store, "dump")


@pytest.mark.parametrize(
    "line, text",
    [
        ("x", "an object"),
        ("{}", "a key"),
        ('{"key":"a"}', "a value"),
        ('{"key":"a","valeu":"b"}', "a member of a record"),
        ('{"key":"a","value":"b"', "a comma or the end"),
        ('{"key":"a","value":"b"} x', "nothing behind"),
        ('{"key":"a","value":"b', "the end of a string"),
        ('{"key":"a","value":"\\q"}', "an escape of JSON"),
        ('{"key":"a","value":"\\u12"}', "four hexadecimal digits"),
        ('{"key":"a","value":"\\ud800"}', "second half"),
        ('{"key":"a","value":"\\udc00"}', "first half"),
        ('{"key":"a","value":"\t"}', "control character"),
        ('{"key":"a","value_base64":"x"}', "base64"),
        ('{"key":"a","value":1}', "a string"),
        ('{"key":"a","value":"b","expires_ms":-1}', "a whole number"),
        ('{"key":"a","value":"b","expires_ms":99999999999999999999}', "64 bits"),
        ('{"key":"a","op":"take"}', '"put" or "delete"'),
        ('{"key":"","value":"b"}', "empty"),
        ('["key"]', "an object"),
    ],
)
def test_wrong_records(store, line, text):
    good = '{"key":"good","value":"1"}\n'
    ran = kv(store, "import", "--batch", "1", script=good + line + "\n" + good)
    assert ran.returncode == 2
    message = ran.stderr.decode()
    assert text in message and "standard input: record 2: " in message
    assert "1 records were imported before that; to go on behind them: --skip 1" in message
    assert ok(store, "ls") == b"good\n"


def test_json_in_all_its_forms(store):
    ok(store, "--quiet", "import", script=b' { "value" : "\\u00e4\\ud83d\\ude00\\/\\b\\f" , "key":"a" ,"op":"put"}\r\n\n\n'
                                          b'{"op":"delete","key":"none"}\n{"key":"last","value":"no line\'s end"}')
    assert ok(store, "get", "a").decode() == "ä😀/\b\f"
    assert ok(store, "get", "last") == b"no line's end"


def test_cut_short(store, tmp_path):
    ok(store, "put", "a", "1" * 100)
    ok(store, "put", "b", "2")
    ok(store, "del", "a", "b")
    whole, other = ok(store, "dump", "--format", "binary"), tmp_path / "other"
    for size in list(range(9, 60)) + [len(whole) - 36, len(whole) - 1]:
        fails(5, "", other, "import", script=whole[:size])
    fails(5, "in the middle of a commit", other, "import", script=b"\n".join(ok(store, "dump").splitlines()[:-1]))
    wrong = bytearray(whole)
    wrong[8] = 9
    fails(5, "there is no record at byte 8", other, "import", script=bytes(wrong))


def test_import_goes_on_where_it_stopped(store):
    lines = [f'{{"key":"k{i}","value":"{i}"}}' for i in range(1000)]
    broken = "\n".join(lines[:777] + ["broken"] + lines[777:])
    ran = kv(store, "import", "--batch", "100", "--json", script=broken)
    assert ran.returncode == 2 and json.loads(ran.stdout) == {"imported": 700, "next": 700, "sequence": 7}
    assert len(ok(store, "ls").split()) == 700
    result = json.loads(ok(store, "import", "--skip", "700", "--json", script="\n".join(lines)))
    assert result == {"imported": 300, "next": 1000, "sequence": 8}
    assert len(ok(store, "ls").split()) == 1000


# ---- a million keys through pipes


def test_many_keys_through_pipes(store, tmp_path):
    count, other = MANY, tmp_path / "other"
    program = f"'{PROGRAM}' kv"
    script = f"""set -e -o pipefail
        seq -f '{{"key":"key%08.0f","value":"value"}}' {count} | {program} {store} --quiet import --batch 10000
        {program} {store} export --format binary | {program} {other} --quiet import --batch 10000
        test "$({program} {other} ls | wc -l)" = {count}
        {program} {other} ls --null | {program} {other} get --null - | tr '\\0' '\\n' | uniq -c | {{ read -r n v; test "$n $v" = "{count} value"; }}
        {program} {other} ls | {program} {other} --json del -
        {program} {other} ls"""
    ran = subprocess.run(["bash", "-c", script], capture_output=True, timeout=5 * SECONDS_MAX, env=environment())
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
    assert json.loads(ran.stdout) == {"deleted": count, "missing": 0}


def test_a_reader_that_leaves(store):
    fill(store, 50000)
    script = f"'{PROGRAM}' kv {store} ls | head -n 1"
    ran = subprocess.run(["bash", "-c", script], capture_output=True, timeout=SECONDS_MAX, env=environment())
    assert (ran.stdout, ran.stderr) == (b"k0000000\n", b"")


# ---- beside a writer


class Writer:
    """A process that has the store open for writing: an import that waits for more."""

    def __init__(self, store, *arguments, **options):
        self.process = subprocess.Popen([PROGRAM, "kv", str(store), "import", "--batch", "1", *arguments],
                                        stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment(), **options)
        self.send("ready", "1")
        until = time.monotonic() + SECONDS_MAX
        while kv(store, "get", "ready").returncode != 0:
            assert time.monotonic() < until and self.process.poll() is None

    def send(self, key, value):
        self.process.stdin.write(f'{{"key":"{key}","value":"{value}"}}\n'.encode())
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.stdin = None
        _, messages = self.process.communicate(timeout=SECONDS_MAX)
        return self.process.returncode, messages.decode()


def test_locked_and_read_beside_the_writer(store):
    writer = Writer(store)
    for command in ["put", "a", "b"], ["del", "a"], ["merge"], ["import"]:
        fails(6, f"process {writer.process.pid}", store, *command)
    assert ok(store, "ls") == b"ready\n"
    assert json.loads(ok(store, "stat", "--json"))["keys"] == 1
    assert ok(store, "export") == b'{"key":"ready","value":"1"}\n'
    assert len(objects(ok(store, "dump"))) == 1
    ok(store, "check")
    ok(store, "--quiet", "backup", f"{store}-copy")
    assert ok(f"{store}-copy", "ls") == b"ready\n"
    fails(6, "", store, "repair")
    assert writer.end() == (0, "khonsu: imported 1 records\n")
    ok(store, "put", "a", "b")


# ---- Ctrl-C


def test_an_interrupted_import(store):
    writer = Writer(store)
    writer.process.send_signal(signal.SIGINT)
    assert writer.process.wait(SECONDS_MAX) == 130  # while there might be more
    _, messages = writer.process.communicate()
    assert messages == b"khonsu: interrupted; 1 records were imported before that; to go on behind them: --skip 1\n"
    assert ok(store, "ls") == b"ready\n"


@pytest.mark.parametrize("command", [["export"], ["ls"], ["dump"]])
def test_interrupted_listings(store, command):
    fill(store, 100000)
    process = subprocess.Popen([PROGRAM, "kv", str(store), *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment())
    process.stdout.read(100)  # it has begun, and waits for the pipe to be read
    process.send_signal(signal.SIGINT)
    rest, messages = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130 and messages.startswith(b"khonsu: interrupted")
    assert len(rest) < 2_000_000


def test_an_interrupted_merge(store):
    for _ in range(2):
        fill(store, 50000)
    process = subprocess.Popen([PROGRAM, "kv", str(store), "merge", "--all", "--rate", "100K"], stderr=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=environment())
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130 and time.monotonic() - began < 5
    assert len(ok(store, "ls").split()) == 50000
    ok(store, "--quiet", "merge", "--all")
    assert len(ok(store, "ls").split()) == 50000


# ---- files that are cut short while they are mapped


def cut_short_while_it_runs(store, *arguments):
    """The command stands still at a full pipe meanwhile."""
    process = subprocess.Popen([PROGRAM, "kv", str(store), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment())
    assert len(process.stdout.read(1000)) == 1000
    os.truncate(store / "000000001.data", 4096)
    printed, errors = process.communicate(timeout=SECONDS_MAX)
    return process.returncode, printed, errors.decode()


@pytest.mark.parametrize("command", [["ls", "--values"], ["export"], ["dump"]])
def test_a_file_that_is_cut_short_under_its_map(store, command):
    fill(store, 20000, value="v" * 200)
    status, printed, errors = cut_short_while_it_runs(store, *command)
    assert status in (1, 5) and str(store) in errors  # and not a signal
    *whole, _ = printed.rstrip(b"\n").split(b"\n")  # the record that was being printed cannot be taken back
    assert not any(b"\0" in line or b"\\u0000" in line for line in whole)
    assert b"000000001.data" in fails(5, "damaged", store, "check")


# ---- at a terminal


def at_a_terminal(*arguments, **variables):
    return terminal("kv", *arguments, **variables)


SLOW = ["merge", "--all", "--rate", "2M"]


@pytest.fixture
def slow(store):
    """A store whose merge takes a second or so."""
    fill(store, 40000, "v" * 20)
    return store


def test_progress(slow):
    came, status = at_a_terminal(slow, *SLOW)
    assert status == 0
    shown = re.findall(r"\r(?:\x1b\[1m)?\w+(?:\x1b\[0m)?  \[[#-]{24}\] +(\d+) %  [0-9.]+ \w+ of [0-9.]+ \w+  [0-9.]+ \w+/s", came)
    assert len(shown) >= 2 and shown == sorted(shown, key=int)
    assert "\x1b[1m" in came
    assert came.rstrip().splitlines()[-1].startswith("khonsu: merged") or "\rkhonsu: merged" in came


@pytest.mark.parametrize("options, variables", [(["--no-progress"], {}), (["--quiet"], {})])
def test_no_progress(slow, options, variables):
    came, status = at_a_terminal(slow, *options, *SLOW, **variables)
    assert status == 0 and "%" not in came
    assert ("merged" in came) == (options != ["--quiet"])


def test_progress_without_colour(slow):
    came, _ = at_a_terminal(slow, *SLOW, NO_COLOR="1")
    assert "%" in came and "\x1b" not in came


def test_bytes_do_not_play_with_the_terminal(store):
    ok(store, "put", "--hex", "1b5b324a", "1b07")
    assert at_a_terminal(store, "ls", "--values") == ("\\x1b[2J\t\\x1b\\x07\r\n", 0)
    assert at_a_terminal(store, "get", "\x1b[2J") == ("\\x1b\\x07\r\n", 0)


# ---- bench


def test_bench(tmp_path):
    ran = ok(tmp_path / "b", "bench", "--keys", "2000", "--threads", "2", "--value-size", "10", "--json")
    phases = {o["phase"]: o for o in objects(ran) if o["phase"] != "flush"}
    assert list(phases) == ["put", "get", "miss", "scan", "delete"]
    assert [phase["ops"] for phase in phases.values()] == [2000, 2000, 2000, 4000, 2000]
    for phase in phases.values():
        assert phase["ns_per_op"] == pytest.approx(phase["seconds"] * 1e9 * 2 / phase["ops"], rel=0.01, abs=1)
    assert not (tmp_path / "b").exists()
    ok(tmp_path / "b", "bench", "--keys", "10", "--durability", "sync", "--keep")
    fails(2, "is not empty", tmp_path / "b", "bench")
    assert ok(tmp_path / "b", "ls") == b""


# ---- help, completion


COMMANDS = "get put del ls stat check repair merge backup dump export import bench".split()


def test_help():
    everything = khonsu("kv", "--help").stdout.decode()
    assert khonsu("help", "kv").stdout.decode() == everything
    page = khonsu("help", "kv", "--man").stdout.decode()
    assert page.startswith(".TH KHONSU\\-KV 1")
    for name in COMMANDS:
        assert f"\n  {name} " in everything and f".SS khonsu kv DIR {name}" in page
        told = khonsu("help", "kv", name).stdout
        assert told == khonsu("kv", "d", name, "--help").stdout == khonsu("kv", name, "--help").stdout
        for option in re.findall(r"^  --([\w-]+)", told.decode(), re.MULTILINE):
            assert "\\-\\-" + option.replace("-", "\\-") in page
    assert khonsu("help", "kv", "nothing").returncode == 2


def test_completion_words():
    assert "kv" in candidates("")
    assert candidates("kv", "") == [":directories"]
    assert candidates("kv", "dir", "") == COMMANDS or set(COMMANDS) < set(candidates("kv", "dir", ""))
    assert candidates("kv", "--index", "") == ["hash", "btree", "skiplist", "bptree"]
    assert candidates("kv", "--sync", "dir", "export", "") == [":files"]
    assert "--reverse" in candidates("kv", "dir", "ls", "--") and "--json" in candidates("kv", "dir", "ls", "-")
    assert "--reverse" not in candidates("kv", "dir", "stat", "--")
    assert candidates("help", "k") == candidates("")
    assert candidates("nothing", "") == []


def test_completion_in_bash(tmp_path):
    (tmp_path / "store-a").mkdir()
    script = f"""source <('{PROGRAM}' completion bash)
        ask() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _khonsu 2>/dev/null; echo "${{COMPREPLY[@]}}"; }}
        ask '{PROGRAM}' k; ask '{PROGRAM}' kv sto; ask '{PROGRAM}' kv store-a ex; ask '{PROGRAM}' kv store-a ls --rev"""
    ran = subprocess.run(["bash", "-c", script], capture_output=True, cwd=tmp_path, env=environment())
    assert ran.stdout.decode().splitlines() == ["kv", "store-a", "export", "--reverse"]


def test_completion_of_other_shells():
    assert b"#compdef khonsu" in khonsu("completion", "zsh").stdout
    assert b"complete -c khonsu" in khonsu("completion", "fish").stdout
    assert khonsu("completion", "tcsh").returncode == 2
