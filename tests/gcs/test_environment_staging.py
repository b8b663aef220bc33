"""What a kernel stages lies in the bucket once, whole and without a secret."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import subprocess

import dask.config
import fsspec
import pytest

from dask_dataproc import ClusterSpec, ConfigError, __version__
from dask_dataproc.clusters import staging
from dask_dataproc.clusters.config import setting

setting("packages.pin")  # the defaults come first, or they would go with what is set for a test


@pytest.fixture
def store(gcs):
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    return fsspec.filesystem("gs")


def stage(gcs: str, **pins: str) -> staging.Staged:
    spec = ClusterSpec(name="c", project="p", region="us-central1", staging=f"{gcs}/dask")
    with dask.config.set({"dataproc.packages.pin": pins}):
        return asyncio.run(staging.stage(spec))


def generations(store, url: str) -> dict[str, str]:
    store.invalidate_cache()
    return {name: about["generation"] for name, about in store.find(url, detail=True).items()}


def test_a_bucket_gets_programs_and_environment_and_the_nodes_are_told_where(gcs, gcs_url, store, tmp_path):
    staged = stage(gcs)
    folder = staged.metadata["dask-environment"]
    assert staged.metadata["dask-storage-endpoint"] == gcs_url
    about = json.loads(store.cat_file(f"{folder}/about.json"))
    assert folder == f"{gcs}/dask/environments/{about['key']}"
    assert len(store.cat_file(f"{folder}/requirements.txt").splitlines()) == about["packages"]
    programs = staging.node_archive()
    assert {name: store.cat_file(f"{gcs}/dask/nodes/{__version__}/{name}") for name in programs} == programs


def test_the_uv_that_arrives_runs(gcs, store, tmp_path):
    stage(gcs)
    uv = tmp_path / "uv"
    store.get_file(f"{gcs}/dask/nodes/{__version__}/uv-linux-x86_64", str(uv))
    uv.chmod(0o755)
    assert subprocess.run([uv, "--version"], check=True, capture_output=True, text=True).stdout.startswith("uv ")


def test_what_is_there_is_not_uploaded_again_and_what_changed_is(gcs, store):
    stage(gcs)
    before = generations(store, f"{gcs}/dask")
    stage(gcs)
    assert generations(store, f"{gcs}/dask") == before
    changed = f"{gcs}/dask/nodes/{__version__}/install-dask.sh"
    store.pipe_file(changed, b"an earlier one")
    stage(gcs)
    assert store.cat_file(changed) == staging.node_archive()["install-dask.sh"]


def test_the_hash_that_a_bucket_tells_is_the_one_compared(gcs, store):
    stage(gcs)
    about = store.info(f"{gcs}/dask/nodes/{__version__}/node.zip")
    digest = hashlib.md5(staging.node_archive()["node.zip"]).digest()
    assert about["md5Hash"] == base64.b64encode(digest).decode()


def test_an_environment_that_was_staged_by_halves_is_completed(gcs, store):
    folder = stage(gcs).metadata["dask-environment"]
    store.rm([f"{folder}/about.json", f"{folder}/requirements.txt"])
    store.invalidate_cache()
    stage(gcs)
    assert store.exists(f"{folder}/about.json")
    assert store.exists(f"{folder}/requirements.txt")


def test_the_latest_archives_are_compared_and_the_nearest_is_the_base(gcs, store):
    for pins in ({"polars": "1.2", "attrs": "1.0"}, {"polars": "1.2"}):
        folder = stage(gcs, **pins).metadata["dask-environment"]
        store.pipe_file(f"{folder}/environment.json", b'{"size": 118400000}')
    assert stage(gcs, polars="1.2").words.endswith("118 MB archive ready")
    staged = stage(gcs, polars="1.3")
    about = json.loads(store.cat_file(f"{staged.metadata['dask-environment']}/about.json"))
    assert f"{gcs}/dask/environments/{about['base']}" == folder
    assert ": 1 package new since the last one (polars 1.3), no archive yet" in staged.words


def test_a_bucket_that_is_not_there_is_named(gcs_url, gcs):
    with pytest.raises(ConfigError, match=r"staging: gs://no-such-bucket/dask cannot be written to") as error:
        stage("gs://no-such-bucket")
    assert "--staging gs://" in error.value.hint
