"""What nodes tell, as values: the same from a node in this process and over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, Optional, Tuple, Union

__all__ = [
    "Event",
    "LeaderChanged",
    "Member",
    "MemberChanged",
    "Missed",
    "Peer",
    "Service",
    "ServiceChanged",
    "TrustChanged",
    "WatchEvent",
]

Json = Dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A voter: where it can be reached, and what it says about itself."""

    host: str
    port: int
    identifier: str
    metadata: Json = field(default_factory=dict)
    priority: int = 0

    @classmethod
    def from_json(cls, told: Json) -> Peer:
        """The peer that an object of JSON describes."""
        return cls(told["host"], told["port"], told["identifier"], told.get("metadata", {}), told.get("priority", 0))


@dataclass(frozen=True)
class Member:
    """A node as another one sees it."""

    identifier: str
    #: Where it says that it is, as `host:port`, once it knows.
    address: Optional[str]
    #: `alive`, `suspect`, `down` or `left`.
    state: str
    #: Which run of its process, in hexadecimal: larger is later.
    incarnation: str
    #: For how many milliseconds it has been in that state, as far as the asked node has seen it.
    state_age_ms: int
    #: Whether it is the node that was asked.
    is_me: bool
    metadata: Json

    @classmethod
    def from_json(cls, told: Json) -> Member:
        """The member that an object of JSON describes."""
        return cls(
            told["identifier"],
            told.get("address"),
            told["state"],
            told["incarnation"],
            told["state_age_ms"],
            told["is_me"],
            told.get("metadata", {}),
        )


@dataclass(frozen=True)
class Service:
    """An instance of a service."""

    #: The node that it was registered with.
    node: str
    #: What tells it from other services of its node.
    id: str
    #: What it is asked for by.
    name: str
    #: Where it listens; empty where that is not known.
    host: str
    #: 0 where a port makes no sense.
    port: int
    tags: Tuple[str, ...]
    #: `passing`, `warning` or `critical`.
    health: str
    #: How long it may be silent.
    ttl_ms: Optional[int]
    metadata: Json

    @classmethod
    def from_json(cls, told: Json) -> Service:
        """The service that an object of JSON describes."""
        return cls(
            told["node"],
            told["id"],
            told["name"],
            told["host"],
            told["port"],
            tuple(told.get("tags", ())),
            told["health"],
            told.get("ttl_ms"),
            told.get("metadata", {}),
        )


@dataclass(frozen=True)
class LeaderChanged:
    """Another node leads, or none that is known."""

    index: int
    leader: Optional[Peer]
    term: int


@dataclass(frozen=True)
class MemberChanged:
    """A member came, went or changed."""

    index: int
    #: `joined`, `changed`, `down` or `left`.
    event: str
    member: Member


@dataclass(frozen=True)
class ServiceChanged:
    """A service came, went or changed."""

    index: int
    #: `added`, `changed` or `removed`.
    event: str
    #: As it is now, or was last.
    service: Service


@dataclass(frozen=True)
class TrustChanged:
    """Most members vanished at once, or are back."""

    index: int
    #: Whether what the node sees of the others can be relied on.
    is_given: bool


@dataclass(frozen=True)
class Missed:
    """Events were dropped, since nobody read them in time: read the lists again. What follows goes on from here."""


WatchEvent = Union[LeaderChanged, MemberChanged, ServiceChanged, TrustChanged, Missed]


def watch_event(told: Json) -> Optional[WatchEvent]:
    """The change that an object of JSON describes; `None` for a kind that this version does not know."""
    kind = told["kind"]
    if kind == "leader":
        leader = told["leader"]
        return LeaderChanged(told["index"], None if leader is None else Peer.from_json(leader), told["term"])
    if kind == "member":
        return MemberChanged(told["index"], told["event"], Member.from_json(told["member"]))
    if kind == "service":
        return ServiceChanged(told["index"], told["event"], Service.from_json(told["service"]))
    if kind == "trust":
        return TrustChanged(told["index"], told["is_given"])
    return Missed() if kind == "missed" else None


@dataclass(frozen=True)
class Event:
    """Something that happened to a node, and when."""

    #: `elected`, `lost`, `leader`, `no_leader`, `draining`, `member`, `service`, `missed` and so on: the names of the log.
    kind: str
    #: When the node learned of it, on its wall clock.
    at: datetime
    #: The end of the lease of the leadership that the event speaks of, on the same clock, as far as it is known.
    valid_until: Optional[datetime]
    #: What belongs to the kind, such as `token`, `reason` or `leader`.
    data: Json

    @classmethod
    def from_json(cls, told: Json) -> Event:
        """The event that an object of JSON describes."""
        data = {key: value for key, value in told.items() if key not in ("event", "unix_s", "valid_until_unix_s")}
        until = told["valid_until_unix_s"]
        return cls(told["event"], _time(told["unix_s"]), None if until is None else _time(until), data)


def _time(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, timezone.utc)
