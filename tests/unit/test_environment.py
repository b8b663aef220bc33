"""A kernel of its own, with projects installed in every way: what of it travels, and works where it arrives."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import sysconfig
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.config
import pytest
from uv import find_uv_bin

from dask_dataproc.clusters import environment
from dask_dataproc.clusters.config import setting
from dask_dataproc.clusters.environment import environment_settings, package_versions
from dask_dataproc.clusters.errors import ConfigError, PackageError
from dask_dataproc.clusters.indexes import Indexes
from dask_dataproc.clusters.installed import Distribution

setting("packages.pin")  # the defaults come first, or they would go with what is set for a test

TELL = """
import json, os, sys, time
from dask_dataproc.clusters.environment import kernel_environment
from dask_dataproc.clusters.errors import DaskDataprocError
try:
    made = kernel_environment()
    before = time.perf_counter()
    assert kernel_environment() is made
    again = time.perf_counter() - before
    print(json.dumps({"key": made.key, "requirements": made.requirements, "packages": made.packages,
        "wheels": [str(wheel) for wheel in made.wheels], "notes": made.notes, "again": again}))
except DaskDataprocError as error:
    print(json.dumps({"error": error.lines()}))
"""
PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "0.1"
[project.scripts]
"say-{module}" = "{module}:say"
[tool.setuptools]
script-files = ["bin/run-{module}"]
[tool.setuptools.data-files]
"share/{module}" = ["data.txt"]
"""


