"""Indexes are found where pip and uv look for them; no credential of one is ever written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.indexes import Indexes, configured, public

SECRET = "hunter2"
AROUND = st.text("abc:/?#@%=&. \n\\[]", max_size=4)
SECRETS = st.builds(lambda before, after: f"{before}{SECRET}{after}", AROUND, AROUND)
HOSTS = st.sampled_from(["pypi.example", "pypi.example:8443", "10.0.0.7", "[2001:db8::1]:443"])


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """A home without a configuration, and nothing in the environment."""
    names = ["DEFAULT_INDEX", "INDEX", "INDEX_URL", "EXTRA_INDEX_URL", "CONFIG_FILE"]
    for name in [f"{tool}_{name}" for tool in ("PIP", "UV") for name in names] + ["NETRC"]:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@given(st.sampled_from(["https", "http", "git+https", "ssh"]), SECRETS, HOSTS)
def test_no_password_is_left_in_a_url_however_it_is_written(scheme, secret, host):
    for url in (f"{scheme}://{secret}@{host}/simple", f"{scheme}://ana:{secret}@{host}/simple"):
        assert public(url) in (f"{scheme}://{host}/simple", "")


@given(HOSTS)
def test_a_password_written_as_urls_want_it_takes_nothing_else_away(host):
    assert public(f"https://ana:hunter%2F2@{host}/a/simple/") == f"https://{host}/a/simple/"


@given(st.text(max_size=10), SECRETS)
def test_no_token_is_left_in_a_query(path, secret):
    assert SECRET not in public(f"https://pypi.example/{path.replace('?', '')}?token={secret}")


@given(SECRETS, HOSTS)
def test_neither_the_lines_nor_the_repr_of_indexes_hold_a_password(secret, host):
    indexes = Indexes(f"https://ana:{secret}@{host}/simple", (f"https://{secret}@{host}/extra",))
    assert SECRET not in repr(indexes) + "".join(indexes.lines()) + "".join(indexes.locked) + "".join(indexes.staying)


@pytest.mark.parametrize("text", ["", "simple", "/srv/wheels", "C:\\wheels", "://x", "no scheme://host", "https://"])
def test_what_is_no_url_gives_nothing(text):
    assert public(text) == ""


def test_without_any_configuration_no_line_is_written():
    assert configured() == Indexes()
    assert configured().lines() == []


def test_pips_and_uvs_environment_is_honoured_uvs_first(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://one.example/simple https://two.example/simple")
    assert configured().lines() == [
        "--index-url https://pip.example/simple",
        "--extra-index-url https://one.example/simple",
        "--extra-index-url https://two.example/simple",
    ]
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    monkeypatch.setenv("UV_INDEX", "team=https://ana:hunter2@three.example/simple")
    assert configured().lines()[:2] == [
        "--index-url https://uv.example/simple",
        "--extra-index-url https://three.example/simple",
    ]


def test_pips_files_are_honoured(home):
    (home / "pip").mkdir()
    (home / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://ana:hunter2@pip.example/%(x)s/simple\n"
        "[install]\nextra-index-url =\n  https://one.example/simple\n  https://two.example/simple\n"
    )
    found = configured()
    assert found.lines() == [
        "--index-url https://pip.example/%(x)s/simple",
        "--extra-index-url https://one.example/simple",
        "--extra-index-url https://two.example/simple",
    ]
    assert found.locked == ["pip.example"]


def test_uvs_files_are_honoured_the_projects_above_the_users(home, monkeypatch):
    (home / "uv").mkdir()
    (home / "uv" / "uv.toml").write_text('[[index]]\nurl = "https://user.example/simple"\ndefault = true\n')
    (home / "pyproject.toml").write_text('[[tool.uv.index]]\nname = "t"\nurl = "https://project.example/simple"\n')
    (home / "notebooks").mkdir()
    monkeypatch.chdir(home / "notebooks")
    assert configured().lines() == [
        "--index-url https://user.example/simple",
        "--extra-index-url https://project.example/simple",
    ]


def test_a_file_that_cannot_be_read_is_as_none(home):
    (home / "uv.toml").write_text("not = [toml")
    (home / "pip").mkdir()
    (home / "pip" / "pip.conf").write_text("no section")
    assert configured() == Indexes()


def test_what_only_this_machine_reaches_is_told_and_not_written(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://localhost:3141/team/wheels")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "/srv/wheels https://one.example/simple")
    found = configured()
    assert found.lines() == ["--extra-index-url https://one.example/simple"]
    assert found.staying == ["http://localhost:3141/team/wheels", "one that is no plain URL"]


def test_an_index_with_a_password_in_netrc_wants_credentials(home, monkeypatch):
    (home / ".netrc").write_text("machine pypi.example login ana password hunter2\n")
    (home / ".netrc").chmod(0o600)
    monkeypatch.setenv("PIP_INDEX_URL", "https://pypi.example/simple")
    assert configured().locked == ["pypi.example"]


def test_uv_is_given_the_credentials_for_a_build_on_this_machine(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://ana:hunter2@pypi.example/simple")
    assert configured().environment() == {"UV_DEFAULT_INDEX": "https://ana:hunter2@pypi.example/simple"}
