"""What is installed beside this kernel, read from its metadata: a few headers of each distribution, not the whole."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

SYSTEM = "Classifier: Operating System :: "
SYSTEM_INSTALLERS = ("debian", "rpm")
SYSTEM_PLACE = "/usr/lib/python3/dist-packages"
"""Debian's own packages, which leave no installer's name."""
VENDORED = "_vendor"
"""Where a package keeps copies of others. Setuptools puts its own on ``sys.path`` once it is imported."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution.

    Attributes
    ----------
    name : str
        Canonical: lower case, hyphens.
    version : str
    requires : tuple of str
        Its ``Requires-Dist`` lines as they are written.
    origin : mapping
        Its ``direct_url.json`` (PEP 610): empty for one that came from an index.
    installer : str
        ``pip``, ``uv``, ``conda``; empty where nobody left a name.
    requested : bool
        Somebody asked for it by name. Known of pip alone: uv marks every distribution so.
    tags : tuple of str
        What its wheel was made for, as ``cp311-cp311-macosx_11_0_arm64``; empty without a wheel.
    systems : tuple of str
        The operating systems that it says it is for.
    of_system : bool
        The operating system's packages brought it, for programs of its own.
    metadata : importlib.metadata.Distribution or None
        Where the files can be found.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)
    installer: str = ""
    requested: bool = False
    tags: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    of_system: bool = False
    metadata: importlib.metadata.Distribution | None = field(default=None, repr=False, compare=False)

    @property
    def compiled(self) -> bool:
        """Whether its wheel runs on one platform alone."""
        return any(not tag.endswith("-any") for tag in self.tags)


def installed() -> dict[str, Distribution]:
    """Return every distribution that this kernel can import, by name; of two with one name, the one imported."""
    found: dict[str, Distribution] = {}
    legacy: dict[str, Distribution] = {}
    folders = [folder for folder in sys.path if Path(folder).name != VENDORED]
    for metadata in importlib.metadata.distributions(path=folders):
        headers = metadata.read_text("METADATA")
        kind = found if headers is not None else legacy
        read = _read(metadata, headers if headers is not None else metadata.read_text("PKG-INFO") or "")
        if read is not None:
            kind.setdefault(read.name, read)
    sources = {name for name, dist in legacy.items() if dist.origin and not _linked(name)}  # merely on the path
    return {name: dist for name, dist in legacy.items() if name not in sources} | found


def fingerprint() -> tuple[tuple[str, int], ...]:
    """Return what changes whenever a distribution comes or goes: the times of the folders that hold them."""
    stamps: list[tuple[str, int]] = []
    for folder in dict.fromkeys(sys.path):
        with contextlib.suppress(OSError):
            stamps.append((folder, Path(folder or ".").stat().st_mtime_ns))
    return tuple(stamps)


def _read(metadata: importlib.metadata.Distribution, text: str) -> Distribution | None:
    single: dict[str, str] = {}
    requires: list[str] = []
    systems: list[str] = []
    for line in text.partition("\n\n")[0].splitlines():
        if line.startswith("Requires-Dist: "):
            requires.append(line[15:])
        elif line.startswith(SYSTEM):
            systems.append(line[len(SYSTEM) :])
        elif line.startswith(("Name: ", "Version: ")):
            key, _, value = line.partition(": ")
            single.setdefault(key, value.strip())
    if len(single) < 2:  # what an interrupted installation left
        return None
    wheel = metadata.read_text("WHEEL") or ""
    installer = (metadata.read_text("INSTALLER") or "").strip()
    return Distribution(
        name=canonicalize_name(single["Name"]),
        version=single["Version"],
        requires=tuple(requires),
        origin=_origin(metadata),
        installer=installer,
        requested=installer != "uv" and metadata.read_text("REQUESTED") is not None,
        tags=tuple(line[5:].strip() for line in wheel.splitlines() if line.startswith("Tag: ")),
        systems=tuple(systems),
        of_system=installer in SYSTEM_INSTALLERS or str(metadata.locate_file("")).startswith(SYSTEM_PLACE),
        metadata=metadata,
    )


def _origin(metadata: importlib.metadata.Distribution) -> dict[str, Any]:
    text = metadata.read_text("direct_url.json")
    if text is None:
        source = Path(str(metadata.locate_file("")))
        if metadata.read_text("METADATA") is None and _is_project(source):  # setup.py develop
            return {"url": source.resolve().as_uri(), "dir_info": {"editable": True}}
        return {}
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {}


def _linked(name: str) -> bool:
    """Whether a file of ``setup.py develop`` leads to the sources of ``name``."""
    links = [path.stem for folder in sys.path for path in Path(folder or ".").glob("*.egg-link")]
    return name in [canonicalize_name(link) for link in links]


def _is_project(folder: Path) -> bool:
    return (folder / "setup.py").exists() or (folder / "pyproject.toml").exists()