class Kernel:
    """A virtual environment that has all that this one has, and what is installed into it."""

    def __init__(self, folder: Path):
        self.folder, self.python = folder / "kernel", folder / "kernel" / "bin" / "python"
        self.cache = folder / "cache"
        uv("venv", "--python", sys.executable, self.folder)
        ours = sysconfig.get_path("purelib")
        (self.site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")

    @property
    def site(self) -> Path:
        return next((self.folder / "lib").glob("python*")) / "site-packages"

    def install(self, *what: str | Path) -> None:
        uv("pip", "install", "--python", self.python, *what)

    def remove(self, *names: str) -> None:
        uv("pip", "uninstall", "--python", self.python, *names)

    def environment(self, **variables: str) -> dict[str, Any]:
        """What a session in it makes of its packages."""
        given = os.environ | {"DASK_DATAPROC__PROJECT": "p", "XDG_STATE_HOME": str(self.cache)} | variables
        given |= {"XDG_CACHE_HOME": str(self.cache), "UV_CACHE_DIR": uv("cache", "dir").strip()}
        ran = subprocess.run([self.python, "-c", TELL], env=given, cwd=self.folder, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


def uv(*arguments: str | Path) -> str:
    ran = subprocess.run([find_uv_bin(), *arguments], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def project(folder: Path, name: str) -> Path:
    """A project with a module, two scripts and a data file; each says ``name`` and 1."""
    module = name.replace("-", "_")
    for part in ("src", "bin"):
        (folder / part).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT.format(name=name, module=module))
    (folder / "src" / f"{module}.py").write_text(f"VALUE = 1\n\ndef say():\n    print('{name}', VALUE)\n")
    (folder / "bin" / f"run-{module}").write_text(f"#!/usr/bin/env python3\nfrom {module} import say\n\nsay()\n")
    (folder / "data.txt").write_text("data")
    return folder


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def kernel(tmp_path_factory) -> Kernel:
    return Kernel(tmp_path_factory.mktemp("kernel"))


@pytest.fixture
def edited(kernel, tmp_path) -> Iterator[Path]:
    """A project installed to be edited."""
    folder = project(tmp_path / "edited", "edited-toy")
    kernel.install("--editable", folder)
    yield folder
    kernel.remove("edited-toy")


def on_a_node(folder: Path, wheels: list[str]) -> Path:
    """Install ``wheels`` as a node does, from a lock beside them and without any index; return the environment.

    One that is there is brought up to date, as from a base.
    """
    (folder / "wheels").mkdir(parents=True, exist_ok=True)
    for wheel in wheels:
        (folder / "wheels" / Path(wheel).name).write_bytes(Path(wheel).read_bytes())
    (folder / "requirements.txt").write_text("".join(f"./wheels/{Path(wheel).name}\n" for wheel in wheels))
    if not (folder / "env").exists():
        uv("venv", "--python", sys.executable, folder / "env")
    sync = [
        find_uv_bin(),
        "pip",
        "sync",
        "--offline",
        "--python",
        folder / "env" / "bin" / "python",
        "requirements.txt",
    ]
    ran = subprocess.run(sync, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return folder / "env"


def said(program: Path) -> str:
    return subprocess.run([program], check=True, capture_output=True, text=True).stdout


def test_an_edited_project_travels_as_its_sources_are_now(kernel, edited, tmp_path):
    (edited / "src" / "edited_toy.py").write_text("def say():\n    print('edited-toy', 2)\n")
    (edited / "src" / "new_toy.py").write_text("def say():\n    print('new')\n")
    env = on_a_node(tmp_path / "node", kernel.environment()["wheels"])
    assert said(env / "bin" / "say-edited_toy") == "edited-toy 2\n"
    assert next(env.rglob("new_toy.py"))


def test_a_change_within_a_version_reaches_an_environment_that_has_the_earlier_one(kernel, edited, tmp_path):
    program = on_a_node(tmp_path / "node", kernel.environment()["wheels"]) / "bin" / "say-edited_toy"
    assert said(program) == "edited-toy 1\n"
    (edited / "src" / "edited_toy.py").write_text("def say():\n    print('edited-toy', 2)\n")
    on_a_node(tmp_path / "node", kernel.environment()["wheels"])
    assert said(program) == "edited-toy 2\n"


def test_an_edited_project_is_built_once_and_again_when_it_changes(kernel, edited):
    first, second = kernel.environment(), kernel.environment()
    assert (first["key"], first["wheels"]) == (second["key"], second["wheels"])
    made = [Path(wheel).stat().st_mtime_ns for wheel in first["wheels"]]
    assert [Path(wheel).stat().st_mtime_ns for wheel in second["wheels"]] == made
    (edited / "src" / "edited_toy.py").write_text("VALUE = 3\n")
    third = kernel.environment()
    assert third["key"] != first["key"]
    assert third["packages"]["edited-toy"] != first["packages"]["edited-toy"]


def test_a_build_leaves_nothing_in_the_project(kernel, edited):
    def files() -> set[Path]:
        return {path for path in edited.rglob("*") if "egg-info" not in str(path)}

    (edited / "src" / "edited_toy.py").write_text("VALUE = 4\n")
    before = files()
    assert kernel.environment()["wheels"]
    assert files() == before


def test_a_version_that_git_tells_is_the_installed_one(kernel, tmp_path):
    folder = project(tmp_path / "tagged", "tagged-toy")
    text = (folder / "pyproject.toml").read_text().replace('version = "0.1"', 'dynamic = ["version"]')
    text = text.replace('["setuptools"]', '["setuptools", "setuptools-scm>=8"]') + "[tool.setuptools_scm]\n"
    (folder / "pyproject.toml").write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    git(folder, "tag", "v4.5.6")
    kernel.install("--editable", folder)
    try:
        assert kernel.environment()["packages"]["tagged-toy"].startswith("4.5.6 (")
    finally:
        kernel.remove("tagged-toy")


def test_a_project_that_cannot_be_built_is_named_with_what_was_said(kernel, edited):
    (edited / "bin" / "run-edited_toy").unlink()
    error = kernel.environment()["error"]
    assert error.startswith(f"PackageError: edited-toy: no wheel could be built of {edited}: ")
    assert "bin/run-edited_toy" in error
    assert "dataproc.packages.exclude: [edited-toy]" in error


def test_a_project_that_has_gone_is_named(kernel, edited):
    edited.rename(edited.with_name("moved"))
    try:
        assert f"edited-toy: its project {edited} is not there" in kernel.environment()["error"]
    finally:
        edited.with_name("moved").rename(edited)


@pytest.mark.parametrize("way", ["folder", "wheel", "repository"])
def test_what_is_installed_travels_without_the_place_it_came_from(kernel, tmp_path, way):
    folder = project(tmp_path / "place", "carried-toy")
    source = str(folder)
    if way == "wheel":
        uv("build", "--wheel", "--out-dir", tmp_path / "made", folder)
        source = str(next((tmp_path / "made").glob("*.whl")))
    elif way == "repository":
        git(folder, "init", "-q")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "first")
        source = f"git+file://{folder}"
    kernel.install(source)
    (tmp_path / "place").rename(tmp_path / "gone")
    try:
        env = on_a_node(tmp_path / "node", kernel.environment()["wheels"])
    finally:
        kernel.remove("carried-toy")
    assert said(env / "bin" / "say-carried_toy") == said(env / "bin" / "run-carried_toy") == "carried-toy 1\n"
    assert (env / "share" / "carried_toy" / "data.txt").read_text() == "data"


def test_the_wheel_of_installed_files_is_the_same_bytes_each_time(kernel, tmp_path):
    kernel.install(project(tmp_path / "place", "carried-toy"))
    try:
        first = [Path(wheel) for wheel in kernel.environment()["wheels"]]
        contents = [wheel.read_bytes() for wheel in first]
        for wheel in first:
            wheel.unlink()
        assert [Path(wheel).read_bytes() for wheel in kernel.environment()["wheels"]] == contents
    finally:
        kernel.remove("carried-toy")


def test_where_a_package_came_from_and_its_password_are_in_no_byte_that_travels(kernel, tmp_path):
    kernel.install(project(tmp_path / "place", "carried-toy"))
    info = next(kernel.site.glob("carried_toy-*.dist-info"))
    origin = {"url": "https://ana:hunter2@git.example/toy.git", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}}
    (info / "direct_url.json").write_text(json.dumps(origin))
    index = "https://ana:hunter2@pypi.example/simple"
    try:
        made = kernel.environment(PIP_INDEX_URL=index, UV_INDEX=f"team={index}/extra")
    finally:
        kernel.remove("carried-toy")
    assert made["requirements"].startswith("--index-url https://pypi.example/simple\n--extra-index-url")
    packed = zipfile.ZipFile(made["wheels"][0])
    contents = [packed.read(name) for name in packed.namelist()]
    assert not [data for data in [*contents, json.dumps(made).encode()] if b"hunter2" in data or b"git.example" in data]
    assert any("pypi.example wants credentials" in note and "index-secret" in note for note in made["notes"])


def test_a_record_that_lists_a_missing_file_is_an_error_that_names_it(kernel, tmp_path):
    kernel.install(project(tmp_path / "place", "carried-toy"))
    (kernel.site / "carried_toy.py").unlink()
    try:
        assert "carried-toy 0.1: a file of it cannot be read" in kernel.environment()["error"]
    finally:
        kernel.remove("carried-toy")


def test_sources_that_are_merely_on_the_path_do_not_travel_and_linked_ones_do(kernel, tmp_path):
    """The second is what ``setup.py develop`` leaves."""
    folder = project(tmp_path / "old", "old-toy")
    (folder / "old_toy.egg-info").mkdir()
    (folder / "old_toy.egg-info" / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: old-toy\nVersion: 0.1\n")
    path, link = kernel.site / "easy-install.pth", kernel.site / "old-toy.egg-link"
    path.write_text(f"{folder}\n")
    try:
        assert "old-toy" not in kernel.environment()["packages"]
        link.write_text(f"{folder}\n.\n")
        assert [Path(wheel).name.split("-")[0] for wheel in kernel.environment()["wheels"]] == ["old_toy"]
    finally:
        path.unlink()
        link.unlink(missing_ok=True)


def test_a_version_with_a_label_is_told_to_want_an_index_of_its_own(kernel):
    pinned = {"DASK_DATAPROC__PACKAGES__PIN": "{'torch': '2.9.0+cpu'}"}
    said = "perhaps not on PyPI: torch==2.9.0+cpu; name its index in UV_INDEX, or pin another version"
    assert said in kernel.environment(**pinned)["notes"]
    assert said not in kernel.environment(**pinned, UV_INDEX="https://wheels.example/cpu")["notes"]


def test_a_cache_that_was_emptied_is_filled_again(tmp_path):
    """The environment that a session remembers names wheels, which have to be there when they are uploaded."""
    made = environment.Environment("key", "3.11", "", {}, (tmp_path / "gone.whl",))
    assert not environment._still({}, made)
    (tmp_path / "gone.whl").touch()
    assert environment._still({}, made)


def test_what_conda_installed_is_asked_of_the_index(kernel, tmp_path):
    """Its origin is the folder in which conda's package was built, on a machine far away."""
    kernel.install(project(tmp_path / "place", "carried-toy"))
    info = next(kernel.site.glob("carried_toy-*.dist-info"))
    (info / "INSTALLER").write_text("conda\n")
    (info / "direct_url.json").write_text('{"url": "file:///home/conda/feedstock_root/work", "dir_info": {}}')
    try:
        made = kernel.environment()
    finally:
        (info / "INSTALLER").write_text("uv")
        kernel.remove("carried-toy")
    assert made["packages"]["carried-toy"] == "0.1"
    assert made["wheels"] == []


def test_looking_again_costs_next_to_nothing(kernel, edited):
    assert kernel.environment()["again"] < 0.2  # a build takes a second; the benchmark says how much less this is


def test_the_lock_is_exact_sorted_and_of_canonical_names(kernel):
    lines = kernel.environment()["requirements"].splitlines()
    names = [line.partition("==")[0] for line in lines]
    assert names == sorted(names)
    assert all(line.count("==") == 1 and line == line.lower() for line in lines)


def test_excluded_and_pinned_names_are_as_the_settings_say(kernel):
    settings = {"DASK_DATAPROC__PACKAGES__EXCLUDE": "['Babel', 'pytest']"}
    settings["DASK_DATAPROC__PACKAGES__PIN"] = "{'Toolz': '0.9', 'not_here': '1.0'}"
    packages = kernel.environment(**settings)["packages"]
    assert not {"babel", "pytest"} & set(packages)
    assert (packages["toolz"], packages["not-here"]) == ("0.9", "1.0")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("exclude", ["Distributed"], "exclude: distributed given, the nodes need it: scheduler and workers"),
        ("exclude", "pytest", "exclude: 'pytest' given, allowed is a list of package names"),
        ("pin", ["polars"], "pin: ['polars'] given, allowed is a mapping"),
        ("pin", {"polars": "latest"}, "pin.polars: 'latest' given, allowed is a version"),
        ("pin", {"polars": "1.0\n--index-url https://elsewhere.example"}, "pin.polars: "),
    ],
)
def test_a_setting_that_is_wrong_is_named(name, value, message):
    with dask.config.set({f"dataproc.packages.{name}": value}), pytest.raises(ConfigError) as error:
        environment_settings()
    assert error.value.message.startswith(f"dataproc.packages.{message}")


