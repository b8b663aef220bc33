"""The kernel's packages as the nodes get them: an exact lock, the wheels that no index has, and a key for both.

What travels is what is installed, whoever installed it:

- from an index (pip, uv, conda): ``name==version``;
- a local folder, wheel or archive, a repository: a wheel made of the installed files, so that a node needs neither the
  place that it came from nor a password for it;
- a project installed to be edited: a wheel built of its sources as they are now.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from . import projects, wheels
from .config import setting
from .errors import ConfigError, PackageError
from .indexes import Indexes, configured, public
from .installed import Distribution, fingerprint, installed
from .lock import NODE_REQUIREMENTS, Selection, select
from .wording import some

PLATFORM = "linux-x86_64"
"""What the nodes are: every image and machine type that we make clusters of."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``dataproc.packages`` of dask's config.

    Attributes
    ----------
    exclude : frozenset of str
        Canonical names that do not travel.
    pin : mapping of str to str
        Versions that the nodes get in place of the kernel's.
    index_secret : str
        Secret Manager's name of the index's credentials.
    """

    exclude: frozenset[str] = frozenset()
    pin: Mapping[str, str] = field(default_factory=dict)
    index_secret: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a node's environment is made of.

    Attributes
    ----------
    key : str
        A hash of all the rest: the same key is the same environment.
    python : str
        Minor version, ``3.11``.
    requirements : str
        The lock, as pip and uv read it; wheels are named relative to it.
    packages : dict of str to str
        Version of each package by its canonical name; of a wheel, with its hash.
    wheels : tuple of Path
    notes : tuple of str
        What a person should know of it, in words.
    """

    key: str
    python: str
    requirements: str
    packages: dict[str, str] = field(repr=False)
    wheels: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def about(self) -> dict[str, Any]:
        """Return what a node wants to know before it reads the lock."""
        return {"key": self.key, "python": self.python, "platform": PLATFORM, "packages": len(self.packages)}


_last: tuple[Any, Environment] | None = None


def kernel_environment() -> Environment:
    """Return this kernel's environment; nothing is read again while nothing has changed.

    Raises
    ------
    ConfigError
        A setting under ``dataproc.packages`` is wrong.
    PackageError
        A package cannot travel.
    """
    global _last
    settings, indexes = environment_settings(), configured()
    seen = (fingerprint(), settings, indexes)
    if _last is not None and _last[0][:-1] == seen and _still(_last[0][-1], _last[1]):
        return _last[1]
    found = installed()
    chosen = select(found, settings.exclude, settings.pin)
    edited = {folder for name in chosen.names if (folder := _edited(found[name])) and name not in settings.pin}
    stamps = _stamps(dict.fromkeys(edited, ""))  # before the build: what changes during it is seen the next time
    made = assemble(found, chosen, settings, indexes)
    _last = (*seen, stamps), made
    return made


def notebook_environment() -> Environment:
    """Return the whole of this kernel's environment, the notebook's side included: what a kernel elsewhere is made of.

    Raises
    ------
    ConfigError
        A setting under ``dataproc.packages`` is wrong.
    PackageError
        A package cannot travel.
    """
    settings, found = environment_settings(), installed()
    return assemble(found, select(found, settings.exclude, settings.pin, aside=()), settings, configured())


def environment_settings() -> Settings:
    """Return the settings.

    Raises
    ------
    ConfigError
        A name or a version is none, or what the nodes cannot do without is excluded.
    """
    exclude, pin = setting("packages.exclude") or [], setting("packages.pin") or {}
    if isinstance(exclude, str) or not all(isinstance(name, str) for name in exclude):
        raise ConfigError(f"dataproc.packages.exclude: {exclude!r} given, allowed is a list of package names")
    names = frozenset(canonicalize_name(name) for name in exclude)
    if needed := sorted(names & set(NODE_REQUIREMENTS)):
        why = f"the nodes need it: {NODE_REQUIREMENTS[needed[0]]}"
        raise ConfigError(f"dataproc.packages.exclude: {needed[0]} given, {why}")
    if not isinstance(pin, Mapping):
        raise ConfigError(f"dataproc.packages.pin: {pin!r} given, allowed is a mapping", "pin: {polars: 1.2.0}")
    pins: dict[str, str] = {canonicalize_name(name): _version(name, version) for name, version in pin.items()}
    return Settings(names - set(pins), pins, str(setting("packages.index-secret") or ""))


def assemble(found: Mapping[str, Distribution], chosen: Selection, settings: Settings, indexes: Indexes) -> Environment:
    """Return the environment of what was ``chosen``; wheels are made where there are none yet.

    Raises
    ------
    PackageError
        A package cannot travel.
    """
    if missing := sorted(set(NODE_REQUIREMENTS) - chosen.names - set(settings.pin)):
        why = NODE_REQUIREMENTS[missing[0]]
        raise PackageError(f"{missing[0]} is not installed, the nodes need it: {why}", f"uv pip install {missing[0]}")
    lines = {name: f"{name}=={version}" for name, version in settings.pin.items()}
    carried: dict[str, Path] = {}
    for name in sorted(chosen.names - set(settings.pin)):
        line = _line(found[name], indexes)
        if isinstance(line, Path):
            carried[name], line = line, f"./wheels/{line.name}"
        lines[name] = line
    texts = [*indexes.lines(), *(lines[name] for name in sorted(lines)), *chosen.absent]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    requirements = "".join(f"{text}\n" for text in texts)
    key = hashlib.sha256(f"{requirements}\n{python}\n{PLATFORM}\n".encode()).hexdigest()[:32]
    notes = _notes(chosen, settings, indexes, list(lines.values()))
    return Environment(key, python, requirements, package_versions(requirements), tuple(carried.values()), notes)


