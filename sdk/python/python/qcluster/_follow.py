"""Following what happens: `for` in a thread, `async for` in an event loop.

Nothing is kept for who does not read: a node remembers the last thousand changes of its lists and the last 256 events, and what is older is
told as missed.
"""

from __future__ import annotations

import json
from collections import deque
from types import TracebackType
from typing import Any, Deque, Generic, List, Optional, Set, Type, TypeVar

from . import _qcluster
from ._errors import StoppedError
from ._model import Event, Json, WatchEvent, watch_event
from ._operations import finish, wait

Item = TypeVar("Item")
Self = TypeVar("Self", bound="Following[Any]")

#: Reasons to stop that somebody wanted: iteration ends with them, as with the end of a list.
_WANTED = ("shutdown", "aborted", "exiting")


class Following(Generic[Item]):
    """What happens, one by one, from the moment on at which it was asked for. It ends with the node, and with `close()`."""

    def __init__(self, follower: _qcluster.Follower) -> None:
        self._follower = follower
        self._ready: Deque[Item] = deque()
        #: What threads and tasks wait for here.
        self._operations: Set[_qcluster.Operation] = set()
        self._is_closed = False

    def _decode(self, told: Json) -> Optional[Item]:
        raise NotImplementedError

    def __iter__(self: Self) -> Self:
        return self

    def __aiter__(self: Self) -> Self:
        return self

    def __next__(self) -> Item:
        item = self.next()
        if item is None:
            raise StopIteration
        return item

    async def __anext__(self) -> Item:
        while not self._ready:
            operation = self._begin()
            if operation is None:
                raise StopAsyncIteration
            try:
                answer = await finish(operation)
            except Exception as error:
                self._check(error)
                raise StopAsyncIteration from None
            finally:
                self._operations.discard(operation)
            self._take(answer)
        return self._ready.popleft()

    def next(self, timeout: Optional[float] = None) -> Optional[Item]:
        """The next one; `None` once there is no more. Blocks the thread, and raises `TimeoutError` after that many seconds."""
        while not self._ready:
            operation = self._begin()
            if operation is None:
                return None
            try:
                answer = wait(operation, timeout)
            except Exception as error:
                self._check(error)
                return None
            finally:
                self._operations.discard(operation)
            self._take(answer)
        return self._ready.popleft()

    def close(self) -> None:
        """Ends it, also for threads and tasks that wait in it."""
        self._is_closed = True
        for operation in self._operations.copy():
            operation.cancel()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _begin(self) -> Optional[_qcluster.Operation]:
        if self._is_closed:
            return None
        operation = self._follower.next()
        self._operations.add(operation)
        # A close that has not seen it was earlier than this look.
        if self._is_closed:
            self._operations.discard(operation)
            return None
        return operation

    def _check(self, error: Exception) -> None:
        """Raises what is not an end."""
        is_wanted = isinstance(error, StoppedError) and error.reason in _WANTED
        if not is_wanted and not self._is_closed:
            raise error
        self._is_closed = True

    def _take(self, answer: Optional[str]) -> None:
        if answer is None:
            self._is_closed = True
            return
        told: List[Json] = json.loads(answer)
        items = (self._decode(one) for one in told)
        self._ready.extend(item for item in items if item is not None)


class Watch(Following[WatchEvent]):
    """Changes of members, services and the leader, once the lists show them."""

    def _decode(self, told: Json) -> Optional[WatchEvent]:
        return watch_event(told)


class Events(Following[Event]):
    """Everything that a node tells, in order."""

    def _decode(self, told: Json) -> Optional[Event]:
        return Event.from_json(told)
