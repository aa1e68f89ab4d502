"""The checks of `make check` find what they are there to find."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, str(TOOLS / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("file", "include", "allowed"),
    [
        ("mvcc/a.c", '"base/base.h"', True),
        ("mvcc/a.c", '"a.h"', True),
        ("mvcc/a.c", '"khonsu.h"', True),
        ("mvcc/a.c", "<stdint.h>", True),
        ("mvcc/a.c", '"txn/txn.h"', False),
        ("base/a.c", '"os/os.h"', False),
        ("mvcc/a.c", '"base/alloc.h"', False),
        ("mvcc/a.c", '"mvcc/a.h"', False),
        ("mvcc/a.c", '"../base/base.h"', False),
        ("mvcc/a.c", '"absent.h"', False),
        ("mvcc/a.c", "<unistd.h>", False),
        ("os/a.c", "<unistd.h>", True),
        ("mvcc/a.c", '"nanoarrow/nanoarrow.h"', False),
        ("arrow/a.c", '"nanoarrow/nanoarrow.h"', True),
        ("cellar/a.c", "<stdint.h>", False),
    ],
)
def test_layers(tmp_path, file, include, allowed):
    source = tmp_path / file
    source.parent.mkdir()
    source.with_suffix(".h").touch()
    source.write_text(f"#include {include}\n")
    assert (load("check_layers").check(tmp_path) == []) == allowed


@pytest.mark.parametrize(
    ("file", "code", "allowed"),
    [
        ("src/txn/a.c", "p = malloc(1);", False),
        ("src/base/alloc.h", "p = malloc(1);", True),
        ("src/txn/a.c", "/* malloc(1) */ ops->free(p); kh_free(p);", True),
        ("src/txn/a.c", "t = time(NULL);", False),
        ("src/os/a.c", "t = time(NULL);", True),
        ("src/txn/a.c", 'printf("x");', False),
        ("src/txn/a.c", 's = "printf(1)";', True),
    ],
)
def test_reserved_calls(file, code, allowed):
    assert (list(load("check_source").check_calls(file, code)) == []) == allowed


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("# A heading: `x`\n[here](#a-heading-x) and `src/base/base.h`", True),
        ("[nowhere](#nope)", False),
        ("[gone](docs/gone.md)", False),
        ("`src/gone.c`", False),
        ("`src/<room>/x.c`, `make test`, `a/b`\n```\n[x](gone)\n```", True),
    ],
)
def test_docs(tmp_path, text, allowed):
    checks = load("check_docs")
    (tmp_path / "src" / "base").mkdir(parents=True)
    (tmp_path / "src" / "base" / "base.h").touch()
    (tmp_path / "a.md").write_text(text)
    checks.ROOT = tmp_path
    assert (list(checks.check(tmp_path / "a.md")) == []) == allowed
