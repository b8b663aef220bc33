"""The lock that a repository brings: every package at one version and with its hashes, or a line why not. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ..clusters.errors import PackageError
from ..clusters.wording import some

PLACES = ("--find-links", "-f", "--index-url", "-i", "--extra-index-url", "--no-index")
"""Options of a requirements file that say where packages are, and so may stay."""
HASHED = re.compile(r"\s--hash=\w+:[0-9a-f]+")
LOCK_IT = "uv pip compile --generate-hashes requirements.in -o requirements.txt"


@dataclass(frozen=True, slots=True)
class Lock:
    """Packages to install.

    Attributes
    ----------
    lines : tuple of str
        As a requirements file has them: where packages are, then ``name==version --hash=…``.
    names : tuple of str
        Of the packages, canonical.
    """

    lines: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The requirements file."""
        return "".join(f"{line}\n" for line in self.lines)


def read_lock(text: str, file: str, installed: Mapping[str, str]) -> Lock:
    """Return what of a requirements file is not ``installed`` (versions by canonical name).

    Raises
    ------
    PackageError
        A line is no locked package, or locks another version than the one that is installed.
    """
    places, wanted, others = [], {}, []
    for line in _lines(text):
        if line.startswith("-"):
            places.append(_place(line, file))
            continue
        name, version = _package(line, file)
        if not name:
            continue
        if name not in installed:
            wanted[name] = line
        elif installed[name] != version:
            others.append(f"{name} {version} (here {installed[name]})")
    if others:
        raise PackageError(
            f"{file}: {some(others)} given, allowed is what the nodes have already, or what they lack",
            "lock against the cluster's kernel, or pin it there: dataproc.packages.pin",
        )
    return Lock((*places, *wanted.values()) if wanted else (), tuple(wanted))


def from_pylock(text: str) -> str:
    """Return a ``pylock.toml`` as a requirements file."""
    lines = []
    for package in tomllib.loads(text).get("packages", ()):
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
        hashes = [f" --hash={kind}:{value}" for file in files for kind, value in file.get("hashes", {}).items()]
        marker = f" ; {package['marker']}" if "marker" in package else ""
        lines.append(f"{package['name']}=={package.get('version', '')}{marker}{''.join(hashes)}\n")
    return "".join(lines)


def _lines(text: str) -> list[str]:
    """Return the logical lines, without comments."""
    joined = re.sub(r"\\\s*\n", " ", text)
    plain = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in plain if line]


def _place(line: str, file: str) -> str:
    if re.split(r"[\s=]", line)[0] not in PLACES:
        raise PackageError(f"{file}: {line.split()[0]} given, allowed are packages with versions and hashes", LOCK_IT)
    return line


def _package(line: str, file: str) -> tuple[str, str]:
    """Return name and version of a locked package; no name if it is not for this Python."""
    try:
        requirement = Requirement(HASHED.split(line)[0])
    except InvalidRequirement:
        raise PackageError(f"{file}: {line.split()[0]} is no package with a version", LOCK_IT) from None
    specifiers = [str(specifier) for specifier in requirement.specifier]
    exact = len(specifiers) == 1 and specifiers[0].startswith("==") and not specifiers[0].endswith("*")
    if not exact or not HASHED.search(line):
        lacks = "hash" if exact else "exact version"
        raise PackageError(
            f"{file}: {requirement.name} has no {lacks}, allowed is a lock: name==version --hash=…", LOCK_IT
        )
    if requirement.marker is not None and not requirement.marker.evaluate():
        return "", ""
    return canonicalize_name(requirement.name), specifiers[0].removeprefix("==")
