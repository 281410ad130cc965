"""`QCluster`: a running node, as a thread uses it. `QCluster.aio` is the same for an event loop."""

from __future__ import annotations

import json
import os
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, List, Mapping, NoReturn, Optional, Type, TypeVar, Union

from . import _asking, _process, _qcluster, _work
from ._aio import Aio
from ._errors import ForkedError
from ._follow import Events, Watch
from ._model import Member, Peer, Service
from ._operations import wait
from ._qcluster import Lease
from ._work import WorkLease

Output = TypeVar("Output")


class QCluster:
    """A running node. It has a thread of its own, which needs neither the interpreter nor an event loop.

    The arguments are the keys of a configuration, as `docs/CONFIGURATION.md` of the project has them; those of version 0.0.4 are named
    here. Ports are numbers or their digits as a text. The node takes part from the moment at which this returns, and stops with
    `close()`, at the end of a `with`, when nobody has a reference to it any more, and when the interpreter ends; it hands over what
    it leads then.

    Methods that ask the node for something block their thread until it is done, and let signals through; in an event loop use `aio`.
    What only reads never waits, and may be used anywhere.

    After a fork the node goes on in the parent. In the child `is_leader()` is false when the lease of that moment is over, at the
    latest, and everything else raises `ForkedError`: start a node after the fork.

    Raises `ConfigError`, which names all mistakes, and `StartError`. Nothing runs then.
    """

    def __init__(
        self,
        identifier: str = "",
        listen_host: str = "localhost",
        listen_port: Union[int, str] = 0,
        peers: Iterable[Mapping[str, Any]] = (),
        **configuration: Any,
    ) -> None:
        fields = {"identifier": identifier, "listen_host": listen_host, "listen_port": listen_port}
        text = _asking.configuration({**fields, "peers": peers, **configuration})
        self._hold(_qcluster.start(text))

    @classmethod
    def from_file(cls, path: Union[str, os.PathLike[str]]) -> QCluster:
        """Starts a node from a file of JSON. Raises `OSError` and `json.JSONDecodeError`, too."""
        with open(path, encoding="utf-8-sig") as file:
            return cls(**json.load(file))

    @classmethod
    def _of(cls, node: _qcluster.Node) -> QCluster:
        """A node that runs already."""
        cluster = cls.__new__(cls)
        cluster._hold(node)
        return cluster

    def _hold(self, node: _qcluster.Node) -> None:
        self._node = node
        #: The same for an event loop: `await cluster.aio.register("web", 8001)`.
        self.aio = Aio(node)
        _process.opened(node)

    def is_leader(self) -> bool:
        """Whether this node is the leader at this instant: no two nodes are at once. It asks the clock, and takes no lock.

        What it cannot cover is the time between the asking and the acting: that is what the token of `lease()` is for.
        """
        return self._node.is_leader()

    def get_leader_info(self) -> Optional[Peer]:
        """Who leads as far as this node knows, itself included; `None` if nobody does. For display and for redirects."""
        return _asking.peer_or_none(self._node.leader_info())

    def reported_leader(self) -> Optional[Peer]:
        """Who leads according to other members, where this node hears no leader itself. For display only."""
        return _asking.peer_or_none(self._node.reported_leader())

    def lease(self) -> Optional[Lease]:
        """The lease that this node holds at this instant, with the fencing token; `None` if it does not lead."""
        return self._node.lease()

    @property
    def me(self) -> Peer:
        """This node as others see it, with the port that it really has."""
        return _asking.peer(self._node.me())

    def members(self) -> List[Member]:
        """All members by identifier, this node among them, and for a day those that are down or have left."""
        return _asking.members(self._node.members())

    def services(
        self, name: Optional[str] = None, *, tag: Optional[str] = None, healthy: Optional[bool] = None
    ) -> List[Service]:
        """The instances of a service, or of all: on nodes that are there, with that tag, passing or warning if `healthy`."""
        return _asking.chosen(_asking.services(self._node.services(name)), tag, healthy)

    def owners(self, key: str, count: int = 1) -> List[str]:
        """The identifiers of the members that own a key, the first owner first: the same on nodes that see the same members."""
        return self._node.owners(key, count)

    def view_is_trusted(self) -> bool:
        """Whether what this node sees of the others can be relied on: not, after most members vanished at once."""
        return self._node.view_is_trusted()

    def status(self) -> Dict[str, Any]:
        """What an operator wants to know, as `/v1/status` tells it."""
        told: Dict[str, Any] = json.loads(self._node.status())
        return told

    def why_stopped(self) -> Optional[str]:
        """Why the node has stopped: `shutdown`, `aborted`, `duplicate_identifier`, `superseded` or `forked`. `None` while it runs."""
        return self._node.why_stopped()

    def watch(self) -> Watch:
        """What happens to members, services and the leader from now on, for `for` and `async for`."""
        return Watch(self._node.watch())

    def events(self) -> Events:
        """Every event of the node from now on, for `for` and `async for`."""
        return Events(self._node.events())

    def wait_for_leader(self, timeout: Optional[float] = None) -> Peer:
        """Waits until a leader is known, itself included. Raises `TimeoutError` after that many seconds."""
        told = wait(self._node.wait_for_leader(), timeout)
        assert told is not None
        return _asking.peer(told)

    def run_as_leader(self, work: Callable[[WorkLease], Output], *, guard: Optional[float] = None) -> Output:
        """Calls `work(lease)` in this thread whenever this node leads, and returns what it returns.

        Nobody can end a thread: work that takes long asks `lease.is_ending()`, waits with `lease.wait_ending(seconds)` instead of
        sleeping, or calls `lease.check()`, and ends in time. That is `guard` seconds before its lease can end (a heartbeat unless
        given, half a lease at most), and when leadership is handed over, which waits for it. If it returns then, or raises
        `LeadershipLost`, it is called again with the next leadership.

        Work that returns before it has to leaves the node leading. Another exception gives the leadership up, so that another node
        can take over, and is raised. Raises `StoppedError` once the node has stopped.
        """
        return _work.run(self._node, work, guard)

    def register(
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
        """Registers a service on this node, in place of the one with its identifier, which is its name unless given.

        With `ttl_ms` it has to be heard of that often: registering counts as a heartbeat. Raises `RefusedError`.
        """
        fields = _asking.registration(name, port, id, host, tags, metadata, health, ttl_ms)
        wait(self._node.register(json.dumps(fields)))
        return _asking.registered(self._node, id or name)

    def deregister(self, id: str) -> None:
        """Ends a service of this node. Raises `RefusedError` if there is none."""
        wait(self._node.deregister(id))

    def heartbeat(self, id: str, health: Optional[str] = None) -> None:
        """Says that a service lives, and how it is, if that is said. Raises `RefusedError` if there is none."""
        wait(self._node.heartbeat(id, health))

    def join(self, host: str, port: int) -> None:
        """Has this node try an address until somebody there is a member. Raises `RefusedError` if there is no room for another."""
        wait(self._node.join(host, port))

    def transfer_leadership(self, target: Optional[str] = None) -> None:
        """Hands the leadership to a voter, or to the one best placed, and waits until this node no longer leads.

        Its work is ended and waited for first, for `drain_ms` at most. Raises `RefusedError`, and nothing has changed then.
        """
        wait(self._node.transfer_leadership(target))

    def step_down(self) -> None:
        """Ends this node's leadership in favour of whichever voter wins next. Raises `RefusedError` if it does not lead."""
        wait(self._node.step_down())

    def reload(self) -> None:
        """Reads the files of tokens, secrets and certificates again, all or nothing. Raises `RefusedError`."""
        wait(self._node.reload())

    def leave(self, timeout: Optional[float] = None) -> None:
        """Hands over what this node leads, says goodbye, ends its services and stops; waits until its ports and files are free.

        Raises `TimeoutError` after that many seconds; the node stops all the same. Again does no harm.
        """
        wait(self._node.shutdown(), timeout)
        _process.closed(self._node)

    def close(self) -> None:
        """As `leave()`, and does nothing in a child process."""
        try:
            self.leave()
        except ForkedError:
            pass

    def __enter__(self) -> QCluster:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    async def __aenter__(self) -> QCluster:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aio.close()

    def __repr__(self) -> str:
        stopped = self.why_stopped()
        if stopped is not None:
            return f"<QCluster: {stopped}>"
        me = self.me
        return f"<QCluster {me.identifier} at {me.host}:{me.port}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a running node cannot be copied or sent to another process: start one there, from its own configuration")
