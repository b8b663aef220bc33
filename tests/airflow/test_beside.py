"""Our package beside the DAGs, imported by two real Airflows that have none of its dependencies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dask_dataproc
from dask_dataproc.pipelines.beside import put_package

ROOT = Path(dask_dataproc.__file__).parent
LOOK = """
import json, sys
sys.path.append(sys.argv[1])
import importlib.metadata
import dask_dataproc.clusters.spec as spec
import dask_dataproc.clusters.dataproc_config, dask_dataproc.clusters.prices, dask_dataproc.clusters.spending
from dask_dataproc.clusters.sizing import *
cluster = spec.ClusterSpec.from_dict({"name": "a", "workers": 2, "staging": "gs://b/s", "project": "p"}).to_dataproc()
heavy = {"dask", "distributed", "click", "ipywidgets", "airflow"} & set(sys.modules)
print(json.dumps([spec.__file__, importlib.metadata.version("dask-dataproc"), cluster["labels"], sorted(heavy)]))
"""
DAG = """
from datetime import datetime
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG
from dask_dataproc.clusters.spec import ClusterSpec
with DAG("beside", schedule=None, start_date=datetime(2024, 1, 1), tags=[ClusterSpec().region]):
    pass
"""


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "beside.py").write_text(DAG)
    (folder / ".airflowignore").write_text("lib/")
    put_package(folder)
    return folder


def test_an_airflow_without_dask_imports_the_pure_modules_from_it(dags, version):
    python = ROOT / "build" / f"airflow-{version}" / "bin" / "python"
    ran = subprocess.run(
        [str(python), "-c", LOOK, str(dags)], capture_output=True, text=True, timeout=60, cwd=dags.parent
    )
    assert ran.returncode == 0, ran.stderr
    file, release, labels, heavy = json.loads(ran.stdout)
    assert file.startswith(str(dags))
    assert release == dask_dataproc.__version__
    assert labels["lifecycle"] == "ephemeral"
    assert heavy == []


def test_an_airflow_finds_the_dag_that_uses_it_and_looks_for_none_in_it(dags, version):
    python = ROOT / "build" / f"airflow-{version}" / "bin" / "python"
    (dags / "dask_dataproc" / "clusters" / "looks_like_a.py").write_text("raise SystemError('airflow dag')")
    command = [sys.executable, "-m", "dask", "dataproc", "composer", "check", str(dags), "--python", str(python)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (ran.stdout, ran.returncode) == ("1 DAGs: beside\n", 0), ran.stderr


def test_a_dag_that_cannot_be_read_is_named_with_the_reason(tmp_path, version):
    python = ROOT / "build" / f"airflow-{version}" / "bin" / "python"
    (tmp_path / "broken.py").write_text("from airflow import nothing_like_a_dag")
    (tmp_path / "fine.py").write_text(
        DAG.replace("from dask_dataproc.clusters.spec import ClusterSpec", "").replace("ClusterSpec().region", "'x'")
    )
    command = [sys.executable, "-m", "dask", "dataproc", "composer", "check", str(tmp_path), "--python", str(python)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 1
    assert "broken.py: Airflow cannot read it" in ran.stderr
    assert "nothing_like_a_dag" in ran.stderr


def test_it_has_modules_and_data_only_and_is_the_same_each_time(dags, tmp_path):
    again = put_package(tmp_path / "again").parent
    found, same = files(dags), files(again)
    assert {name: data for name, data in found.items() if name.startswith("dask_")} == {
        name: data for name, data in same.items() if name.startswith("dask_")
    }
    assert {"dask_dataproc/clusters/dataproc.yaml", "dask_dataproc/pipelines/templates/dag.py.txt"} <= set(found)
    assert not [name for name in found if name.endswith(".pyc") or "/tests/" in name or "/magics/" in name]


def test_what_airflowignore_says_already_stays_and_it_is_told_once(dags):
    put_package(dags)
    assert (dags / ".airflowignore").read_text() == "lib/\ndask_dataproc/\n"


def test_an_older_version_is_replaced_with_what_it_had_more(dags):
    (dags / "dask_dataproc" / "gone.py").write_text("")
    (dags / f"dask_dataproc-{dask_dataproc.__version__}.dist-info").rename(dags / "dask_dataproc-0.0.1.dist-info")
    put_package(dags)
    assert not (dags / "dask_dataproc" / "gone.py").exists()
    assert [path.name for path in dags.glob("*.dist-info")] == [f"dask_dataproc-{dask_dataproc.__version__}.dist-info"]
    assert sorted(os.listdir(dags)) == [
        ".airflowignore",
        "beside.py",
        "dask_dataproc",
        f"dask_dataproc-{dask_dataproc.__version__}.dist-info",
    ]


def test_a_wheel_puts_the_same_files_there_as_a_checkout(dags, tmp_path):
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    copy = tmp_path / "copy"
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    build = "from setuptools import build_meta; build_meta.build_wheel('made')"
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True)
    (wheel,) = (copy / "made").glob("*.whl")
    site, target = tmp_path / "site", tmp_path / "from-wheel"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    put = "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; "
    put += "from dask_dataproc.pipelines.beside import put_package; put_package(Path(sys.argv[2]))"
    subprocess.run([sys.executable, "-S", "-c", put, str(site), str(target)], check=True, cwd=tmp_path)
    ours = {name: data for name, data in files(dags).items() if name.startswith("dask_")}
    assert {name: data for name, data in files(target).items() if name.startswith("dask_")} == ours
