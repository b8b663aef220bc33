"""Where this kernel's packages come from, as pip and uv are configured; credentials stay here, whatever travels."""

from __future__ import annotations

import configparser
import contextlib
import netrc
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REMOTE = ("http://", "https://")
LOOPBACK = ("localhost", "127.", "[::1]")
URL = re.compile(
    r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://([^/?#\s]*@)?(?P<host>[^/?#@\s]+)(?P<path>[^?#@\s]*)([?#][^@\s]*)?"
)
"""A URL, with an ``@`` nowhere but before its host: there alone it tells a password from what follows."""


@dataclass(frozen=True, slots=True)
class Indexes:
    """The indexes of this kernel, in the order in which they are asked. No repr shows them: they may hold a password.

    Attributes
    ----------
    default : str
        The one in place of PyPI; empty for PyPI.
    extra : tuple of str
        Those beside it.
    keys : bool
        Credentials are kept elsewhere for one of them: in a ``.netrc``, or uv's variables.
    """

    default: str = field(default="", repr=False)
    extra: tuple[str, ...] = field(default=(), repr=False)
    keys: bool = False

    def lines(self) -> list[str]:
        """Return what a requirements file says of them: without credentials, nor those that only this machine has."""
        default = [f"--index-url {public(self.default)}"] if _travels(self.default) else []
        return default + [f"--extra-index-url {public(url)}" for url in self.extra if _travels(url)]

    @property
    def staying(self) -> list[str]:
        """The indexes that nodes cannot reach: folders of this machine, and servers on its loopback."""
        return [
            public(url) or "one that is no plain URL"
            for url in (self.default, *self.extra)
            if url and not _travels(url)
        ]

    @property
    def locked(self) -> list[str]:
        """The hosts that ask for credentials."""
        urls = [url for url in (self.default, *self.extra) if _travels(url)]
        return sorted({host(url) for url in urls if self.keys or "@" in url or _in_netrc(host(url))})

    def environment(self) -> dict[str, str]:
        """Return them as uv's variables, credentials included, for a process of this machine."""
        given = {"UV_DEFAULT_INDEX": self.default, "UV_INDEX": " ".join(self.extra)}
        return {name: value for name, value in given.items() if value}


def configured() -> Indexes:
    """Return the indexes that the environment and the configuration files of uv and pip name, uv's first."""
    environment = _environment()
    files = [*map(_uv, _uv_files()), *map(_pip, _pip_files())]
    defaults = [environment[0], *(default for default, _ in files)]
    extra = [*environment[1], *(url for _, urls in files for url in urls)]
    default = next((url for url in defaults if url), "")
    keys = any(name.startswith("UV_INDEX_") and name.endswith("_PASSWORD") for name in os.environ)
    return Indexes(default, tuple(url for url in dict.fromkeys(extra) if url != default), keys)


def public(url: str) -> str:
    """Return ``url`` without whatever may be a credential: user, password, query and fragment.

    What is no URL is "", and so is one that may hold a password which was not written as a URL wants it.
    """
    found = URL.fullmatch(url.strip())
    return f"{found['scheme']}://{found['host']}{found['path']}" if found else ""


def host(url: str) -> str:
    """Return the host and port of ``url``."""
    return public(url).partition("://")[2].partition("/")[0]


def _travels(url: str) -> bool:
    return public(url).startswith(REMOTE) and not host(url).startswith(LOOPBACK)


def _in_netrc(name: str) -> bool:
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        return name.partition(":")[0] in netrc.netrc(os.environ.get("NETRC")).hosts
    return False


def _environment() -> tuple[str, list[str]]:
    defaults = [os.environ.get(name, "") for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")]
    names = ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL")
    extra = [_unnamed(url) for name in names for url in os.environ.get(name, "").split()]
    return next((_unnamed(url) for url in defaults if url), ""), extra


def _unnamed(index: str) -> str:
    """Return the URL of uv's ``name=url``."""
    name, separator, url = index.partition("=")
    return url if separator and "/" not in name else index


def _uv_files() -> Iterable[Mapping[str, Any]]:
    """Yield uv's settings: of the project around the working folder, of the user, of the machine."""
    if given := os.environ.get("UV_CONFIG_FILE"):
        yield _toml(Path(given))
        return
    for folder in (Path.cwd(), *Path.cwd().parents):
        found = _toml(folder / "uv.toml") or _toml(folder / "pyproject.toml").get("tool", {}).get("uv", {})
        if found:
            yield found
            break
    for folder in (os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "/etc"):
        yield _toml(Path(folder) / "uv" / "uv.toml")


def _toml(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return tomllib.loads(path.read_text())
    return {}


def _uv(settings: Mapping[str, Any]) -> tuple[str, list[str]]:
    pip = settings.get("pip", {})
    listed = [index for index in settings.get("index", []) if "url" in index]
    defaults = [index["url"] for index in listed if index.get("default")]
    default = next(iter(defaults), "") or settings.get("index-url") or pip.get("index-url") or ""
    extra = [index["url"] for index in listed if not index.get("default")]
    return default, [*extra, *settings.get("extra-index-url", []), *pip.get("extra-index-url", [])]


def _pip_files() -> Iterable[Path]:
    """Yield pip's files, the one that wins first."""
    if given := os.environ.get("PIP_CONFIG_FILE"):
        yield Path(given)
    yield Path(sys.prefix) / "pip.conf"
    home = Path.home()
    yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield from (home / ".pip" / "pip.conf", home / "Library" / "Application Support" / "pip" / "pip.conf")
    for folder in os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")


def _pip(path: Path) -> tuple[str, list[str]]:
    parser = configparser.RawConfigParser()
    with contextlib.suppress(OSError, configparser.Error, UnicodeDecodeError):
        parser.read(path)
    given = {
        name: value for section in ("global", "install") if section in parser for name, value in parser[section].items()
    }
    plain = {name.replace("_", "-"): value for name, value in given.items()}
    return plain.get("index-url", ""), plain.get("extra-index-url", "").split()
