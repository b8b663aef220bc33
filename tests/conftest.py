"""What all tests share: how hypothesis looks for counterexamples, and laptops to run the emulator on."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import settings

from dask_dataproc.clusters.faults import emulator_fault, emulator_faults, emulator_faults_clear
from dask_dataproc.clusters.local import emulator_start

# No deadline: the tests share a machine with clusters, and how fast something is, is a benchmark's promise.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
# Read when gcsfs is imported: it would probe for a feature that no emulator has, for a minute.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let more be tried than there is time for every day."""
    parser.addoption("--schedules", type=int, default=12, help="random fault schedules to try")


class Laptop:
    """A user's folders of their own, so that what is started from them is found, and ended by pid.

    Attributes
    ----------
    environment : dict
        What a process needs to run on it: its folders, its settings (``emulator__clock_scale="60"``), and no project.
    """

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dd-"))  # not tmp_path: a socket's path may have 107 bytes
        self.runtime, self.state = self.folder / "r" / "dask-dataproc", self.folder / "s" / "dask-dataproc"
        self.runtime.parent.mkdir(mode=0o700)
        self.settings = {f"dataproc.{key}".replace("__", ".").replace("_", "-"): v for key, v in settings.items()}
        self.environment = {
            "XDG_RUNTIME_DIR": str(self.folder / "r"),
            "XDG_STATE_HOME": str(self.folder / "s"),
            "CLOUDSDK_CONFIG": str(self.folder / "gcloud"),
            "GOOGLE_CLOUD_PROJECT": "",
        } | {f"DASK_DATAPROC__{key.upper()}": value for key, value in settings.items()}

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Be on it in this process."""
        import dask.config

        from dask_dataproc.clusters.config import setting

        setting("lease")  # the defaults come first, or they would fill up what is set here
        with pytest.MonkeyPatch.context() as patch, dask.config.set(self.settings):
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    def start(self, script: str | Path, *arguments: str) -> subprocess.Popen[str]:
        """Start Python on it with a script, given as its text or as its file."""
        what = [str(script)] if isinstance(script, Path) else ["-c", textwrap.dedent(script)]
        return subprocess.Popen(
            [sys.executable, *what, *arguments],
            env=os.environ | self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def clusters(self) -> dict[str, Any]:
        """The records of the clusters there are, by name."""
        from dask_dataproc.clusters.service import Service
        from dask_dataproc.clusters.sync import run

        async def ask() -> dict[str, Any]:
            async with Service("local", "us-central1") as service:
                return {record.name: record for record in await service.list()}

        with self.here():
            return run(ask())

    def processes(self) -> list[psutil.Process]:
        """Every process that was started on it, whoever its parent is now."""
        return [process for process in psutil.process_iter() if self._is_of_here(process)]

    def machines(self, cluster: str = "") -> dict[int, str]:
        """The processes of emulated machines, of one cluster or of all: each one's pid and its machine's name."""
        with_folder = {process.pid: _working_folder(process) for process in self.processes()}
        home = str(self.state / "emulator" / "machines")
        names = {pid: folder.split("/")[-1] for pid, folder in with_folder.items() if folder.startswith(home)}
        return {pid: name for pid, name in names.items() if name.startswith(cluster)}

    def staged(self) -> list[Path]:
        """What there is of clusters in the staging folder."""
        return list((self.state / "staging" / "clusters").glob("*"))

    def until(self, holds: Callable[[], Any], timeout: float = 30.0) -> Any:
        """Return what ``holds()`` returns once that is true; fail if it never is."""
        end = time.monotonic() + timeout
        while not (value := holds()):
            assert time.monotonic() < end, f"not so after {timeout} s"
            time.sleep(0.02)
        return value

    def close(self) -> dict[int, str]:
        """End whatever runs on it, remove its folders, and return the machines that somebody had left running."""
        from dask_dataproc.clusters.local import emulator_stop

        with self.here():
            emulator_stop()
        left = self.machines()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.until(lambda: not self.processes())
        shutil.rmtree(self.folder, ignore_errors=True)
        return left

    def _is_of_here(self, process: psutil.Process) -> bool:
        try:
            started_here = process.environ().get("XDG_RUNTIME_DIR") == self.environment["XDG_RUNTIME_DIR"]
            return started_here and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def _working_folder(process: psutil.Process) -> str:
    try:
        return process.cwd().removesuffix(" (deleted)")
    except psutil.NoSuchProcess:
        return ""


@pytest.fixture(scope="session")
def runs() -> Callable[[psutil.Process], bool]:
    """Say whether a process runs; one may end while it is looked at."""

    def runs(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    return runs


@pytest.fixture(scope="session")
def new_laptop() -> Iterator[Callable[..., Laptop]]:
    """Makes laptops: ``new_laptop(emulator__clock_scale="60")``. At the end nothing may run on any of them."""
    made: list[Laptop] = []

    def make(**settings: str) -> Laptop:
        made.append(Laptop(**settings))
        return made[-1]

    yield make
    assert [laptop.close() for laptop in made] == [{} for _ in made], "clusters were left running"


@pytest.fixture(scope="session")
def shared_laptop(new_laptop) -> Laptop:
    """One laptop with an emulator that stays warm; clusters on it have names of their own."""
    return new_laptop()


@pytest.fixture
def laptop(shared_laptop) -> Iterator[Laptop]:
    """Be on the shared laptop for a test, which leaves no machine behind that it did not find."""
    with shared_laptop.here():
        before = set(shared_laptop.machines().values())
        yield shared_laptop
        assert set(shared_laptop.machines().values()) <= before


class FaultsOf:
    """What is to go wrong on the emulator of the laptop that a test is on."""

    def ask(self, kind: str, times: int = 1, **settings: Any) -> list[str]:
        """Have ``kind`` happen; the machines struck at once."""
        return emulator_fault(kind, times, **settings)

    def left(self) -> list[dict[str, Any]]:
        """Those that have not happened yet."""
        return emulator_faults()

    def clear(self) -> None:
        """Let nothing more go wrong."""
        emulator_faults_clear()


@pytest.fixture
def faults(laptop) -> Iterator[FaultsOf]:
    """Lets things go wrong on the shared laptop; none is left when the test is over."""
    emulator_start()
    yield FaultsOf()
    emulator_faults_clear()
