"""The environments that lie in a staging folder: what is there of one, and which earlier one is nearest to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .environment import PLATFORM, Environment, package_versions

LOOKED_AT = 8
"""So many of the latest archives are compared."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An environment in staging that has an archive.

    Attributes
    ----------
    key : str
    size : int
        Bytes of the archive.
    packages : mapping of str to str
        Version of each package.
    """

    key: str
    size: int
    packages: Mapping[str, str]

    def news(self, packages: Mapping[str, str]) -> list[str]:
        """Return what of ``packages`` this one lacks, as ``polars 1.2``."""
        return [f"{name} {version}" for name, version in packages.items() if self.packages.get(name) != version]

    def distance(self, packages: Mapping[str, str]) -> int:
        """Return how many lines of the two locks differ."""
        return len(set(self.packages.items()) ^ set(packages.items()))


def listing(filesystem: Any, folder: str) -> dict[str, dict[str, Any]]:
    """Return every file under ``folder`` by its name relative to it; none if there is no such folder."""
    try:
        found = filesystem.find(folder, detail=True)
    except FileNotFoundError:
        return {}
    start = filesystem._strip_protocol(folder).rstrip("/") + "/"
    return {name.removeprefix(start): about for name, about in found.items()}


def archived(filesystem: Any, folder: str, key: str) -> int | None:
    """Return the size in bytes of the archive of environment ``key``; None if there is none."""
    try:
        return int(json.loads(filesystem.cat_file(f"{folder}/{key}/environment.json"))["size"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def nearest(
    filesystem: Any, folder: str, present: Mapping[str, Mapping[str, Any]], wanted: Environment
) -> Stored | None:
    """Return the environment whose archive takes the least change to become ``wanted``.

    Parameters
    ----------
    filesystem : fsspec.AbstractFileSystem
    folder : str
        That of the environments.
    present : mapping
        Its `listing`.
    wanted : Environment
    """
    dated = [(_written(about), name) for name, about in present.items() if name.endswith("/environment.json")]
    keys = [name.partition("/")[0] for _, name in sorted(dated, reverse=True)]
    others = [key for key in keys if key != wanted.key][:LOOKED_AT]
    names = [
        f"{folder}/{key}/{file}" for key in others for file in ("about.json", "environment.json", "requirements.txt")
    ]
    texts = filesystem.cat(names, on_error="omit") if names else {}
    by_name = {"/".join(name.rsplit("/", 2)[1:]): text for name, text in texts.items()}
    found = [stored for key in others if (stored := _stored(key, by_name, wanted.python))]
    return min(found, key=lambda stored: stored.distance(wanted.packages), default=None)


def _stored(key: str, texts: Mapping[str, bytes], python: str) -> Stored | None:
    try:
        about, archive = (json.loads(texts[f"{key}/{name}.json"]) for name in ("about", "environment"))
        if (about["python"], about["platform"]) != (python, PLATFORM):
            return None
        return Stored(key, int(archive["size"]), package_versions(texts[f"{key}/requirements.txt"].decode()))
    except (KeyError, ValueError, TypeError):  # half written, or of another version of ours
        return None


def _written(about: Mapping[str, Any]) -> str:
    return str(about.get("updated") or about.get("mtime") or about.get("created") or "")
