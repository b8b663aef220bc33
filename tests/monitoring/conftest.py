"""The alerts as they are written, Debian's promtool, and a Prometheus of the test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import dask_dataproc

ROOT = Path(dask_dataproc.__file__).parent
MONITORING = ROOT / "infra" / "monitoring"
PROGRAMS = ROOT / "build" / "prometheus" / "usr" / "bin"


@pytest.fixture(scope="session")
def generate():
    """The module that makes the files: infra is no part of the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(MONITORING)
        import generate

        yield generate


@pytest.fixture(scope="session")
def source() -> dict[str, Any]:
    """What alerts.yaml says."""
    return yaml.safe_load((MONITORING / "alerts.yaml").read_text())


@pytest.fixture(scope="session")
def boards() -> dict[str, Any]:
    """What dashboards.yaml says."""
    return yaml.safe_load((MONITORING / "dashboards.yaml").read_text())


@pytest.fixture(scope="session")
def prometheus_program() -> Callable[[str], Path]:
    """The path of ``prometheus`` or ``promtool``."""

    def path(name: str) -> Path:
        assert (PROGRAMS / name).exists(), "no Prometheus: bash tests/monitoring/setup.sh"
        return PROGRAMS / name

    return path


@pytest.fixture(scope="session")
def promtool(prometheus_program) -> Callable[..., str]:
    """Run promtool and return what it says; it has to be content."""

    def run(*arguments: str | Path) -> str:
        asked = [prometheus_program("promtool"), *arguments]
        ran = subprocess.run(asked, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    return run
