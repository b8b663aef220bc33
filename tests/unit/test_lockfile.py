"""Of a lock only what the environment lacks is installed; what is no lock, or contradicts it, is refused."""

from __future__ import annotations

import pytest

from dask_dataproc import PackageError
from dask_dataproc.pipelines.lockfile import from_pylock, read_lock

HASH = "--hash=sha256:" + "0" * 64


def test_what_is_there_in_that_version_is_left_out():
    text = (
        f"# made by uv\n--find-links ./wheels\none==1.0 \\\n    {HASH} \\\n    {HASH}\n    # via x\nTwo_x==2 {HASH}\n"
    )
    lock = read_lock(text, "requirements.txt", {"one": "1.0"})
    assert lock.names == ("two-x",)
    assert lock.text == f"--find-links ./wheels\nTwo_x==2 {HASH}\n"
    assert read_lock(text, "requirements.txt", {"one": "1.0", "two-x": "2"}).text == ""


def test_what_is_for_another_python_is_left_out():
    assert read_lock(f"one==1 ; python_version < '3' {HASH}", "requirements.txt", {}).names == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pandas", "requirements.txt: pandas has no exact version"),
        (f"pandas>=2 {HASH}", "requirements.txt: pandas has no exact version"),
        (f"pandas==2.* {HASH}", "requirements.txt: pandas has no exact version"),
        ("pandas==2.0", "requirements.txt: pandas has no hash"),
        (f"git+https://h/x.git {HASH}", "is no package with a version"),
        ("-e .", "requirements.txt: -e given"),
        ("--requirement other.txt", "requirements.txt: --requirement given"),
        (f"one==1.1 {HASH}", r"requirements.txt: one 1.1 \(here 1.0\) given"),
    ],
)
def test_a_line_that_locks_nothing_is_refused_in_one_line(line, said):
    with pytest.raises(PackageError, match=said) as refused:
        read_lock(line, "requirements.txt", {"one": "1.0"})
    assert "\n" not in str(refused.value)


def test_a_pylock_is_read_as_requirements():
    wheel = f'{{hashes = {{sha256 = "{"0" * 64}"}}}}'
    text = f'[[packages]]\nname = "one"\nversion = "1.0"\nwheels = [{wheel}]\n'
    assert read_lock(from_pylock(text), "pylock.toml", {}).text == f"one==1.0 {HASH}\n"
