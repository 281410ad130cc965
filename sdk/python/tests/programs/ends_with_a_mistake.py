"""Ends with a node, and with a cluster in memory that cannot be closed; says last why the node has stopped."""

import atexit
import sys

from qcluster import QCluster, _process


class Broken:
    def close(self):
        raise RuntimeError("it cannot be closed")


cluster = QCluster(identifier="server_a", listen_port=sys.argv[1])
broken = Broken()
_process.begun(broken)
# What was registered first is called last.
atexit.unregister(_process._at_exit)
atexit.register(lambda: print(cluster.why_stopped(), flush=True))
atexit.register(_process._at_exit)
