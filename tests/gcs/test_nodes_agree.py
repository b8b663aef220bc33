"""Nodes that boot at once agree on one commit through the bucket; gcsfs on a node is what the cluster's spec says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import fsspec

from dask_dataproc.clusters.gcs_options import gcsfs_options
from dask_dataproc.init_actions.git_bootstrap import bootstrap


def git(*arguments: str, folder: Path) -> str:
    who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "init.defaultBranch=main"]
    ran = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def test_the_first_nodes_commit_counts_for_all_of_them(gcs, tmp_path):
    """Every node asks a repository of its own, of another commit: only by the bucket can they come to the same one."""
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    places, threads = [], []
    main = tmp_path / "main"
    main.mkdir()
    git("init", "-q", folder=main)
    given = {"dask-staging": f"{gcs}/dask", "dataproc-cluster-uuid": "0b9e5a54", "dask-git-ref": "main"}
    for number in range(4):
        (main / "module.py").write_text(f"{number}\n")
        git("add", ".", folder=main)
        git("commit", "-q", "-m", str(number), folder=main)
        copy, place = tmp_path / f"{number}.git", tmp_path / f"place-{number}"
        git("clone", "-q", "--bare", ".", str(copy), folder=main)
        place.mkdir()
        places.append(place)
        asked = given | {"dask-git-repository": f"file://{copy}"}
        threads.append(threading.Thread(target=bootstrap, args=(asked, place)))
    for copy in tmp_path.glob("*.git"):  # each has all the commits, and its own idea of main
        git("fetch", "-q", str(main), "main:refs/heads/all", folder=copy)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    agreed = json.loads(fsspec.filesystem("gs").cat_file(f"{gcs}/dask/clusters/0b9e5a54/repository.json"))["commit"]
    assert [git("rev-parse", "HEAD", folder=place / "repository") for place in places] == [agreed] * 4


READ = """
import fsspec, json
store = fsspec.filesystem("gs")
with fsspec.open("{url}", "rb") as file:
    content = file.read(4)
print(json.dumps([file.blocksize, store.cache_timeout, store.requester_pays, content.decode()]))
"""


def test_what_the_spec_says_of_gcsfs_is_what_a_worker_reads_by(gcs):
    """As systemd hands it to a worker: in the variable that configure-storage.sh writes."""
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    url = f"{gcs}/data.csv"
    fsspec.filesystem("gs").pipe_file(url, b"a,b\n1,2\n")
    told = gcsfs_options({"block_size": "1MiB", "requester_pays": "my-project", "cache_timeout": "5"})
    environment = os.environ | {"FSSPEC_GS": json.dumps(told)}
    ran = subprocess.run([sys.executable, "-c", READ.format(url=url)], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [1 << 20, 5, "my-project", "a,b\n"]
