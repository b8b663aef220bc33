"""How gs:// is read: the few options of gcsfs that a cluster may set, from texts to what gcsfs takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .fields import refusal

NODES: dict[str, Any] = {"cache_timeout": 60}
"""Set on every cluster: gcsfs never forgets a listing, so a worker of hours would not see what others write."""
SMALLEST_BLOCK, LARGEST_BLOCK = 1 << 18, 1 << 28
"""Bytes; gcsfs's own bounds of a block that is written."""
OPTIONS = ("block_size", "cache_timeout", "endpoint_url", "requester_pays")
_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20}
_BLOCK = re.compile(r"(\d{1,9})(KiB|MiB|)", re.ASCII)
_PROJECT = re.compile(r"[a-z][-a-z0-9.:]{4,62}", re.ASCII)
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?", re.ASCII)
_SECONDS = re.compile(r"\d{1,7}", re.ASCII)


def check_gcsfs(given: Mapping[str, str], field: str) -> None:
    """Refuse options of gcsfs that a cluster does not set, and values they may not have.

    Raises
    ------
    SpecError
        One line with what is allowed.
    """
    for option, value in given.items():
        try:
            _READ[option](value)
        except ValueError as error:
            raise refusal(field, f"{option}={value}", str(error), f"{field}=block_size=16MiB") from None


def gcsfs_options(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the keyword arguments of ``gcsfs.GCSFileSystem`` that ``given``, already checked, stands for.

    Examples
    --------
    >>> gcsfs_options({"block_size": "16MiB", "requester_pays": "true"})
    {'cache_timeout': 60, 'block_size': 16777216, 'requester_pays': True}
    """
    return NODES | {option: _READ[option](value) for option, value in given.items()}


def _block_size(value: str) -> int:
    found = _BLOCK.fullmatch(value)
    size = int(found[1]) * _UNITS[found[2]] if found else 0
    if not SMALLEST_BLOCK <= size <= LARGEST_BLOCK:
        raise ValueError("block_size from 256KiB to 256MiB, or in bytes")
    return size


def _cache_timeout(value: str) -> int:
    if not _SECONDS.fullmatch(value):
        raise ValueError("cache_timeout in seconds; 0 asks the bucket every time")
    return int(value)


def _endpoint_url(value: str) -> str:
    if not _ENDPOINT.fullmatch(value):
        raise ValueError("endpoint_url as https://HOST, without a path")
    return value


def _requester_pays(value: str) -> bool | str:
    if value in ("true", "false"):
        return value == "true"
    if not _PROJECT.fullmatch(value):
        raise ValueError("requester_pays true, false or the project that pays")
    return value


_READ: dict[str, Any] = dict(zip(OPTIONS, (_block_size, _cache_timeout, _endpoint_url, _requester_pays), strict=True))
