"""Whether a cluster has this kernel's packages: an error where both must have one alike, else words."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .config import LOCAL
from .errors import DaskDataprocError, VersionMismatch
from .spec import ClusterSpec
from .wording import some

MUST_MATCH = ("python", "dask", "distributed", "cloudpickle", "msgpack")
"""What a task, its data and every message go through. Of Python the minor version: bytecode is pickled."""
ASKED = ("lz4", "msgpack", "numpy", "pandas", "pyarrow", "zstandard")
"""What a scheduler is asked for besides what it tells by itself: what data is made of and packed by."""
WORKERS_LIMIT = 5.0
"""Seconds within which workers say theirs; one that is busy with something else is not waited for."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A package with another version on the cluster than here; empty where it is not there."""

    name: str
    here: str
    there: str


async def agree(spec: ClusterSpec, scheduler: Any, environment: str, *, workers: bool = True) -> str:
    """Return in words where the cluster of ``spec`` differs from this kernel; nothing if it has the same packages.

    Parameters
    ----------
    spec : ClusterSpec
    scheduler : distributed.core.rpc
    environment : str
        URL of the environment that its nodes were made of; empty where they run what is installed on this machine.
    workers : bool
        Ask those that are there, too.

    Raises
    ------
    VersionMismatch
        They differ in something that both must have alike.
    """
    if environment and (both := await asyncio.to_thread(_locks, environment)):
        return judged(spec, differences(*both))
    here = await asyncio.to_thread(_installed)
    try:
        there = await _reported(scheduler, workers)
    except OSError:  # it has gone: whoever waits for its workers knows why
        return ""
    return judged(spec, [found for side in there for found in differences(here, side, told_only=True)])


def differences(here: Mapping[str, str], there: Mapping[str, str], *, told_only: bool = False) -> list[Difference]:
    """Return where ``there`` has not what is ``here``; what it has besides is of no matter.

    Parameters
    ----------
    here, there : mapping of str to str
        Versions by package, and ``python``.
    told_only : bool
        Compare only what both sides tell.
    """
    found = [Difference(name, version, there.get(name, "")) for name, version in here.items()]
    return [one for one in found if one.here != one.there and (one.there or not told_only)]


def judged(spec: ClusterSpec, found: Iterable[Difference]) -> str:
    """Return ``found`` in words.

    Raises
    ------
    VersionMismatch
        Something that both must have alike is among it.
    """
    found = list(dict.fromkeys(found))
    if grave := sorted((one for one in found if one.name in MUST_MATCH), key=lambda one: MUST_MATCH.index(one.name)):
        runs = ", ".join(f"{one.name} {one.there or 'not at all'} (here {one.here})" for one in grave)
        raise VersionMismatch(f"{spec.name}: the cluster runs {runs}", _cure(spec, grave))
    other = [f"{one.name} {one.there} (here {one.here})" for one in found if one.there]
    missing = [one.name for one in found if not one.there]
    said = [f"other versions there: {some(other)}" if other else "", f"not there: {some(missing)}" if missing else ""]
    return "; ".join(text for text in said if text)


def _cure(spec: ClusterSpec, grave: list[Difference]) -> str:
    wanted = [f"'{one.name}=={one.there}'" for one in grave if one.there]
    alike = f"or become as it is: uv pip install {' '.join(wanted)}, and restart the kernel"
    if any(one.name == "python" for one in grave) or len(wanted) < len(grave):
        alike = f"or use a kernel with Python {grave[0].there}" if grave[0].name == "python" else ""
    if spec.project == LOCAL:
        return f"%dask_cluster emulator stop, and up again: it then runs this kernel's packages   {alike}".strip()
    return f"%dask_cluster up --name ANOTHER, which gets this kernel's packages   {alike}".strip()


def _locks(environment: str) -> tuple[dict[str, str], dict[str, str]] | None:
    """Return the versions in this kernel's lock and in that of ``environment``; None if one is not to be had."""
    from .environment import kernel_environment

    try:
        kernel = kernel_environment()
    except DaskDataprocError:  # this kernel could make no cluster, and may still use one
        return None
    here = kernel.packages | {"python": kernel.python}
    if environment.rstrip("/").endswith(f"/{kernel.key}"):
        return here, here
    there = _lock(environment)
    return (here, there) if there else None


def _lock(environment: str) -> dict[str, str]:
    """Return the versions in the lock of another environment; none if it has been removed or cannot be read."""
    import fsspec

    from .environment import package_versions

    try:
        filesystem, folder = fsspec.core.url_to_fs(environment)
        about = json.loads(filesystem.cat_file(f"{folder}/about.json"))
        lock = filesystem.cat_file(f"{folder}/requirements.txt").decode()
        return package_versions(lock) | {"python": str(about["python"])}
    except Exception:  # each file system has its own errors, and the scheduler can be asked instead
        return {}


def _installed() -> dict[str, str]:
    from distributed.versions import get_versions

    return _plain(get_versions(packages=ASKED))


async def _reported(scheduler: Any, workers: bool) -> list[dict[str, str]]:
    """Return what the scheduler tells of itself, and its workers of themselves."""
    told = [await scheduler.versions(packages=ASKED)]
    if workers:
        asking = scheduler.broadcast(msg={"op": "versions", "packages": ASKED}, on_error="ignore")
        with contextlib.suppress(TimeoutError):
            told += (await asyncio.wait_for(asking, WORKERS_LIMIT)).values()
    return [_plain(one) for one in told]


def _plain(told: Mapping[str, Any]) -> dict[str, str]:
    versions = {name: str(version) for name, version in told["packages"].items() if version}
    return versions | {"python": ".".join(versions["python"].split(".")[:2])}
