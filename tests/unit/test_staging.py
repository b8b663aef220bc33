"""What is put where the nodes find it."""

import asyncio
import io
import json
import stat
import subprocess
import sys
import zipfile

import dask.config
import fsspec
import pytest

from dask_dataproc import ClusterSpec, ConfigError, __version__
from dask_dataproc.clusters import staging
from dask_dataproc.clusters.config import setting
from dask_dataproc.clusters.dataproc_config import node_files

setting("packages.pin")  # the defaults come first, or they would go with what is set for a test


def spec(url: str) -> ClusterSpec:
    return ClusterSpec(name="c", project="p", region="us-central1", staging=url)


@pytest.fixture
def store():
    """A bucket in memory, and what lies in it."""
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.store.clear()


def below(store, folder: str) -> set[str]:
    return {name.removeprefix(f"{folder.removeprefix('memory:/')}/") for name in store.find(folder)}


def test_a_store_gets_scripts_and_programs_under_this_version(store):
    where = spec("memory://bucket/dask/")
    asyncio.run(staging.stage(where))
    folder = f"memory://bucket/dask/nodes/{__version__}"
    assert node_files(where) == folder
    scripts = {path.name for path in staging.NODE_PROGRAMS.glob("*.sh")}
    assert below(store, folder) == scripts | {"node.zip", "uv-linux-x86_64"}
    with fsspec.open(f"{folder}/install-dask.sh", "rb") as uploaded:
        assert uploaded.read().decode() == staging.alone(staging.NODE_PROGRAMS / "install-dask.sh")


def test_a_store_gets_the_packages_under_their_key(store):
    staged = asyncio.run(staging.stage(spec("memory://bucket/dask/")))
    folder = staged.metadata["dask-environment"]
    assert below(store, folder) == {"about.json", "requirements.txt"}
    about = json.loads(store.cat_file(f"{folder}/about.json"))
    lines = store.cat_file(f"{folder}/requirements.txt").decode().splitlines()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert folder == f"memory://bucket/dask/environments/{about['key']}"
    assert about == {"key": about["key"], "python": python, "platform": "linux-x86_64", "packages": len(lines)}
    assert staged.words == (
        f"environment {about['key'][:8]}: {len(lines)} packages, no archive yet: the first node builds it"
    )


def test_what_is_there_is_not_written_again(store):
    folder = asyncio.run(staging.stage(spec("memory://bucket/dask"))).metadata["dask-environment"]
    large = [f"{folder}/requirements.txt", f"memory://bucket/dask/nodes/{__version__}/uv-linux-x86_64"]
    for name in large:
        store.pipe_file(name, b"as it was")
    asyncio.run(staging.stage(spec("memory://bucket/dask")))
    assert [store.cat_file(name) for name in large] == [b"as it was"] * 2


def archive(store, staged: staging.Staged, **about) -> str:
    """Do as a node that has built the environment; ``about`` changes what is said of it."""
    folder = staged.metadata["dask-environment"]
    built = {"archive": "environment-00.tar.zst", "sha256": "00", "size": 118_400_000}
    store.pipe_file(f"{folder}/environment.json", json.dumps(built).encode())
    said = json.loads(store.cat_file(f"{folder}/about.json")) | about
    store.pipe_file(f"{folder}/about.json", json.dumps(said).encode())
    return said["key"]


def staged_with(**pins: str) -> staging.Staged:
    with dask.config.set({"dataproc.packages.pin": pins}):
        return asyncio.run(staging.stage(spec("memory://bucket/dask")))


def test_an_archive_that_is_ready_is_told_with_its_size(store):
    archive(store, staged_with())
    assert staged_with().words.endswith("packages, 118 MB archive ready")


def test_the_nearest_archive_is_the_base_and_what_is_new_is_told(store):
    far, near = staged_with(polars="1.2", attrs="1.0"), staged_with(polars="1.2")
    archive(store, far)
    key = archive(store, near)
    staged = staged_with(polars="1.2", pyproj="3.7", shapely="2.0.6")
    about = json.loads(store.cat_file(f"{staged.metadata['dask-environment']}/about.json"))
    assert about["base"] == key
    assert ": 2 packages new since the last one (pyproj 3.7, shapely 2.0.6), no archive yet" in staged.words


