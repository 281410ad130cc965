"""Work that runs while a node leads: in a thread, which is asked to end, or as a task of an event loop, which is cancelled."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any, Awaitable, Callable, Generator, Generic, Optional, TypeVar

from . import _qcluster
from ._errors import LeadershipLost, QClusterError, RefusedError, StoppedError
from ._logs import logger
from ._operations import finish, wait

Output = TypeVar("Output")


class WorkLease:
    """The lease that work runs under, and when the work has to end: before the lease can, and when leadership is handed over."""

    def __init__(self, work: _qcluster.LeaderWork, permit: _qcluster.Permit) -> None:
        self._work = work
        self._permit = permit
        self._lease = permit.lease()

    @property
    def token(self) -> int:
        """Larger than that of every leadership before. Give it to everything that the work writes to."""
        return self._lease.token

    def is_valid(self) -> bool:
        """Whether this leadership holds at this instant."""
        return self._lease.is_valid()

    def remaining(self) -> Optional[float]:
        """How many seconds the lease lasts from now on unless it is renewed; `None` once it is over."""
        return self._lease.remaining()

    def is_ending(self) -> bool:
        """Whether the work has to end now. It never waits."""
        return self._permit.time_left() is None

    def check(self) -> None:
        """Raises `LeadershipLost` once the work has to end."""
        if self.is_ending():
            raise LeadershipLost(f"the work under token {self.token} has to end: return, and it is called again")

    def wait_ending(self, timeout: Optional[float] = None) -> bool:
        """Waits until the work has to end, for that many seconds at most, and tells whether it has. For work of a thread."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            pause = self._permit.look_again_in()
            if pause is None:
                return True
            left = pause if until is None else until - time.monotonic()
            if left <= 0:
                return False
            _wait_for_change(self._work, min(pause, left))

    def __repr__(self) -> str:
        return f"WorkLease(token={self.token}, remaining={self.remaining()})"


def run(node: _qcluster.Node, work: Callable[[WorkLease], Output], guard: Optional[float]) -> Output:
    """See `QCluster.run_as_leader`."""
    seeker = node.leader_work(guard)
    while True:
        permit = _next_permit(seeker)
        lease = WorkLease(seeker, permit)
        try:
            output = work(lease)
            had_to_end = lease.is_ending()
        except LeadershipLost:
            had_to_end = True
            if not lease.is_ending():
                # The work knows better than the node: with the same leadership it would say so again, at once.
                permit.release()
                _quietly(node.step_down())
        except Exception:
            permit.release()
            if _leads(node, lease):
                _quietly(node.step_down())
            raise
        finally:
            permit.release()
        if not had_to_end:
            return output


async def run_task(
    node: _qcluster.Node, work: Callable[[WorkLease], Awaitable[Output]], guard: Optional[float]
) -> Output:
    """See `Aio.run_as_leader`."""
    seeker = node.leader_work(guard)
    while True:
        permit = await _next_permit_async(seeker)
        lease = WorkLease(seeker, permit)
        try:
            driven = _Driven(work(lease), permit)
            if await _ended_by_itself(seeker, driven):
                return _result(driven.task, lease)
        except LeadershipLost:
            if not lease.is_ending():
                # As above.
                permit.release()
                await _quietly_async(node.step_down())
        except Exception:
            permit.release()
            if _leads(node, lease):
                await _quietly_async(node.step_down())
            raise
        finally:
            permit.release()


class _Driven(Generic[Output]):
    """Work as a task that takes no step once its lease has ended, also where the loop stood still and has yet to hear of that."""

    def __init__(self, work: Awaitable[Output], permit: _qcluster.Permit) -> None:
        self.permit = permit
        #: The work has been told to end. What it does then is cleaning up, which is waited for.
        self.is_told = False
        self._work = work
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> Output:
        return await self

    def __await__(self) -> Generator[Any, Any, Output]:
        steps: Any = (self._work if hasattr(self._work, "__await__") else _awaited(self._work)).__await__()
        thrown: Optional[BaseException] = None
        while True:
            if thrown is None and not self.is_told and self.permit.time_left() is None:
                self.is_told = True
                thrown = asyncio.CancelledError("the lease of the work has ended")
            try:
                step = next(steps) if thrown is None else steps.throw(thrown)
            except StopIteration as end:
                output: Output = end.value
                return output
            thrown = None
            try:
                yield step
            except BaseException as error:
                thrown = error

    def forget(self) -> None:
        """After its end: work that never began is no mistake."""
        if inspect.iscoroutine(self._work):
            self._work.close()