def test_the_versions_of_a_lock_are_told_by_name():
    lock = textwrap.dedent("""\
        --index-url https://pypi.example/simple
        dask==2026.8.0
        ./wheels/my_etl-0.3-01a2b3c4d-py3-none-any.whl
        toy @ git+https://git.example/toy.git@aaaa
        nvidia-blas>=12
    """)
    assert package_versions(lock) == {
        "dask": "2026.8.0",
        "my-etl": "0.3 (1a2b3c4d)",
        "toy": "git+https://git.example/toy.git@aaaa",
        "nvidia-blas": "?",
    }


@pytest.fixture
def on_a_mac(monkeypatch) -> None:
    monkeypatch.setattr(environment.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(environment.platform, "machine", lambda: "arm64")


def compiled(**origin: Any) -> Distribution:
    return Distribution("toy", "1.0", origin=origin, tags=("cp311-cp311-macosx_11_0_arm64",))


@pytest.mark.usefixtures("on_a_mac")
def test_what_a_mac_compiled_of_a_repository_is_built_by_the_node_without_credentials():
    vcs = {"vcs": "git", "commit_id": "a" * 40}
    https = compiled(url="https://ana:hunter2@git.example/toy.git", vcs_info=vcs, subdirectory="python")
    ssh = compiled(url="ssh://git@git.example/toy.git", vcs_info=vcs)
    assert (
        environment._line(https, Indexes()) == f"toy @ git+https://git.example/toy.git@{'a' * 40}#subdirectory=python"
    )
    assert environment._line(ssh, Indexes()) == f"toy @ git+ssh://git@git.example/toy.git@{'a' * 40}"


@pytest.mark.usefixtures("on_a_mac")
def test_what_a_mac_compiled_of_a_folder_is_an_error_that_says_so():
    with pytest.raises(PackageError, match=r"toy 1.0: compiled here for Darwin arm64, the nodes are linux-x86_64"):
        environment._line(compiled(url="file:///home/ana/toy", dir_info={}), Indexes())


def test_a_record_of_a_packed_wheel_says_what_is_in_it(kernel, tmp_path):
    kernel.install(project(tmp_path / "place", "carried-toy"))
    try:
        wheel = zipfile.ZipFile(kernel.environment()["wheels"][0])
    finally:
        kernel.remove("carried-toy")
    record = next(name for name in wheel.namelist() if name.endswith("/RECORD"))
    sizes = {row[0]: row[2] for row in csv.reader(wheel.read(record).decode().splitlines())}
    assert sizes == {i.filename: str(i.file_size) if i.filename != record else "" for i in wheel.infolist()}
    assert not [name for name in sizes if name.endswith(("direct_url.json", "INSTALLER", "REQUESTED", ".pyc"))]
