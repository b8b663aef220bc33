"""The report of a check: readable, and safe whatever the data hold; and the verb that makes it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from dask_dataproc.magics.cli import dataproc

NASTY = [
    "<script>document.title='run'</script>",
    '"><img src=x onerror="document.title=\'run\'">',
    "\u202ex",
    "a\x00\x1b[1m",
]


class Tags(HTMLParser):
    """What elements and attributes a page has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def asked(folder: Path, values: list[str], *options: str):
    folder.mkdir()
    pq.write_table(pa.table({"<b>name</b>": values, "id": range(len(values))}), folder / "part.0.parquet")
    rules = folder.parent / "rules.yaml"
    rules.write_text('{columns: {"<b>name</b>": {allowed: [fine]}}, rows: {min: 1}}')
    return CliRunner().invoke(dataproc, ["quality", str(folder), "--rules", str(rules), *options])


@pytest.fixture
def report(tmp_path) -> Path:
    done = asked(tmp_path / "data", NASTY, "--report", str(tmp_path / "report"))
    assert done.exit_code == 1
    assert "FAILED  columns.<b>name</b>.allowed  4 of 4 rows break it: allowed are fine" in done.stdout
    assert done.stderr.splitlines()[-2].startswith("GateClosed: ")
    return tmp_path / "report"


def test_data_cannot_put_an_element_into_the_page(report):
    page = Tags((report / "quality.html").read_text())
    assert page.tags.isdisjoint({"script", "img", "b\\", "iframe", "link", "a", "svg"})
    assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert "\u202e" not in (report / "quality.html").read_text()
    (_, rule) = json.loads((report / "quality.json").read_text())["rules"]
    assert [row["<b>name</b>"] for row in rule["sample"]] == NASTY


def test_data_that_pass_end_with_status_0(tmp_path):
    done = asked(tmp_path / "data", ["fine"])
    assert done.exit_code == 0
    assert "passed  rows.min" in done.stdout


def test_rules_that_cannot_be_read_end_with_status_2_and_one_line(tmp_path):
    done = CliRunner().invoke(dataproc, ["quality", str(tmp_path), "--rules", str(tmp_path / "none.yaml")])
    assert done.exit_code == 2
    assert done.stderr.startswith("SpecError: rules: ")
