"""Waiting for operations of a node: in a thread, or in an event loop.

An event loop asks an operation, and is told through one thread of this process when it is worth asking again: a node puts a number into a
mailbox without the interpreter, and the thread passes it on with `call_soon_threadsafe`. The thread is there while somebody waits, and for
about two seconds after that.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Dict, Optional, Tuple

from . import _qcluster
from ._errors import StoppedError

_Waiter = Tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]

#: Looks into an empty mailbox, of half a second each, before the thread ends.
_IDLE_LOOKS_MAX = 4


class _Waiters:
    """Who waits in event loops, by number.

    What takes somebody off the list takes no lock: it may run in a collection of garbage, inside of what holds that lock.
    """

    def __init__(self) -> None:
        self.mailbox = _qcluster.Mailbox()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: Dict[int, _Waiter] = {}
        self._thread: Optional[threading.Thread] = None

    def add(self, waiter: _Waiter) -> int:
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = waiter
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="qcluster-wake", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    del self._waiting[number]
                    raise
                self._thread = thread
        return number

    def remove(self, number: int) -> None:
        self._waiting.pop(number, None)

    def end(self) -> None:
        """Waits until the thread has ended, which it does once the interpreter does."""
        thread = self._thread
        if thread is not None:
            thread.join(1.0)

    def _run(self) -> None:
        idle = 0
        while True:
            try:
                numbers = self.mailbox.take()
            except StoppedError:
                return
            for number in numbers:
                self._wake(number)
            idle = 0 if numbers else idle + 1
            with self._lock:
                if idle >= _IDLE_LOOKS_MAX and not self._waiting:
                    self._thread = None
                    return

    def _wake(self, number: int) -> None:
        waiter = self._waiting.pop(number, None)
        if waiter is not None:
            loop, future = waiter
            try:
                loop.call_soon_threadsafe(_set, future)
            except Exception:
                pass  # The loop is closed, or broken: nobody can be woken there any more, and others wait elsewhere.


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


_waiters = _Waiters()
_is_exiting = False


def forget_waiters() -> None:
    """In a child process: nobody waits there, and the thread is not there."""
    global _waiters
    _waiters = _Waiters()


def begin_exit() -> None:
    """The interpreter is about to end."""
    global _is_exiting
    _is_exiting = True


def end_waiters() -> None:
    """Before the interpreter ends."""
    _waiters.end()


def wait(operation: _qcluster.Operation, timeout: Optional[float] = None) -> Optional[str]:
    """What comes of an operation. Blocks the thread; signals come through. Given up, it is cancelled."""
    try:
        if not operation.wait(timeout):
            raise TimeoutError(f"not done within {timeout} s")
        return operation.result()
    except StoppedError:
        if _is_exiting and threading.current_thread() is not threading.main_thread():
            # The interpreter ends, and takes a thread that waits along without a word, as it does with threads that wait elsewhere.
            raise SystemExit from None
        raise
    finally:
        operation.cancel()


async def finish(operation: _qcluster.Operation, timeout: Optional[float] = None) -> Optional[str]:
    """What comes of an operation. Blocks nobody. Given up, it is cancelled."""
    loop = asyncio.get_running_loop()
    waiters = _waiters
    due = None if timeout is None else loop.time() + timeout
    try:
        while True:
            woken: asyncio.Future[None] = loop.create_future()
            number = waiters.add((loop, woken))
            timer = None if due is None else loop.call_at(due, _set, woken)
            try:
                if operation.poll(waiters.mailbox, number):
                    return operation.result()
                if due is not None and loop.time() >= due:
                    raise TimeoutError(f"not done within {timeout} s")
                await woken
            finally:
                waiters.remove(number)
                if timer is not None:
                    timer.cancel()
    finally:
        operation.cancel()
