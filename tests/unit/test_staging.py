"""What is put where the nodes find it."""

import asyncio
import io
import stat
import subprocess
import sys
import zipfile

import fsspec
import pytest

from dask_dataproc import ClusterSpec, ConfigError, __version__
from dask_dataproc.clusters import staging
from dask_dataproc.clusters.dataproc_config import node_files


def spec(url: str) -> ClusterSpec:
    return ClusterSpec(name="c", project="p", region="us-central1", staging=url)


def test_a_store_gets_scripts_programs_and_packages_under_this_version():
    where = spec("memory://bucket/dask/")
    assert asyncio.run(staging.stage(where)) == "4 files in memory://bucket/dask/"
    folder = f"memory://bucket/dask/nodes/{__version__}"
    assert node_files(where) == folder
    files = fsspec.filesystem("memory").glob(f"{folder}/*")
    assert {name.rpartition("/")[2] for name in files} == {
        "configure-storage.sh",
        "install-dask.sh",
        "node.zip",
        "requirements.txt",
    }
    with fsspec.open(f"{folder}/install-dask.sh", "rb") as uploaded:
        assert uploaded.read() == (staging.NODE_PROGRAMS / "install-dask.sh").read_bytes()


def test_the_nodes_are_told_where_their_files_are():
    metadata = spec("gs://bucket/dask").to_dataproc()["config"]["gce_cluster_config"]["metadata"]
    assert metadata["dask-nodes"] == f"gs://bucket/dask/nodes/{__version__}"


def test_the_same_programs_are_the_same_bytes():
    assert staging.node_archive() == staging.node_archive()


def test_the_programs_are_one_package_of_the_files_as_they_are():
    archive = zipfile.ZipFile(io.BytesIO(staging.node_archive()["node.zip"]))
    sources = {f"dask_dataproc_node/{path.name}": path.read_bytes() for path in staging.NODE_PROGRAMS.glob("*.py")}
    assert {name: archive.read(name) for name in archive.namelist()} == sources


def test_the_packages_are_exact_and_without_the_notebooks_side():
    lines = staging.requirements().splitlines()
    names = {line.partition("==")[0] for line in lines}
    assert all(line.count("==") == 1 for line in lines)
    assert {"dask", "distributed", "cryptography"} <= names
    assert not staging.NOT_ON_NODES & names


def test_a_folder_of_this_machine_is_made_for_its_owner_alone(tmp_path):
    folder = tmp_path / "staging"
    assert asyncio.run(staging.stage(spec(f"file://{folder}"))) == ""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(folder.iterdir())


def test_what_cannot_be_written_to_is_named():
    with pytest.raises(ConfigError, match="staging: nowhere://bucket cannot be written to") as error:
        asyncio.run(staging.stage(spec("nowhere://bucket")))
    assert "gs://" in error.value.hint


def test_the_node_programs_import_without_dask_dataproc(tmp_path):
    zipfile.ZipFile(io.BytesIO(staging.node_archive()["node.zip"])).extractall(tmp_path)
    script = "import sys, dask_dataproc_node.head, dask_dataproc_node.worker; sys.exit('dask_dataproc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path).returncode == 0
