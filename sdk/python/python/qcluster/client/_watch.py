"""Following what happens over HTTP: long polls, one after the other."""

from __future__ import annotations

from collections import deque
from typing import Deque, List, Optional, Tuple

from .._model import Json, Missed, WatchEvent, watch_event
from ._errors import ApiError
from ._exchange import Exchange

#: How long a poll waits for something to happen.
_WAIT_MS = 30_000


class Watching:
    """Changes of members, services and the leader, for `for`.

    It goes on where it was after an error. A change of the node that is asked, and more changes than a node remembers, are told as
    `Missed`: read the lists again then.
    """

    def __init__(self, exchange: Exchange, index: Optional[int], wait_ms: int = _WAIT_MS) -> None:
        self._exchange = exchange
        #: After which change it goes on; `None` until the present one is known.
        self.index = index
        self._wait_ms = wait_ms
        self._ready: Deque[WatchEvent] = deque()

    def __iter__(self) -> Watching:
        return self

    def __next__(self) -> WatchEvent:
        while not self._ready:
            self._poll()
        return self._ready.popleft()

    def poll(self) -> Optional[WatchEvent]:
        """The next one; `None` where nothing has happened for as long as a poll waits."""
        if not self._ready:
            self._poll()
        return self._ready.popleft() if self._ready else None

    def _poll(self) -> None:
        if self.index is None:
            self.index = self._exchange.ask(_index, "GET", "/v1/members")
        path = f"/v1/watch?index={self.index}&wait_ms={self._wait_ms}"
        try:
            self.index, events = self._exchange.ask(_happened, "GET", path, wait=self._wait_ms / 1_000)
        except ApiError as error:
            if error.code != "unknown_index" or error.index is None:
                raise
            self.index = error.index
            self._ready.append(Missed())
            return
        self._ready.extend(event for event in events if event is not None)


def _index(told: Json) -> int:
    index: int = told["index"]
    return index


def _happened(told: Json) -> Tuple[int, List[Optional[WatchEvent]]]:
    return _index(told), [watch_event(event) for event in told["events"]]
