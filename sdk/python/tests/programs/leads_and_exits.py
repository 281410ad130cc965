"""Leads, has a daemon thread that works as the leader, and ends with all of it open."""

import sys
import threading

from qcluster import QCluster

cluster = QCluster(identifier="server_a", listen_port=sys.argv[1])
working = threading.Event()


def work(lease):
    working.set()
    lease.wait_ending()


threading.Thread(target=lambda: [cluster.run_as_leader(work) for _ in iter(int, 1)], daemon=True).start()
watch = cluster.watch()
threading.Thread(target=lambda: list(watch), daemon=True).start()
assert working.wait(60)
print("ends", flush=True)
