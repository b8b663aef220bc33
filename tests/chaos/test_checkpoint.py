"""A cluster that is lost in the middle of a checkpoint: the next one computes only what is missing."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

KEEPER = Path(__file__).with_name("keeper.py")


def computed(folder: Path) -> Counter[int]:
    """How often each number was."""
    return Counter(int(file.name.split("-")[1]) for file in folder.glob("computed-*"))


def test_what_was_kept_when_the_head_lost_its_power_is_not_computed_again(laptop, tmp_path):
    (tmp_path / "hold").touch()
    first = laptop.start(KEEPER, "lost", str(tmp_path))
    laptop.until(lambda: len(list(laptop.state.glob("staging/checkpoints/*/squares/*"))) == 3, timeout=60)
    laptop.until(lambda: computed(tmp_path).total() == 5)  # three are kept, two hold their workers
    (head,) = {os.getpgid(pid) for pid, machine in laptop.machines("lost").items() if machine == "lost-m"}
    os.killpg(head, signal.SIGKILL)
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 1, errors
    assert set(computed(tmp_path).values()) == {1}
    (tmp_path / "hold").unlink()
    second = laptop.start(KEEPER, "lost", str(tmp_path))
    output, errors = second.communicate(timeout=60)
    assert output == f"{sum(n * n for n in range(6))}\n", errors
    assert "checkpoint squares: 3 of 6 partitions are in staging, the others are computed" in errors
    kept = {int(file.read_text()) for file in tmp_path.glob("passed-*")}
    assert {number: computed(tmp_path)[number] for number in kept} == dict.fromkeys(kept, 1)
    assert computed(tmp_path).total() == 5 + 3
    assert "lost" not in laptop.clusters()
