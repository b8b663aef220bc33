"""What no index has travels as a wheel: made of the files that are installed, or built of a project's sources.

A wheel's build tag is a hash of what is in it, so that a changed project of the same version is another file: for the
lock, for its hash, and for uv on a node that has the earlier one.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from .errors import PackageError
from .installed import Distribution
from .paths import cache_dir
from .projects import content, files

BUILD_LIMIT = 600.0
"""Seconds that one build may take."""
KEPT = 200
"""Wheels in the cache; the oldest go first."""
LAST_LINES = 6
OF_THE_INSTALLATION = frozenset(
    {"RECORD", "RECORD.jws", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
)
"""Files beside the metadata that say how it came here: not part of a wheel, and a URL in them may hold a password."""


class Member(NamedTuple):
    """A file in a wheel."""

    data: bytes
    executable: bool = False


def build(project: Path, dist: Distribution, variables: Mapping[str, str]) -> Path:
    """Return the wheel of ``project``, built unless one of the same files lies in the cache.

    Parameters
    ----------
    project : Path
        The folder of its ``pyproject.toml`` or ``setup.py``.
    dist : Distribution
        As it is installed here, to be edited.
    variables : mapping of str to str
        Environment variables for uv: the indexes that the build's own requirements come from.

    Raises
    ------
    PackageError
        It cannot be built; the message has the last lines of what was said.
    """
    if not project.is_dir():
        raise PackageError(f"{dist.name}: its project {project} is not there", _leave_out(dist.name))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _cached(f"{dist.name} {dist.version} {python} {content(project)}", lambda: _built(project, dist, variables))


def repack(dist: Distribution) -> Path:
    """Return the wheel that ``dist`` was installed from, made again of its files.

    Raises
    ------
    PackageError
        Its files are not written down, or not there.
    """
    record = dist.metadata.read_text("RECORD") if dist.metadata else None
    if not record or not dist.tags:
        raise PackageError(
            f"{dist.name} {dist.version}: it is of this machine, and its files are not written down",
            f"uv pip install --reinstall {dist.name}",
        )
    return _cached(f"{dist.name} {dist.version} {record}", lambda: _from_files(dist, record))


def _cached(what: str, make: Callable[[], tuple[str, dict[str, Member]]]) -> Path:
    cache = cache_dir() / "wheels"
    folder = cache / hashlib.sha256(what.encode()).hexdigest()[:32]
    for wheel in folder.glob("*.whl"):
        os.utime(folder)
        return wheel
    name, members = make()
    packed, stamp = _pack(members)
    cache.mkdir(parents=True, exist_ok=True)
    _forget_the_oldest(cache)
    parts = name.split("-")
    wheel = folder / "-".join([*parts[:2], f"0{stamp}", *parts[-3:]])
    folder.mkdir(exist_ok=True)
    part = folder / f"{os.getpid()}.part"  # two kernels may make it at once: each file is whole when it is seen
    part.write_bytes(packed)
    return part.replace(wheel)


def _forget_the_oldest(cache: Path) -> None:
    by_age = sorted(cache.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in by_age[KEPT - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


# -- of sources


def _built(project: Path, dist: Distribution, variables: Mapping[str, str]) -> tuple[str, dict[str, Member]]:
    with tempfile.TemporaryDirectory(prefix="dask-dataproc-") as temporary:
        source, made = Path(temporary) / project.name, Path(temporary) / "made"
        _copy(project, files(project), source)  # a build leaves folders behind that the next one would take for sources
        said = _run_uv(source, made, dict(variables) | _versions_without_git(dist))
        wheels = list(made.glob("*.whl"))
        if not wheels:
            lines = [line.strip() for line in said.replace(str(source), str(project)).splitlines() if line.strip()]
            raise PackageError(
                f"{dist.name}: no wheel could be built of {project}: {' | '.join(lines[-LAST_LINES:])}",
                f"uv build --wheel {project}   (or leave it out: {_leave_out(dist.name)})",
            )
        with zipfile.ZipFile(wheels[0]) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            return wheels[0].name, {
                entry.filename: Member(archive.read(entry), bool(entry.external_attr >> 16 & 0o111))
                for entry in entries
            }


def _run_uv(source: Path, made: Path, variables: Mapping[str, str]) -> str:
    """Return what uv said while it built."""
    from uv import find_uv_bin

    command = [
        find_uv_bin(),
        "build",
        "--wheel",
        "--no-progress",
        "--python",
        sys.executable,
        "--out-dir",
        made,
        source,
    ]
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")} | dict(variables)
    try:
        ran = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, timeout=BUILD_LIMIT)
    except subprocess.TimeoutExpired:
        return f"not done after {BUILD_LIMIT:.0f} s"
    return re.sub(r"://[^/\s@]+@", "://", ran.stderr)


def _copy(project: Path, names: Iterable[str], target: Path) -> None:
    target.mkdir(parents=True)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(project / name, target / name)


def _versions_without_git(dist: Distribution) -> dict[str, str]:
    """Return what tells the tools that ask git for a version which one it is: the copy has no git."""
    return {
        f"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{re.sub(r'[-_.]+', '_', dist.name).upper()}": dist.version,
        "POETRY_DYNAMIC_VERSIONING_BYPASS": dist.version,
        "PDM_BUILD_SCM_VERSION": dist.version,
        "SOURCE_DATE_EPOCH": "315532800",  # 1980, the first that a zip can hold
    }


def _leave_out(name: str) -> str:
    return f"dataproc.packages.exclude: [{name}]"


# -- of what is installed


def _from_files(dist: Distribution, record: str) -> tuple[str, dict[str, Member]]:
    assert dist.metadata is not None
    written = [row[0].replace("\\", "/") for row in csv.reader(record.splitlines()) if row]
    info = next(name.partition("/")[0] for name in written if name.endswith(".dist-info/METADATA"))
    members: dict[str, Member] = {}
    for name in written:
        path = Path(str(dist.metadata.locate_file(name)))
        if inside := _member(dist.metadata, info, name, path):
            try:
                members[inside] = Member(_portable(inside, path.read_bytes()), os.access(path, os.X_OK))
            except OSError as error:
                said = f"{dist.name} {dist.version}: a file of it cannot be read: {error}"
                raise PackageError(said, f"uv pip install --reinstall {dist.name}") from None
    plain = re.sub(r"[-_.]+", "_", dist.name)
    return f"{plain}-{dist.version.replace('-', '_')}-{_tag(dist)}.whl", members


def _member(metadata: importlib.metadata.Distribution, info: str, written: str, path: Path) -> str:
    """Return the name in a wheel of an installed file; empty for what the installation made."""
    name = written.rpartition("/")[2]
    if name.endswith(".pyc") or (written.startswith(info) and name in OF_THE_INSTALLATION):
        return ""
    if not written.startswith(("..", "/")):
        return written
    place = os.path.relpath(os.path.abspath(path), sys.prefix).replace(os.sep, "/")
    data = info.removesuffix(".dist-info") + ".data"
    if place.startswith(("bin/", "Scripts/")):
        made = {point.name for point in metadata.entry_points if point.group in ("console_scripts", "gui_scripts")}
        return "" if name in made or name.removesuffix(".exe") in made else f"{data}/scripts/{name}"
    return "" if place.startswith("..") else f"{data}/data/{place}"


def _portable(name: str, content: bytes) -> bytes:
    """Return a script with the first line that an installer puts its own Python into."""
    first, _, rest = content.partition(b"\n")
    own = ".data/scripts/" in name and first.startswith(b"#!") and b"python" in first
    return b"#!python\n" + rest if own else content


def _tag(dist: Distribution) -> str:
    """Return the tags of a wheel as its name has them: each part's values joined by dots."""
    parts = zip(*(tag.split("-") for tag in dist.tags), strict=True)
    return "-".join(".".join(dict.fromkeys(values)) for values in parts)


# -- as a file


def _pack(members: Mapping[str, Member]) -> tuple[bytes, str]:
    """Return the same wheel for the same files, and a hash of them."""
    info = next(name.partition("/")[0] for name in members if name.endswith(".dist-info/METADATA"))
    listed = {name: members[name] for name in sorted(members) if name != f"{info}/RECORD"}
    record = "".join(f"{_quoted(name)},{_digest(member.data)},{len(member.data)}\n" for name, member in listed.items())
    listed[f"{info}/RECORD"] = Member(f"{record}{info}/RECORD,,\n".encode())
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in listed.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if member.executable else 0o100644) << 16
            archive.writestr(entry, member.data)
    return written.getvalue(), hashlib.sha256(record.encode()).hexdigest()[:8]


def _quoted(name: str) -> str:
    return f'"{name}"' if "," in name else name


def _digest(data: bytes) -> str:
    return f"sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()}"
