"""Clusters in memory, for the tests of an application: real nodes in one process that a test kills, cuts off and freezes.

>>> from qcluster.testing import TestCluster
>>> with TestCluster(3) as cluster:
...     first = cluster.wait_for_leader()
...     cluster.kill(first)
...     second = cluster.wait_for_leader()
...     first != second
True
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Dict, List, Optional, Type

from . import _asking, _process, _qcluster
from ._cluster import QCluster
from ._errors import ForkedError

__all__ = ["TestCluster"]

#: Between two looks for a leader, in seconds.
_PAUSE = 0.002


class TestCluster:
    """Nodes on a network in memory: no port is bound, and no HTTP is served.

    They are counted from 0 and named `server_0`, `server_1` and so on: voters with a lease of 150 ms, so that another leads about as long
    after the leader has gone. Further arguments are keys of their configuration; names, places and peers stay as they are. The lease
    of a node that is killed, cut off or frozen ends by the clock, as in service. A machine that is very busy may unseat a leader by
    itself: ask who leads rather than remember it.
    """

    __test__ = False  # For pytest: a tool, not a test.

    def __init__(self, count: int = 3, **configuration: Any) -> None:
        self._cluster: Optional[_qcluster.TestCluster] = _qcluster.TestCluster(count, _asking.configuration(configuration))
        self._count = count
        self._nodes: Dict[int, QCluster] = {}
        _process.begun(self)
        for index in range(count):
            self.node(index)

    def __len__(self) -> int:
        return self._count

    def node(self, index: int) -> QCluster:
        """A node that runs, the same object each time. Raises `LookupError` if there is no such node, or it was killed."""
        running = self._inner.node(index)
        if running is None:
            raise LookupError(f"server_{index} does not run: it was killed or has stopped")
        known = self._nodes.get(index)
        if known is None or known.why_stopped() is not None:
            self._forget(index)
            known = self._nodes[index] = QCluster._of(running)
        return known

    @property
    def nodes(self) -> List[QCluster]:
        """All nodes that run."""
        running = (index for index in range(self._count) if self._inner.node(index) is not None)
        return [self.node(index) for index in running]

    def leader(self) -> Optional[int]:
        """The node that leads at this instant, runs and is linked to most of the others."""
        return self._inner.leader()

    def wait_for_leader(self, timeout: float = 60.0) -> int:
        """Waits until there is a leader. Raises `TimeoutError` after that many seconds."""
        until = time.monotonic() + timeout
        while True:
            leader = self.leader()
            if leader is not None:
                return leader
            self._check_time(until)
            time.sleep(_PAUSE)

    async def await_leader(self, timeout: float = 60.0) -> int:
        """The same for an event loop."""
        until = time.monotonic() + timeout
        while True:
            leader = self.leader()
            if leader is not None:
                return leader
            self._check_time(until)
            await asyncio.sleep(_PAUSE)

    def kill(self, index: int) -> None:
        """Ends a node as a crash of its process would: what it led stays taken until its lease has run out."""
        self._inner.kill(index)
        self._forget(index)

    def restart(self, index: int) -> None:
        """Starts a node again that was killed or has stopped. One that runs stays as it is."""
        self._inner.restart(index)
        self.node(index)

    def cut(self, index: int) -> None:
        """Cuts a node off from all others, until `heal()`."""
        self._inner.cut(index)

    def cut_between(self, one: int, other: int) -> None:
        """Cuts the link between two nodes, until `heal()`."""
        self._inner.cut_between(one, other)

    def heal(self) -> None:
        """Takes all cuts back."""
        self._inner.heal()

    def freeze(self, index: int) -> None:
        """Has a node stand still, as a stopped process would. The threads and tasks of the test go on."""
        self._inner.freeze(index)

    def thaw(self, index: int) -> None:
        """Has a frozen node go on."""
        self._inner.thaw(index)

    def close(self) -> None:
        """Kills all nodes. Again does no harm, and does nothing in a child process."""
        cluster, self._cluster = self._cluster, None
        if cluster is None:
            return
        for index in range(self._count):
            try:
                cluster.kill(index)
            except ForkedError:
                return
            self._forget(index)

    def __enter__(self) -> TestCluster:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<TestCluster: closed>" if self._cluster is None else repr(self._cluster)

    def _forget(self, index: int) -> None:
        killed = self._nodes.pop(index, None)
        if killed is not None:
            _process.closed(killed._node)

    @property
    def _inner(self) -> _qcluster.TestCluster:
        if self._cluster is None:
            raise RuntimeError("the cluster is closed")
        return self._cluster

    def _check_time(self, until: float) -> None:
        if time.monotonic() >= until:
            raise TimeoutError(f"no node leads: {self!r}")