def package_versions(requirements: str) -> dict[str, str]:
    """Return the version of each package that a lock names; of a wheel, also the hash in its name."""
    versions: dict[str, str] = {}
    for line in requirements.splitlines():
        if line.startswith("./wheels/"):
            name, version, build = line.removeprefix("./wheels/").split("-")[:3]
            versions[canonicalize_name(name)] = f"{version} ({build[1:]})"
        elif line and not line.startswith("-"):
            name, _, version = line.replace(" @ ", "==").partition("==")
            versions[canonicalize_name(re.split("[<>=!~]", name)[0])] = version or "?"
    return versions


# -- one package


def _line(dist: Distribution, indexes: Indexes) -> str | Path:
    """Return what the lock says of ``dist``: a line, or the wheel that travels beside it."""
    if not dist.origin or _from_conda(dist):
        return f"{dist.name}=={dist.version}"
    edited = _edited(dist)
    if edited is not None:
        return _runs_there(wheels.build(edited, dist, indexes.environment()), dist)
    if _is_node_like() or not dist.compiled:
        return wheels.repack(dist)
    vcs = dist.origin.get("vcs_info")
    if vcs and _reachable(dist.origin["url"]):  # a node can build it, this machine cannot
        return f"{dist.name} @ {vcs['vcs']}+{_reachable(dist.origin['url'])}@{vcs['commit_id']}{_subfolder(dist)}"
    raise _elsewhere(dist)


def _edited(dist: Distribution) -> Path | None:
    """Return the folder of a project that is installed to be edited."""
    if dist.origin.get("dir_info", {}).get("editable") and not _from_conda(dist):
        return Path(url2pathname(urlsplit(dist.origin["url"]).path))
    return None


def _from_conda(dist: Distribution) -> bool:
    """Whether conda brought it: its origin is then a folder of the machine that built conda's package."""
    return dist.installer == "conda"


def _runs_there(wheel: Path, dist: Distribution) -> Path:
    if _is_node_like() or wheel.name.endswith("-any.whl"):
        return wheel
    raise _elsewhere(dist)


def _elsewhere(dist: Distribution) -> PackageError:
    here = f"{platform.system()} {platform.machine()}"
    return PackageError(
        f"{dist.name} {dist.version}: compiled here for {here}, the nodes are {PLATFORM}",
        f"publish it to an index and pin it there, or leave it out: dataproc.packages.exclude: [{dist.name}]",
    )


def _is_node_like() -> bool:
    return (platform.system(), platform.machine()) == ("Linux", "x86_64")


def _reachable(url: str) -> str:
    """Return a repository's URL without credentials; ssh's conventional user is none."""
    plain = public(url)
    return plain.replace("://", "://git@", 1) if plain.startswith("ssh://") else plain


def _subfolder(dist: Distribution) -> str:
    folder = dist.origin.get("subdirectory")
    return f"#subdirectory={folder}" if folder else ""


def _version(name: str, version: Any) -> str:
    try:
        return str(Version(str(version)))
    except InvalidVersion:
        allowed = "allowed is a version"
        raise ConfigError(f"dataproc.packages.pin.{name}: {version!r} given, {allowed}", f"{name}: 1.2.0") from None


def _still(stamps: Mapping[Path, str], made: Environment) -> bool:
    """Whether no edited project has changed, and nobody has emptied the cache."""
    return stamps == _stamps(stamps) and all(wheel.exists() for wheel in made.wheels)


def _stamps(folders: Mapping[Path, str]) -> dict[Path, str]:
    return {folder: projects.stamp(folder) if folder.is_dir() else "" for folder in folders}


def _notes(chosen: Selection, settings: Settings, indexes: Indexes, lines: list[str]) -> tuple[str, ...]:
    notes: list[str] = []
    if chosen.foreign:
        notes.append(f"not for Linux, so not on the nodes: {some(chosen.foreign)}")
    if chosen.absent:
        notes.append(f"for Linux alone, in versions of the node's choice: {some(chosen.absent)}")
    if chosen.conflicts:
        notes.append(f"installed as they are here, though {some(chosen.conflicts)}")
    labelled = [line for line in lines if "+" in line.partition("==")[2]]
    if labelled and not indexes.lines():
        notes.append(f"perhaps not on PyPI: {some(labelled)}; name its index in UV_INDEX, or pin another version")
    if indexes.staying:
        notes.append(f"no index for the nodes, which cannot reach it: {some(indexes.staying)}")
    if indexes.locked and not settings.index_secret:
        notes.append(
            f"{some(indexes.locked)} wants credentials, which never travel: name a secret that has them, "
            "dataproc.packages.index-secret: projects/P/secrets/S"
        )
    return tuple(notes)
