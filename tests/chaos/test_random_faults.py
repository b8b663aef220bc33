"""Sessions in which things go wrong at random: whatever comes of them, after one lease nothing is left.

``--schedules 200`` runs more of them than the few that are quick enough for every day.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dask_dataproc import DataprocCluster

SESSIONS = Path(__file__).with_name("schedules.py")
SCALE, LEASE = 240, 1200
LAPTOPS = 2


@pytest.mark.timeout(0)  # how many there are is asked for; each session is bounded
def test_after_one_lease_nothing_is_left_of_random_sessions(new_laptop, request):
    number = request.config.getoption("--schedules")
    laptops = [new_laptop(emulator__clock_scale=str(SCALE), lease=f"{LEASE}s") for _ in range(LAPTOPS)]

    def work(number_and_laptop) -> list[dict]:
        first, laptop = number_and_laptop
        script = laptop.start(SESSIONS, *map(str, range(first, number, LAPTOPS)))
        told, errors = [], readers.submit(script.stderr.read)
        for line in script.stdout:  # each comes within the bound of a session
            print(line, end="", flush=True)
            told.append(json.loads(line))
        assert script.wait(60) == 0, errors.result()
        return told

    with ThreadPoolExecutor(LAPTOPS) as readers, ThreadPoolExecutor(LAPTOPS) as pool:
        told = [each for some in pool.map(work, enumerate(laptops)) for each in some]
    assert sorted(each["seed"] for each in told) == list(range(number))
    assert not [each for each in told if each["ended"].startswith(("hung", "failed", "EmulatorError"))]
    for laptop in laptops:
        laptop.until(lambda laptop=laptop: not laptop.clusters(), timeout=LEASE / SCALE + 10)
        with laptop.here():
            DataprocCluster(workers=0).close()  # sweeps up what leases have left in staging
        assert not laptop.machines()
        assert not laptop.staged()
