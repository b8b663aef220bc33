"""The packages of a kernel that has its own: on the nodes at its first `up`, not built again at the next ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from .online import TOOLS, installing, wait_for_archive

ROOT = Path(__file__).parents[2]
IN_JUPYTER = ("dask-labextension", "ipywidgets", "jupyterlab", "papermill")
"""What of this package's requirements a client does without."""
ODD, MISSING, MORE = "humanize==4.4.0", "tabulate==0.9.0", "colorama==0.4.6"
PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "house-rules"
version = "0.3"

[tool.setuptools]
py-modules = ["house_rules"]
"""
UP = """
import json, sys
from dask_dataproc import DataprocCluster

def on_a_worker(since):
    import importlib.metadata, os
    import house_rules, humanize, tabulate
    env = [dist for dist in importlib.metadata.distributions() if "/env/" in str(dist._path)]  # not the node programs'
    return {
        "rule": house_rules.RULE,
        "odd": humanize.naturalsize(3e9),
        "missing": tabulate.tabulate([["a", 1]], tablefmt="plain"),
        "versions": {dist.name: dist.version for dist in env},
        "installed since": sorted(dist.name for dist in env if os.stat(dist._path).st_mtime > since),
    }

staging, since = sys.argv[1:]
with DataprocCluster(n_workers=2, staging=staging, local=True) as cluster, cluster.get_client() as client:
    found = [client.submit(on_a_worker, float(since), workers=[name], pure=False) for name in sorted(cluster.observed)]
    said = {phase.name: phase.detail for phase in cluster.phases}
    record = cluster.record
    about = {"name": record.name, "uuid": record.uuid, "environment": record.metadata["dask-environment"]}
    print(json.dumps(about | {"phases": said, "workers": client.gather(found)}), flush=True)
    input()
"""


class Kernel:
    """A Python of its own with this package's client side, and what its user has installed besides."""

    def __init__(self, folder: Path, lab: Any) -> None:
        self.lab, self.python = lab, folder / "bin" / "python"
        subprocess.run([find_uv_bin(), "venv", "--quiet", "--python", sys.executable, folder], check=True)
        listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        needed = [line for line in listed if not line.startswith(IN_JUPYTER)]
        self.install(*needed, "setuptools", "--constraint", ROOT / "requirements.lock")
        self.install("--no-deps", "--no-build-isolation", "--editable", ROOT)

    def install(self, *what: str | Path) -> None:
        subprocess.run([find_uv_bin(), "pip", "install", "--quiet", "--python", self.python, *what], check=True)

    def up(self) -> dict[str, Any]:
        """Bring a cluster up and down, and return what it found on the workers, and what the nodes said."""
        packages = {"DASK_DATAPROC__PACKAGES__EXCLUDE": json.dumps(TOOLS)}
        command = [self.python, "-c", textwrap.dedent(UP), f"gs://{self.lab.bucket}/dask", str(time.time())]
        with subprocess.Popen(
            command, env=os.environ | packages, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as running:
            line = running.stdout.readline()
            if line:
                wait_for_archive(self.lab, json.loads(line)["name"])
            running.communicate("\n", timeout=60)
        assert running.returncode == 0
        found = json.loads(line)
        return found | {"nodes": installing(self.lab, found["uuid"])}


@pytest.fixture
def kernel(tmp_path, online) -> Kernel:
    return Kernel(tmp_path / "kernel", online)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a project that its user works on."""
    folder = tmp_path / "house-rules"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "house_rules.py").write_text("RULE = 'a noun for a type'\n")
    return folder


def only(found: dict[str, Any], what: str) -> Any:
    """What all workers say alike."""
    said = [worker[what] for worker in found["workers"]]
    assert said == said[:1] * 2
    return said[0]


def test_what_a_kernel_has_is_on_the_nodes_and_later_only_what_is_new_is_installed(kernel, project):
    kernel.install(ODD, MISSING, "--editable", project)

    first = kernel.up()
    assert only(first, "rule") == "a noun for a type"
    assert only(first, "odd") == "3.0 GB"
    assert only(first, "missing") == "a  1"
    assert only(first, "versions")["humanize"] == "4.4.0"
    assert only(first, "installed since") == ["house-rules", "humanize", "tabulate"], (
        "the rest is on what it is built on"
    )
    assert ["built on environment" in said for said in first["nodes"].values()] == [True] * 3

    second = kernel.up()
    assert second["environment"] == first["environment"]
    assert only(second, "rule") == "a noun for a type"
    assert only(second, "installed since") == []
    assert ["unpacked from its archive" in said for said in second["nodes"].values()] == [True] * 3

    kernel.install(MORE)
    third = kernel.up()
    assert "1 package new since the last one (colorama 0.4.6)" in third["phases"]["stage"]
    # A wheel that travels is put in place anew: its version says nothing of what is in it. Nothing is built for that.
    assert only(third, "installed since") == ["colorama", "house-rules"]
    base = f"built on environment {first['environment'].rsplit('/', 1)[1]}"
    assert [base in said for said in third["nodes"].values()] == [True] * 3
