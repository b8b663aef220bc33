"""Publishing in an object store: copies under names of their own, the manifest in one request, then the removals.

It may end behind any request. Until the manifest is replaced what it names is the old version, whole; from then on the
new one. What was copied in vain is copied again under the same names, as the id is made of what is staged; and staged
objects are removed under a note that says so, so that the rest of them is never taken for a version.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath
from typing import Any

from ...clusters.errors import QualityError
from .locations import MANIFEST, SUPERSEDED

VERSIONS = ("generation", "ETag", "etag", "md5Hash", "mtime", "created")
"""What stores call that which tells one state of an object from another; the first that there is."""


def publish_objects(store: Any, source: str, target: str) -> None:
    """Put what is below ``source`` in the place of what is below ``target``.

    Raises
    ------
    QualityError
        Nothing is staged and ``target`` does not come from there, or it is a table that names its own files.
    """
    if not has_been_copied(store, source, target):
        _copy(store, source, target)
    kept = {f"{target}/{name}" for name in (MANIFEST, *manifest(store, target)["files"])}
    _remove(store, [name for name in _below(store, target) if name not in kept])
    _remove_staged(store, source, manifest(store, target)["id"])


def has_been_copied(store: Any, source: str, target: str) -> bool:
    """Return whether the manifest of ``target`` names what is, or was, at ``source``."""
    said = manifest(store, target)
    if said.get("staged") != source:
        return False
    found = _below(store, source)
    note = f"{source}/{SUPERSEDED}"
    if note in found:
        return json.loads(store.cat_file(note)).get("by") == said["id"]
    return not found or _id(found, source) == said["id"]


def manifest(store: Any, target: str) -> dict[str, Any]:
    """Return the manifest of what is published at ``target`` of ``store``, as it is now; empty if there is none."""
    try:
        said = json.loads(store.cat_file(f"{target}/{MANIFEST}"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return said if isinstance(said, dict) and {"id", "staged", "files"} <= set(said) else {}


def staged_objects(store: Any, source: str, target: str) -> dict[str, dict[str, Any]]:
    """Return the objects at ``source`` that can be published at ``target``, hidden ones too.

    Raises
    ------
    QualityError
        As of `publish_objects`, where it has not been done.
    """
    found = _below(store, source)
    if all(_is_hidden(name, source) for name in found):
        raise QualityError(f"staged {source}: nothing is there, and {target} does not come from it")
    if any("/_delta_log/" in name for name in found):
        raise QualityError(f"staged {source}: a Delta table names its own files", "write to it by its own transactions")
    return found


def _copy(store: Any, source: str, target: str) -> None:
    found = staged_objects(store, source, target)
    names = [name for name in found if not _is_hidden(name, source)]
    own = _id(found, source)
    new = [_renamed(name.removeprefix(f"{source}/"), own) for name in names]
    store.copy(names, [f"{target}/{name}" for name in new], on_error="raise")
    said = {"id": own, "staged": source, "files": new}
    store.pipe_file(f"{target}/{MANIFEST}", json.dumps(said).encode())


def _remove_staged(store: Any, source: str, own: str) -> None:
    note = f"{source}/{SUPERSEDED}"
    if found := _below(store, source):
        store.pipe_file(note, json.dumps({"by": own}).encode())
        _remove(store, [name for name in found if name != note])
        _remove(store, [note])


def _remove(store: Any, names: list[str]) -> None:
    if names:
        store.rm(names)
        store.invalidate_cache()


def _below(store: Any, folder: str) -> dict[str, dict[str, Any]]:
    """Return the objects below ``folder`` by name, as the store has them now."""
    store.invalidate_cache()
    found = store.find(folder, detail=True)
    return {name: found[name] for name in sorted(found) if name.startswith(f"{folder}/") and not name.endswith("/")}


def _id(found: dict[str, dict[str, Any]], source: str) -> str:
    """Return what tells this state of what is staged from every other."""
    seen = hashlib.sha256()
    for name, about in found.items():
        version = next((about[key] for key in VERSIONS if about.get(key)), "")
        seen.update(repr((name.removeprefix(source), about["size"], str(version))).encode())
    return seen.hexdigest()[:12]


def _renamed(name: str, own: str) -> str:
    """Return ``day=1/part.0-ID.parquet`` for ``day=1/part.0.parquet``: no version writes over another's objects."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}-{own}{path.suffix}"))


def _is_hidden(name: str, source: str) -> bool:
    return any(part.startswith(("_", ".")) for part in PurePosixPath(name.removeprefix(f"{source}/")).parts)
