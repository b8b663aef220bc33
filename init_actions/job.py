"""The main file of a job on the cluster: the job runner in the nodes' Dask environment, whatever Python this is.

Dataproc gives it to Spark's Python, install-dask.sh puts it beside that environment. It becomes the runner (`exec`), so
that exit status, output and signals are the runner's own. It ends with whoever started it: a cancelled job's too.
"""

import ctypes
import os
import shlex
import signal
import sys

PLACE = os.path.dirname(os.path.abspath(__file__))
SETTINGS = "/etc/dask-dataproc/node.env"
"""Where configure-storage.sh leaves what the services of the node are told."""
MODULE = "dask_dataproc.pipelines.job"
ON_NODE = "DATAPROC_DASK_JOB"
"""Tells the job that the cluster is the one around it."""
PR_SET_PDEATHSIG = 1


def main():
    """Become the runner with the same arguments."""
    python = os.path.join(PLACE, "env", "bin", "python")
    if not os.path.exists(python):  # the emulator has no environment beside this file: its own is the kernel's
        python = sys.executable
    end_with_parent()
    os.execve(python, [python, "-u", "-m", MODULE, *sys.argv[1:]], environment())


def environment():
    """Return the environment of the services of this node, with this job's own above it."""
    found = dict(settings(SETTINGS), **os.environ)
    found.pop("PYTHONHOME", None)  # of the Python that this is
    path = [os.path.join(PLACE, "node"), found.get("PYTHONPATH", "")]
    found["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
    found[ON_NODE] = "1"
    return found


def settings(file):
    """Return the variables that ``file`` sets, none if it is not there."""
    try:
        with open(file) as lines:
            words = shlex.split(lines.read(), comments=True)
    except OSError:
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def end_with_parent():
    """Have the kernel send SIGTERM when the parent ends: who is killed cannot pass a signal on."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (OSError, AttributeError):  # not Linux
        return


if __name__ == "__main__":
    main()
