"""The browser of tests/browser, for a walk that needs an Airflow as well: too long for each run of the CI."""

from ..browser.conftest import browser, lab, server, visit

__all__ = ["browser", "lab", "server", "visit"]
