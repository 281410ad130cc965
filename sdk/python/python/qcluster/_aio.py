"""What a node can be asked, for an event loop: nothing here blocks it, and a task that is cancelled gives up what it waits for."""

from __future__ import annotations

import json
from typing import Any, Awaitable, Callable, Iterable, Mapping, Optional, TypeVar, Union

from . import _asking, _process, _qcluster, _work
from ._errors import ForkedError
from ._model import Peer, Service
from ._operations import finish
from ._work import WorkLease

Output = TypeVar("Output")


class Aio:
    """The methods of `QCluster` that wait, to be awaited. Everything else is the same in an event loop."""

    def __init__(self, node: _qcluster.Node) -> None:
        self._node = node

    async def wait_for_leader(self, timeout: Optional[float] = None) -> Peer:
        """Waits until a leader is known, itself included. Raises `TimeoutError` after that many seconds."""
        told = await finish(self._node.wait_for_leader(), timeout)
        assert told is not None
        return _asking.peer(told)

    async def run_as_leader(
        self, work: Callable[[WorkLease], Awaitable[Output]], *, guard: Optional[float] = None
    ) -> Output:
        """Runs `work(lease)` as a task whenever this node leads, and returns what it returns.

        The task is cancelled `guard` seconds before its lease can end (a heartbeat unless given, half a lease at most), and when
        leadership is handed over, which waits for its end. When the node leads again `work` is called again. What does not await
        cannot be cancelled: the guarded resource is safe from that if it checks `lease.token`. Where the loop stood still, and the
        lease has ended meanwhile, the task goes no further than its `await`.

        Work that returns leaves the node leading. An exception gives the leadership up, so that another node can take over, and is
        raised; so is `QClusterError`, where somebody else has cancelled the work. Raises `StoppedError` once the node has stopped.
        Cancelled, it cancels the work and waits for its end.
        """
        return await _work.run_task(self._node, work, guard)

    async def register(
        self,
        name: str,
        port: Union[int, str] = 0,
        *,
        id: Optional[str] = None,
        host: Optional[str] = None,
        tags: Iterable[str] = (),
        metadata: Optional[Mapping[str, Any]] = None,
        health: str = "passing",
        ttl_ms: Optional[int] = None,
    ) -> Service:
        """As `QCluster.register`."""
        fields = _asking.registration(name, port, id, host, tags, metadata, health, ttl_ms)
        await finish(self._node.register(json.dumps(fields)))
        return _asking.registered(self._node, id or name)

    async def deregister(self, id: str) -> None:
        """As `QCluster.deregister`."""
        await finish(self._node.deregister(id))

    async def heartbeat(self, id: str, health: Optional[str] = None) -> None:
        """As `QCluster.heartbeat`."""
        await finish(self._node.heartbeat(id, health))

    async def join(self, host: str, port: int) -> None:
        """As `QCluster.join`."""
        await finish(self._node.join(host, port))

    async def transfer_leadership(self, target: Optional[str] = None) -> None:
        """As `QCluster.transfer_leadership`."""
        await finish(self._node.transfer_leadership(target))

    async def step_down(self) -> None:
        """As `QCluster.step_down`."""
        await finish(self._node.step_down())

    async def reload(self) -> None:
        """As `QCluster.reload`."""
        await finish(self._node.reload())

    async def leave(self, timeout: Optional[float] = None) -> None:
        """As `QCluster.leave`."""
        await finish(self._node.shutdown(), timeout)
        _process.closed(self._node)

    async def close(self) -> None:
        """As `QCluster.close`."""
        try:
            await self.leave()
        except ForkedError:
            pass
