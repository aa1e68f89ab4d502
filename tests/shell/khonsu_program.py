"""What the tests of the shell share. KHONSU_PROGRAM names the program."""

import json
import os
import pty
import select
import subprocess
import time

PROGRAM = os.environ["KHONSU_PROGRAM"]
SECONDS_MAX = 60


def environment(**more):
    """Without what a developer may have set; no history unless a test asks for one."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "XDG_STATE_HOME", "TERM"}}
    return {**kept, "KHONSU_HISTORY": "", "TERM": "xterm", **more}


def khonsu(*arguments, script=b"", **options):
    """Runs the program to its end; bytes in and out."""
    if isinstance(script, str):
        script = script.encode()
    return subprocess.run([PROGRAM, *map(str, arguments)], input=script, capture_output=True, timeout=SECONDS_MAX,
                          env=environment(), **options)


def shell(script, *arguments, **options):
    return khonsu("shell", *arguments, script=script, **options)


def output(script, *arguments, **options):
    """What a script that goes well prints."""
    ran = shell(script, *arguments, **options)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
    return ran.stdout.decode()


def objects(output):
    return [json.loads(line) for line in output.splitlines()]


def candidates(*words):
    ran = khonsu("completion", "words", "--", *words)
    assert ran.returncode == 0
    return [line.split("\t")[0] for line in ran.stdout.decode().splitlines()]


def terminal(*arguments, stdin=None, **variables):
    """What the program writes where its streams are a terminal, and its exit status."""
    master, slave = pty.openpty()
    process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=stdin or slave, stdout=slave, stderr=slave,
                               env=environment(**variables))
    os.close(slave)
    came, until = b"", time.monotonic() + SECONDS_MAX
    while select.select([master], [], [], max(until - time.monotonic(), 0))[0]:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        came += data
    os.close(master)
    return came.decode(), process.wait(SECONDS_MAX)
