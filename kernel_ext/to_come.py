"""What `client` and `cluster` are in a notebook while their cluster comes up: asked for anything, they wait for it.

So the cells after ``%dask_cluster up`` can be run at once, all of them: the first that needs the client waits, and
nothing is computed in the kernel meanwhile that was meant for the cluster.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import dask.config

from ..clusters.errors import DaskDataprocError

LOOKED_AT = ("__", "_repr_", "_ipython_")
"""How names begin that IPython asks any object for, to show it: they are not waited for."""


class ToCome:
    """A name whose thing is still to come.

    Parameters
    ----------
    wait : callable
        Waits, and returns the thing or raises what it came to.
    said : callable
        Returns in one line how far it is.
    """

    def __init__(self, wait: Callable[[], Any], said: Callable[[], str]):
        self._wait, self._said = wait, said

    def __getattr__(self, name: str) -> Any:
        if name.startswith(LOOKED_AT):
            raise AttributeError(name)
        return getattr(self._come(), name)

    def __repr__(self) -> str:
        return self._said()

    def __dir__(self) -> list[str]:
        return []

    def _come(self) -> Any:
        try:
            return self._wait()
        except DaskDataprocError as error:  # IPython's hook: one line and the hint in place of a traceback
            setattr(error, "_render_traceback_", error.lines().splitlines)  # noqa: B010
            raise


class ClientToCome(ToCome):
    """The client to come, which may also stand in Dask's setting ``scheduler``: Dask takes it by "Client" in its name.

    Then whatever is computed by default waits for the client as well.
    """


@contextlib.contextmanager
def by_default(client: ClientToCome) -> Iterator[None]:
    """Have what is computed by default wait for ``client``, unless somebody has chosen where that is done."""
    if dask.config.get("scheduler", None) is None:
        with dask.config.set(scheduler=client):
            yield
    else:
        yield