async def _awaited(work: Awaitable[Output]) -> Output:
    return await work


def _result(task: asyncio.Future[Output], lease: WorkLease) -> Output:
    """What has come of work that ended by itself."""
    if task.cancelled():
        # Nobody has cancelled `run_as_leader`: its caller is not to take it for that.
        raise QClusterError(f"the work under token {lease.token} was cancelled, and not by the end of its leadership")
    return task.result()


async def _ended_by_itself(seeker: _qcluster.LeaderWork, driven: _Driven[Any]) -> bool:
    """Waits for the end of the work, and ends it in time. Tells whether it has ended before that was necessary."""
    permit, task = driven.permit, driven.task
    change = asyncio.ensure_future(finish(seeker.changed()))
    try:
        while not task.done():
            pause = permit.look_again_in()
            if pause is None:
                return False
            if change.done():
                _ = change.cancelled() or change.exception()
                change = asyncio.ensure_future(finish(seeker.changed()))
            await asyncio.wait({task, change}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        if driven.is_told:
            _tell_failure(task)
        return not driven.is_told
    finally:
        change.cancel()
        if not task.done():
            await _end(driven)
        driven.forget()
        await asyncio.wait({change})
        _ = change.cancelled() or change.exception()


async def _end(driven: _Driven[Any]) -> None:
    """Cancels the work, and waits until it has ended: a hand-over waits for that, too."""
    permit, task = driven.permit, driven.task
    driven.is_told = True
    interrupted: Optional[asyncio.CancelledError] = None
    is_told = False
    task.cancel()
    while not task.done():
        try:
            await asyncio.wait({task}, timeout=None if is_told else permit.lease().remaining() or 0.0)
        except asyncio.CancelledError as error:
            interrupted = error
            task.cancel()
            continue
        if not task.done() and not is_told:
            is_told = True
            logger.warning("the work of the leader goes on although its lease has ended: it does not heed its cancellation")
    _tell_failure(task)
    if interrupted is not None:
        raise interrupted


def _tell_failure(task: asyncio.Future[Any]) -> None:
    """What has come of work that had to end is of no use, but nothing goes wrong in silence."""
    if not task.cancelled() and isinstance(task.exception(), Exception):
        if not isinstance(task.exception(), LeadershipLost):
            logger.error("the work of the leader failed while it was being ended", exc_info=task.exception())


def _leads(node: _qcluster.Node, lease: WorkLease) -> bool:
    """Whether the node still has that leadership."""
    try:
        held = node.lease()
    except StoppedError:
        return False
    return held is not None and held.token == lease.token


def _next_permit(seeker: _qcluster.LeaderWork) -> _qcluster.Permit:
    while True:
        permit, pause = seeker.permit()
        if permit is not None:
            return permit
        _wait_for_change(seeker, pause)


async def _next_permit_async(seeker: _qcluster.LeaderWork) -> _qcluster.Permit:
    while True:
        permit, pause = seeker.permit()
        if permit is not None:
            return permit
        try:
            await finish(seeker.changed(), pause)
        except TimeoutError:
            pass


def _wait_for_change(seeker: _qcluster.LeaderWork, timeout: Optional[float]) -> None:
    try:
        wait(seeker.changed(), timeout)
    except TimeoutError:
        pass


def _quietly(operation: _qcluster.Operation) -> None:
    """A refusal says that the node does not lead, or has stopped."""
    try:
        wait(operation)
    except (RefusedError, StoppedError):
        pass


async def _quietly_async(operation: _qcluster.Operation) -> None:
    try:
        await finish(operation)
    except (RefusedError, StoppedError):
        pass
