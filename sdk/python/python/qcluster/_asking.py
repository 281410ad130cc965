"""What a node is asked, as text of JSON, and its answers as values: the same for threads and event loops."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from . import _qcluster
from ._errors import ConfigError, RefusedError
from ._model import Member, Peer, Service


def configuration(fields: Mapping[str, Any]) -> str:
    """A configuration as JSON. Raises one `ConfigError` with all mistakes where a value cannot be written."""
    written: Dict[str, str] = {}
    mistakes: List[Tuple[str, str]] = []
    for key, value in fields.items():
        try:
            written[key] = json.dumps(value, default=_plain, allow_nan=False)
        except (TypeError, ValueError) as error:
            mistakes.append((key, f"cannot be written as JSON: {error}"))
    text = "{%s}" % ", ".join(f"{json.dumps(key)}: {value}" for key, value in written.items())
    if mistakes:
        try:
            _qcluster.check(text)
        except ConfigError as error:
            unwritten = {key for key, _ in mistakes}
            mistakes.extend(problem for problem in error.problems if problem[0] not in unwritten)
        raise ConfigError(mistakes)
    return text


def _plain(value: object) -> object:
    """What JSON has no word for, and is easily said: paths, and what only looks like a dictionary or a list."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray, memoryview)):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no text, number, list or dictionary")


def registration(
    name: str,
    port: Union[int, str],
    id: Optional[str],
    host: Optional[str],
    tags: Iterable[str],
    metadata: Optional[Mapping[str, Any]],
    health: str,
    ttl_ms: Optional[int],
) -> Dict[str, Any]:
    """The registration of a service: what is not given is left out."""
    if isinstance(tags, (str, bytes)):
        raise TypeError(f"tags are a list of texts, such as [{tags!r}], and not one of them")
    fields: Dict[str, Any] = {"name": name, "id": id, "port": port, "host": host, "tags": list(tags)}
    fields.update(metadata=None if metadata is None else dict(metadata), health=health, ttl_ms=ttl_ms)
    return {key: value for key, value in fields.items() if value is not None}


def registered(node: _qcluster.Node, id: str) -> Service:
    """An own service as everybody sees it."""
    me = peer(node.me()).identifier
    for service in services(node.services()):
        if service.node == me and service.id == id:
            return service
    raise RefusedError("unknown_service", f"the service `{id}` has been ended in the meantime")


def peer(text: str) -> Peer:
    """A peer of JSON."""
    return Peer.from_json(json.loads(text))


def peer_or_none(text: Optional[str]) -> Optional[Peer]:
    """A peer of JSON, if there is one."""
    return None if text is None else peer(text)


def members(text: str) -> List[Member]:
    """Members of JSON."""
    return [Member.from_json(told) for told in json.loads(text)]


def services(text: str) -> List[Service]:
    """Services of JSON."""
    return [Service.from_json(told) for told in json.loads(text)]


def chosen(all_of_them: List[Service], tag: Optional[str], healthy: Optional[bool]) -> List[Service]:
    """Those with the tag, and those that traffic may be sent to, or may not."""
    return [
        service
        for service in all_of_them
        if (tag is None or tag in service.tags) and (healthy is None or healthy == (service.health != "critical"))
    ]
