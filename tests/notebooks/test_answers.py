"""What the product's notebooks give is right: held against pandas on the same data. nbval shows that they give it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
TPCHGEN = str(Path(sys.executable).with_name("tpchgen-cli"))


def made(folder: Path, kind: str, tables: str) -> Path:
    options = ["--scale-factor", "0.01", f"--tables={tables}", "--parts=4", f"--output-dir={folder}"]
    subprocess.run([TPCHGEN, kind, *options], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> dict[str, pd.DataFrame]:
    """TPC-H's line items and orders at the notebooks' scale, their amounts as floats."""
    folder = made(tmp_path_factory.mktemp("tpch"), "parquet", "lineitem,orders")
    lines = pd.read_parquet(folder / "lineitem")
    amounts = ["l_quantity", "l_extendedprice", "l_discount", "l_tax"]
    return {"lineitem": lines.astype(dict.fromkeys(amounts, float)), "orders": pd.read_parquet(folder / "orders")}


def said(name: str, of: str) -> str:
    """What is saved below the cell of notebook ``name`` that has ``of`` in it."""
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    (cell,) = (cell for cell in cells if cell.cell_type == "code" and of in cell.source)
    return "".join(output.data["text/plain"] for output in cell.outputs)


def test_analytics_sums_what_was_shipped(tables):
    lines = tables["lineitem"]
    lines = lines[lines.l_shipdate <= date(1998, 9, 2)]
    charged = lines.l_extendedprice * (1 - lines.l_discount) * (1 + lines.l_tax)
    for key, sum_ in charged.groupby([lines.l_returnflag, lines.l_linestatus]).sum().items():
        assert f"{sum_:.6e}" in said("analytics", "q1 ="), key


def test_analytics_finds_what_a_small_discount_less_would_have_brought(tables):
    lines = tables["lineitem"]
    lines = lines[(lines.l_shipdate >= date(1994, 1, 1)) & (lines.l_shipdate < date(1995, 1, 1))]
    lines = lines[lines.l_discount.round(2).between(0.05, 0.07) & (lines.l_quantity < 24)]
    assert f"{(lines.l_extendedprice * lines.l_discount).sum():,.2f}" in said("analytics", "q6 =")


@pytest.fixture(scope="module")
def pairs(tables) -> pd.DataFrame:
    """The edges of the graph, customer and supplier."""
    lines, orders = tables["lineitem"], tables["orders"]
    orders = orders[orders.o_orderdate >= date(1998, 6, 15)]
    joined = lines[lines.l_quantity >= 47].merge(orders, left_on="l_orderkey", right_on="o_orderkey")
    return joined[["o_custkey", "l_suppkey"]].drop_duplicates()


def test_graph_counts_what_is_connected(pairs):
    group: dict[str, set[str]] = {}
    for customer, supplier in pairs.itertuples(index=False):
        one, other = (group.get(vertex, {vertex}) for vertex in (f"c{customer}", f"s{supplier}"))
        group |= dict.fromkeys(one | other, one | other)
    sizes = [len(each) for each in {id(each): each for each in group.values()}.values()]
    numbers = [int(line.split()[-1]) for line in said("graph", "label = components").splitlines()[1:]]
    assert numbers == [len(sizes), max(sizes), min(sizes)]


def test_graph_ranks_as_the_matrix_does(pairs):
    vertices = sorted({f"customer {c}" for c in pairs.o_custkey} | {f"supplier {s}" for s in pairs.l_suppkey})
    at = {vertex: number for number, vertex in enumerate(vertices)}
    matrix = np.zeros((len(vertices), len(vertices)))
    for customer, supplier in pairs.itertuples(index=False):
        c, s = at[f"customer {customer}"], at[f"supplier {supplier}"]
        matrix[c, s] = matrix[s, c] = 1
    rank = np.linalg.solve(np.eye(len(vertices)) - 0.85 * matrix / matrix.sum(axis=0), np.full(len(vertices), 0.15))
    ranks = pd.Series(rank / len(vertices), index=vertices)
    best = ranks[ranks.index.str.startswith("supplier")].nlargest(5)
    shown = [float(line.split()[-1]) for line in said("graph", "rank = pagerank").splitlines()[2:]]
    assert shown == pytest.approx(list(best), abs=2e-5)


def test_training_comes_near_the_best_that_can_be_known(tables):
    """TPC-H draws the days on the way evenly: the days that were left at the shipment tell best who is late."""
    joined = tables["lineitem"].merge(tables["orders"], left_on="l_orderkey", right_on="o_orderkey")
    joined = joined[joined.o_orderdate >= date(1997, 1, 1)]
    left = pd.to_datetime(joined.l_commitdate) - pd.to_datetime(joined.l_shipdate)
    best = roc_auc_score(joined.l_receiptdate > joined.l_commitdate, -left.dt.days)
    metrics = ast.literal_eval(said("ml_training", "accuracy_score(").strip())
    assert best - 0.01 < metrics["auc"] <= best + 0.001
    assert metrics["accuracy"] > 0.9


def test_etl_cleans_what_is_dirty(laptop, tmp_path):
    source, output = made(tmp_path / "csv", "csv", "lineitem") / "lineitem", tmp_path / "clean"
    first = min(source.glob("*.csv"))
    lines = pd.read_csv(first, dtype=str)
    wrong = [lines.iloc[:10], lines.iloc[10:14].assign(l_discount="1.5"), lines.iloc[14:17].assign(l_orderkey=None)]
    wrong[1]["l_linenumber"] = wrong[2]["l_linenumber"] = "99"
    pd.concat([lines, *wrong]).to_csv(first, index=False)
    given = [word for name, place in (("source", source), ("output", output)) for word in ("-p", f"{name}={place}")]
    command = ["dataproc", "run", str(NOTEBOOKS / "etl.ipynb"), "-o", str(tmp_path / "done.ipynb"), *given]
    dask = str(Path(sys.executable).with_name("dask"))
    environment = os.environ | laptop.environment
    done = subprocess.run([dask, *command], env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    clean = pd.read_parquet(output)
    assert len(clean) == 60175
    assert set(clean.year.astype(int)) == set(range(1992, 1999))
    assert clean.l_discount.max() <= 0.1
