"""What identifies a computation: the same in every kernel, another as soon as anything of it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask import delayed
from dask._task_spec import convert_legacy_graph
from dask.base import collections_to_expr
from dask.core import flatten

from dask_dataproc.clusters.identity import identities


def identity(collection) -> list[str]:
    """The hashes of the partitions of ``collection``."""
    expression = collections_to_expr([collection]).optimize()
    known = identities(convert_legacy_graph(expression.__dask_graph__()))
    return [known[key] for key in flatten(expression.__dask_keys__())]


def cell(source: str) -> dict:
    """Run ``source`` as a cell of a notebook, and return what it has defined."""
    defined = {"__name__": "__main__"}
    exec(compile(textwrap.dedent(source), f"/tmp/ipykernel_{os.urandom(4).hex()}/1.py", "exec"), defined)
    return defined


FRAME = "def load(i): return pd.DataFrame({'a': [factor * i, i], 'b': list('xy')})"
KINDS = {
    "frame": "dd.from_map(load, [1, 2]).assign(c=lambda d: d.a * 2)",
    "aggregation": "dd.from_map(load, [1, 2]).groupby('b').a.sum()",
    "shuffle": "dd.from_map(load, [1, 2]).shuffle('a', shuffle_method='p2p')",
    "parquet": "dd.read_parquet(sys.argv[1]).map_partitions(lambda d: d + factor)",
    "bag": "db.from_sequence(range(4), npartitions=2).map(lambda x: load(x))",
    "array": "da.ones(4, chunks=2).map_blocks(lambda b: b + factor)",
    "delayed": "delayed(load)(delayed(abs)(3))",
    "from_delayed": "dd.from_delayed([delayed(load)(i) for i in range(2)], meta=load(1))",
    "object": "delayed(lambda of: of.n)(Setting(2))",
}
KERNEL = f"""
import json, os, sys
import dask.array as da, dask.bag as db, dask.dataframe as dd, pandas as pd
from dask import delayed
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_identity import identity

factor = 3
class Setting:
    def __init__(self, n): self.n = n

{FRAME}
kinds = {KINDS!r}
name = f"/tmp/ipykernel_{{os.getpid()}}/2.py"
print(json.dumps({{kind: identity(eval(compile(source, name, "eval"))) for kind, source in kinds.items()}}))
"""


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parquet")
    for number in range(2):
        pd.DataFrame({"a": [number, 1]}).to_parquet(folder / f"{number}.parquet")
    return folder


@pytest.fixture(scope="module")
def kernels(parquet) -> list[dict[str, list[str]]]:
    """The identities of the same collections in two processes whose temporary files, line numbers and seeds differ."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", "\n" * lines + KERNEL, parquet],
            env=os.environ | {"PYTHONHASHSEED": str(lines)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for lines in (1, 5)
    ]
    return [json.loads(kernel.communicate(timeout=60)[0]) for kernel in started]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_same_in_another_kernel(kernels, kind):
    first, second = (kernel[kind] for kernel in kernels)
    assert first == second
    assert len(first) in (1, 2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f = lambda x: x + 1", "f = lambda x: x + 2"),
        ("f = lambda x, y=1: x", "f = lambda x, y=2: x"),
        ("def f(x): return abs(x)", "def f(x): return hash(x)"),
        ("n = 1\ndef f(x): return x + n", "n = 2\ndef f(x): return x + n"),
        ("def g(x): return x\ndef f(x): return g(x)", "def g(x): return -x\ndef f(x): return g(x)"),
        ("def f(x): return (lambda: x)()", "def f(x): return (lambda: -x)()"),
        ("def m(n): return lambda x: x + n\nf = m(1)", "def m(n): return lambda x: x + n\nf = m(2)"),
        ("def f(x): return x in {1, 2}", "def f(x): return x in {1, 3}"),
        ("class C: n = 1\ndef f(x): return C.n", "class C: n = 2\ndef f(x): return C.n"),
        ("import functools\nf = functools.partial(pow, 2)", "import functools\nf = functools.partial(pow, 3)"),
        ("f = abs", "f = repr"),
        ("import os\nf = os.path.basename", "import os\nf = os.path.dirname"),
    ],
)
def test_a_function_that_does_something_else_is_another(one, other):
    assert identity(delayed(cell(one)["f"])(1)) == identity(delayed(cell(one)["f"])(1))
    assert identity(delayed(cell(one)["f"])(1)) != identity(delayed(cell(other)["f"])(1))


def test_where_a_function_stands_does_not_matter_nor_what_is_beside_it():
    alone = cell("def f(x): return x")["f"]
    moved = cell("import json\nother = 1\n\n\ndef f(x): return x  # as it is")["f"]
    assert identity(delayed(alone)(1)) == identity(delayed(moved)(1))


def test_a_function_that_calls_itself_has_one():
    source = "def f(n): return f(n - 1) if n else 0"
    assert identity(delayed(cell(source)["f"])(3)) == identity(delayed(cell(source)["f"])(3))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (db.from_sequence([1, 2]), db.from_sequence([1, 3])),
        (da.from_array(np.arange(3)), da.from_array(np.arange(1, 4))),
        (dd.from_pandas(pd.DataFrame({"a": [1]})), dd.from_pandas(pd.DataFrame({"a": [2]}))),
        (delayed(abs)(delayed(int)("1")), delayed(abs)(delayed(int)("2"))),
        (delayed(dict)(a=1), delayed(dict)(b=1)),
        (delayed(list)((1,)), delayed(list)([1])),
        (da.random.default_rng(0).normal(size=2), da.random.default_rng(1).normal(size=2)),
    ],
)
def test_another_argument_is_another(one, other):
    assert identity(one) != identity(other)


def test_of_a_longer_input_the_first_partitions_are_the_same():
    assert identity(db.from_sequence(range(6), partition_size=2))[:2] == identity(
        db.from_sequence(range(4), partition_size=2)
    )


def test_a_file_that_has_changed_is_another_the_others_are_the_same(parquet):
    def doubled() -> list[str]:
        return identity(dd.read_parquet(parquet).map_partitions(lambda d: d * 2))

    before = doubled()
    assert doubled() == before
    pd.DataFrame({"a": [7, 1]}).to_parquet(parquet / "1.parquet")
    after = doubled()
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_what_cannot_be_hashed_is_another_each_time():
    assert identity(delayed(repr)(object())) != identity(delayed(repr)(object()))
