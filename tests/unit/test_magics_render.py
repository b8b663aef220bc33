"""Tables and numbers as verbs show them."""

from __future__ import annotations

import pytest

from dask_dataproc.magics.render import Table, money, size, span


def test_columns_line_up_and_no_line_ends_in_blanks():
    table = Table([("one", "RUNNING", ""), ("twenty", "ERROR", "root")], header=("name", "status", "owner"))
    assert table.text().splitlines() == ["name    status   owner", "one     RUNNING", "twenty  ERROR    root"]


def test_no_rows_are_said_in_words():
    assert Table([], header=("name",), empty="No clusters").text() == "No clusters"
    assert "No clusters" in Table([], header=("name",), empty="No clusters").html()


def test_html_has_every_cell_and_nothing_that_a_cell_could_inject():
    made = Table([("state", "<script>alert(1)</script>")]).html()
    assert "&lt;script&gt;" in made
    assert "<script>" not in made


def test_addresses_are_links_in_html_and_plain_in_text():
    bundle = Table([("dashboard", "http://127.0.0.1:8787/status")]).bundle()
    assert '<a href="http://127.0.0.1:8787/status"' in bundle["text/html"]
    assert bundle["text/plain"] == "dashboard  http://127.0.0.1:8787/status"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3595, "1 h 0 min"),
        (8 * 3600 - 30, "8 h 0 min"),
        (90061, "1 d 1 h"),
    ],
)
def test_a_span_is_said_in_its_largest_units(seconds, said):
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("octets", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 kiB"), (14 * 2**30, "14.0 GiB"), (3e15, "2728.5 TiB")],
)
def test_a_size_is_said_in_binary_units(octets, said):
    assert size(octets) == said


def test_a_price_that_is_not_known_is_not_made_up():
    assert (money(None), money(0.004), money(12)) == ("not known", "$0.00", "$12.00")
