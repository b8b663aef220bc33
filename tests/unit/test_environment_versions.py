"""What is said, and what is refused, when a cluster has other packages than this kernel."""

from __future__ import annotations

import asyncio
import json

import dask.config
import fsspec
import pytest
from distributed.versions import get_versions
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc import ClusterSpec, VersionMismatch
from dask_dataproc.clusters import staging, versions
from dask_dataproc.clusters.config import setting
from dask_dataproc.clusters.environment import kernel_environment
from dask_dataproc.clusters.versions import MUST_MATCH, Difference, differences, judged

setting("packages.pin")  # the defaults come first, or they would go with what is set for a test

SPEC = ClusterSpec(name="ana", project="p", region="us-central1", staging="memory://bucket/dask")
PACKAGES = st.dictionaries(st.sampled_from([*MUST_MATCH, "numpy", "polars"]), st.sampled_from(["1.0", "2.0"]))


class Silent:
    """A scheduler that must not be asked."""


def agree(environment: str) -> str:
    return asyncio.run(versions.agree(SPEC, Silent(), environment))


@given(PACKAGES)
def test_the_same_packages_need_no_word(packages):
    assert judged(SPEC, differences(packages, packages)) == ""


@given(PACKAGES, PACKAGES)
def test_what_differs_is_named_and_refused_if_both_must_have_it_alike(here, there):
    wrong = {name for name in here if here[name] != there.get(name)}
    try:
        said = judged(SPEC, differences(here, there))
    except VersionMismatch as refused:
        said = refused.message
        assert wrong & set(MUST_MATCH)
    else:
        assert not wrong & set(MUST_MATCH)
    named = {name for name in here if name in said.replace("ana: ", "")}
    assert named <= wrong
    assert bool(named) == bool(wrong)


def test_what_the_cluster_has_besides_is_of_no_matter():
    assert differences({"numpy": "2.0"}, {"numpy": "2.0", "polars": "1.2"}) == []


def test_a_python_of_another_minor_version_is_refused_with_a_cure_that_helps():
    with pytest.raises(VersionMismatch) as error:
        judged(SPEC, [Difference("dask", "2026.8.0", "2026.7.0"), Difference("python", "3.12", "3.11")])
    assert error.value.message == ("ana: the cluster runs python 3.11 (here 3.12), dask 2026.7.0 (here 2026.8.0)")
    assert error.value.hint == (
        "%dask_cluster up --name ANOTHER, which gets this kernel's packages   or use a kernel with Python 3.11"
    )


@pytest.fixture
def environment() -> str:
    """The URL of this kernel's environment, staged."""
    filesystem = fsspec.filesystem("memory")
    yield asyncio.run(staging.stage(SPEC)).metadata["dask-environment"]
    filesystem.store.clear()


def other(environment: str, **changes: str) -> str:
    """Stage the environment of a kernel with other versions, and return its URL."""
    filesystem, url = fsspec.filesystem("memory"), environment.rpartition("/")[0] + "/another"
    packages = kernel_environment().packages | changes
    lock = "".join(f"{name}=={version}\n" for name, version in packages.items() if version)
    filesystem.pipe_file(f"{url}/requirements.txt", lock.encode())
    about = kernel_environment().about() | {"key": "another"}
    filesystem.pipe_file(f"{url}/about.json", json.dumps(about).encode())
    return url


def test_a_cluster_of_the_same_key_is_not_asked(environment):
    assert agree(environment) == ""


def test_a_kernel_that_could_make_no_cluster_asks_the_one_it_attaches_to(environment):
    class Alike:
        async def versions(self, packages):
            return get_versions(packages)

    with dask.config.set({"dataproc.packages.exclude": ["dask"]}):
        assert asyncio.run(versions.agree(SPEC, Alike(), environment, workers=False)) == ""


def test_every_package_of_another_environment_is_compared(environment):
    here = kernel_environment().packages
    said = agree(other(environment, urllib3="1.26.0", six=""))
    assert said == f"other versions there: urllib3 1.26.0 (here {here['urllib3']}); not there: six"


def test_another_environments_distributed_is_refused(environment):
    here = kernel_environment().packages["distributed"]
    with pytest.raises(VersionMismatch) as error:
        agree(other(environment, distributed="2026.1.0"))
    assert error.value.message == f"ana: the cluster runs distributed 2026.1.0 (here {here})"
    assert error.value.hint.endswith("uv pip install 'distributed==2026.1.0', and restart the kernel")
