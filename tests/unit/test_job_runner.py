"""The job runner as the process that it is: what it refuses, what it brings along, how it ends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import psutil
import pytest
from uv import find_uv_bin

from dask_dataproc import PackageError
from dask_dataproc.init_actions import job as node_job
from dask_dataproc.pipelines import overlay

RUNNER = [sys.executable, node_job.__file__]
JOBS = """
import asyncio, contextlib, os, sys, time

def add(a: int, b: int = 1) -> int:
    return a + b

async def later():
    await asyncio.sleep(0)
    return "later"

def no_json():
    return {1, 2}

def leave(status: int):
    sys.exit(status)

def fail():
    raise ValueError("seven is no date")

def wait(file: str):
    try:
        open(file, "w").write(str(os.getpid()))
        time.sleep(600)
    finally:
        open(file, "a").write(" closed")
"""


def git(*arguments: str, folder: Path) -> str:
    who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "init.defaultBranch=main"]
    ran = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


class Repository:
    """A bare repository whose module ``trial_etl`` has a function ``said``, which returns what the commit is called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder / "etl.git", folder / "work"
        self.work.mkdir()
        git("init", "-q", folder=self.work)
        git("init", "-q", "--bare", str(self.folder), folder=folder)

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def commit(self, what: str, **files: str | bytes) -> str:
        self.write("src/trial_etl.py", f"def said(): return {what!r}\n")
        for name, text in files.items():
            self.write(name, text)
        git("add", ".", folder=self.work)
        git("commit", "-q", "-m", what, folder=self.work)
        git("push", "-q", str(self.folder), "HEAD:refs/heads/main", folder=self.work)
        return git("rev-parse", "HEAD", folder=self.work)

    def write(self, name: str, content: str | bytes) -> None:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def repository(tmp_path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def run(tmp_path):
    """Run the main file of a job with arguments, in a folder with a module of functions, and a /tmp of its own."""
    (tmp_path / "trial_jobs.py").write_text(JOBS)
    (tmp_path / "tmp").mkdir()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
        return subprocess.run([*RUNNER, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def function(name: str) -> list[str]:
    return ["--job-module", "trial_jobs", "--job-function", name]


def test_a_function_is_called_with_typed_arguments_and_its_result_is_the_last_line(run):
    ran = run(*function("add"), "--a", "41")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "dask-dataproc-result: 42\n", "")
    assert run(*function("later")).stdout == 'dask-dataproc-result: "later"\n'


def test_a_result_that_is_no_json_is_said_not_to_be(run):
    ran = run(*function("no_json"))
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr == "The result, of type set, is no JSON: it is not given\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (function("add"), "--a: none given, allowed is int"),
        ([*function("add"), "--a", "many"], "--a: 'many' given, allowed is int"),
        (function("ad"), "--job-function: 'ad' given, trial_jobs has no such function"),
        (["--job-module", "trial_jbs", "--job-function", "f"], "--job-module: 'trial_jbs' given, there is no module"),
        (["--job-function", "f"], "--job-module: none given, allowed is a Python name"),
        ([*function("add"), "--a", "1", "--git-ref", "main"], "--git-ref: given, allowed is none without --git-repo"),
        ([*function("add"), "--git-repo", "https://u:pa55@h/a.git"], "git_repository: '…@h' given"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_status_2(run, words, said):
    ran = run(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"SpecError: {said}")
    assert "pa55" not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_function_that_fails_has_its_traceback_and_one_that_exits_its_status(run):
    failed = run(*function("fail"))
    assert (failed.returncode, failed.stderr.splitlines()[-1]) == (1, "ValueError: seven is no date")
    assert run(*function("leave"), "--status", "7").returncode == 7


@pytest.fixture
def waiting(run, tmp_path):
    """A job that waits, started by a shell as the emulator starts it; it ends with the test."""
    file, command = tmp_path / "pid", [*RUNNER, *function("wait"), "--file", str(tmp_path / "pid")]
    shell = subprocess.Popen(["/bin/sh", "-c", '"$@"; exit $?', "sh", *command], cwd=tmp_path)
    end = time.monotonic() + 60
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < end
        time.sleep(0.02)
    job = psutil.Process(int(file.read_text()))
    yield shell, job, file
    for process in (job, shell):
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            process.kill()
    shell.wait(30)


def test_a_cancelled_job_closes_what_it_has_opened(waiting):
    shell, job, file = waiting
    job.send_signal(signal.SIGTERM)
    assert shell.wait(30) == 143
    assert file.read_text().endswith(" closed")


def test_a_job_ends_with_whoever_started_it(waiting):
    shell, job, file = waiting
    shell.kill()
    shell.wait(30)
    job.wait(30)
    assert file.read_text().endswith(" closed")


SAID = ("--job-module", "trial_etl", "--job-function", "said")


def test_a_repository_is_brought_at_the_commit_that_its_branch_is_now(run, repository):
    first = repository.commit("one")
    ran = run(*SAID, "--git-repo", repository.url, "--git-ref", "main")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f'{repository.url} at main is {first}\ndask-dataproc-result: "one"\n'
    second = repository.commit("two")
    assert run(*SAID, "--git-repo", repository.url).stdout.endswith(f'is {second}\ndask-dataproc-result: "two"\n')
    assert run(*SAID, "--git-repo", repository.url, "--git-ref", first).stdout.endswith('-result: "one"\n')


def test_a_repository_or_a_commit_that_is_not_there_is_one_line(run, repository):
    repository.commit("one")
    for url, ref, said in (
        (repository.url, "nowhere", "git_ref: 'nowhere' given"),
        (repository.url, "0" * 40, f"git_ref: '{'0' * 40}' given"),
        (f"{repository.url}x", "main", f"git_repository: {repository.url}x"),
    ):
        ran = run(*SAID, "--git-repo", url, "--git-ref", ref)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith(f"ConfigError: {said}"), ran.stderr


def wheel(version: str) -> tuple[str, bytes]:
    """A wheel of the package ``trial-lib``, whose module says its version."""
    from io import BytesIO

    info, made = f"trial_lib-{version}.dist-info", BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in {
            "trial_lib.py": f"VERSION = {version!r}\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: trial-lib\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": f"trial_lib.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
        }.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return f"trial_lib-{version}-py3-none-any.whl", made.getvalue()


def locked(name: str, data: bytes) -> dict[str, str | bytes]:
    version = name.split("-")[1]
    line = f"trial-lib=={version} --hash=sha256:{hashlib.sha256(data).hexdigest()}\n"
    return {"requirements.txt": f"--no-index\n--find-links ./wheels\n{line}", f"wheels/{name}": data}


LIBRARY = {"src/trial_report.py": "import trial_lib\ndef version(): return [trial_lib.VERSION, trial_lib.__file__]\n"}
REPORT = ("--job-module", "trial_report", "--job-function", "version")


def test_the_packages_of_its_lock_are_beside_the_environment_and_kept_for_the_next_job(run, repository, tmp_path):
    repository.commit("one", **LIBRARY | locked(*wheel("1.0")))
    ran = run(*REPORT, "--git-repo", repository.url)
    assert ran.returncode == 0, ran.stderr
    version, file = json.loads(ran.stdout.splitlines()[-1].partition(" ")[2])
    assert version == "1.0"
    assert Path(file).is_relative_to(tmp_path / "tmp")
    stamp = os.stat(file).st_ino
    repository.commit("other code, same lock")
    again = json.loads(run(*REPORT, "--git-repo", repository.url).stdout.splitlines()[-1].partition(" ")[2])
    assert (again[1], os.stat(again[1]).st_ino) == (file, stamp)
    repository.commit("two", **locked(*wheel("2.0")))
    assert '"2.0"' in run(*REPORT, "--git-repo", repository.url).stdout


def test_a_lock_that_is_none_or_does_not_hold_stops_the_job_in_one_line(run, repository):
    name, data = wheel("1.0")
    repository.commit("loose", **LIBRARY | {"requirements.txt": "trial-lib\n"})
    ran = run(*REPORT, "--git-repo", repository.url)
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (
        1,
        "PackageError: requirements.txt: trial-lib has no exact version, allowed is a lock: name==version --hash=…",
    )
    repository.commit("forged", **locked(name, data) | {f"wheels/{name}": wheel("1.0")[1] + b"\0"})
    ran = run(*REPORT, "--git-repo", repository.url)
    assert ran.returncode == 1
    assert ran.stderr.startswith("PackageError: packages trial-lib: cannot be installed: ")
    assert "ash mismatch" in ran.stderr


UV_LOCK = """version = 1
requires-python = ">=3.11"

[[package]]
name = "etl"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "trial-lib" }]

[package.metadata]
requires-dist = [{ name = "trial-lib" }]

[[package]]
name = "trial-lib"
version = "1.0"
source = { registry = "http://127.0.0.1/simple" }
wheels = [{ url = "http://127.0.0.1/trial_lib-1.0-py3-none-any.whl", hash = "sha256:HASH", size = 1 }]
"""


def test_a_uv_lock_is_read_as_uv_has_it(tmp_path):
    about = '[project]\nname = "etl"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["trial-lib"]\n'
    (tmp_path / "pyproject.toml").write_text(about)
    (tmp_path / "uv.lock").write_text(UV_LOCK.replace("HASH", "0" * 64))
    assert overlay._lock(tmp_path).lines == (f"trial-lib==1.0      --hash=sha256:{'0' * 64}",)


def test_a_node_whose_python_has_no_uv_takes_the_one_in_staging(tmp_path, monkeypatch):
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / overlay.UV).symlink_to(find_uv_bin())
    about = {"dask-staging": "x", "dataproc-cluster-uuid": "u", "dask-nodes": f"file://{tmp_path}/nodes"}
    (tmp_path / "metadata.json").write_text(json.dumps(about))
    monkeypatch.setenv("NODE_METADATA", str(tmp_path / "metadata.json"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setitem(sys.modules, "uv", None)
    said = subprocess.run([overlay._program(), "--version"], check=True, capture_output=True, text=True)
    assert said.stdout.startswith("uv ")
    (tmp_path / f"dask-dataproc-{os.getuid()}/uv").unlink()
    (tmp_path / "nodes" / overlay.UV).unlink()
    with pytest.raises(PackageError, match="uv: there is none here, and none in staging"):
        overlay._program()
