"""The gate: what is staged is checked, and only if all of it keeps its rules all of it is published.

The two functions are jobs: ``--job-module dask_dataproc.pipelines.quality.gate --job-function gate --outputs JSON``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from ...clusters.errors import GateClosed, QualityError, SpecError
from ...clusters.fields import refusal, unknown
from ..runner import dask_at_hand
from .locations import parts, report_location
from .publish import check_apart, check_publishable, is_published, publish
from .rules import read_rules

FIELDS = ("staged", "final", "rules")
SHOWN = 3
"""Failing rules that the error names."""
FEW = 100
"""Failures that a summary has; the report has all."""


def check(path: str, rules: dict[str, Any], report: str = "", sample: int = 20) -> dict[str, Any]:
    """Return how the data at ``path`` keep ``rules``; looked at on the Dask cluster that there is.

    Parameters
    ----------
    path : str
        A folder, file or pattern of Parquet, CSV, or JSON by lines.
    rules : dict
        As docs/quality.md has them.
    report : str
        Folder for ``quality.json`` and ``quality.html``; none are written if empty.
    sample : int
        Rows shown of each failing rule, 0 to 1000. They are copies of your data.

    Returns
    -------
    dict
        ``passed``, ``path``, ``rows``, ``failures`` (each with ``rule``, ``said`` and ``rows``), ``reports`` (URLs).

    Raises
    ------
    SpecError
        A rule is unknown or out of its bounds.
    InputError, QualityError
        The data cannot be read, or a rule cannot be applied.
    """
    from .check import checked

    read = read_rules(rules)
    _check_sample(sample)
    with dask_at_hand():
        summary = checked(path, read, sample)
    return brief(summary, save(summary, f"{report.rstrip('/')}/quality") if report else [])


def gate(outputs: list[dict[str, Any]], report: str = "") -> dict[str, Any]:
    """Check all that is staged and, only if all of it keeps its rules, publish all of it.

    Killed and called again it completes: what is published already is not looked at again.

    Parameters
    ----------
    outputs : list of dict
        Each with ``staged`` and ``final``, paths or URLs, none within another, and ``rules``, which may be empty.
    report : str
        Folder of the reports; ``_quality/NAME/RUN.html`` beside each output if empty.

    Returns
    -------
    dict
        ``passed`` and ``outputs``: what `check` returns of each, with ``published``.

    Raises
    ------
    GateClosed
        Some do not keep their rules. Nothing was published; what is staged and the reports are left.
    SpecError, InputError, QualityError
        What is asked cannot be, or data cannot be read. Nothing was published.
    """
    read = [_output(given, f"outputs[{place}]") for place, given in enumerate(_many(outputs))]
    check_apart(location for staged, final, _ in read for location in (staged, final))
    for staged, final, _ in read:  # what cannot be published keeps all of them back, too
        check_publishable(staged, final)
    held = [bool(rules) and not is_published(staged, final) for staged, final, rules in read]
    with dask_at_hand() if any(held) else contextlib.nullcontext():
        summaries = [
            _gated(*each, report) if to_check else _unchecked(*each[:2])
            for each, to_check in zip(read, held, strict=True)
        ]
    failed = [summary for summary in summaries if not summary["passed"]]
    if failed:
        raise _closed(failed, len(read), summaries)
    for staged, final, _ in read:
        publish(staged, final)
    return {"passed": True, "outputs": [summary | {"published": True} for summary in summaries]}


def _gated(staged: str, final: str, rules: Mapping[str, Any], report: str) -> dict[str, Any]:
    from .check import checked

    summary = checked(staged, read_rules(rules), previous=final) | {"final": final}
    place = f"{report.rstrip('/')}/{parts(final)[1]}" if report else report_location(final, parts(staged)[1])
    return brief(summary, save(summary, place))


def _unchecked(staged: str, final: str) -> dict[str, Any]:
    return {"passed": True, "path": staged, "final": final, "rows": None, "failures": [], "reports": []}


def brief(summary: Mapping[str, Any], reports: list[str]) -> dict[str, Any]:
    """Return what a job says of a check: no rows of data in it."""
    failures = [
        {key: rule[key] for key in ("rule", "said", "rows")} for rule in summary["rules"] if rule["passed"] is False
    ]
    kept = {key: summary[key] for key in ("passed", "path", "final", "rows") if key in summary}
    return kept | {"failures": failures[:FEW], "reports": reports}


def save(summary: Mapping[str, Any], place: str) -> list[str]:
    """Write the report as ``place`` with ``.json`` and ``.html``, and return both locations.

    Raises
    ------
    QualityError
        It cannot be written there.
    """
    import fsspec

    from .report import html_of, json_of

    made = {f"{place}.json": json_of(summary), f"{place}.html": html_of(summary)}
    try:
        for location, text in made.items():
            store, inside = fsspec.url_to_fs(location)
            store.makedirs(store._parent(inside), exist_ok=True)
            store.pipe_file(inside, text.encode(errors="backslashreplace"))
    except Exception as error:  # every store has errors of its own
        raise QualityError(f"report {place}.html cannot be written: {error or type(error).__name__}") from error
    return list(made)


def _closed(failed: list[dict[str, Any]], outputs: int, summaries: list[dict[str, Any]]) -> GateClosed:
    first = failed[0]
    named = [f"{each['rule']} ({each['said']})" for each in first["failures"][:SHOWN]]
    more = len(first["failures"]) - len(named)
    said = "; ".join(named) + (f"; and {more} more" if more else "")
    others = f", and {len(failed) - 1} more of {outputs} outputs" if len(failed) > 1 else ""
    hint = next((url for url in first["reports"] if url.endswith(".html")), "")
    return GateClosed(f"{first['final']} is not published: {said}{others}", f"look at {hint}", summaries)


def _many(outputs: Any) -> list[Any]:
    if not isinstance(outputs, (list, tuple)) or not outputs:
        raise refusal("outputs", outputs, "a list of outputs", '[{"staged": URL, "final": URL, "rules": {}}]')
    return list(outputs)


def _output(given: Any, at: str) -> tuple[str, str, dict[str, Any]]:
    if not isinstance(given, Mapping):
        raise refusal(at, given, f"a mapping of {', '.join(FIELDS)}")
    for name in given:
        if name not in FIELDS:
            raise unknown(f"{at}.{name}", [f"{at}.{each}" for each in FIELDS], "field of an output")
    for name in ("staged", "final"):
        if not isinstance(given.get(name), str):
            raise refusal(f"{at}.{name}", given.get(name), "a path or URL", f"{name}=gs://BUCKET/orders")
        parts(given[name])
    report_location(given["final"], parts(given["staged"])[1])
    rules = given.get("rules") or {}
    try:
        read_rules(rules)
    except SpecError as error:
        raise SpecError(f"{at}.rules: {error}", error.hint) from error
    return given["staged"], given["final"], dict(rules)


def _check_sample(sample: Any) -> None:
    if type(sample) is not int or not 0 <= sample <= 1000:
        raise refusal("sample", sample, "a whole number, 0 to 1000", "sample=20")
