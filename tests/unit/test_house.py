"""The house is in order: what is declared, locked, built and exported is what the repository holds."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dask_dataproc
from dask_dataproc.clusters import errors

ROOT = Path(dask_dataproc.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
HEAVY = {"bokeh", "dask", "distributed", "google.cloud", "grpc", "ipywidgets", "numpy", "pandas", "papermill", "yaml"}


def repository_files() -> list[str]:
    """Return what git tracks or would track."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


def declared() -> dict[str, Requirement]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    texts = [*PROJECT["project"]["dependencies"], *(text for extra in extras for text in extra)]
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, texts)}


def test_the_conda_environment_asks_for_what_pyproject_asks_for():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (from_pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    texts = [entry for entry in listed if isinstance(entry, str)] + from_pip
    assert from_pip[-1] == "-e ."
    conda = {r.name: r.specifier for r in map(Requirement, texts[:-1])}
    assert conda.pop("python") == PROJECT["project"]["requires-python"]
    assert conda.pop("pip") == ""
    assert conda == {name: requirement.specifier for name, requirement in declared().items()}


def test_the_lock_holds_a_version_of_every_dependency_that_pyproject_allows():
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", LOCK, re.MULTILINE))
    assert not {name: r for name, r in declared().items() if locked.get(name, "") not in r.specifier}


def test_the_lock_names_no_index_and_has_a_hash_for_every_package():
    assert "://" not in LOCK
    assert "index" not in re.sub(r"#.*", "", LOCK)
    packages = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in package for package in packages)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> list[str]:
    """Names of the files of the wheel, built from a copy so that nothing is left in the checkout."""
    copy = tmp_path_factory.mktemp("wheel")
    for name in repository_files():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    build = "from setuptools import build_meta; build_meta.build_wheel('made')"
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True)
    (made,) = (copy / "made").glob("*.whl")
    return zipfile.ZipFile(made).namelist()


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel):
    folders = {package.partition(".")[2] for package in PROJECT["tool"]["setuptools"]["packages"]} - {""}
    inside = {name for name in repository_files() if PurePosixPath(name).parts[0] in folders}
    shared = {file for files in PROJECT["tool"]["setuptools"]["data-files"].values() for file in files}
    expected = {f"dask_dataproc/{name}" for name in (inside - shared) | {"__init__.py", "py.typed"}}
    assert {name for name in wheel if ".dist-info/" not in name and ".data/" not in name} == expected


def test_the_wheel_brings_what_jupyter_and_dask_look_for(wheel):
    shared = PROJECT["tool"]["setuptools"]["data-files"]
    placed = {f"{folder}/{PurePosixPath(file).name}" for folder, files in shared.items() for file in files}
    assert {name.partition(".data/data/")[2] for name in wheel if ".data/" in name} == placed


def test_every_folder_of_the_package_says_what_lives_there_and_what_may_not():
    for package in PROJECT["tool"]["setuptools"]["packages"][1:]:
        text = ROOT.joinpath(*package.split(".")[1:], "__init__.py").read_text()
        assert "Lives here:" in text, package
        assert "May not:" in text, package


def test_no_module_lies_at_the_root():
    assert [name for name in repository_files() if name.endswith(".py") and "/" not in name] == ["__init__.py"]


def test_every_public_name_is_there_and_every_error_is_public():
    assert all(hasattr(dask_dataproc, name) for name in dask_dataproc.__all__)
    assert len(set(dask_dataproc.__all__)) == len(dask_dataproc.__all__)
    tree = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert tree <= set(dask_dataproc.__all__)
    assert dask_dataproc.__version__ == PROJECT["project"]["version"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dask_dataproc.nothing  # noqa: B018


LOADED = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
{act}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize("act", ["import dask_dataproc", "shell.run_line_magic('load_ext', 'dask_dataproc')"])
def test_loading_imports_nothing_heavy(act, tmp_path):
    script = LOADED.format(act=act)
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    loaded = json.loads(ran.stdout.splitlines()[-1])
    assert "dask_dataproc" in loaded, ran.stdout + ran.stderr
    assert ("dask_dataproc.magics" in loaded) == ("load_ext" in act), ran.stdout + ran.stderr
    assert not HEAVY & set(loaded)


def links(text: str) -> list[str]:
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


@pytest.mark.parametrize("document", [name for name in repository_files() if name.endswith(".md")])
def test_the_relative_links_of_a_document_lead_somewhere(document):
    text = (ROOT / document).read_text()
    relative = [link.partition("#")[0] for link in links(text) if "://" not in link and not link.startswith("#")]
    assert not [link for link in relative if not ((ROOT / document).parent / link).exists()]
