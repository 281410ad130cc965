"""Work that runs while a node leads."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Dict, List

import pytest

from conftest import PATIENCE, first, gives_up, until
from qcluster import LeadershipLost, QCluster, QClusterError, RefusedError, StoppedError, WorkLease
from qcluster.testing import TestCluster
from test_aio import in_time


def test_work_that_returns_leaves_the_node_leading(alone: QCluster) -> None:
    token = alone.run_as_leader(lambda lease: lease.token)
    lease = alone.lease()
    assert lease is None or lease.token == token or not alone.is_leader()


def test_work_that_fails_gives_the_leadership_up(alone: QCluster) -> None:
    events = alone.events()

    def work(lease: WorkLease) -> None:
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database"):
        alone.run_as_leader(work)
    lost = first(events, lambda event: event.kind == "lost")
    assert lost.data["reason"] in ("stepped_down", "stalled", "no_quorum")


def test_work_of_a_thread_is_asked_to_end_and_called_again(alone: QCluster) -> None:
    tokens: List[int] = []

    def work(lease: WorkLease) -> str:
        tokens.append(lease.token)
        if len(tokens) == 1:
            threading.Thread(target=alone.step_down, daemon=True).start()
            assert lease.wait_ending(PATIENCE)
            assert lease.is_ending()
            with pytest.raises(LeadershipLost):
                lease.check()
        return "done"

    assert alone.run_as_leader(work) == "done"
    assert tokens == sorted(set(tokens)) and len(tokens) > 1


def test_a_helper_that_still_waits_for_the_end_is_in_nobodys_way(alone: QCluster) -> None:
    tokens: List[int] = []
    helpers: List[threading.Thread] = []

    def work(lease: WorkLease) -> int:
        tokens.append(lease.token)
        if len(tokens) < 5:
            helpers.append(threading.Thread(target=lease.wait_ending, args=(PATIENCE,), daemon=True))
            helpers[-1].start()
            threading.Thread(target=alone.step_down, daemon=True).start()
            until(lease.is_ending, "the end")
        return lease.token

    assert alone.run_as_leader(work) == tokens[-1] and len(tokens) >= 5
    for helper in helpers:
        helper.join(PATIENCE)
        assert not helper.is_alive()


def test_work_that_says_that_its_leadership_is_lost_is_called_again(alone: QCluster) -> None:
    calls: List[int] = []

    def work(lease: WorkLease) -> int:
        calls.append(lease.token)
        if len(calls) == 1:
            raise LeadershipLost("somebody else said so")
        return len(calls)

    assert alone.run_as_leader(work) >= 2
    assert calls == sorted(set(calls)), "it does not go round under one leadership"


def test_a_hand_over_waits_for_work_of_a_thread(steady: Dict[str, Any]) -> None:
    with QCluster(**steady, drain_ms=60_000) as cluster:
        order: List[str] = []

        def work(lease: WorkLease) -> None:
            def step_down() -> None:
                try:
                    cluster.step_down()
                    order.append("stepped down")
                except RefusedError:
                    order.append("refused")

            if order:
                return
            threading.Thread(target=step_down, daemon=True).start()
            assert lease.wait_ending(PATIENCE)
            order.append("work ended" if lease.is_valid() else "too late")
            raise LeadershipLost

        def hands_over() -> bool:
            order.clear()
            cluster.run_as_leader(work)
            until(lambda: len(order) == 2, "the end of the hand-over")
            # Unless a pause of the machine has cost it the leadership meanwhile.
            return "refused" not in order and "too late" not in order

        until(hands_over, "a hand-over")
        assert order == ["work ended", "stepped down"]


def test_waiting_for_leadership_ends_with_the_node() -> None:
    with TestCluster(3) as cluster:
        node = cluster.nodes[0]
        cluster.cut(0)
        ended = threading.Event()

        def run() -> None:
            with pytest.raises(StoppedError):
                while True:
                    node.run_as_leader(lambda lease: lease.wait_ending())
            ended.set()

        threading.Thread(target=run, daemon=True).start()
        cluster.kill(0)
        assert ended.wait(PATIENCE)


def test_a_task_is_cancelled_where_its_node_leads_no_more_and_another_begins() -> None:
    async def story() -> None:
        with TestCluster(3) as cluster:
            running: List[WorkLease] = []
            began = asyncio.Event()

            async def work(lease: WorkLease) -> None:
                valid = [other.token for other in running if other.is_valid()]
                assert not valid, f"{valid} and {lease.token} at once"
                running.append(lease)
                began.set()
                try:
                    await asyncio.sleep(PATIENCE)
                finally:
                    running.remove(lease)

            tasks = [asyncio.ensure_future(node.aio.run_as_leader(work)) for node in cluster.nodes]
            for stop, go_on in ((cluster.cut, lambda _: cluster.heal()), (cluster.freeze, cluster.thaw)):
                await began.wait()
                while True:
                    leader = await cluster.await_leader()
                    began.clear()
                    stop(leader)
                    try:
                        await asyncio.wait_for(began.wait(), 5.0)
                        break
                    except asyncio.TimeoutError:
                        pass  # After a pause of the machine another one may have led already.
                    finally:
                        go_on(leader)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert running == [] and all(isinstance(end, asyncio.CancelledError) for end in ends), ends

    in_time(story())


def test_a_hand_over_waits_for_a_task_that_cleans_up(steady: Dict[str, Any]) -> None:
    async def story() -> None:
        async with QCluster(**steady, drain_ms=60_000) as cluster:
            order: List[str] = []
            began = asyncio.Event()

            async def work(lease: WorkLease) -> str:
                if order:
                    return "done"
                began.set()
                try:
                    await asyncio.sleep(PATIENCE)
                finally:
                    await asyncio.sleep(0.05)
                    order.append("cleaned up" if lease.is_valid() else "too late")
                raise AssertionError("it was not cancelled")

            while True:
                task = asyncio.ensure_future(cluster.aio.run_as_leader(work))
                await began.wait()
                try:
                    await cluster.aio.step_down()
                    order.append("stepped down")
                except RefusedError:
                    order.append("refused")
                assert await task == "done"
                if "refused" not in order and "too late" not in order:
                    break
                # A pause of the machine has cost it the leadership meanwhile.
                order.clear()
                began.clear()
            assert order == ["cleaned up", "stepped down"]

    in_time(story())


def test_an_exception_in_a_task_gives_the_leadership_up_and_comes_out(steady: Dict[str, Any]) -> None:
    async def story() -> None:
        async with QCluster(**steady) as cluster:

            async def work(lease: WorkLease) -> None:
                raise KeyError("no row")

            with pytest.raises(KeyError):
                await cluster.aio.run_as_leader(work)
            assert await cluster.aio.run_as_leader(_token) > 0, "it leads again"

    in_time(story())


def test_a_task_that_says_that_its_leadership_is_lost_is_called_with_the_next_one(steady: Dict[str, Any]) -> None:
    async def story() -> None:
        async with QCluster(**steady) as cluster:
            calls: List[int] = []

            async def work(lease: WorkLease) -> None:
                calls.append(lease.token)
                if len(calls) == 1:
                    raise LeadershipLost("somebody else said so")

            await cluster.aio.run_as_leader(work)
            assert len(calls) > 1 and calls == sorted(set(calls)), "it does not go round under one leadership"

    in_time(story())


def test_a_task_that_is_cancelled_by_somebody_else_is_an_error(steady: Dict[str, Any]) -> None:
    async def story() -> None:
        async with QCluster(**steady) as cluster:
            tokens: List[int] = []

            async def work(lease: WorkLease) -> None:
                tokens.append(lease.token)
                raise asyncio.CancelledError

            with pytest.raises(QClusterError, match="was cancelled"):
                await cluster.aio.run_as_leader(work)
            assert await cluster.aio.run_as_leader(_token) > tokens[-1], "it has given its leadership up"

    in_time(story())


def test_a_task_takes_no_step_after_its_lease_though_the_loop_stood_still(steady: Dict[str, Any]) -> None:
    async def story() -> None:
        async with QCluster(**steady, drain_ms=1) as cluster:
            steps: List[bool] = []
            stood: List[WorkLease] = []
            ready = asyncio.get_running_loop().create_future()

            def stand_still(lease: WorkLease) -> None:
                stood.append(lease)
                ready.set_result(None)
                gives_up(cluster)
                until(lambda: not lease.is_valid(), "the end of the lease")

            async def work(lease: WorkLease) -> str:
                if stood:
                    return "done"
                asyncio.get_running_loop().call_soon(stand_still, lease)
                await asyncio.shield(ready)
                steps.append(lease.is_valid())
                return "not ended"

            assert await cluster.aio.run_as_leader(work) == "done"
            assert steps == []

    in_time(story())


async def _token(lease: WorkLease) -> int:
    await asyncio.sleep(0)
    return lease.token


def test_cancelling_waits_for_the_work_and_leaves_the_node_leading(steady: Dict[str, Any]) -> None:
    async def story() -> None:
        async with QCluster(**steady) as cluster:
            order: List[str] = []
            began = asyncio.Event()

            async def work(lease: WorkLease) -> None:
                began.set()
                try:
                    await asyncio.sleep(PATIENCE)
                finally:
                    await asyncio.sleep(0)
                    order.append("ended")

            task = asyncio.ensure_future(cluster.aio.run_as_leader(work))
            await began.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert order == ["ended"]

    in_time(story())


def test_a_guard_ends_work_earlier(alone: QCluster) -> None:
    # Half a lease at most: with less there would be no time for work at all.
    assert alone.run_as_leader(lambda lease: lease.token, guard=3600.0) > 0


def test_a_guard_without_end_is_the_largest_there_is(alone: QCluster) -> None:
    def guard(lease: WorkLease) -> float:
        lasts, left = lease.remaining(), lease._permit.time_left()
        if lasts is None or left is None:
            raise LeadershipLost("the machine stood still")
        return lasts - left

    assert alone.run_as_leader(guard, guard=float("inf")) > 0.4, "half of the lease, and not a heartbeat"
