"""The files that make a notebook's kernel on an Airflow worker, and the script among them as it runs there."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dask_dataproc.clusters.environment import Environment, notebook_environment
from dask_dataproc.pipelines.generator import generate_dag, write_dag
from dask_dataproc.pipelines.kernel import kernel_files, kernel_name, pins

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NOTEBOOK = {"cells": [], "metadata": {"dask_dataproc": {}}, "nbformat": 4}
ABOUT = "Metadata-Version: 2.1\nName: tea\nVersion: 1.0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a kernel whose environment is one small wheel, on a worker whose home is empty."""
    environment = Environment("0123abcd" * 4, PYTHON, "./wheels/tea-1.0-py3-none-any.whl\n", {"tea": "1.0"})
    folder = tmp_path / "dags" / "kernels" / kernel_name(environment)
    (folder / "wheels").mkdir(parents=True)
    with zipfile.ZipFile(folder / "wheels" / "tea-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tea.py", "CUPS = 3\n")
        wheel.writestr("tea-1.0.dist-info/METADATA", ABOUT)
        wheel.writestr("tea-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tea-1.0.dist-info/RECORD", "")
    for name, content in kernel_files(environment).items():
        (folder / name).write_text(content)
    return folder


def make(folder: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    home = folder.parent.parent.parent / "home"
    env = {"HOME": str(home), "PATH": path or f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(["bash", folder / "kernel.sh"], env=env, capture_output=True, text=True, timeout=120)


def test_the_script_makes_an_environment_and_the_kernelspec_that_leads_to_it(folder):
    made = make(folder)
    assert made.returncode == 0, made.stderr
    name, python = made.stdout.split()
    spec = folder.parent.parent.parent / "home" / ".local" / "share" / "jupyter" / "kernels" / name / "kernel.json"
    assert (name, json.loads(spec.read_text())["argv"][0]) == ("dask-dataproc-0123abcd", python)
    assert subprocess.run([python, "-c", "import tea; print(tea.CUPS)"], capture_output=True, text=True).stdout == "3\n"


def test_what_is_whole_is_left_and_what_a_killed_run_left_is_made_anew(folder):
    python = Path(make(folder).stdout.split()[1])
    mark = python.parent.parent / "mark"
    mark.touch()
    assert make(folder).returncode == 0
    assert mark.exists()
    (python.parent.parent / "requirements.txt").unlink()  # it is written last
    assert make(folder).returncode == 0
    assert not mark.exists()


def test_without_a_python_it_says_what_is_needed_in_one_line(folder, tmp_path):
    (folder / "python-version").write_text("3.99\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "basename", "dirname", "cat", "mkdir", "flock", "cmp", "rm"):
        (tools / tool).symlink_to(next(p for p in (Path("/usr/bin", tool), Path("/bin", tool)) if p.exists()))
    refused = make(folder, str(tools))
    assert refused.returncode == 1
    assert refused.stderr == (
        "dask-dataproc-0123abcd: neither uv nor python3.99 is here; one of them makes its environment\n"
    )


def check(folder: Path, monkeypatch: pytest.MonkeyPatch, pinned: dict[str, str]) -> None:
    """Call what a DAG beside the kernel's files has of its own to hold a worker's kernel against what it pins."""
    environment = Environment("0123abcd" * 4, PYTHON, "", pinned)
    tree = ast.parse(generate_dag(NOTEBOOK, "job.ipynb", "", environment))
    wanted = {"KERNEL", "LOCK", "PINNED", "INSTALLED", "check_kernel"}
    tree.body = [
        n for n in tree.body if {getattr(n, "name", ""), *map(ast.unparse, getattr(n, "targets", []))} & wanted
    ]
    scope = {"__file__": str(folder.parent.parent / "job.py"), "Path": Path}
    exec(compile(tree, "job.py", "exec"), scope)
    home = folder.parent.parent.parent / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "JUPYTER_DATA_DIR", "JUPYTER_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    scope["check_kernel"]()  # pyright: ignore


def test_a_run_makes_the_kernel_that_a_worker_lacks_and_holds_it_against_the_export(folder, monkeypatch):
    check(folder, monkeypatch, {"tea": "1.0"})
    check(folder, monkeypatch, {"tea": "1.0"})
    with pytest.raises(
        RuntimeError, match=r"tea 1\.0 \(exported with 2\.0\), milk missing \(exported with it\); delete it"
    ):
        check(folder, monkeypatch, {"tea": "2.0", "milk": "git+https://example.org/milk@0a"})


def test_a_worker_without_the_kernel_and_what_makes_it_says_so(folder, monkeypatch):
    folder.joinpath("kernel.sh").unlink()
    with pytest.raises(
        RuntimeError, match=r"no kernel dask-dataproc-0123abcd on this worker, and no .*/kernel\.sh to make"
    ):
        check(folder, monkeypatch, {"tea": "1.0"})


def test_the_dag_and_what_lies_beside_it_are_the_same_at_every_making(tmp_path):
    (tmp_path / "job.ipynb").write_text(json.dumps(NOTEBOOK))
    seen = []
    for place in ("a", "b"):
        write_dag(tmp_path / "job.ipynb", tmp_path / place)
        files = [path for path in sorted((tmp_path / place).rglob("*")) if path.is_file()]
        seen.append({str(path.relative_to(tmp_path / place)): path.read_bytes() for path in files})
    assert seen[0] == seen[1]
    beside = f"kernels/{kernel_name(notebook_environment())}"
    assert {"job.py", f"{beside}/kernel.sh", f"{beside}/requirements.txt", f"{beside}/airflow.txt"} <= set(seen[0])
    assert any(name.startswith(f"{beside}/wheels/dask_dataproc-") for name in seen[0])


def test_on_the_master_no_kernel_is_needed_beside_the_dag(tmp_path):
    there = {"runner": "dataproc-job", "notebook": "gs://b/job.ipynb"}
    (tmp_path / "job.ipynb").write_text(json.dumps(NOTEBOOK | {"metadata": {"dask_dataproc": there}}))
    assert write_dag(tmp_path / "job.ipynb", tmp_path / "dags").parent.joinpath("kernels").exists() is False


def test_pins_are_what_is_found_installed():
    packages = {
        "dask": "2026.8.0",
        "ours": "0.1.0 (05ee93da8)",
        "built": "git+https://example.org/x@0a1b",
        "torch": "2.1+cpu",
    }
    environment = Environment("0" * 32, "3.11", "", packages)
    assert pins(environment).split() == ["python==3.11", "dask==2026.8.0", "ours==0.1.0", "built", "torch==2.1+cpu"]
