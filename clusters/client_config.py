"""Dask's configuration in the process of whoever uses a cluster: its workload's, while it is attached.

What a person has set wins: in a file, in the environment, or with ``dask.config.set``, before or meanwhile. Only that
somebody has set a value to what it was anyway, in this process, cannot be told from nobody having set it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import dask.config

from ..init_actions import profiles
from ..init_actions.shape import worker_shapes
from .machines import known_type
from .spec import ClusterSpec

NOTHING = object()
_lock = threading.Lock()
_attached: list[Mapping[str, Any]] = []
_lent: dict[str, tuple[Any, Any]] = {}
"""By setting: the value before, and the one in its place."""


def workload_config(spec: ClusterSpec) -> dict[str, Any]:
    """Return what a cluster of ``spec`` asks of its users' Dask, as of `profiles.on_client`."""
    from distributed.protocol.compression import compressions

    kind = known_type(spec.worker_machine)
    memory = None
    if kind is not None:
        worker = worker_shapes(kind.vcpus, kind.memory, spec.workload)[0]
        memory = worker.memory // worker.threads
    return profiles.on_client(spec.workload, compressions, memory)


@contextlib.contextmanager
def lent(config: Mapping[str, Any]) -> Iterator[None]:
    """Have ``config`` in dask config; of several at once the last begun counts, and the others come back after it."""
    mine = dict(config)
    with _lock:
        _attached.append(mine)
        _settle()
    try:
        yield
    finally:
        with _lock:
            _attached[:] = [other for other in _attached if other is not mine]
            _settle()


def _settle() -> None:
    """Bring dask config to what is attached now."""
    wanted: dict[str, Any] = {}
    for config in _attached:
        wanted |= config
    if not wanted and not _lent:
        return
    defaults, said = dask.config.merge(*dask.config.defaults), dask.config.collect()
    for name in wanted | _lent:
        now = dask.config.get(name, None)
        if name in _lent and now != _lent[name][1]:  # somebody has set it meanwhile
            del _lent[name]
        elif name not in wanted:
            dask.config.set({name: _lent.pop(name)[0]})
        elif name in _lent or (now == _of(defaults, name) and _of(said, name) is NOTHING):
            before = _lent[name][0] if name in _lent else now
            dask.config.set({name: wanted[name]})
            _lent[name] = (before, wanted[name])


def _of(config: dict[str, Any], name: str) -> Any:
    return dask.config.get(name, NOTHING, config=config)
