"""Gathered logs as files: in a folder, or in one zip, with an index of what is there and what is not."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..clusters.errors import ConfigError

INDEX = "index.json"


def written(target: Path, files: Mapping[str, str], index: Mapping[str, Any]) -> int:
    """Write ``files`` and their index to ``target``, a folder or a ``.zip``, for the user alone; return their bytes.

    Raises
    ------
    ConfigError
        It cannot be written there.
    """
    every = {**files, INDEX: json.dumps(index, indent=2)}
    try:
        _zipped(target, every) if target.suffix == ".zip" else _folder(target, every)
    except OSError as error:
        raise ConfigError(f"output: {target} cannot be written: {error.strerror or error}", "-o DIR") from None
    return sum(len(text.encode()) for text in every.values())


def _folder(target: Path, files: Mapping[str, str]) -> None:
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in files.items():
        path = target.joinpath(*_safe(name).parts)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text, errors="replace")
        path.chmod(0o600)


def _zipped(target: Path, files: Mapping[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(str(_safe(name)), text.encode(errors="replace"))
    target.chmod(0o600)


def _safe(name: str) -> PurePosixPath:
    """Return ``name``, which a bucket may have made up, as a path that stays below where it is put."""
    parts = (part.replace("\\", "_").replace(":", "_") for part in PurePosixPath(name).parts)
    return PurePosixPath(*(part for part in parts if part not in ("..", "/", ".")))
