"""schema-rules: tables whose columns change with what is appended."""

import pyarrow as pa
import pyarrow.feather
import pytest

from khonsu_program import output, shell


@pytest.fixture
def files(tmp_path):
    (tmp_path / "t.csv").write_text("id,name\n1,a\n")
    (tmp_path / "more.csv").write_text("price,id\n0.5,2\n")
    (tmp_path / "text.csv").write_text("id,name\nx,b\n")
    pyarrow.feather.write_feather(pa.table({"name": ["b"], "id": pa.array([2.5], pa.float32())}), tmp_path / "wide.arrow")
    pyarrow.feather.write_feather(pa.table({"id": pa.array([1], pa.int16()), "name": ["a"]}), tmp_path / "t.arrow")
    return tmp_path


def test_strict_is_the_default(files):
    assert output("import t t.csv; schema-rules t", cwd=files) == "strict\n"
    ran = shell("import t t.csv; append t more.csv", cwd=files)
    assert ran.returncode == 2
    assert "SCHEMA_MISMATCH" in ran.stderr.decode() or "the rows" in ran.stderr.decode()


def test_columns_are_added(files):
    script = "import t t.csv; schema-rules t add; append t more.csv; schema-rules t; get t"
    assert output(script, "--format", "csv", cwd=files) == "add\nid,name,price\n1,a,\n2,,0.5\n"


def test_columns_are_widened(files):
    script = "import t t.arrow; schema-rules t add,widen; append t wide.arrow; get t"
    assert output(script, "--format", "csv", cwd=files) == "id,name\n1.0,a\n2.5,b\n"
    ran = shell("import t t.csv; schema-rules t add; append t text.csv", cwd=files)
    assert ran.returncode == 2
    assert "column 'id': int64 in the table, utf8 in the rows" in ran.stderr.decode()
    assert "do not say 'widen'" in ran.stderr.decode()


def test_rules_are_of_the_transaction(files):
    script = "import t t.csv; begin a; schema-rules t add; schema-rules t; use; schema-rules t; commit a; schema-rules t"
    assert output(script, cwd=files) == "add\nstrict\nadd\n"


def test_rules_are_metadata(files):
    script = "import t t.csv; schema-rules t widen; export t t.arrow; import u t.arrow; schema-rules u; schema u metadata"
    ran = output(script, cwd=files)
    assert ran.startswith("widen\n")
    assert "khonsu.schema_rules" in ran


@pytest.mark.parametrize(
    "script, code, text",
    [
        ("import t t.csv; schema-rules t all", 2, "schema-rules: the rules are strict, add, widen, or add,widen"),
        ("schema-rules t add", 3, "schema-rules: there is no table at the key to set schema rules of"),
        ("put t x; schema-rules t add", 2, "schema-rules: cannot set schema rules: the key holds bytes"),
        ("put t x; schema-rules t", 2, "schema-rules: key 't' holds bytes, not a table"),
    ],
)
def test_what_is_wrong_is_said(files, script, code, text):
    ran = shell(script, cwd=files)
    assert text in ran.stderr.decode()
    assert ran.returncode == code
