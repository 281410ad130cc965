"""Waits in a way that an interrupt has to end, and tells how long that took."""

import sys
import time

from qcluster import QCluster

how, port, other = sys.argv[1:]
peers = [{"identifier": "server_b", "host": "localhost", "port": int(other)}]
cluster = QCluster("server_a", listen_port=port, peers=peers)
watch, events = cluster.watch(), cluster.events()
ways = {
    "leader": cluster.wait_for_leader,
    "watch": lambda: [None for event in watch],
    "events": lambda: [None for event in events],
    "work": lambda: cluster.run_as_leader(print),
}
print("waits", flush=True)
try:
    ways[how]()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    cluster.close()
    print("closed", flush=True)
