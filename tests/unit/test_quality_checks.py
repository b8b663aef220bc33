"""Data with one fault each, seeded into TPC-H's orders: caught by the rule meant for it alone, and not published."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import GateClosed, InputError, QualityError, SpecError
from dask_dataproc.pipelines.quality.check import checked
from dask_dataproc.pipelines.quality.gate import check, gate
from dask_dataproc.pipelines.quality.publish import staged_location
from dask_dataproc.pipelines.quality.rules import read_rules

LAST = dt.date(1998, 8, 2)
YEARS = range(1992, 1999)


@pytest.fixture(scope="module")
def tpch(tmp_path_factory) -> Path:
    """TPC-H at scale factor 0.01: customer, and orders in a folder a year."""
    folder = tmp_path_factory.mktemp("tpch")
    tpchgen = str(Path(sys.executable).with_name("tpchgen-cli"))
    made = [tpchgen, "parquet", "-s", "0.01", "--tables=orders,customer", f"--output-dir={folder}"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    orders = pq.read_table(folder / "orders.parquet")
    plain = [pa.field(f.name, pa.string() if pa.types.is_string_view(f.type) else f.type) for f in orders.schema]
    orders = orders.cast(pa.schema(plain))  # views are not filtered yet
    year = pc.year(orders["o_orderdate"])  # pyright: ignore[reportAttributeAccessIssue]
    for each in YEARS:
        place = folder / "clean" / f"year={each}"
        place.mkdir(parents=True)
        pq.write_table(orders.filter(pc.equal(year, each)), place / "part.0.parquet")  # pyright: ignore[reportAttributeAccessIssue]
    return folder


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    sized = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": None}
    with LocalCluster(**sized) as cluster, Client(cluster) as client:
        yield client


def rules(tpch: Path) -> dict[str, Any]:
    return {
        "rows": {"min": 12_000, "max": 16_000, "drop": 0.2},
        "schema": {
            "o_orderkey": "int64", "o_custkey": "integer", "o_orderstatus": "string", "o_totalprice": "number",
            "o_orderdate": "date", "o_orderpriority": "string", "o_clerk": "string", "o_shippriority": "int32",
            "o_comment": "string", "year": "string",
        },
        "extra": False,
        "columns": {
            "o_orderkey": {"nulls": 0, "unique": True, "min": 1, "max": 60_000},
            "o_orderstatus": {"allowed": ["F", "O", "P"]},
            "o_totalprice": {"min": 0, "max": 600_000, "mean": {"min": 130_000, "max": 160_000}},
            "o_orderdate": {"min": "1992-01-01", "max": "1998-12-31"},
            "o_clerk": {"nulls": 0.01, "matches": "Clerk#[0-9]{9}"},
            "o_comment": {"length": {"min": 1, "max": 79}},
        },
        "fresh": {"column": "o_orderdate", "within": "2d", "as_of": "1998-08-03"},
        "partitions": {"column": "year", "from": 1992, "to": 1998},
        "references": {"o_custkey": {"to": str(tpch / "customer.parquet"), "column": "c_custkey"}},
    }  # fmt: skip


def year(folder: Path, number: int, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = folder / f"year={number}" / "part.0.parquet"
    table = pq.ParquetFile(path).read()
    frame = change(table.to_pandas(types_mapper=pd.ArrowDtype))
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)


def put(column: str, values: Any, rows: slice = slice(0, 20)) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[frame.index[rows], column] = values
        return frame

    return change


def repeat(folder: Path) -> None:
    """Have a key of 1993 in 1996 too."""
    table = pq.ParquetFile(folder / "year=1993" / "part.0.parquet").read()
    year(folder, 1996, put("o_orderkey", table["o_orderkey"][7].as_py(), slice(5, 6)))


def all_stale(folder: Path) -> None:
    year(folder, 1998, lambda frame: frame[frame["o_orderdate"] < dt.date(1998, 7, 31)])


def drifted(folder: Path) -> None:
    """Let each price be in its range and the whole of them not."""
    for number in YEARS:
        year(folder, number, lambda frame: frame.assign(o_totalprice=(frame["o_totalprice"] / 2).astype("float64")))


def fewer(folder: Path) -> None:
    for number in YEARS:
        year(folder, number, lambda frame: frame[frame.index % 2 < 1] if frame["o_orderdate"].max() < LAST else frame)


def at(number: int, *change: Any) -> Callable[[Path], None]:
    return lambda folder: year(folder, number, put(*change))


FAULTS: dict[str, tuple[Callable[[Path], None], set[str], int | None]] = {
    "nulls": (at(1995, "o_orderkey", None), {"columns.o_orderkey.nulls"}, 20),
    "nulls beyond their share": (at(1995, "o_clerk", None, slice(0, 160)), {"columns.o_clerk.nulls"}, 160),
    "duplicates across files": (repeat, {"columns.o_orderkey.unique"}, 1),
    "a range left below": (at(1992, "o_totalprice", -1, slice(0, 3)), {"columns.o_totalprice.min"}, 3),
    "a range left above": (at(1992, "o_totalprice", 700_000, slice(0, 3)), {"columns.o_totalprice.max"}, 3),
    "a date out of range": (at(1992, "o_orderdate", dt.date(1892, 1, 1)), {"columns.o_orderdate.min"}, 20),
    "a drifted distribution": (drifted, {"columns.o_totalprice.mean"}, None),
    "a value not allowed": (at(1997, "o_orderstatus", "X"), {"columns.o_orderstatus.allowed"}, 20),
    "a text that does not match": (at(1997, "o_clerk", "Clerk#1"), {"columns.o_clerk.matches"}, 20),
    "a newline behind a match": (at(1997, "o_clerk", "Clerk#000000001\n"), {"columns.o_clerk.matches"}, 20),
    "a text too long": (at(1997, "o_comment", "x" * 80), {"columns.o_comment.length"}, 20),
    "a missing partition": (lambda folder: shutil.rmtree(folder / "year=1994"), {"partitions"}, None),
    "fewer rows": (fewer, {"rows.min", "rows.drop"}, None),
    "a stale file": (all_stale, {"fresh"}, None),
    "a customer there is not": (at(1994, "o_custkey", 999_999), {"references.o_custkey"}, 20),
}  # fmt: skip


@pytest.fixture
def final(tpch, tmp_path) -> Path:
    """An output that has been published, and the same data staged for a second run."""
    final = tmp_path / "orders"
    shutil.copytree(tpch / "clean", final)
    shutil.copytree(tpch / "clean", staged_location(str(final), "2"))
    return final


def asked(tpch: Path, final: Path, **more: Any) -> list[dict[str, Any]]:
    return [{"staged": staged_location(str(final), "2"), "final": str(final), "rules": rules(tpch) | more}]


def keys(folder: Path) -> pd.Series:
    return dd.read_parquet(str(folder)).compute(scheduler="sync")["o_orderkey"]


def test_clean_data_pass_and_are_published(tpch, final, client):
    said = gate(asked(tpch, final))
    assert said["passed"]
    assert said["outputs"][0]["failures"] == []
    assert said["outputs"][0]["rows"] == 15_000
    assert len(keys(final)) == 15_000
    assert not Path(staged_location(str(final), "2")).exists()
    report = json.loads((final.parent / "_quality" / "orders" / "2.json").read_text())
    assert all(rule["passed"] for rule in report["rules"])
    assert gate(asked(tpch, final))["passed"], "a second call has nothing to do"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught_by_the_rule_meant_for_it_and_not_published(fault, tpch, final, client):
    seed, caught, rows = FAULTS[fault]
    staged = Path(staged_location(str(final), "2"))
    seed(staged)
    with pytest.raises(GateClosed) as closed:
        gate(asked(tpch, final))
    (summary,) = closed.value.summaries
    assert {failure["rule"] for failure in summary["failures"]} == caught
    assert rows is None or summary["failures"][0]["rows"] == rows
    assert "\n" not in str(closed.value)
    assert len(keys(final)) == 15_000
    assert staged.is_dir()
    report = json.loads((final.parent / "_quality" / "orders" / "2.json").read_text())
    (failed,) = [rule for rule in report["rules"] if rule["rule"] == summary["failures"][0]["rule"]]
    assert len(failed["sample"]) == (min(20, rows + (rows == 1)) if rows else 0)


def rewritten(folder: Path, number: int, change: Callable[[pa.Table], pa.Table]) -> None:
    path = folder / f"year={number}" / "part.0.parquet"
    pq.write_table(change(pq.ParquetFile(path).read()), path)


SCHEMAS: dict[str, tuple[Callable[[pa.Table], pa.Table], set[str]]] = {
    "another type": (
        lambda table: table.set_column(0, "o_orderkey", table["o_orderkey"].cast("string")), {"schema.o_orderkey"}
    ),
    "a column renamed": (
        lambda table: table.rename_columns(["o_key", *table.column_names[1:]]), {"schema.o_orderkey", "extra"}
    ),
    "a column more": (lambda table: table.append_column("o_new", table["o_custkey"]), {"extra"}),
    "a column less": (lambda table: table.drop_columns(["o_comment"]), {"schema.o_comment"}),
}  # fmt: skip


@pytest.mark.parametrize("files", ["one file", "all files"])
@pytest.mark.parametrize("change", SCHEMAS)
def test_a_changed_schema_is_caught_by_the_schema_alone(change, files, tpch, final, client):
    act, caught = SCHEMAS[change]
    for number in YEARS if files == "all files" else (1996,):
        rewritten(Path(staged_location(str(final), "2")), number, act)
    with pytest.raises(GateClosed) as closed:
        gate(asked(tpch, final))
    assert {failure["rule"] for failure in closed.value.summaries[0]["failures"]} == caught
    assert len(keys(final)) == 15_000


def test_one_output_that_fails_keeps_all_of_them_back(tpch, final, client):
    good = final.parent / "good"
    shutil.copytree(tpch / "clean", staged_location(str(good), "2"))
    FAULTS["nulls"][0](Path(staged_location(str(final), "2")))
    with pytest.raises(GateClosed, match=r"orders is not published: columns\.o_orderkey\.nulls \(20 of 15,000 rows"):
        gate([*asked(tpch, good), *asked(tpch, final)])
    assert not good.exists()


def test_fewer_rows_are_not_let_through_since_what_is_published_cannot_be_read(final, client):
    (final / "year=1992" / "part.1.parquet").write_bytes(b"no Parquet")
    staged = Path(staged_location(str(final), "2"))
    for number in YEARS[1:]:
        shutil.rmtree(staged / f"year={number}")
    with pytest.raises(InputError, match=r"/orders: it cannot be read: "):
        gate([{"staged": str(staged), "final": str(final), "rules": {"rows": {"drop": 0.1}}}])
    assert staged.is_dir()


def test_where_nothing_is_published_any_number_of_rows_is_enough(final, client):
    shutil.rmtree(final)
    said = gate([{"staged": staged_location(str(final), "2"), "final": str(final), "rules": {"rows": {"drop": 0}}}])
    assert said["outputs"][0]["rows"] == len(keys(final)) == 15_000


def test_an_output_that_cannot_be_published_keeps_back_those_that_could(tpch, final, client):
    (final.parent / "file").write_text("somebody's")
    for staged, cannot, said in (
        (staged_location(f"{final.parent}/b", "2"), final.parent / "b", "no folder is there"),
        (staged_location(f"{final.parent}/file", "2"), final.parent / "file", "file is a file"),
        (staged_location(f"{final.parent}/file", "2"), final.parent / "file" / "b", "file is a file"),
        ("memory://lake/_staged/b/2", final.parent / "b", "are of two stores"),
    ):
        with pytest.raises(QualityError, match=said):
            gate([*asked(tpch, final), {"staged": staged, "final": str(cannot), "rules": {}}])
        assert Path(staged_location(str(final), "2")).is_dir(), "what could be is still to be published"
    assert len(keys(final)) == 15_000


@pytest.mark.parametrize("inner", ["items", "", "_staged/orders/2", "_staged/orders/2/items"])
def test_outputs_within_one_another_are_refused_and_lose_nothing(inner, final):
    place = final if not inner.startswith("_staged") else final.parent
    nested = str(place / inner)
    before = sorted(final.parent.rglob("*"))
    outputs = [{"staged": staged_location(each, "2"), "final": each, "rules": {}} for each in (str(final), nested)]
    with pytest.raises(SpecError, match=r"outputs: .* lies within .*/orders"):
        gate(outputs)
    assert sorted(final.parent.rglob("*")) == before


def test_no_rules_publish_what_is_there(final):
    gate([{"staged": staged_location(str(final), "2"), "final": str(final), "rules": {}}])
    assert len(keys(final)) == 15_000


@pytest.mark.parametrize("given_rules", [{}, {"rows": {"min": 0}}])
def test_nothing_staged_publishes_nothing(final, given_rules, client):
    with pytest.raises((InputError, QualityError), match=r"nothing is there|no folder is there"):
        gate([{"staged": staged_location(str(final), "9"), "final": str(final), "rules": given_rules}])
    assert len(keys(final)) == 15_000


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ([], "outputs: "),
        ([{"staged": "/a/b", "finl": "/a/c"}], r"outputs\[0\]\.finl.*the nearest is outputs\[0\]\.final"),
        ([{"staged": "/a/b", "final": "gs://bucket"}], "final: 'gs://bucket' given"),
        ([{"staged": "/a/b", "final": "/a/c", "rules": {"rows": {"min": -1}}}], r"outputs\[0\]\.rules: rows\.min: -1"),
        ([{"staged": "/a/b"}], r"outputs\[0\]\.final: None given"),
    ],
)
def test_what_a_gate_cannot_be_asked_is_one_line_before_anything_is_read(outputs, said):
    with pytest.raises(SpecError, match=said):
        gate(outputs)


def test_the_newest_file_counts_where_no_column_is_named(tpch, tmp_path):
    shutil.copytree(tpch / "clean", tmp_path / "orders")
    for path in (tmp_path / "orders").rglob("*.parquet"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    read = read_rules({"fresh": {"within": "1h"}})
    for now, passed in ((1_700_003_600.0, True), (1_700_003_601.0, False)):
        assert checked(str(tmp_path / "orders"), read, now=now)["passed"] is passed


def saying(tmp_path: Path, monkeypatch, text: str, name: str) -> str:
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


CUSTOM = """
import pandera.pandas as pa
def rows(frame): return frame[frame.o_orderstatus == "P"]
def fine(frame): return True
def no(frame): return bool(frame.o_totalprice.max().compute() < 0)
def words(frame): return "too many clerks"
def nothing(frame): pass
def breaks(frame): return frame.nowhere
Schema = pa.DataFrameSchema({"o_orderstatus": pa.Column(str, pa.Check.isin(["F", "O"]))})
"""


def test_what_functions_and_schemas_of_one_s_own_say_is_in_the_report(tpch, tmp_path, monkeypatch):
    name = saying(tmp_path, monkeypatch, CUSTOM, "own_rules_of_orders")
    functions = ("rows", "fine", "no", "words", "nothing", "breaks")
    given = {"custom": [f"{name}:{each}" for each in functions], "pandera": f"{name}:Schema"}
    said = {
        rule["rule"].rpartition(":")[2]: rule for rule in checked(str(tpch / "clean"), read_rules(given), 3)["rules"]
    }
    passed = {each for each, rule in said.items() if rule["passed"]}
    assert passed == {"fine"}
    assert said["rows"]["rows"] == said["Schema"]["rows"] == 363
    assert [row["o_orderstatus"] for row in said["rows"]["sample"]] == ["P"] * 3
    assert [row["o_orderstatus"] for row in said["Schema"]["sample"]] == ["P"] * 3
    assert said["words"]["said"] == "too many clerks"
    assert "NoneType; a bool, a text or a frame" in said["nothing"]["said"]
    assert said["breaks"]["said"].startswith("AttributeError: ")


def test_a_function_that_is_not_there_is_one_line(tpch):
    with pytest.raises(QualityError, match="custom no_such_module:check: No module named"):
        checked(str(tpch / "clean"), read_rules({"custom": "no_such_module:check"}))


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_text_files_keep_the_same_rules(kind, tpch, tmp_path):
    orders = dd.read_parquet(tpch / "clean").compute(scheduler="sync").drop(columns="year")
    orders["o_totalprice"] = orders["o_totalprice"].astype(float)
    for number in range(3):
        some = orders[number::3]
        if kind == "csv":
            some.to_csv(tmp_path / f"{number}.csv", index=False)
        else:
            some.astype({"o_orderdate": str}).to_json(tmp_path / f"{number}.json", orient="records", lines=True)
    given = {"rows": {"min": 15_000, "max": 15_000}, "columns": {"o_orderkey": {"unique": True, "max": 50_000}}}
    said = checked(str(tmp_path), read_rules(given))
    assert {rule["rule"]: rule["rows"] for rule in said["rules"] if not rule["passed"]} == {
        "columns.o_orderkey.max": int((orders["o_orderkey"] > 50_000).sum())
    }


values = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([0.5, -0.0, 2.0**60, 1e300]))


@settings(max_examples=20)
@given(st.lists(st.lists(values, min_size=1, max_size=6), min_size=1, max_size=12))
def test_what_is_repeated_is_what_pandas_says_is_repeated_in_the_whole(parts):
    from dask_dataproc.pipelines.quality import keys as keyed

    frames = [pd.DataFrame({"a": pd.Series(part, dtype="float64"), "b": "x"}) for part in parts]
    frames = [f.astype({"a": "int64"}) if f["a"].isin(range(-3, 4)).all() else f for f in frames]
    whole = pd.concat(frames).astype({"a": "float64"}).dropna()
    hashes = [keyed.hashed(frame, ("a", "b")).to_numpy() for frame in frames]
    dealt = [keyed.dealt(each, 3) for each in hashes]
    found = [keyed.repeats([each[bucket] for each in dealt]) for bucket in range(3)]
    assert sum(each.rows for each in found) == whole.duplicated(["a", "b"]).sum()
    again = np.concatenate([each.hashes for each in found])
    counts = pd.concat([keyed.key_counts(frame, ("a", "b"), again) for frame in frames])
    total = counts.groupby(["a", "b"])["rows"].sum()
    assert (total[total > 1] - 1).sum() == whole.duplicated(["a", "b"]).sum()


def test_an_accident_of_hashing_closes_no_gate(tmp_path, monkeypatch):
    from dask_dataproc.pipelines.quality import keys as keyed

    pq.write_table(pa.table({"a": range(100)}), tmp_path / "part.0.parquet")
    monkeypatch.setattr(keyed, "_hash", lambda values: np.asarray(values, dtype="uint64") % np.uint64(7))
    with dask.config.set(scheduler="sync"):
        assert checked(str(tmp_path), read_rules({"columns": {"a": {"unique": True}}}))["passed"]


def test_a_report_is_where_it_was_asked_for_and_has_no_rows_where_none_are_wanted(tpch, tmp_path, client):
    said = check(str(tpch / "clean"), {"columns": {"o_orderstatus": {"allowed": ["F"]}}}, str(tmp_path / "r"), sample=0)
    assert not said["passed"]
    assert said["reports"] == [str(tmp_path / "r" / "quality.json"), str(tmp_path / "r" / "quality.html")]
    (rule,) = json.loads((tmp_path / "r" / "quality.json").read_text())["rules"]
    assert rule["sample"] == []
    assert rule["rows"] > 7_000
    assert "Customer" not in (tmp_path / "r" / "quality.html").read_text()
