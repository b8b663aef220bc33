"""A kernel that is struck: ``kernel.py NAME PHASE SIGNAL`` sends itself SIGNAL at the very moment PHASE begins.

The phases are those of `dask_dataproc.clusters.phases`; ``running`` is in the middle of a computation after them.
"""

import signal
import sys
import threading

from distributed import Event

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.phases import Phase

name, fatal, number = sys.argv[1], sys.argv[2], signal.Signals[sys.argv[3]]


def strike() -> None:
    signal.pthread_kill(threading.main_thread().ident, number)


def on_phase(phase: Phase) -> None:
    if (phase.name, phase.seconds) == (fatal, None):
        strike()


with DataprocCluster(name=name, n_workers=2, on_phase=on_phase) as cluster, cluster.get_client() as client:
    if fatal == "scale":
        cluster.scale(3)
    if fatal == "running":
        begun = Event("begun")
        endless = client.submit(lambda: (Event("begun").set(), Event("never").wait()))
        begun.wait()
        strike()
        endless.result()
