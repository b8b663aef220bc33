"""Makes of alerts.yaml and dashboards.yaml what Prometheus and Cloud Monitoring read: rules, policies, dashboards, and
the table of docs/alerts.md. Run it after a change of either: ``python infra/monitoring/generate.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "alerts.md"
TABLE = "| Alert | When | For | Severity | What to do |\n| --- | --- | --- | --- | --- |\n"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
OF_SCRAPER = "dask_cluster"
"""The label `cluster` of what the Ops Agent scrapes: it keeps that name for itself; `init_actions/scrape_config.py`."""
WRITTEN = "custom_googleapis_com:"
"""How the metrics begin that we write to Cloud Monitoring ourselves: their label `cluster` stays what it is."""
EVERY = 30
"""Seconds between two evaluations of a policy; Cloud Monitoring allows multiples of 30."""
AUTO_CLOSE = 1800
"""Seconds without data after which Cloud Monitoring closes an alert, its least: a deleted cluster says nothing more."""
VALUES = {
    "{value}": ("{{ $value | humanize }}", "${metric.label.value}"),
    "{share}": ("{{ $value | humanizePercentage }}", "${metric.label.value}"),
    "{time}": ("{{ $value | humanizeDuration }}", "${metric.label.value} s"),
}
"""What a summary may say of the value: in Prometheus, and in Cloud Monitoring, which formats nothing."""
COLUMNS, HEIGHT = 12, 4
WIDTHS = {"number": 3, "lines": 6, "incidents": 12}
"""Of a dashboard's tiles, in columns."""


