"""Statements, formats and exit statuses of `khonsu shell`, by scripts on standard input."""

import json
import signal
import subprocess

import pytest

from khonsu_program import PROGRAM, SECONDS_MAX, environment, khonsu, output, shell

FIGURES = ("version oldest_snapshot open_transactions open_snapshots records versions memory_bytes unreclaimed "
           "pinned_bytes longest_chain commits conflicts groups synced stored_records data_files disk_bytes live_bytes "
           "reclaimable_bytes syncs merged_files").split()
STATEMENTS = ("get put set add del select head import append upsert delete-rows export schema schema-rules ls scan begin use commit "
              "abort transactions isolation strategy key-columns snapshot explain stat source format rows timing help quit").split()


# ---- words


@pytest.mark.parametrize(
    "word, value",
    [
        ("bare", b"bare"),
        ('"two words"', b"two words"),
        ("'two words'", b"two words"),
        (r'"a\tb\\\"c"', b'a\tb\\"c'),
        (r"a\tb\\\"c", b'a\tb\\"c'),
        (r"'a\tb'", rb"a\tb"),
        (r'"\xff\x00\xFe"', b"\xff\x00\xfe"),
        ("one'two'\"three\"", b"onetwothree"),
        ("'line one\nline two'", b"line one\nline two"),
        ("be\\\nhind", b"behind"),
        ("'#'", b"#"),
        ("a#b", b"a#b"),
        ("';'", b";"),
        ("''", b""),
        ("ünï", "ünï".encode()),
    ],
)
def test_words(word, value):
    ran = shell(f"put k {word}\nget k\n")
    assert (ran.returncode, ran.stdout) == (0, value + b"\n")


def test_statements_end_at_lines_and_semicolons_and_comments_are_skipped():
    assert output("put a 1;put b 2 ; get a # get b\n\n  # get a\n;;get b") == "1\n2\n"


