"""The shell at a terminal, through a pseudo-terminal: prompt, editing, history, completion, Ctrl-C and Ctrl-D, widths.

Nothing here sleeps: each step waits for what the shell writes next."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import unicodedata

import pyarrow as pa
import pytest

from khonsu_program import PROGRAM, SECONDS_MAX, environment

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][A-B0]?")
UNFINISHED = re.compile(r"\x1b(\[[0-9;?]*)?$")
UP, LEFT, HOME, END, TAB, CTRL_C, CTRL_D, BACKSPACE = "\x1b[A", "\x1b[D", "\x01", "\x05", "\t", "\x03", "\x04", "\x7f"


class Terminal:
    def __init__(self, *arguments, columns=80, **variables):
        self.master, slave = pty.openpty()
        self.resize(columns)
        self.process = subprocess.Popen([PROGRAM, "shell", *arguments], stdin=slave, stdout=slave, stderr=slave,
                                        env=environment(**variables), start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.clear()

    def clear(self):
        self.raw = self.text = self.pending = ""  # all that came; without escapes; what may be the start of one
        self.seen = 0  # of text

    def resize(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def _read(self, until):
        ready, _, _ = select.select([self.master], [], [], max(until - time.monotonic(), 0))
        assert ready, f"nothing more came after {self.text[self.seen:]!r}"
        try:
            data = os.read(self.master, 65536).decode(errors="replace")
        except OSError:  # what Linux says when the other side is closed
            data = ""
        self.raw += data
        self.pending += data
        start = UNFINISHED.search(self.pending)
        whole = self.pending[: start.start()] if start else self.pending
        self.pending = self.pending[len(whole) :]
        self.text += ESCAPE.sub("", whole)
        return data != ""

    def expect(self, wanted):
        """What came since the last time, up to and with `wanted`."""
        until, looked = time.monotonic() + SECONDS_MAX, self.seen
        while (found := self.text.find(wanted, looked)) < 0:
            looked = max(self.seen, len(self.text) - len(wanted))
            assert self._read(until), f"the shell left after {self.text[self.seen:]!r}"
        came, self.seen = self.text[self.seen : found + len(wanted)], found + len(wanted)
        return came

    def send(self, text):
        os.write(self.master, text.encode())

    def run(self, line, prompt="khonsu> "):
        """Types a line; returns the lines that the shell answered, up to its next prompt."""
        self.send(line + "\r")
        self.expect("\r\n")
        return self.expect(prompt)[: -len(prompt)].replace("\r\n", "\n").splitlines()

    def wait(self):
        until = time.monotonic() + SECONDS_MAX
        while self._read(until):
            pass
        os.close(self.master)
        return self.process.wait(SECONDS_MAX)

    def leave(self):
        self.send(CTRL_D)
        return self.wait()


@pytest.fixture
def terminal():
    opened = Terminal()
    opened.expect("khonsu> ")
    yield opened
    if opened.process.poll() is None:
        opened.process.kill()
        opened.process.wait()


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def write(path, table):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def test_greeting_prompt_and_farewell():
    terminal = Terminal()
    assert "`help` lists the statements" in terminal.expect("\r\nkhonsu> ")
    assert terminal.run("put k v; get k") == ["v"]
    assert terminal.leave() == 0


def test_quit(terminal):
    terminal.send("get nope\rquit\r")
    assert terminal.wait() == 0


def test_the_prompt_names_the_transaction(terminal):
    terminal.run("begin orders", "khonsu orders> ")
    terminal.run("put k v", "khonsu orders> ")
    assert terminal.run("commit") == ["committed: version 2"]


def test_errors_do_not_end_it(terminal):
    assert terminal.run("get nope") == ["error: get: there is no value at key 'nope'"]
    assert terminal.run("nonsense") == ["error: there is no statement nonsense; `help` lists them"]
    assert terminal.run("put k v; get k") == ["v"]


def test_a_conflict_points_to_explain(terminal):
    terminal.run("put k 1; begin a; get k; put k 2; use; put k 3")
    answer = terminal.run("commit a")
    assert answer[0].startswith("error: commit: ")
    assert answer[-1] == "(`explain` says more)"
    assert "Run the whole transaction again" in " ".join(terminal.run("explain"))


def test_editing(terminal):
    terminal.send("ut k edited" + HOME + "p\r")
    terminal.expect("khonsu> ")
    terminal.send("get kx" + BACKSPACE + LEFT + END + "\r")
    terminal.expect("edited\r\n")


def test_text_that_is_not_ascii(terminal):
    assert terminal.run("put ключ 日本語; get ключ")[-1] == "日本語"
    terminal.send("put k äö" + 2 * BACKSPACE + "é\rget k\r")
    terminal.expect("\r\né\r\n")


def test_a_quote_goes_over_lines(terminal):
    terminal.run("put k 'one", "   ...> ")
    terminal.run("two'")
    assert terminal.run("get k") == ["one\\ntwo"]


def test_ctrl_c_drops_the_line(terminal):
    terminal.send("put k v")
    terminal.expect("put k v")
    terminal.send(CTRL_C)
    terminal.expect("^C\r\nkhonsu> ")
    terminal.run("put k 'open", "   ...> ")
    terminal.send(CTRL_C)
    terminal.expect("^C\r\nkhonsu> ")
    assert terminal.run("get k") == ["error: get: there is no value at key 'k'"]


def test_ctrl_c_keeps_open_transactions(terminal):
    terminal.run("begin a", "khonsu a> ")
    terminal.run("put k v", "khonsu a> ")
    terminal.send(CTRL_C)
    terminal.expect("khonsu a> ")
    terminal.run("commit")
    assert terminal.run("get k") == ["v"]


def test_ctrl_c_stops_what_is_printed(terminal, tmp_path):
    write(tmp_path / "t", pa.table({"n": range(3_000_000)}))
    terminal.run(f"import t {tmp_path}/t; format json")
    terminal.send("get t\r")
    terminal.expect('{"n":1000}')
    terminal.send(CTRL_C)
    came = terminal.expect("khonsu> ")
    assert "error: get: interrupted" in came
    assert '{"n":2999999}' not in came
    assert terminal.run("format") == ["json"]


def test_ctrl_d_says_what_it_aborts(terminal):
    terminal.run("begin a", "khonsu a> ")
    terminal.send(CTRL_D)
    terminal.expect("1 transaction was still open, and aborted: a")
    assert terminal.wait() == 0


# ---- history


def test_history_in_a_session(terminal):
    terminal.run("put k first")
    terminal.run("put k second")
    terminal.send(UP + UP + "\r")
    terminal.expect("first\r\nkhonsu> ")
    assert terminal.run("get k") == ["first"]


def test_history_between_sessions(tmp_path):
    for variables, file in [
        ({"KHONSU_HISTORY": str(tmp_path / "own/file")}, tmp_path / "own/file"),
        ({"XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path / "state/khonsu/history"),
        ({"HOME": str(tmp_path / "home")}, tmp_path / "home/.local/state/khonsu/history"),
    ]:
        for script in "put k remembered", None:
            terminal = Terminal(**variables) if "KHONSU_HISTORY" in variables else without_history_variable(variables)
            terminal.expect("khonsu> ")
            if script is not None:
                terminal.run(script)
            else:
                terminal.send(UP)
                terminal.expect("put k remembered")
                terminal.send("\r")
                terminal.expect("khonsu> ")
                assert terminal.run("get k") == ["remembered"]
            assert terminal.leave() == 0
        assert file.stat().st_mode & 0o077 == 0


def without_history_variable(variables):
    """The default place: KHONSU_HISTORY is not set, rather than empty."""
    kept = os.environ.get("KHONSU_HISTORY")
    terminal = Terminal.__new__(Terminal)
    terminal.master, slave = pty.openpty()
    terminal.resize(80)
    full = {name: value for name, value in environment(**variables).items() if name != "KHONSU_HISTORY"}
    terminal.process = subprocess.Popen([PROGRAM, "shell"], stdin=slave, stdout=slave, stderr=slave, env=full)
    os.close(slave)
    terminal.clear()
    return terminal


def test_a_history_that_cannot_be_kept_is_no_matter():
    terminal = Terminal(KHONSU_HISTORY="/proc/none/history")
    terminal.expect("khonsu> ")
    assert terminal.run("put k v; get k") == ["v"]
    assert terminal.leave() == 0


# ---- completion


def test_tab_completes_statements(terminal):
    terminal.send("trans" + TAB)
    terminal.send("\r")
    terminal.expect("0 transactions")
    terminal.expect("khonsu> ")
    terminal.send("s" + TAB + TAB)
    assert terminal.expect("strategy").split()[-9:] == "scan schema schema-rules select set snapshot source stat strategy".split()


def test_tab_completes_keys(terminal):
    terminal.run("put orders/open 1; put orders/done 2; put 'with blank' 3; put zeta 4")
    terminal.send("get z" + TAB + "\r")
    terminal.expect("\r\n4\r\n")
    terminal.send("get o" + TAB)
    terminal.send(TAB)
    terminal.expect("orders/done  orders/open")
    terminal.send("o" + TAB + "\r")
    terminal.expect("\r\n1\r\n")


def test_tab_completes_keys_behind_from(terminal):
    terminal.run("put orders 1; put from/here 2")
    terminal.send("select a fr" + TAB + "or" + TAB + "wh" + TAB + "a is n" + TAB)
    terminal.expect("select a from orders where a is n")
    terminal.send(CTRL_C)
    terminal.expect("khonsu> ")
    terminal.send("scan fr" + TAB)
    terminal.expect("om/here ")
    terminal.send("from or" + TAB)
    terminal.expect("ders ")


def test_tab_completes_files_behind_from(tmp_path):
    (tmp_path / "rows.csv").write_bytes(b"")
    terminal = Terminal(columns=400)
    terminal.expect("khonsu> ")
    terminal.run("put orders 1")
    for typed, whole in [
        (f"upsert ord{TAB}b{TAB}id fr{TAB}{tmp_path}/ro{TAB}cs{TAB}", f"upsert orders by id from {tmp_path}/rows.csv csv"),
        (f"delete-r{TAB}ord{TAB}fr{TAB}{tmp_path}/ro{TAB}", f"delete-rows orders from {tmp_path}/rows.csv"),
    ]:
        terminal.send(typed + "x\r")
        terminal.expect("error: ")
        terminal.expect("khonsu> ")
        terminal.send(UP)
        terminal.expect(whole + " x")
        terminal.send(CTRL_C)
        terminal.expect("khonsu> ")
    assert terminal.run("key" + TAB + "id") == []
    assert terminal.run("key" + TAB + "n" + TAB) == []
    assert terminal.run("key-columns") == ["none"]
    assert terminal.leave() == 0


def test_tab_completes_words_files_and_names(terminal, tmp_path):
    (tmp_path / "flights.arrow").write_bytes(b"")
    terminal.send("begin a isol" + TAB + "snap" + TAB + "\r")
    terminal.expect("khonsu a> ")
    terminal.send("commit " + TAB + "\r")
    terminal.expect("committed")
    terminal.expect("khonsu> ")
    terminal.send(f"import k {tmp_path}/fli" + TAB + "\r")
    terminal.expect("flights.arrow")
    terminal.expect("khonsu> ")
    terminal.send("help expl" + TAB + "\r")
    terminal.expect("Says which transaction lost")


def test_looking_for_keys_is_no_part_of_a_transaction(terminal):
    """A scan would be certified at serializable, and conflict with the put of another key in its range."""
    terminal.run("put key/1 v; begin a", "khonsu a> ")
    terminal.run("put other v", "khonsu a> ")
    terminal.send("get key" + TAB)
    terminal.expect("/1 ")
    terminal.send(CTRL_C)
    terminal.expect("khonsu a> ")
    terminal.run("use; put key/2 v; use a", "khonsu a> ")
    assert terminal.run("commit")[0].startswith("committed")


# ---- what is shown


def wide_table(path):
    write(path, pa.table({"number": [1], "text": ["a rather long text that does not fit"], "日本": ["日本語" * 20], **{f"column{i}": [i] for i in range(9)}}))


@pytest.mark.parametrize("columns", (30, 40, 80, 200))
def test_tables_fit_the_terminal(tmp_path, columns):
    wide_table(tmp_path / "t")
    terminal = Terminal("--command", f"import t {tmp_path}/t; get t", columns=columns)
    assert terminal.wait() == 0
    lines = terminal.text.replace("\r\n", "\n").splitlines()
    assert max(width(line) for line in lines[:4]) <= columns
    assert max(width(line) for line in lines[:4]) > columns - 10 or columns == 200
    assert "…" in lines[3]
    assert ("columns shown" in lines[-1]) == (columns < 200)


def test_a_new_width_is_taken_up(terminal, tmp_path):
    wide_table(tmp_path / "t")
    terminal.run(f"import t {tmp_path}/t")
    assert 70 < max(width(line) for line in terminal.run("get t")) <= 80
    terminal.resize(40)
    assert max(width(line) for line in terminal.run("get t")[:4]) <= 40


def test_colours(tmp_path):
    for variables, coloured in [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)]:
        terminal = Terminal("--command", "ls; get nope", **variables)
        assert terminal.wait() == 3
        assert ("\x1b[" in terminal.raw) == coloured
    assert b"\x1b" not in subprocess.run([PROGRAM, "shell", "--command", "ls"], capture_output=True, env=environment()).stdout


def test_bytes_do_not_play_with_the_terminal(terminal):
    assert terminal.run(r"put k \x1b[2J\x07; get k")[-1] == r"\x1b[2J\x07"


def test_arrow_is_not_for_terminals(terminal):
    terminal.run("put k v; format arrow")
    assert "Arrow is not for terminals" in " ".join(terminal.run("ls"))
