"""A node in an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, AsyncIterator, Awaitable, Callable, Coroutine, Dict, List, TypeVar

import pytest

from conftest import PATIENCE, first, free_port
from qcluster import MemberChanged, QCluster, RefusedError, ServiceChanged, StoppedError, _operations

Output = TypeVar("Output")


def in_time(what: Coroutine[Any, Any, Output]) -> Output:
    """Runs it in an event loop, and not for longer than a minute."""
    return asyncio.run(asyncio.wait_for(what, PATIENCE))


async def steps_down(cluster: QCluster) -> None:
    """Has it step down, once it leads."""
    while True:
        try:
            return await cluster.aio.step_down()
        except RefusedError:
            await asyncio.sleep(0.01)


def lonely() -> QCluster:
    """One of two voters, which never leads."""
    peer = {"identifier": "server_b", "host": "localhost", "port": free_port()}
    return QCluster("server_a", listen_port=free_port(), peers=[peer])


def test_everything_that_waits_can_be_awaited(steady: Dict[str, Any]) -> None:
    async def story() -> None:
        async with QCluster(**steady) as cluster:
            leader = await cluster.aio.wait_for_leader(PATIENCE)
            assert leader == cluster.me
            web = await cluster.aio.register("web", 8001, ttl_ms=60_000)
            assert cluster.services("web") == [web]
            await cluster.aio.heartbeat("web", "warning")
            await cluster.aio.deregister("web")
            code = "not_leader"  # A pause of the machine may cost it the leadership.
            while code == "not_leader":
                with pytest.raises(RefusedError) as raised:
                    await cluster.aio.transfer_leadership()
                code = raised.value.code
                await asyncio.sleep(0.01)
            assert code == "no_successor"
            await steps_down(cluster)
            await cluster.aio.reload()
        assert cluster.why_stopped() == "shutdown"
        with pytest.raises(StoppedError):
            await cluster.aio.register("web")

    in_time(story())


def test_a_watch_is_followed_beside_other_tasks(steady: Dict[str, Any]) -> None:
    async def story() -> None:
        async with QCluster(**steady) as cluster:
            names: List[str] = []

            async def follow() -> None:
                async for event in cluster.watch():
                    if isinstance(event, ServiceChanged):
                        names.append(event.service.name)

            task = asyncio.ensure_future(follow())
            await asyncio.sleep(0)
            for name in ("a", "b", "c"):
                await cluster.aio.register(name)
            while names != ["a", "b", "c"]:
                await asyncio.sleep(0.01)
        await task  # It ends with the node.

    in_time(story())


def test_events_are_followed_by_many_at_once(steady: Dict[str, Any]) -> None:
    async def story() -> None:
        async with QCluster(**steady) as cluster:
            await cluster.aio.wait_for_leader()

            async def next_elected() -> int:
                async for event in cluster.events():
                    if event.kind == "elected":
                        return int(event.data["token"])
                raise AssertionError("it ended first")

            waiting = [asyncio.ensure_future(next_elected()) for _ in range(50)]
            await asyncio.sleep(0)
            await steps_down(cluster)
            tokens = await asyncio.gather(*waiting)
            assert len(set(tokens)) == 1

    in_time(story())


def test_a_cancelled_task_gives_up_what_it_waits_for() -> None:
    async def story() -> None:
        async with lonely() as cluster:
            for begin in (cluster.aio.wait_for_leader, lambda: cluster.aio.run_as_leader(never)):
                task = asyncio.ensure_future(begin())
                await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            watch = cluster.watch()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(_first_service(watch.__anext__), 0.05)
            await cluster.aio.register("web")
            assert (await _first_service(watch.__anext__)).service.name == "web", "nothing is lost"

    async def never(lease: object) -> None:
        raise AssertionError("one of two does not lead")

    in_time(story())


async def _first_service(following: Callable[[], Awaitable[object]]) -> ServiceChanged:
    while True:
        event = await following()
        if isinstance(event, ServiceChanged):
            return event


def test_a_close_ends_it_for_every_task_that_follows() -> None:
    async def story() -> None:
        async with lonely() as cluster:
            watch, events = cluster.watch(), cluster.events()

            async def follow(following: AsyncIterator[object]) -> None:
                async for _ in following:
                    pass

            tasks = [asyncio.ensure_future(follow(following)) for following in (watch, watch, events)]
            await asyncio.sleep(0.1)
            watch.close()
            events.close()
            await asyncio.gather(*tasks)

    in_time(story())


def test_a_wait_ends_after_its_time_and_leaves_the_loop_alone() -> None:
    async def story() -> None:
        async with lonely() as cluster:
            turns = 0

            async def turn() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            task = asyncio.ensure_future(turn())
            with pytest.raises(TimeoutError):
                await cluster.aio.wait_for_leader(timeout=0.1)
            assert turns > 0, "the loop went on meanwhile"
            task.cancel()

    in_time(story())


def test_a_loop_that_is_blocked_costs_nobody_the_leadership(steady: Dict[str, Any]) -> None:
    async def story() -> None:
        async with QCluster(**steady) as cluster:
            events = cluster.events()
            await cluster.aio.wait_for_leader()
            lease = cluster.lease()
            while lease is None:
                await asyncio.sleep(0.01)
                lease = cluster.lease()
            # The loop and the interpreter stand for longer than a lease.
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                sum(range(10_000))
            kept = cluster.lease()
            if kept is None or kept.token != lease.token:
                # The machine may have stood still; then the node says so itself.
                first(events, lambda event: event.kind == "lost" and event.data["token"] == lease.token)

    in_time(story())


def test_loops_of_several_threads_share_a_node(steady: Dict[str, Any]) -> None:
    with QCluster(**steady) as cluster:
        cluster.wait_for_leader(PATIENCE)
        seen: List[str] = []

        def one(name: str) -> None:
            async def register() -> None:
                service = await cluster.aio.register(name)
                seen.append(service.name)

            in_time(register())

        threads = [threading.Thread(target=one, args=(f"service-{at}",)) for at in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert sorted(seen) == sorted(service.name for service in cluster.services())


def test_a_loop_that_is_closed_is_woken_no_more(steady: Dict[str, Any]) -> None:
    with QCluster(**steady) as cluster:
        cluster.wait_for_leader(PATIENCE)
        loop = asyncio.new_event_loop()
        watch = cluster.watch()

        async def begin() -> "asyncio.Task[object]":
            task = asyncio.ensure_future(watch.__anext__())
            await asyncio.sleep(0)
            return task

        task = loop.run_until_complete(begin())
        loop.close()
        cluster.register("web")
        task._log_destroy_pending = False  # type: ignore[attr-defined]

        async def still() -> None:
            await cluster.aio.register("mail")

        in_time(still())


def test_a_loop_that_cannot_be_woken_is_in_nobodys_way(steady: Dict[str, Any]) -> None:
    class Broken:
        def call_soon_threadsafe(self, *_: object) -> None:
            raise OSError("no descriptor")

    async def story() -> None:
        async with QCluster(**steady) as cluster:
            future = asyncio.get_running_loop().create_future()
            waiters = _operations._waiters
            number = waiters.add((Broken(), future))  # type: ignore[arg-type]
            operation = cluster._node.wait_for_leader()
            is_done = operation.poll(waiters.mailbox, number)
            while number in waiters._waiting and not is_done:
                await asyncio.sleep(0.01)
            waiters.remove(number)
            await cluster.aio.register("web")

    in_time(story())


def test_what_ends_a_wait_takes_no_lock() -> None:
    # A collection of garbage that ends a coroutine may run inside of what holds it.
    waiters = _operations._Waiters()
    waiters._waiting[7] = (asyncio.new_event_loop(), None)  # type: ignore[assignment]
    waiters._waiting[7][0].close()
    with waiters._lock:
        waiters.remove(7)
    assert waiters._waiting == {}


def test_a_member_that_joins_wakes_who_waits_for_it() -> None:
    async def story() -> None:
        async with QCluster(identifier="server_a", listen_port=free_port(), mode="masterless") as one:
            watch = one.watch()
            address = f"localhost:{one.me.port}"
            async with QCluster(identifier="server_b", listen_port=free_port(), mode="masterless", join=[address]):
                async for event in watch:
                    if isinstance(event, MemberChanged):
                        assert event.member.identifier == "server_b"
                        break

    in_time(story())