@pytest.mark.parametrize(
    "script, line, text",
    [
        ("put a 1\nput b \\q\n", 2, "there is no such escape"),
        ('put a 1\nput b "\\xg0"\n', 2, "there is no such escape"),
        ("put a 1\n\nput b 'never\nclosed\n", 3, "in the middle of this statement"),
        ('put a "1\n2\n3"; nonsense x\n', 3, "there is no statement nonsense"),
        ('put a "1\n2\n3"; get missing\n', 3, "get: there is no value at key 'missing'"),
        ("gte k\n", 1, "there is no statement gte; did you mean 'get'?"),
        ("get\n", 1, "too few arguments; usage: get KEY"),
        ("put a b c\n", 1, "too many arguments; usage: put KEY VALUE"),
        ("put '' x\n", 1, "put: "),
        ("set c twelve\n", 1, "'twelve' is not a number"),
        ("set c 9223372036854775808\n", 1, "is not a number from -9223372036854775808"),
        ("set c ''\n", 1, "is not a number"),
        ("format xml\n", 1, "must be one of table|json|csv|arrow"),
        ("rows 1\n", 1, "from 2 to"),
        ("timing maybe\n", 1, "must be one of off|on"),
        ("isolation chaos\n", 1, "must be one of read-committed|"),
        ("begin a b\n", 1, "there may be read-only"),
        ("begin 'a b'\n", 1, "a name is made of"),
        ("begin a isolation\n", 1, "must be one of"),
        ("begin a at nowhere\n", 1, "no snapshot 'nowhere'"),
        ("begin a\nbegin a\n", 2, "open already"),
        ("commit\n", 1, "no transaction is in use"),
        ("commit a\n", 1, "no transaction 'a' is open"),
        ("begin a\nisolation snapshot\n", 2, "since it began"),
        ("scan a between b\n", 1, "there may be from KEY"),
        ("scan limit 0\n", 1, "must be a number from 1"),
        ("scan from\n", 1, "wants a value"),
        ("snapshot close s\n", 1, "no snapshot 's'"),
        ("snapshot keep s\n", 1, "usage: snapshot"),
        ("stat all\n", 1, "usage: stat"),
        ("help nonsense\n", 1, "no such statement"),
        ("put k v\nexport k f parquet\n", 2, "must be one of file|stream"),
        ("import k 'a\\x00'\nimport k \"a\\x00b\"\n", 1, "cannot open"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(script, line, text, tmp_path):
    ran = shell(script, cwd=tmp_path)
    message = ran.stderr.decode().splitlines()[0]
    assert message.startswith(f"khonsu: line {line}: ")
    assert text in message
    assert ran.returncode in {1, 2, 3}
    assert ran.returncode == 2 or "get missing" in script or "import" in script


# ---- exit statuses


@pytest.mark.parametrize(
    "script, status",
    [
        ("", 0),
        ("quit\nget nope", 0),
        ("exit", 0),
        (".quit", 0),
        ("get nope", 3),
        ("schema nope", 3),
        ("schema nope metadata", 3),
        ("schema nope columns", 2),
        ("explain", 3),
        ("put t v; schema t", 2),
        ("nonsense", 2),
        ("begin a read-only; put k v", 2),
        ("put k 1; begin a; get k; put k 2; use; put k 3; commit a", 4),
        ("put k 1; begin a; get k; put k 2; use; put k 3; commit a; get nope", 4),
        ("import t /", 1),
        ("import t damaged", 5),
        ("set c 9223372036854775807; add c 1", 1),
    ],
)
def test_exit_statuses(script, status, tmp_path):
    (tmp_path / "damaged").write_bytes(b"ARROW1\0\0 and then nothing of the kind")
    ran = shell(script, cwd=tmp_path)
    assert ran.returncode == status, ran.stderr
    assert (ran.stderr == b"") == (status == 0)


def test_the_first_error_ends_a_script():
    ran = shell("put a 1\nget nope\nget a\n")
    assert (ran.returncode, ran.stdout) == (3, b"")


def test_keep_going():
    ran = shell("put a 1\nget nope\nnonsense\nget a\n", "--keep-going")
    assert (ran.returncode, ran.stdout) == (3, b"1\n")
    assert ran.stderr.decode().splitlines() == [
        "khonsu: line 2: get: there is no value at key 'nope'",
        "khonsu: line 3: there is no statement nonsense; `help` lists them",
    ]


def test_options():
    assert khonsu("shell", ":memory:", "--command", "put a 1; get a").stdout == b"1\n"
    assert khonsu("shell", "--command", "").returncode == 0
    assert khonsu("shell", "/dev/null").returncode == 2
    assert khonsu("shell", "--format", "xml").returncode == 2
    assert khonsu("shell", "--rows", "1").returncode == 2
    assert khonsu("shell", ":memory:", ":memory:").returncode == 2


def test_an_interrupted_script_ends():
    with subprocess.Popen([PROGRAM, "shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment()) as process:
        process.stdin.write(b"put a 1\nbegin t\nget a\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"1\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS_MAX) == 130


def test_open_transactions_are_aborted_and_named():
    ran = shell("begin a; put k v; begin b\n")
    assert ran.returncode == 0
    assert ran.stderr == b"khonsu: 2 transactions were still open, and aborted: a, ...\n"


# ---- values


def test_bytes_and_counters():
    assert output("put k v; get k; put k w; get k; del k; ls") == "v\nw\n" + EMPTY_LS
    assert output("set c 5; add c 3; get c; add c -10; get c; add new; get new") == "8\n-2\n1\n"
    assert output("put a 1; put b 2; put c 3; del a c missing; scan", "--format", "csv") == (
        "key,type,version,value\nb,bytes,3,2\n"
    )


EMPTY_LS = """\
key  type  rows  bytes  version
───  ────  ────  ─────  ───────
0 keys
"""


def test_formats_of_values():
    script = r'put k "a\"b,c"; put raw \xff\n; set n -7; get k; get raw; get n'
    assert output(script, "--format", "json") == (
        '{"key":"k","type":"bytes","value":"a\\"b,c"}\n'
        '{"key":"raw","type":"bytes","value":{"hex":"ff0a"}}\n'
        '{"key":"n","type":"counter","value":-7}\n'
    )
    assert output(script, "--format", "csv") == (
        'key,type,value\nk,bytes,"a""b,c"\nkey,type,value\nraw,bytes,\\xff\\n\nkey,type,value\nn,counter,-7\n'
    )
    assert output("format; format json; format", "--format", "csv") == "csv\njson\n"


KEYS = r"""
put user/1 ann
put user/2 bob
put 'user/3 x' "c\nd"
set hits 41
put \xffraw v
"""


def test_ls():
    assert output(KEYS + "ls") == """\
key         type     rows  bytes  version
──────────  ───────  ────  ─────  ───────
hits        counter                     5
user/1      bytes              3        2
user/2      bytes              3        3
"user/3 x"  bytes              3        4
"\\xffraw"   bytes              1        6
5 keys
"""
    assert output(KEYS + "format csv; ls user/2") == "key,type,rows,bytes,version\nuser/2,bytes,,3,3\n"


def test_ls_inside_a_transaction_shows_its_own_writes_without_a_version():
    assert output("put a 1; begin t; put b 2; del a; ls; abort; ls", "--format", "csv") == (
        "key,type,rows,bytes,version\nb,bytes,,1,\nkey,type,rows,bytes,version\na,bytes,,1,2\n"
    )


def test_scan():
    assert output(KEYS + "scan") == """\
key         type     version  value
──────────  ───────  ───────  ──────
hits        counter        5  41
user/1      bytes          2  ann
user/2      bytes          3  bob
"user/3 x"  bytes          4  "c\\nd"
"\\xffraw"   bytes          6  v
5 keys
"""


@pytest.mark.parametrize(
    "arguments, keys",
    [
        ("", ["hits", "user/1", "user/2", "user/3 x", {"hex": "ff726177"}]),
        ("user", ["user/1", "user/2", "user/3 x"]),
        ("user/ from user/2", ["user/2", "user/3 x"]),
        ("from user/1 to 'user/3 x'", ["user/1", "user/2"]),
        ("user reverse", ["user/3 x", "user/2", "user/1"]),
        ("reverse limit 2", [{"hex": "ff726177"}, "user/3 x"]),
        ("limit 1", ["hits"]),
        ("'limit'", []),
        ("nothing", []),
    ],
)
def test_ranges_of_a_scan(arguments, keys):
    rows = output(KEYS + f"scan {arguments}", "--format", "json").splitlines()
    assert [json.loads(row)["key"] for row in rows] == keys


def test_a_long_list_is_whole():
    script = "".join(f"put key/{i:05} {i}\n" for i in range(5000))
    rows = output(script + "format csv; scan key/").splitlines()
    assert rows[1:] == [f"key/{i:05},bytes,{i + 2},{i}" for i in range(5000)]


# ---- transactions


def test_a_transaction_is_seen_when_it_commits():
    assert output("begin a; put k 1; use; ls; use a; get k; commit; get k", "--format", "csv") == (
        "key,type,rows,bytes,version\nkey,type,value\nk,bytes,1\nkey,type,value\nk,bytes,1\n"
    )
    assert shell("begin; put k 1; abort; get k").returncode == 3
    assert shell("begin; put k 1; rollback; get k").returncode == 3


def test_transactions_are_listed():
    script = "put k 1; begin a isolation snapshot on-conflict replace; begin read-only; begin; use a; transactions"
    rows = [line.split(",") for line in shell(script, "--format", "csv").stdout.decode().splitlines()]
    assert [row[:1] + row[2:] for row in rows] == [
        ["name", "version", "isolation", "on_conflict", "access", "current"],
        ["a", "2", "snapshot", "replace", "read-write", "yes"],
        ["t1", "2", "serializable", "default", "read-only", "no"],
        ["t2", "2", "serializable", "default", "read-write", "no"],
    ]


def test_defaults_of_transactions():
    assert output("isolation; isolation snapshot; isolation; strategy; strategy replace; strategy") == (
        "serializable\nsnapshot\ndefault\nreplace\n"
    )
    assert output("strategy ignore; begin a; strategy; strategy replace; strategy; use; strategy; abort a") == (
        "ignore\nreplace\nignore\n"
    )


def test_snapshots():
    script = "put k 1; snapshot open s; put k 2; begin at s; get k; abort; get k; snapshot; snapshot close s; snapshot"
    assert output(script) == """\
1
2
name  version
────  ───────
s           2
1 snapshot
name  version
────  ───────
0 snapshots
"""


# ---- conflicts

CONFLICT = "put k 1\nbegin a\nget k\nput k 2\nuse\nput k 3\ncommit a\n"


def test_a_conflict_is_explained():
    ran = shell(CONFLICT + "explain\nformat csv\nexplain\nget k\n", "--keep-going")
    assert ran.returncode == 4
    assert ran.stderr.decode().startswith("khonsu: line 7: commit: ")
    text, rows = ran.stdout.decode().removeprefix("1\n").split("transaction,", 1)
    words = " ".join(text.split())
    assert words.startswith("Transaction a (number ")
    assert "at serializable, was refused when it committed: nothing of it was done." in words
    assert "Key k: it had read it, at version 2, and then written it. Since then transaction 'put k 3' (number " in words
    assert "committed version 3 of it." in words
    assert "Run the whole transaction again" in words
    head, row, value_head, value = rows.splitlines()
    assert head == "outcome,key,kind,read_version,winner_version,winner"
    assert row.split(",")[1:6] == ["refused", "k", "update", "2", "3"]
    assert value == "k,bytes,3"


@pytest.mark.parametrize(
    "script, kind",
    [
        ("put k 1; begin a; get k; put other 1; use; put k 2; commit a", "read"),
        ("put k 1; begin a; put k 2; use; put k 3; commit a", "write"),
        ("put p/1 1; begin a; scan p/; put other 1; use; put p/2 1; commit a", "range"),
        ("begin a; add k 1; use; put k 1; commit a", "schema"),
    ],
)
def test_kinds_of_conflicts(script, kind):
    ran = shell(f"{script}; format csv; explain", "--keep-going")
    assert ran.returncode == 4
    assert ran.stdout.decode().splitlines()[-1].split(",")[3] == kind


def test_strategies():
    script = "put k 1; begin a; strategy {}; put k 2; put other 1; use; put k 3; commit a; get k; get other"
    assert output(script.format("replace")) == "2\n1\n"
    ran = shell(script.format("ignore") + "; explain")
    assert (ran.returncode, ran.stdout.decode().splitlines()[:2]) == (0, ["3", "1"])
    assert "the write of k was dropped: others were first" in ran.stderr.decode()
    assert "was committed, without the writes of these keys" in " ".join(ran.stdout.decode().split())


def test_adds_commute():
    assert output("begin a; add n 1; begin b; add n 10; commit a; commit b; get n") == "11\n"


def test_hot_keys():
    ran = shell(CONFLICT + "format csv\nstat conflicts\n", "--keep-going")
    assert ran.stdout.decode().splitlines()[-2:] == ["key,conflicts,uncertain", "k,1,0"]


# ---- the rest


def test_stat():
    rows = [line.split(",") for line in output("put k v; begin a; stat; abort", "--format", "csv").splitlines()]
    assert [row[0] for row in rows] == ["figure", *FIGURES]
    assert dict(rows)["commits"] == "1"


def test_source(tmp_path):
    (tmp_path / "inner").write_text("put k 1\nget k\nget nope\nget k\n")
    (tmp_path / "outer").write_text("# first\nread inner\n")
    ran = shell("put a 1\nsource outer\nget a\n", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (3, b"1\n")
    assert ran.stderr == b"khonsu: inner:3: get: there is no value at key 'nope'\n"
    (tmp_path / "loop").write_text("source loop\n")
    assert b"nested more than" in shell("source loop\n", cwd=tmp_path).stderr
    assert shell("source nowhere\n", cwd=tmp_path).returncode == 1


def test_quit_in_a_file_leaves(tmp_path):
    (tmp_path / "file").write_text("quit\n")
    assert output("source file\nget nope\n", cwd=tmp_path) == ""


def test_timing():
    ran = shell("timing on; put k 1; timing off; put k 2")
    lines = ran.stderr.decode().splitlines()
    assert [line.split(" took ")[0] for line in lines] == ["timing", "put"]
    assert lines[1].endswith(" ms")


def test_help():
    everything = output("help")
    for name in STATEMENTS:
        assert f"\n  {name}" in "\n" + everything
        assert output(f"help {name}").startswith(name)
    assert [line.split()[0] for line in everything.splitlines() if line[2] != " "] == STATEMENTS
    assert "(or: exit)" in output("help quit")


def test_one_manual():
    page = khonsu("help", "--man").stdout.decode()
    for name in STATEMENTS:
        assert "\n\\fB" + name.replace("-", "\\-") + "\\fR" in page
    for word in ["\\-\\-keep\\-going", "\\-\\-writers", "KHONSU_HISTORY", "EXIT STATUS", "\\fB130\\fR"]:
        assert word in page
    assert "--keep-going" in khonsu("help", "shell").stdout.decode()
    assert khonsu("shell", "--help").stdout == khonsu("help", "shell").stdout
