"""Leader election, membership and a registry of services from inside a Python service: a node of QCluster.

>>> from qcluster import QCluster
>>> with QCluster(identifier="server_a", listen_port=0) as cluster:
...     cluster.wait_for_leader(timeout=60).identifier
'server_a'

`QCluster` is a running node. `qcluster.testing` has clusters in memory for tests, and `qcluster.client` asks nodes over HTTP.
"""

from ._aio import Aio
from ._cluster import QCluster
from ._errors import ConfigError, ForkedError, LeadershipLost, QClusterError, RefusedError, StartError, StoppedError
from ._follow import Events, Watch
from ._model import (
    Event,
    LeaderChanged,
    Member,
    MemberChanged,
    Missed,
    Peer,
    Service,
    ServiceChanged,
    TrustChanged,
    WatchEvent,
)
from ._qcluster import Lease
from ._work import WorkLease

__all__ = [
    "Aio",
    "ConfigError",
    "Event",
    "Events",
    "ForkedError",
    "LeaderChanged",
    "LeadershipLost",
    "Lease",
    "Member",
    "MemberChanged",
    "Missed",
    "Peer",
    "QCluster",
    "QClusterError",
    "RefusedError",
    "Service",
    "ServiceChanged",
    "StartError",
    "StoppedError",
    "TrustChanged",
    "Watch",
    "WatchEvent",
    "WorkLease",
]
__version__ = "0.1.0"
