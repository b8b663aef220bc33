"""The report of a check, for people: one page of HTML that loads nothing and runs nothing. Pure.

Everything that comes from data or rules is escaped, and the page's own policy forbids scripts and requests.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --line: #d5dae0; --page: #fff; --soft: #f5f7f9;
  --good: #1a6b35; --bad: #b3202c; --none: #7a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --dim: #9aa5b1; --line: #3a424b; --page: #14181c;
  --soft: #1d2329; --good: #67c587; --bad: #ff8088; --none: #e0b84c; } }
body { margin: 0 auto; max-width: 75rem; padding: 2rem 1.5rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; overflow-wrap: anywhere; } p { margin: .25rem 0; }
.dim { color: var(--dim); } .good { color: var(--good); } .bad { color: var(--bad); } .none { color: var(--none); }
.wide { overflow-x: auto; } b { font-weight: 600; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--dim); }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } td { overflow-wrap: anywhere; } code, .rows td { font: 13px/1.5 ui-monospace, monospace; }
.rows td { white-space: pre-wrap; min-width: 5rem; max-width: 24rem; } .rows td:first-child { background: var(--soft); }
.num { text-align: right; font-variant-numeric: tabular-nums; }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STATES = {True: ("good", "passed"), False: ("bad", "FAILED"), None: ("none", "not looked at")}


def json_of(summary: Mapping[str, Any]) -> str:
    """Return the summary of `check.checked` as JSON."""
    return json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def html_of(summary: Mapping[str, Any]) -> str:
    """Return the summary of `check.checked` as a page."""
    rules: Sequence[Mapping[str, Any]] = summary["rules"]
    order = sorted(rules, key=lambda rule: (rule["passed"] is not False, rule["passed"] is not None))
    failed = [rule for rule in rules if rule["passed"] is False]
    state, word = STATES[bool(summary["passed"])]
    verdict = f"{len(failed)} of {len(rules)} rules failed" if failed else f"all of {len(rules)} rules kept"
    if untried := sum(rule["passed"] is None for rule in rules):
        verdict += f", {untried} not looked at"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{word}: {_text(summary["path"])}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{_text(summary["path"])}</h1>
<p><b class="{state}">{word}</b>: {verdict}</p>
<p class="dim">{_facts(summary)}</p>
<h2>Rules</h2>
<div class="wide"><table>
<thead><tr><th scope="col">Result</th><th scope="col">Rule</th><th scope="col">What was found</th></tr></thead>
<tbody>{"".join(map(_rule, order))}</tbody>
</table></div>
{_samples(failed)}
<h2>Columns</h2>
<p>{", ".join(f"<code>{_text(name)}</code> {_text(type)}" for name, type in summary["columns"].items())}</p>
</main>
</body>
</html>
"""


def _facts(summary: Mapping[str, Any]) -> str:
    at = datetime.fromtimestamp(summary["at"], UTC)
    files = f"{summary['files']:,} {_text(summary['format'])} file{'' if summary['files'] == 1 else 's'}"
    size = f"{summary['bytes'] / 1e6:,.1f} MB"
    return (
        f"{summary['rows']:,} rows in {files} of {size}, looked at {at:%Y-%m-%d %H:%M} UTC in {summary['seconds']:g} s"
    )


def _rule(rule: Mapping[str, Any]) -> str:
    state, word = STATES[rule["passed"]]
    name, said = _text(rule["rule"]), _text(rule["said"])
    return f'<tr><td class="{state}">{word}</td><td><code>{name}</code></td><td>{said}</td></tr>\n'


def _samples(failed: Sequence[Mapping[str, Any]]) -> str:
    tables = [_sample(rule) for rule in failed if rule["sample"]]
    return "<h2>Failing rows</h2>\n" + "\n".join(tables) if tables else ""


def _sample(rule: Mapping[str, Any]) -> str:
    rows = rule["sample"]
    names = list(rows[0])
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in names)
    body = "".join("<tr>" + "".join(_cell(row.get(name)) for name in names) + "</tr>\n" for row in rows)
    many = f"{len(rows):,} of {rule['rows']:,} rows" if rule["rows"] else f"{len(rows):,} rows"
    return (
        f"<h3><code>{_text(rule['rule'])}</code></h3>\n<div class='wide'><table class='rows'><caption>{many}</caption>"
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    return '<td class="dim">null</td>' if value is None else f"<td>{_text(value)}</td>"


def _text(value: Any) -> str:
    """Return ``value`` as a page may have it; what cannot be encoded or would turn the text around is shown by code."""
    shown = "".join(each if each.isprintable() or each in "\n\t" else f"\\x{ord(each):02x}" for each in str(value))
    return html.escape(shown)
