"""Where data lie on their way out: the staging prefix, the report and the output, beside each other. Pure.

What begins with an underscore is passed over by whoever reads the folder above: Dask, pyarrow and Spark.
"""

from __future__ import annotations

import re

from ...clusters.fields import refusal

STAGED, REPORTS = "_staged", "_quality"
MANIFEST = "_published.json"
"""In what is published: where it comes from and, of objects, which files it is."""
SUPERSEDED = "_superseded.json"
"""In what is to be removed: the id of what was published in its place, or from it."""
_RUN = re.compile(r"[A-Za-z0-9][\w.+:@=-]{0,250}", re.ASCII)


def staged_location(final: str, run: str) -> str:
    """Return where a run writes what is to be published at ``final``.

    Parameters
    ----------
    final : str
        A path or URL with a folder above it.
    run : str
        What tells the run from others: letters, digits and ``._+:@=-``.

    Raises
    ------
    SpecError
        ``final`` has nothing above it, or ``run`` has other characters in it.

    Examples
    --------
    >>> staged_location("gs://lake/orders", "2026-03-01")
    'gs://lake/_staged/orders/2026-03-01'
    """
    above, name = parts(final)
    return f"{above}{STAGED}/{name}/{_checked(run)}"


def report_location(final: str, run: str) -> str:
    """Return where the report of a run lies, without its suffix.

    Raises
    ------
    SpecError
        As `staged_location`.
    """
    above, name = parts(final)
    return f"{above}{REPORTS}/{name}/{_checked(run)}"


def parts(final: str) -> tuple[str, str]:
    """Return the folder above a location, with its slash or empty, and the location's own name.

    Raises
    ------
    SpecError
        It is a bucket, a root, or a folder that is named by where it is from.
    """
    scheme, is_url, rest = final.rpartition("://")
    above, slash, name = rest.rstrip("/").rpartition("/")
    bucket = bool(is_url) and scheme != "file" and not above
    if not name or name in (".", "..", "~") or bucket or any(mark in name for mark in "*?["):
        raise refusal("final", final, "a folder in a bucket or in a folder", "gs://BUCKET/orders")
    return f"{scheme}{is_url}{above}{slash}", name


def _checked(run: str) -> str:
    if not isinstance(run, str) or not _RUN.fullmatch(run):
        raise refusal("run", run, "letters, digits and ._+:@=-, beginning with a letter or digit", "run=2026-03-01")
    return run
