"""An Airflow that runs by itself, as Composer's does: a scheduler whose worker processes execute the tasks."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

WAIT = 400.0
PROGRAMS = {"2.11": ("scheduler",), "3": ("api-server", "dag-processor", "scheduler")}
AUTH = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "2",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__AUTH_MANAGER": AUTH,
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "2",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "2",  # the same in Airflow 3: a new file is seen at once
    "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",  # 2.11 wants another database for that
}


class RunningAirflow:
    """One version's programs, in process groups of their own, over a home with a DAG folder.

    Parameters
    ----------
    version : str
    python : Path
        Of its virtual environment.
    home : Path
        Made here, with ``dags`` in it.
    environment : mapping of str to str
        What leads its Google provider to the emulator, and what else its tasks need.
    """

    def __init__(self, version: str, python: Path, home: Path, environment: dict[str, str]):
        self.home = home
        (home / "dags").mkdir(parents=True)
        port = _free_port()
        served = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        }
        self.environment = environment | SETTINGS | served
        self.airflow = python.with_name("airflow")
        self.version, self._programs = version, []

    def __enter__(self) -> RunningAirflow:
        self._call("db", "migrate")
        for name in PROGRAMS[self.version]:
            self._start(name)
            if name == "api-server":  # its first answer takes longer than a task waits for it
                self.until(self._answers, "the API server's first answer")
        return self

    def __exit__(self, *_: object) -> None:
        for program in reversed(self._programs):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGTERM)
        for program in self._programs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)

    def run(self, dag: str) -> tuple[str, dict[str, tuple[str, int]]]:
        """Return the state of the one run of ``dag``, "" before it begins, and each task's state and tries."""
        rows = self._ask("select state from dag_run where dag_id = ?", dag)
        tasks = self._ask("select task_id, state, try_number from task_instance where dag_id = ?", dag)
        assert len(rows) <= 1, rows
        return (rows[0][0] if rows else ""), {task: (state, tries) for task, state, tries in tasks}

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        """Return what ``holds()`` returns once that is true; fail, with the ends of the logs, if it never is."""
        end = time.monotonic() + WAIT
        while not (value := holds()):
            assert time.monotonic() < end, f"{what}: not so after {WAIT} s\n{self.logs()}"
            for program in self._programs:
                assert program.poll() is None, f"{program.args} has ended\n{self.logs()}"
            time.sleep(0.2)
        return value

    def logs(self) -> str:
        """Return the ends of what the programs and the tasks said."""
        files = [*self.home.glob("*.log"), *(self.home / "logs").rglob("attempt=*.log")]
        return "\n".join(f"== {file}\n{file.read_text(errors='replace')[-3000:]}" for file in files)

    def _start(self, name: str) -> None:
        with (self.home / f"{name}.log").open("wb") as log:
            self._programs.append(
                subprocess.Popen(
                    [self.airflow, name], env=self.environment, stdout=log, stderr=log, start_new_session=True
                )
            )

    def _answers(self) -> bool:
        url = self.environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] + "health"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status == 200
        return False

    def _ask(self, question: str, *given: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(f"file:{self.home}/airflow.db?mode=ro", uri=True, timeout=30)) as db:
            return db.execute(question, given).fetchall()

    def _call(self, *arguments: str) -> None:
        done = subprocess.run(
            [self.airflow, *arguments], env=self.environment, capture_output=True, text=True, timeout=WAIT, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
