"""What the tests of the shell share. KHONSU_PROGRAM names the program."""

import os
import subprocess

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
