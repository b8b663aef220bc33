"""The report of a quality check in Chromium: what data hold is read there, and never run."""

from ..unit.test_quality_report import NASTY, asked


def test_chromium_shows_what_data_hold_and_runs_nothing_of_it(browser, tmp_path):
    asked(tmp_path / "data", NASTY, "--report", str(tmp_path / "report"))
    tab = browser.new_page()
    loaded = []
    tab.on("request", lambda request: loaded.append(request.url))
    tab.goto(f"file://{tmp_path}/report/quality.html")
    assert tab.title().startswith("FAILED: ")
    assert NASTY[0] in tab.locator("body").inner_text()
    assert loaded == [tab.url]
    tab.close()
