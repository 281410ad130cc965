"""`Client`: what a node can be asked over HTTP."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, Generic, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union
from urllib.parse import quote, urlencode

from .._asking import registration
from .._model import Json, Member, Peer, Service
from ._errors import ApiError
from ._exchange import Exchange
from ._watch import Watching

Item = TypeVar("Item")
Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class LeaderInfo:
    """Who leads, as far as the asked node knows."""

    leader: Optional[Peer]
    #: The node does not hear the leader itself, and passes on what other members say: for display.
    is_reported: bool
    #: Whether it is the asked node.
    is_me: bool
    #: The term in which it leads, or else the highest that the node knows.
    term: int
    #: The fencing token of its leadership, where the asked node leads.
    token: Optional[int]
    #: `leader` or `masterless`.
    mode: str


@dataclass(frozen=True)
class Listing(Generic[Item]):
    """A list of a node, as of a change: `client.watch(listing.index)` goes on from there."""

    items: Tuple[Item, ...]
    #: Of the last change that is in it.
    index: int
    #: False where most members have vanished at once, and their entries are kept.
    is_trusted: bool

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, at: int) -> Item:
        return self.items[at]


class Client:
    """Asks nodes over HTTP. Of several addresses the one that answered last is asked, and the next where it does not answer.

    A service is registered with the node that is asked, and is kept alive there: where that has changed or was restarted, a heartbeat
    raises `ApiError` with the code `unknown_service`, and the service registers again.

    With `ca`, a file of certificates in PEM format, or with `https://` in an address it speaks TLS; `certificate` is what it shows itself, a file
    of a certificate and one of its key. `timeout` is in seconds, for each answer. A client may be used by one thread at a time.

    Raises `UnreachableError` where no node answers, and `ApiError` where one refuses.
    """

    def __init__(
        self,
        *addresses: str,
        token: Optional[str] = None,
        ca: Optional[Path] = None,
        certificate: Optional[Tuple[Path, Path]] = None,
        timeout: float = 10.0,
    ) -> None:
        shown = None if certificate is None else (os.fspath(certificate[0]), os.fspath(certificate[1]))
        authorities = None if ca is None else os.fspath(ca)
        self._exchange = Exchange(addresses or ("localhost:7001",), token, authorities, shown, timeout)

    def leader(self) -> LeaderInfo:
        """Who leads, as far as the node knows."""
        return self._exchange.ask(_leader, "GET", "/v1/leader")

    def status(self) -> Json:
        """Everything that an operator asks first."""
        return self._exchange.ask(_status, "GET", "/v1/status")

    def members(self) -> Listing[Member]:
        """All members by identifier."""
        return self._exchange.ask(partial(_listing, "members", Member.from_json), "GET", "/v1/members")

    def services(
        self, name: Optional[str] = None, *, tags: Sequence[str] = (), healthy: Optional[bool] = None
    ) -> Listing[Service]:
        """The instances of a service, or of all, on nodes that are there: with all of those tags, passing or warning if `healthy`."""
        query: List[Tuple[str, str]] = [("tag", tag) for tag in tags]
        if healthy is not None:
            query.append(("healthy", "true" if healthy else "false"))
        path = "/v1/services" if name is None else f"/v1/services/{quote(name, safe='')}"
        return self._exchange.ask(partial(_listing, "services", Service.from_json), "GET", _with(path, query))

    def owners(self, key: str, count: int = 1) -> List[Member]:
        """The members that own a key, the first owner first: 64 at most."""
        path = _with(f"/v1/owners/{quote(key, safe='')}", [("replicas", str(count))])
        return self._exchange.ask(lambda told: [Member.from_json(owner) for owner in told["owners"]], "GET", path)

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
        """Registers a service with the node, in place of the one with its identifier, which is its name unless given."""
        fields = registration(name, port, id, host, tags, metadata, health, ttl_ms)
        return self._exchange.ask(Service.from_json, "PUT", _service(id or name), fields)

    def heartbeat(self, id: str, health: Optional[str] = None) -> Service:
        """Says that a service lives, and how it is, if that is said."""
        body = None if health is None else {"health": health}
        return self._exchange.ask(Service.from_json, "PUT", f"{_service(id)}/heartbeat", body)

    def deregister(self, id: str) -> None:
        """Ends a service."""
        self._exchange.ask(lambda told: told["id"], "DELETE", _service(id))

    def watch(self, index: Optional[int] = None, *, wait_ms: int = 30_000) -> Watching:
        """What happens after that index, or from now on. A poll waits for `wait_ms`, 60,000 at most."""
        return Watching(self._exchange, index, wait_ms)

    def transfer(self, target: Optional[str] = None) -> Optional[int]:
        """Hands the leadership to a voter, or to the one best placed, by whichever node leads. Gives the token that is over, if one is.

        A refusal that names the leader is followed there once.
        """
        body: Dict[str, Any] = {} if target is None else {"target": target}
        try:
            return self._exchange.ask(_ended, "POST", "/v1/transfer", body)
        except ApiError as error:
            if error.code != "not_leader" or error.leader is None:
                raise
            host = f"[{error.leader.host}]" if ":" in error.leader.host else error.leader.host
            return self._exchange.ask(_ended, "POST", "/v1/transfer", body, at=f"{host}:{error.leader.port}")

    def leave(self) -> str:
        """Has the node that is asked leave its cluster and stop, which it only begins to. Gives its identifier."""
        return self._exchange.ask(_node, "POST", "/v1/leave")


def _leader(told: Json) -> LeaderInfo:
    leader = None if told["leader"] is None else Peer.from_json(told["leader"])
    return LeaderInfo(leader, told["is_reported"], told["is_me"], told["term"], told.get("token"), told["mode"])


def _status(told: Json) -> Json:
    return {"identifier": told["identifier"], **told}


def _ended(told: Json) -> Optional[int]:
    ended: Optional[int] = told["ended"]
    return ended


def _node(told: Json) -> str:
    node: str = told["node"]
    return node


def _listing(key: str, one: Callable[[Json], Item], told: Json) -> Listing[Item]:
    return Listing(tuple(one(item) for item in told[key]), told["index"], told["is_trusted"])


def _service(id: str) -> str:
    return f"/v1/services/{quote(id, safe='')}"


def _with(path: str, query: List[Tuple[str, str]]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
