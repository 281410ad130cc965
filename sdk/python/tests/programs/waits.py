"""Waits in a way that an interrupt has to end, and tells how long that took."""

import sys
import threading
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


def tell():
    """Says so once the main thread waits for the node."""
    main = threading.main_thread().ident
    while not sys._current_frames()[main].f_code.co_filename.endswith("_operations.py"):
        time.sleep(0.01)
    time.sleep(0.05)
    print("waits", flush=True)


try:
    threading.Thread(target=tell, daemon=True).start()
    ways[how]()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    cluster.close()
    print("closed", flush=True)
