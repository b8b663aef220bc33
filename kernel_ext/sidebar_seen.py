"""What is known of one cluster of the sidebar, and may be read from anywhere: its record, address, machines, bounds."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..clusters.connection import find
from ..clusters.errors import ClusterNotFound, DaskDataprocError
from ..clusters.record import ClusterRecord
from ..clusters.sizes import adapts
from ..clusters.spec import ClusterSpec
from .sidebar_words import RUNS, Bounds, expected, registered

if TYPE_CHECKING:
    from ..clusters.phases import Phase

LOCATE = 2.0
"""Seconds in which a head's published address is read, or not."""


class Seen:
    """One cluster, as far as it is known.

    Parameters
    ----------
    record : ClusterRecord, optional
        As Dataproc reports it; None of one that is still to be made.

    Attributes
    ----------
    coming : bool
        Whether it is being made from here.
    phase : Phase or None
        The latest of its creation.
    failed : str
        Why it could not be made, in one line.
    trouble : str
        What went wrong with it last.
    address : str
        Its scheduler's, empty until it is known.
    """

    def __init__(self, record: ClusterRecord | None = None):
        self.record = record
        self.coming, self.failed, self.trouble, self.address = False, "", "", ""
        self.phase: Phase | None = None
        self._seen = time.monotonic()
        self._made_from: ClusterSpec | None = None
        self._adapting: Bounds | None = None

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.record.name if self.record else self.spec.name

    @property
    def uuid(self) -> str:
        """The cluster's uuid, empty until it is known."""
        return self.record.uuid if self.record else ""

    @property
    def place(self) -> tuple[str, str]:
        """Project and region."""
        of = self.record or self.spec
        return of.project, of.region

    @property
    def is_alive(self) -> bool:
        """Whether Dataproc says that it runs or will."""
        return self.record is not None and self.record.alive

    @property
    def runs(self) -> bool:
        """Whether Dataproc says that it runs."""
        return self.record is not None and self.record.status in RUNS

    @property
    def spec(self) -> ClusterSpec:
        """What it was made from, at its present size.

        Raises
        ------
        ClusterExists, SpecError
            Another tool, or another version of this one, made it.
        """
        if self.record is not None:
            return self.record.spec()
        if self._made_from is None:
            raise ClusterNotFound("a cluster that was never made")
        return self._made_from

    @property
    def bounds(self) -> Bounds | None:
        """Between how many workers it adapts; None if it does not."""
        said = adapts(self.record.labels) if self.record else None
        return self._adapting or (Bounds(*said) if said else None)

    async def locate(self) -> None:
        """Come to know the scheduler's address, if its head has published it."""
        if self.record is not None and self.runs and not self.address:
            with contextlib.suppress(Exception):  # each file system has its own errors, and it is worth none
                async with asyncio.timeout(LOCATE):
                    self.address = (await find(self.record.staging, self.record.uuid)).scheduler

    def machines(self) -> dict[str, dict[str, int]]:
        """Return the machines with workers; as its spec has them where no connection says which have registered."""
        if (workers := self._registered()) is not None:
            return registered(workers)
        if not self.runs:
            return {}
        with contextlib.suppress(DaskDataprocError):
            return expected(self.spec)
        return {}

    def see(self, record: ClusterRecord, asked: float) -> None:
        """Take over what Dataproc said when it was ``asked`` (`time.monotonic`), unless we know better since."""
        if asked >= self._seen:
            self.record = record

    def has_gone(self, asked: float) -> bool:
        """Return whether a cluster that Dataproc did not name when it was ``asked`` is there no more."""
        return self.record is not None and not self.coming and asked >= self._seen

    def _registered(self) -> list[Mapping[str, Any]] | None:
        """Return the workers that have registered, None where no connection says so."""
        return None

    def _saw(self, record: ClusterRecord) -> None:
        self.record, self._seen = record, time.monotonic()
