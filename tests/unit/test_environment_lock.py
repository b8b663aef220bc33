"""Which of the kernel's packages the nodes get."""

from __future__ import annotations

import subprocess
import sys

import pytest
from packaging.markers import default_environment

from dask_dataproc.clusters.installed import Distribution, installed
from dask_dataproc.clusters.lock import NODE_REQUIREMENTS, NOTEBOOK_SIDE, Selection, select

MACOS = default_environment() | {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"}
WHEEL_OF_A_MAC = ("cp311-cp311-macosx_11_0_arm64",)


def package(name: str, *requires: str, version: str = "1.0", **more) -> Distribution:
    return Distribution(name, version, requires, **more)


def chosen(*packages: Distribution, **more) -> Selection:
    return select({package.name: package for package in packages}, **more)


def test_what_only_the_notebook_needs_stays_with_it():
    lab = package("jupyterlab", "jupyter-server", "requests")
    server = package("jupyter-server", "httpx")
    work = package("work", "requests")
    kept = chosen(lab, server, package("httpx"), package("requests"), work).names
    assert kept == {"work", "requests"}


def test_what_somebody_asked_pip_for_travels_though_the_notebook_needs_it_too():
    assert chosen(package("jupyterlab", "httpx"), package("httpx", requested=True)).names == {"httpx"}


def test_the_notebooks_side_travels_if_something_else_requires_it():
    kept = chosen(package("widgets-of-mine", "ipywidgets"), package("ipywidgets", "comm"), package("comm")).names
    assert kept == {"widgets-of-mine", "ipywidgets", "comm"}


def test_packages_that_require_each_other_travel_together():
    assert chosen(package("hen", "egg"), package("egg", "hen")).names == {"hen", "egg"}


def test_an_extra_that_is_required_is_a_requirement():
    lab = package("notebook", "schema[formats]")
    schema = package("schema", "durations; extra == 'formats'", "colours; extra == 'all'")
    assert chosen(lab, schema, package("durations"), package("colours")).names == {"colours"}
    assert chosen(package("work", "schema[formats]"), schema, package("durations")).names == {
        "work",
        "schema",
        "durations",
    }


def test_an_extra_that_is_here_completely_and_for_no_other_reason_was_asked_for():
    frames = package("frames", "lxml; extra == 'html'", "soup; extra == 'html'", "babel; extra == 'i18n'")
    lab = package("notebook", "soup", "babel")
    kept = chosen(frames, lab, package("lxml"), package("soup"), package("babel")).names
    assert kept == {"frames", "lxml", "soup"}
    assert chosen(frames, lab, package("soup"), package("babel")).names == {"frames"}


def test_an_extra_brings_no_notebook():
    bars = package("tqdm", "ipywidgets; extra == 'notebook'")
    assert chosen(bars, package("ipywidgets", "comm"), package("comm")).names == {"tqdm"}


def test_what_is_excluded_stays_with_what_only_it_needs():
    linter = package("linter", "node-binaries", "pathspec")
    kept = chosen(
        linter, package("node-binaries"), package("pathspec"), package("work", "pathspec"), exclude={"linter"}
    )
    assert kept.names == {"work", "pathspec"}


def test_what_is_pinned_travels():
    assert "httpx" in chosen(package("jupyterlab", "httpx"), package("httpx"), pins={"httpx": "0.28"}).names


def test_a_package_that_another_system_alone_requires_stays_there_and_is_named():
    shell = package("ipython", "appnope; sys_platform == 'darwin'", "pexpect; sys_platform != 'win32'")
    found = chosen(shell, package("appnope"), package("pexpect"), kernel=MACOS)
    assert (found.names, found.foreign) == ({"ipython", "pexpect"}, ("appnope",))


def test_a_package_that_can_be_for_another_system_alone_stays_there_and_is_named():
    bridge = package("pyobjc-core", tags=WHEEL_OF_A_MAC, systems=("MacOS :: MacOS X",))
    arrays = package("numpy", tags=WHEEL_OF_A_MAC, systems=("MacOS", "POSIX"))
    silent = package("silent", tags=WHEEL_OF_A_MAC)
    found = chosen(bridge, arrays, silent, kernel=MACOS)
    assert (found.names, found.foreign) == ({"numpy", "silent"}, ("pyobjc-core",))


def test_what_linux_alone_requires_is_added_for_a_kernel_that_has_it_not():
    found = chosen(package("torch", "nvidia-blas==12.1; platform_system == 'Linux'"), kernel=MACOS)
    assert (found.names, found.absent, found.conflicts) == ({"torch"}, ("nvidia-blas==12.1",), ())


def test_what_the_operating_system_brought_for_itself_stays_unless_something_requires_it():
    found = chosen(package("ufw", of_system=True), package("six", of_system=True), package("work", "six"))
    assert found.names == {"work", "six"}


def test_versions_that_do_not_fit_together_are_told_and_travel_as_they_are():
    found = chosen(package("work", "polars>=2", "gone>1"), package("polars", version="1.2"))
    assert found.names == {"work", "polars"}
    assert found.conflicts == ("work 1.0 needs polars>=2, here is 1.2", "gone>1 is required and not installed")


def test_a_pin_is_compared_instead_of_what_is_installed():
    found = chosen(package("work", "polars>=2"), package("polars", version="2.1"), pins={"polars": "1.2"})
    assert found.conflicts == ("work 1.0 needs polars>=2, here is 1.2",)


def test_metadata_of_long_ago_is_no_obstacle():
    assert chosen(package("old", "what is (this)", "six"), package("six", version="of yore")).names == {"old", "six"}


@pytest.fixture(scope="module")
def here() -> Selection:
    return select(installed())


def test_of_this_kernel_the_nodes_get_their_own_programs_needs_and_not_the_notebook(here):
    assert set(NODE_REQUIREMENTS) | {"pandas", "pyarrow", "cloudpickle"} <= here.names
    assert not {"dask-dataproc", "jupyterlab", "ipywidgets", "dask-labextension"} & here.names
    assert (here.foreign, here.absent) == ((), ())


def test_what_setuptools_brings_along_once_it_is_imported_is_not_installed():
    told = "from dask_dataproc.clusters.installed import installed; print(sorted(installed()))"
    said = [
        subprocess.run([sys.executable, "-c", first + told], capture_output=True, text=True, check=True).stdout
        for first in ("", "import setuptools, sys; assert any('_vendor' in each for each in sys.path); ")
    ]
    assert said[0] == said[1]


def test_everything_that_travels_has_what_it_requires(here):
    assert here.conflicts == ()


def test_no_package_that_the_nodes_need_is_the_notebooks():
    assert not NOTEBOOK_SIDE & set(NODE_REQUIREMENTS)
