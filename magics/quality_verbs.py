"""The verb that holds data against their rules: quality."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..clusters.errors import GateClosed, SpecError
from .front import Front, pass_front
from .render import Table

WORDS = {True: "passed", False: "FAILED", None: "not looked at"}


@click.command()
@click.argument("path")
@click.option(
    "--rules", "rules_file", required=True, metavar="FILE", help="The rules, as JSON or YAML: docs/quality.md."
)
@click.option("--report", default="", metavar="DIR", help="Where to write quality.html and quality.json.")
@click.option("--sample", type=click.IntRange(0, 1000), default=20, show_default=True, help="Failing rows to show.")
@click.option("--json", "as_json", is_flag=True, help="The whole summary as JSON.")
@pass_front
def quality(front: Front, path: str, rules_file: str, report: str, sample: int, as_json: bool) -> None:
    """Hold the data at PATH against rules.

    PATH is a folder, file or pattern of Parquet, CSV or JSON by lines. Exit status 1 if a rule is broken.
    """
    from ..pipelines.quality.check import checked
    from ..pipelines.quality.gate import save
    from ..pipelines.quality.rules import read_rules

    summary = checked(path, read_rules(_read(rules_file)), sample)
    if as_json:
        front.document(summary)
    else:
        front.show(_table(summary))
    reports = save(summary, f"{report.rstrip('/')}/quality") if report else []
    for location in reports:
        front.say(location)
    failed = [rule["rule"] for rule in summary["rules"] if rule["passed"] is False]
    if failed:
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        hint = f"look at {reports[-1]}" if reports else f"dask dataproc quality {path} --rules {rules_file} --report ."
        raise GateClosed(f"{path} does not keep its rules: {', '.join(failed[:3])}{more}", hint)


def _read(path: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpecError(
            f"rules: {path} cannot be read: {' '.join(str(error).split())}", "--rules rules.yaml"
        ) from error


def _table(summary: Mapping[str, Any]) -> Table:
    rows = [(WORDS[rule["passed"]], rule["rule"], rule["said"]) for rule in summary["rules"]]
    return Table(rows, ("result", "rule", "what was found"), f"no rules; {summary['rows']:,} rows at {summary['path']}")
