"""What nodes log, passed on to `logging`: logger `qcluster`, and `qcluster.change` for changes of the leader, members and services.

A node never waits for a handler: a thread reads its lines, and what does not fit meanwhile is dropped and told as a warning.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from typing import Any, Callable, List, Optional, Tuple

from . import _qcluster
from ._errors import StoppedError

logger = logging.getLogger("qcluster")

_Line = Tuple[int, str, str, str, List[Tuple[str, str]]]


class _Reader:
    """The thread that reads lines, while there is a node."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._feed: Optional[_qcluster.LogFeed] = None
        self._thread: Optional[threading.Thread] = None

    def begin(self, is_needed: Callable[[], bool]) -> None:
        """Reads for as long as `is_needed`, and until there is nothing left then."""
        with self._lock:
            self._feed = self._feed or _qcluster.LogFeed()
            if self._thread is None:
                arguments = (self._feed, is_needed)
                thread = threading.Thread(target=self._run, args=arguments, name="qcluster-log", daemon=True)
                thread.start()
                self._thread = thread

    def look_again(self) -> None:
        """A node has gone."""
        feed = self._feed
        if feed is not None:
            feed.poke()

    def end(self) -> None:
        """Waits until the thread has ended."""
        self.look_again()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def _run(self, feed: _qcluster.LogFeed, is_needed: Callable[[], bool]) -> None:
        while True:
            try:
                lines, dropped = feed.take()
            except StoppedError:
                return
            for line in lines:
                _guarded(_log, line)
            if dropped:
                _guarded(logger.warning, "log lines were dropped: %d, since handlers are slower than what happens", dropped)
            with self._lock:
                if not lines and not is_needed():
                    self._thread = None
                    return


def _guarded(log: Callable[..., None], *arguments: Any) -> None:
    """Logs. A filter that raises an exception spoils one line, and not those after it."""
    try:
        log(*arguments)
    except Exception:
        if logging.raiseExceptions and sys.stderr is not None:
            traceback.print_exc()


def _log(line: _Line) -> None:
    level, target, name, message, fields = line
    receiver = logging.getLogger(target.replace("::", "."))
    if receiver.isEnabledFor(level):
        told = " ".join(f"{key}={value}" for key, value in fields)
        extra = {"event": name, "fields": dict(fields)}
        receiver.log(level, "%s", f"{message} ({told})" if told else message, extra=extra)


reader = _Reader()


def forget_reader() -> None:
    """In a child process: the thread is not there."""
    global reader
    reader = _Reader()
