"""How long a Dask cluster on YARN takes: start to first worker, 1 → 4 workers, and its close.

``python benchmarks/yarn.py [--rounds 5] [--heartbeat 250]``: a ResourceManager and a NodeManager of tests/yarn, Fair
Scheduler, on this machine; each round in a process of its own, so that it starts skein's driver anew. ``--plain`` is
without what yarn_master.py does. Seconds, median [least–greatest].
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

from summary import spread

ROOT = Path(__file__).resolve().parent.parent
STEPS = {
    "driver": "skein's driver is up",
    "runs": "the application runs",
    "worker": "first worker",
    "scale": "1→4 workers",
    "close": "close",
    "gone": "containers gone",
}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--heartbeat", type=int, default=250, help="the NodeManager's, milliseconds; YARN has 1000")
    parser.add_argument("--plain", action="store_true", help="with skein's own heartbeat and JVM")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.once:
        print(json.dumps(measure(said.plain)))
        return
    yarn = yarn_of_the_tests()
    yarn.HEARTBEAT = said.heartbeat
    with tempfile.TemporaryDirectory(prefix="skein-") as keys:
        os.environ["SKEIN_CONFIG"] = keys
        rounds = measured(yarn, said)
    for step, title in STEPS.items():
        print(f"{title:24}{spread([each[step] for each in rounds])}")


def measured(yarn: ModuleType, said: argparse.Namespace) -> list[dict[str, float]]:
    """Return what each round gave, but for a first one, which warms the file caches."""
    once = [sys.executable, __file__, "--once"] + ["--plain"] * said.plain
    rounds = []
    with yarn.running("fair", {"fair-scheduler.xml": yarn.queues.fair_scheduler()}) as here:
        for _ in range(said.rounds + 1):
            ran = subprocess.run(once, env=os.environ | here.environment, check=True, stdout=subprocess.PIPE, text=True)
            rounds.append(json.loads(ran.stdout))
            here.until(lambda: not here.processes())
    return rounds[1:]


def yarn_of_the_tests() -> ModuleType:
    """Return tests/yarn/conftest.py, which starts and ends a real YARN."""
    spec = importlib.util.spec_from_file_location("yarn_of_the_tests", ROOT / "tests" / "yarn" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(plain: bool) -> dict[str, float]:
    """Bring one cluster up, to four workers, and down."""
    from distributed import Client

    from dask_dataproc.init_actions import yarn_driver, yarn_spec
    from dask_dataproc.init_actions.yarn import YarnCluster

    if plain:
        yarn_spec.make_quick = lambda master, folder: None
    began = time.perf_counter()
    found = {}
    driver = yarn_driver.shared_client()
    found["driver"] = time.perf_counter() - began
    options = {"queue": "batch", "deploy_mode": "local", "host": "127.0.0.1", "worker_memory": "512 MiB"}
    cluster = YarnCluster(f"python://{sys.executable}", n_workers=1, skein_client=driver, **options)
    found["runs"] = time.perf_counter() - began
    with Client(cluster) as client:
        client.wait_for_workers(1)
        assert client.submit(sum, [1, 2]).result() == 3
        found["worker"] = time.perf_counter() - began
        began = time.perf_counter()
        cluster.scale(4)
        client.wait_for_workers(4)
        found["scale"] = time.perf_counter() - began
    began = time.perf_counter()
    cluster.close()
    found["close"] = time.perf_counter() - began
    while driver.application_report(cluster.app_id).usage.num_used_containers > 0:
        time.sleep(0.01)
    found["gone"] = time.perf_counter() - began
    return found


if __name__ == "__main__":
    main()