@pytest.mark.parametrize("other", [{"python": "2.7"}, {"platform": "linux-aarch64"}])
def test_an_archive_for_another_python_or_platform_is_no_base(store, other):
    archive(store, staged_with(), **other)
    about = json.loads(store.cat_file(f"{staged_with(polars='1.2').metadata['dask-environment']}/about.json"))
    assert "base" not in about


def test_the_nodes_are_told_where_keys_pythons_and_an_emulated_store_are(store, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "10.1.255.1:4443")
    given = {"index-secret": "projects/p/secrets/s", "python-downloads": "https://mirror.example/downloads.json"}
    with dask.config.set({f"dataproc.packages.{name}": value for name, value in given.items()}):
        metadata = asyncio.run(staging.stage(spec("memory://bucket/dask"))).metadata
    del metadata["dask-environment"]
    assert metadata == {
        "dask-index-secret": "projects/p/secrets/s",
        "dask-python-downloads": "https://mirror.example/downloads.json",
        "dask-storage-endpoint": "http://10.1.255.1:4443",
    }


def test_the_nodes_are_told_where_their_files_are():
    metadata = spec("gs://bucket/dask").to_dataproc()["config"]["gce_cluster_config"]["metadata"]
    assert metadata["dask-nodes"] == f"gs://bucket/dask/nodes/{__version__}"


def test_the_same_programs_are_the_same_bytes():
    assert staging.node_archive() == staging.node_archive()


def test_the_programs_are_one_package_of_the_files_as_they_are():
    archive = zipfile.ZipFile(io.BytesIO(staging.node_archive()["node.zip"]))
    parts = [path for path in staging.NODE_PROGRAMS.iterdir() if path.name.endswith((".py", ".yaml"))]
    sources = {f"dask_dataproc_node/{path.name}": path.read_bytes() for path in parts}
    there = {name: archive.read(name) for name in archive.namelist()}
    assert {name: data for name, data in there.items() if name.startswith("dask_dataproc_node/")} == sources


def test_a_job_on_a_node_imports_this_package_and_knows_its_version(tmp_path):
    zipfile.ZipFile(io.BytesIO(staging.node_archive()["node.zip"])).extractall(tmp_path)
    script = (
        "import dask_dataproc, dask_dataproc.pipelines.job as job, dask_dataproc.pipelines.runner\n"
        "from dask_dataproc.clusters.config import setting\n"
        "print(dask_dataproc.__version__, setting('lease'), job.__file__)"
    )
    bare = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {[p for p in sys.path if p]!r}\n{script}"]
    ran = subprocess.run(bare, cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout.split() == [__version__, "30m", str(tmp_path / "dask_dataproc/pipelines/job.py")], ran.stderr


def test_a_folder_of_this_machine_is_made_for_its_owner_alone(tmp_path):
    folder = tmp_path / "staging"
    assert asyncio.run(staging.stage(spec(f"file://{folder}"))) == staging.Staged()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(folder.iterdir())


def test_what_cannot_be_written_to_is_named():
    with pytest.raises(ConfigError, match="staging: nowhere://bucket cannot be written to") as error:
        asyncio.run(staging.stage(spec("nowhere://bucket")))
    assert "gs://" in error.value.hint


def test_a_folder_of_this_machine_costs_no_look_at_the_packages(tmp_path):
    script = """
import asyncio, sys
from dask_dataproc import ClusterSpec
from dask_dataproc.clusters import provision, staging
asyncio.run(staging.stage(ClusterSpec(name="c", project="p", staging=sys.argv[1])))
sys.exit("dask_dataproc.clusters.installed" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script, f"file://{tmp_path / 'staging'}"]).returncode == 0


def test_the_node_programs_import_without_dask_dataproc(tmp_path):
    zipfile.ZipFile(io.BytesIO(staging.node_archive()["node.zip"])).extractall(tmp_path)
    script = "import sys, dask_dataproc_node.head, dask_dataproc_node.worker; sys.exit('dask_dataproc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path).returncode == 0
