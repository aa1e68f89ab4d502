"""CSV files in and out: types, nulls, quotes, and what is wrong with a file, by line and column."""

import pytest

from khonsu_program import output, shell
from test_tables import write

import pyarrow as pa
import pyarrow.csv


@pytest.fixture
def file(tmp_path):
    def make(text, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def imported(path, *more):
    return output(f"import t {path} {' '.join(more)}\nget t\n", "--format", "csv")


def types(path):
    return [line.split(",", 1)[1].strip('"') for line in output(f"import t {path}\nschema t\n", "--format", "csv").splitlines()[1:]]


@pytest.mark.parametrize(
    "values, type",
    [
        (["1", "", "-9223372036854775808", "9223372036854775807", "0"], "int64"),
        (["1", "2.5"], "float64"),
        (["1e3", "-0.5", "NaN", "Infinity", "-Infinity", "9007199254740992"], "float64"),
        (["-0"], "float64"),
        (["2.5", "9007199254740993"], "utf8"),
        (["9223372036854775808"], "utf8"),
        (["007"], "utf8"),
        (["1."], "utf8"),
        ([".5"], "utf8"),
        (["+1"], "utf8"),
        (["1 "], "utf8"),
        (["true", "false", ""], "bool"),
        (["true", "1"], "utf8"),
        (["True"], "utf8"),
        (["2013-01-31", "0001-01-01", "2012-02-29"], "date32"),
        (["2013-02-29"], "utf8"),
        (["2013-01-31", "2013-01-31 00:00:00"], "utf8"),
        (["2013-01-31 12:00:01", "2013-01-31T12:00:01.123456"], "timestamp[us]"),
        (["2013-01-31 12:00:01.1234567"], "utf8"),
        (["2013-01-31 24:00:00"], "utf8"),
        (["2013-01-31 12:00:01Z", "1969-12-31T23:59:59.5Z"], "timestamp[us, tz=UTC]"),
        (["2013-01-31 12:00:01Z", "2013-01-31 12:00:01"], "utf8"),
        (["", ""], "utf8"),
        (['""', "1"], "utf8"),
        (["é", "日本"], "utf8"),
    ],
)
def test_types(file, values, type):
    path = file("c,d\n" + "".join(f"{value},x\n" for value in values))
    assert types(path) == [f"{type},yes" if "," not in type else f'{type}",yes', "utf8,yes"]
    if type != "float64" and "T" not in "".join(values):
        assert imported(path) == path.read_text()


def test_quotes_and_lines(file):
    text = 'a,"b,c"\n"x\ny","say ""hi"""\n,""\n'
    assert imported(file(text)) == text
    assert imported(file(text.replace("\n", "\r\n"))) == text.replace("x\n", 'x\r\n')
    assert imported(file("\ufeffa,b\n1,2")) == "a,b\n1,2\n"
    assert imported(file("a,b\n\n1,2\n\n\n")) == "a,b\n1,2\n"
    assert imported(file("a\n1\n\n2\n")) == "a\n1\n\n2\n"  # one column: an empty line is a null
    assert imported(file("a,b\n")) == "a,b\n"
    assert imported(file("a, b\n1, 2\n")) == 'a, b\n1, 2\n'


def test_large_files(file):
    rows = "".join(f"{i},\"{'x' * (i % 50)}\n\",{i / 8},{'true' if i % 2 else ''}\n" for i in range(100000))
    path = file("id,text,number,flag\n" + rows)
    assert types(path) == ["int64,yes", "utf8,yes", "float64,yes", "bool,yes"]
    assert imported(path) == path.read_text()


def test_append_and_what_is_csv(file, tmp_path):
    path, other = file("a,b\n1,x\n"), file("a,b\n2,y\n", "other.txt")
    script = f"import t {path}\nappend t {path}\nappend t {other} csv\nget t\n"
    assert output(script, "--format", "csv") == "a,b\n1,x\n1,x\n2,y\n"
    assert shell(f"import t {other}\n").returncode == 5  # not Arrow
    arrow = tmp_path / "arrow.csv"
    for stream in (False, True):
        write(arrow, pa.table({"a": [1, 2]}), stream)
        assert imported(arrow) == "a\n1\n2\n"


def test_export(file, tmp_path):
    path, out = file("a,b\n1,x\n,\n"), tmp_path / "out.csv"
    output(f"import t {path}\nexport t {out} csv\n")
    assert out.read_text() == path.read_text()
    assert output(f"import t {path}\nexport t - csv\n") == path.read_text()
    assert not (tmp_path / "out.csv.tmp").exists()


def test_as_pyarrow(file):
    path = file('i,f,b,s\n1,1.5,true,x\n,,,\n-3,2e3,false,"a ""b"", c"\n')
    expected = pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False))
    out = path.with_name("out.arrow")
    output(f"import t {path}\nexport t {out}\n")
    with pa.ipc.open_file(out) as reader:
        assert reader.read_all().equals(expected)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "line 1: there are no names of columns"),
        ("a,b\n1\n", "line 2: 1 fields, but there are 2 columns"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 fields, but there are 2 columns"),
        ('a,b\n1,x"y\n', "line 2: a quote stands where none can, or one is missing"),
        ('a,b\n1,"x\n\n', "line 3: a quote stands where none can, or one is missing"),
        (b"a,b\nx,1\n\xff,2\n", "line 3: column 'a': the text is not UTF-8"),
        (b"a\xff,b\nx,1\n", "line 1: the name of a column is not UTF-8"),
    ],
)
def test_what_is_wrong(file, text, message):
    path = file(text)
    ran = shell(f"import t {path} csv\n")
    assert (ran.returncode, ran.stderr.decode()) == (2, f"khonsu: line 1: import: {path}, {message}\n")


def test_no_file(tmp_path):
    ran = shell(f"import t {tmp_path}/none.csv csv\n")
    assert (ran.returncode, ran.stderr.decode()) == (1, f"khonsu: line 1: import: cannot open {tmp_path}/none.csv: No such file or directory\n")
    assert shell(f"import t {tmp_path}/none.csv\n").returncode == 1
