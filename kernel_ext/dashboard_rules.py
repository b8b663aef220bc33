"""What may be asked of a dashboard through the Jupyter server, and where it may be. Pure.

The place is a cluster's, never a request's: a request chooses a path, and these rules keep the path on the dashboard.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from urllib.parse import unquote

from ..clusters.errors import DashboardRefused

PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)+", re.ASCII)
"""A path as RFC 3986 has it, and nothing else: no backslash, no control character, nothing beyond ASCII."""
QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*", re.ASCII)
ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[0-9.]{7,15}):[1-9][0-9]{0,4}", re.ASCII)
CLOSED = ("proxy", "jupyter")
"""Where Dask's dashboard passes requests on to other hosts and ports, or to a Jupyter server beside the scheduler."""
SECRETS = ("token",)
"""Arguments that are for the Jupyter server alone."""
LAYERS = 4
"""How often a path is unquoted to see what it may mean to whoever unquotes it again."""


def path_there(asked: str) -> str:
    """Return ``asked``, the raw path behind a cluster's name, as the dashboard is asked for it.

    Raises
    ------
    DashboardRefused
        It could leave the dashboard, or lead through it to somewhere else.
    """
    path = asked or "/"
    plain = _plain(path)
    segments = plain.split("/")
    legal = PATH.fullmatch(path) and "//" not in path and plain.isprintable() and "\\" not in plain
    if not legal or {".", ".."} & set(segments) or _first(segments) in CLOSED:
        raise DashboardRefused(f"path {path[:80]!r}: refused, allowed are the pages of Dask's dashboard")
    return path


def query_there(asked: str) -> str:
    """Return ``asked``, a raw query, without what is for the Jupyter server alone.

    Raises
    ------
    DashboardRefused
        It is none.
    """
    if not QUERY.fullmatch(asked):
        raise DashboardRefused(f"query {asked[:80]!r}: refused, allowed is one of RFC 3986")
    kept = [part for part in asked.split("&") if unquote(part.partition("=")[0]).lower() not in SECRETS]
    return "&".join(kept)


def place_here(said: str, asked: str, origin: str, prefix: str) -> str:
    """Return where the browser goes when the dashboard sends it elsewhere.

    Parameters
    ----------
    said : str
        The ``Location`` of its answer.
    asked : str
        The path that was asked for there.
    origin : str
        ``scheme://host:port`` of the dashboard.
    prefix : str
        The path here that the dashboard's begin with.

    Raises
    ------
    DashboardRefused
        That is not the same dashboard.
    """
    path, mark, query = said.removeprefix(origin).partition("?")
    if not path.startswith("/"):
        path = f"{asked.rpartition('/')[0]}/{path}"
    return prefix + path_there(path) + mark + query_there(query)


def origin_of(dashboard: str, *, local: bool) -> str:
    """Return the ``scheme://host:port`` of ``dashboard``, an address that a cluster gives as its own.

    A cluster of the cloud has TLS and an address of a network's; this machine's own, and those that clouds keep their
    secrets at, are none. One of the emulator's (``local``) may be on loopback.

    Raises
    ------
    DashboardRefused
        It is another kind of address.
    """
    found = ORIGIN.fullmatch(dashboard)
    try:
        host = IPv4Address(found["host"]) if found else None
    except ValueError:
        host = None
    if found is None or host is None or not _fits(host, found["scheme"], local):
        allowed = "https://ADDRESS:PORT in the cluster's network"
        raise DashboardRefused(f"dashboard {dashboard[:80]!r}: refused, allowed is {allowed}")
    return dashboard


def may_stage(staging: str, *, local: bool) -> bool:
    """Return whether a cluster's keys may be read from ``staging``, which its metadata names."""
    return staging.startswith(("gs://", "file://") if local else "gs://")


def _fits(host: IPv4Address, scheme: str, local: bool) -> bool:
    if host.is_loopback:
        return local
    nobodys = host.is_link_local or host.is_multicast or host.is_unspecified or host.is_reserved
    return scheme == "https" and not nobodys


def _plain(path: str) -> str:
    """Return ``path`` unquoted as often as that changes anything; of one that hides more layers, a NUL."""
    for _ in range(LAYERS):
        plainer = unquote(path, errors="replace")
        if plainer == path:
            return path
        path = plainer
    return "\0"


def _first(segments: list[str]) -> str:
    return next((segment.strip().lower() for segment in segments if segment), "")