def alerts(source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give every alert of ``source`` with its group, and with bound and window put in where they are named."""
    for group in source["groups"]:
        for alert in group["alerts"]:
            said = {key: _filled(text, alert) for key, text in alert.items() if isinstance(text, str)}
            yield alert | said | {"group": group["name"], "runbook": f"{source['runbook']}#{alert['runbook']}"}


def rules(source: dict[str, Any], pace: float = 1.0) -> dict[str, dict[str, Any]]:
    """Return Prometheus' rule files by the names of their groups.

    Parameters
    ----------
    source : dict
        What alerts.yaml says.
    pace : float
        How many times as fast the time of durations and windows goes, > 0: tests have no minutes.
    """
    made: dict[str, dict[str, Any]] = {}
    for alert in alerts(_faster(source, pace)):
        group = made.setdefault(alert["group"], {"groups": [{"name": f"dask-{alert['group']}", "rules": []}]})
        group["groups"][0]["rules"].append(_rule(alert))
    return made


def policies(source: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return Cloud Monitoring's alert policies by the names of the alerts, as its API has them."""
    return {alert["alert"]: _policy(alert) for alert in alerts(source)}


def dashboard(board: dict[str, Any], bounds: dict[str, float]) -> dict[str, Any]:
    """Return a dashboard as the API of Cloud Monitoring has it.

    Parameters
    ----------
    board : dict
        One of dashboards.yaml.
    bounds : dict
        Those of the alerts, by their names.
    """
    layout = {"columns": COLUMNS, "tiles": _tiles(board, bounds)}
    made: dict[str, Any] = {"displayName": board["title"], "mosaicLayout": layout}
    if "choose" in board:
        choice = {"filterType": "METRIC_LABEL", "labelKey": OF_SCRAPER, "templateVariable": board["choose"]}
        made["dashboardFilters"] = [choice]
    return made


def table(source: dict[str, Any]) -> str:
    """Return the table of the alerts, in Markdown."""
    rows = (
        f"| `{a['alert']}` | {a['wants']} | {a.get('for', 'at once')} | {a['severity']} "
        f"| [{a['runbook'].partition('#')[2]}]({a['runbook'].removeprefix('docs/')}) |"
        for a in alerts(source)
    )
    return TABLE + "\n".join(rows) + "\n"


def files(source: dict[str, Any], boards: dict[str, Any], document: str) -> dict[Path, str]:
    """Return the text of every file that is made, ``document`` with the table in the place of its own."""
    bounds = {alert["alert"]: alert["bound"] for alert in alerts(source) if "bound" in alert}
    head = "# Made by generate.py of alerts.yaml: change that.\n"
    texts = {HERE / "rules" / f"{name}.yaml": head + _yaml(made) for name, made in rules(source).items()}
    texts |= {HERE / "policies" / f"{name}.json": _json(made) for name, made in policies(source).items()}
    texts |= {HERE / "dashboards" / f"{name}.json": _json(dashboard(b, bounds)) for name, b in boards.items()}
    return texts | {DOCUMENT: re.sub(re.escape(TABLE) + r"(\|.*\n)*", lambda _: table(source), document)}


def _filled(text: str, alert: dict[str, Any]) -> str:
    return text.replace("{bound}", str(alert.get("bound"))).replace("{window}", str(alert.get("window")))


def _seconds(duration: str) -> float:
    return float(duration[:-1]) * SECONDS[duration[-1]]


def _faster(source: dict[str, Any], pace: float) -> dict[str, Any]:
    if pace == 1:
        return source

    def quick(alert: dict[str, Any]) -> dict[str, Any]:
        times = {key: f"{_seconds(alert[key]) / pace * 1000:.0f}ms" for key in ("for", "window") if key in alert}
        return alert | times

    groups = [group | {"alerts": [quick(alert) for alert in group["alerts"]]} for group in source["groups"]]
    return source | {"groups": groups}


def _rule(alert: dict[str, Any]) -> dict[str, Any]:
    summary = _said(alert["summary"], r"{{ $labels.\1 }}", 0)
    made = {"alert": alert["alert"], "expr": alert["expr"], "for": alert.get("for")}
    said = {"summary": summary, "runbook_url": alert["runbook"]}
    return {k: v for k, v in made.items() if v} | {"labels": {"severity": alert["severity"]}, "annotations": said}


def _said(summary: str, label: str, column: int) -> str:
    """Return a summary with its labels written as ``label`` and its value as that column of `VALUES` has it."""
    pattern = re.compile("|".join((*map(re.escape, VALUES), r"{(\w+)}")))
    return pattern.sub(lambda found: VALUES[found[0]][column] if found[0] in VALUES else found.expand(label), summary)


def _policy(alert: dict[str, Any]) -> dict[str, Any]:
    query, summary = _cloud(alert["expr"], alert["summary"])
    summary = _said(summary, r"${metric_or_resource.label.\1}", 1)
    text = {"subject": summary, "content": f"{summary}\n\nWhat to do: {alert['runbook']}", "mimeType": "text/markdown"}
    condition = {
        "query": query,
        "duration": f"{_seconds(alert.get('for', '0s')):.0f}s",
        "evaluationInterval": f"{EVERY}s",
        "ruleGroup": f"dask-{alert['group']}",
        "alertRule": alert["alert"],
        "disableMetricValidation": True,  # a project in which no cluster has been has none of the metrics
    }
    level = {} if alert["severity"] == "info" else {"severity": alert["severity"].upper()}
    return level | {
        "displayName": f"dask-dataproc: {alert['alert']}",
        "documentation": text,
        "userLabels": {"severity": alert["severity"], "made-by": "dask-dataproc"},
        "conditions": [{"displayName": alert["alert"], "conditionPrometheusQueryLanguage": condition}],
        "combiner": "OR",
        "enabled": True,
        "alertStrategy": {"autoClose": f"{AUTO_CLOSE}s"},
    }


def _cloud(query: str, words: str) -> tuple[str, str]:
    """Return a query, and words with labels in braces, with the labels that scraped metrics have in the cloud."""
    if WRITTEN in query:
        return query, words
    return re.sub(r"\bcluster\b", OF_SCRAPER, query), words.replace("{cluster}", f"{{{OF_SCRAPER}}}")


def _tiles(board: dict[str, Any], bounds: dict[str, float]) -> list[dict[str, Any]]:
    tiles, x, y = [], 0, 0
    for tile in board["tiles"]:
        width = WIDTHS[tile["draw"]]
        if x + width > COLUMNS:
            x, y = 0, y + HEIGHT
        tiles.append({"xPos": x, "yPos": y, "width": width, "height": HEIGHT, "widget": _widget(tile, bounds)})
        x += width
    return tiles


def _widget(tile: dict[str, Any], bounds: dict[str, float]) -> dict[str, Any]:
    queries = tile.get("queries", {"": tile.get("query", "")})
    asked = [_asked(query, tile.get("unit", ""), legend) for legend, query in queries.items()]
    bound = [{"value": bounds[name], "label": name} for name in tile.get("alerts", ())]
    match tile["draw"]:
        case "incidents":
            drawn: dict[str, Any] = {"incidentList": {}}
        case "number":
            red = [each | {"color": "RED", "direction": "BELOW"} for each in bound]
            drawn = {"scorecard": {"timeSeriesQuery": asked[0]["timeSeriesQuery"], "thresholds": red}}
        case _:
            lines = [each | {"plotType": "LINE", "targetAxis": "Y1"} for each in asked]
            drawn = {"xyChart": {"dataSets": lines, "thresholds": bound, "yAxis": {"scale": "LINEAR"}}}
    return {"title": tile["title"]} | drawn


def _asked(query: str, unit: str, legend: str) -> dict[str, Any]:
    query, legend = _cloud(query, legend)
    asked = {"timeSeriesQuery": {"prometheusQuery": query, "unitOverride": unit}}
    return asked | ({"legendTemplate": legend} if legend else {})


class _Text(yaml.SafeDumper):
    """YAML in which a text of several lines stands as it is."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Text.add_representer(str, _block)


def _yaml(made: dict[str, Any]) -> str:
    return yaml.dump(made, Dumper=_Text, sort_keys=False, width=120)


def _json(made: dict[str, Any]) -> str:
    return json.dumps(made, indent=2) + "\n"


def main() -> None:
    """Write the files anew, and remove those of alerts that are no more."""
    source = yaml.safe_load((HERE / "alerts.yaml").read_text())
    boards = yaml.safe_load((HERE / "dashboards.yaml").read_text())
    made = files(source, boards, DOCUMENT.read_text())
    for pattern in ("rules/*.yaml", "policies/*.json", "dashboards/*.json"):
        for left in set(HERE.glob(pattern)) - set(made):
            left.unlink()
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
