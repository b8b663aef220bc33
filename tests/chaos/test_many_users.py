"""Several people at once on one emulator, each in a process of their own."""

from __future__ import annotations

USERS = 4
USER = """
    import sys
    from dask_dataproc import DataprocCluster

    print("imported", flush=True)
    input()
    with DataprocCluster(name=sys.argv[1], n_workers=2) as cluster, cluster.get_client() as client:
        cluster.scale(3)
        print(client.submit(sum, [1, 2]).result(), len(cluster.observed))
        cluster.scale(2)
"""


def test_no_call_of_people_who_start_scale_and_stop_at_once_is_lost(new_laptop):
    laptop = new_laptop(emulator__light="true")  # and there is no emulator yet: each of them may have to start it
    users = [laptop.start(USER, f"user-{number}") for number in range(USERS)]
    assert [user.stdout.readline() for user in users] == ["imported\n"] * USERS
    for user in users:
        user.stdin.write("\n")
        user.stdin.flush()
    said = [user.communicate(timeout=120) for user in users]
    assert [output for output, _ in said] == ["3 3\n"] * USERS, said
    assert laptop.clusters() == {}
    assert not laptop.machines()
    assert not laptop.staged()
