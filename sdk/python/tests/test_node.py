"""A node as a thread uses it."""

from __future__ import annotations

import pickle
import threading
from typing import Callable, List, Optional, Tuple

import pytest

from conftest import PATIENCE, first, free_port, gives_up, refusal, until, until_it_waits
from qcluster import (
    Event,
    Lease,
    MemberChanged,
    Missed,
    QCluster,
    RefusedError,
    ServiceChanged,
    StartError,
    StoppedError,
)
from qcluster.testing import TestCluster


def test_the_leader_has_a_lease_with_a_token(alone: QCluster) -> None:

    def held() -> Optional[Lease]:
        lease = alone.lease()
        return lease if lease is not None and lease.is_valid() and (lease.remaining() or 0) > 0 else None

    lease = until(held, "a lease that holds")
    assert lease.token > 0
    gives_up(alone)
    assert not lease.is_valid() and lease.remaining() is None, "it does not speak of a later leadership"
    until(alone.is_leader, "the next leadership")
    again = alone.lease()
    assert again is None or again.token > lease.token


def test_a_node_that_is_closed_says_so(alone: QCluster) -> None:
    alone.close()
    alone.close()
    assert not alone.is_leader() and alone.lease() is None and alone.get_leader_info() is None
    assert alone.why_stopped() == "shutdown" and repr(alone) == "<QCluster: shutdown>"
    with pytest.raises(StoppedError) as raised:
        alone.register("web", 8001)
    assert raised.value.reason == "shutdown"
    with pytest.raises(StoppedError):
        alone.wait_for_leader()


def test_closing_frees_the_port() -> None:
    port = free_port()
    for _ in range(2):
        with QCluster(identifier="server_a", listen_port=port) as cluster:
            with pytest.raises(StartError, match=str(port)):
                QCluster(identifier="server_b", listen_port=port)
            assert cluster.status()["identifier"] == "server_a"


def test_a_node_stops_when_nobody_has_a_reference_to_it() -> None:
    port = free_port()
    cluster = QCluster(identifier="server_a", listen_port=port)
    events = cluster.events()
    del cluster
    assert [event.kind for event in events][-1:] != ["missed"], "it ends"

    def starts_again() -> bool:
        try:
            QCluster(identifier="server_a", listen_port=port).close()
        except StartError:
            return False
        return True

    until(starts_again, "the port")


def test_services_come_and_go(alone: QCluster) -> None:
    web = alone.register("web", "8001", id="web-1", tags=["v1", "blue"], metadata={"zone": "a"}, ttl_ms=60_000)
    assert (web.node, web.id, web.port, web.tags, web.ttl_ms) == ("server_a", "web-1", 8001, ("v1", "blue"), 60_000)
    alone.register("mail", 25, host="mail.internal", health="critical")
    assert [service.id for service in alone.services("web", tag="v1", healthy=True)] == ["web-1"]
    assert alone.services("web", tag="v2") == [] and alone.services("web", healthy=False) == []
    assert {service.name for service in alone.services()} == {"mail", "web"}
    alone.heartbeat("web-1", health="warning")
    assert alone.services("web")[0].health == "warning"
    alone.deregister("web-1")
    assert alone.services("web") == []


def test_one_text_is_no_list_of_tags(alone: QCluster) -> None:
    with pytest.raises(TypeError, match="list of texts"):
        alone.register("web", tags="blue")
    assert alone.services() == []


def test_what_is_refused_has_the_code_of_the_api(alone: QCluster) -> None:
    cases: List[Tuple[Callable[[], object], str]] = [
        (lambda: alone.deregister("nobody"), "unknown_service"),
        (lambda: alone.register(""), "invalid_service"),
        (lambda: alone.register("web", "port"), "invalid_service"),
        (lambda: alone.register("web", health="fine"), "invalid_service"),
        (lambda: alone.transfer_leadership("server_z"), "not_a_voter"),
        (lambda: alone.transfer_leadership(), "no_successor"),
    ]
    for ask, code in cases:
        refused = refusal(ask)
        assert refused.code == code, str(refused)
    again = pickle.loads(pickle.dumps(refused))
    assert (again.code, str(again)) == (refused.code, str(refused))


def test_owners_are_the_same_everywhere() -> None:
    with TestCluster(3) as cluster:
        nodes = cluster.nodes
        until(lambda: all(len(node.members()) == 3 for node in nodes), "all members everywhere")
        owners = {tuple(node.owners("customer-42", 2)) for node in nodes}
        assert len(owners) == 1 and len(owners.pop()) == 2
        assert all(node.view_is_trusted() for node in nodes)


def test_a_watch_tells_what_the_lists_show_already(alone: QCluster) -> None:
    with alone.watch() as watch:
        alone.register("web", 8001)
        event = first(watch, lambda event: isinstance(event, ServiceChanged))
        assert isinstance(event, ServiceChanged)
        assert (event.event, event.service.name) == ("added", "web")
        assert [service.name for service in alone.services()] == ["web"]


def test_a_watch_that_nobody_reads_says_what_it_missed(alone: QCluster) -> None:
    watch = alone.watch()
    for turn in range(600):
        alone.register("web", 1 + turn)
        alone.register("mail", 1 + turn)
    until(lambda: alone.services("mail")[0].port == 600, "the last change")
    first(watch, lambda event: isinstance(event, Missed))
    alone.register("last", 1)
    first(watch, lambda event: isinstance(event, ServiceChanged) and event.service.name == "last")


def test_events_tell_of_leaderships_with_their_fields(alone: QCluster) -> None:
    events = alone.events()

    def given_up() -> Optional[Event]:
        gives_up(alone)
        lost = first(events, lambda event: event.kind == "lost")
        # A pause of the machine ends leaderships, too.
        return lost if lost.data["reason"] == "stepped_down" else None

    lost = until(given_up, "a leadership that was given up")
    assert lost.data["token"] > 0
    elected = first(events, lambda event: event.kind == "elected")
    assert elected.data["token"] > lost.data["token"] and elected.at >= lost.at
    alone.close()
    rest: List[Event] = list(events)
    assert "lost" in [event.kind for event in rest]


def test_following_ends_with_its_close_also_for_a_thread_that_waits(alone: QCluster) -> None:
    watch = alone.watch()
    ended = threading.Event()

    def follow() -> None:
        for _ in watch:
            pass
        ended.set()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    until_it_waits(thread)
    watch.close()
    assert ended.wait(PATIENCE)
    assert watch.next() is None and list(watch) == []


def test_a_close_is_not_lost_on_a_thread_that_is_about_to_wait() -> None:
    peer = {"identifier": "server_b", "host": "localhost", "port": free_port()}
    with QCluster("server_a", listen_port=free_port(), peers=[peer]) as lonely, lonely.watch() as watch:
        inner = watch._follower

        class Late:
            def next(self) -> object:
                watch.close()
                return inner.next()

        watch._follower = Late()  # type: ignore[assignment]
        thread = threading.Thread(target=watch.next, daemon=True)
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_waits_end_after_their_time(alone: QCluster) -> None:
    with pytest.raises(TimeoutError):
        alone.watch().next(0.0)
    peer = {"identifier": "server_b", "host": "localhost", "port": free_port()}
    with QCluster("server_a", listen_port=free_port(), peers=[peer]) as lonely:
        with pytest.raises(TimeoutError):
            lonely.wait_for_leader(timeout=0.1)


def test_a_node_that_joins_is_a_member() -> None:
    one = QCluster(identifier="server_a", listen_port=free_port(), mode="masterless")
    other = QCluster(identifier="server_b", listen_port=free_port(), mode="masterless")
    with one, other, one.watch() as watch:
        other.join("localhost", one.me.port)
        joined = first(watch, lambda event: isinstance(event, MemberChanged))
        assert isinstance(joined, MemberChanged)
        assert (joined.event, joined.member.identifier, joined.member.state) == ("joined", "server_b", "alive")
        until(lambda: len(other.members()) == 2, "the other's view")
        other.leave(PATIENCE)
        # Its goodbye is a datagram, which may be lost.
        first(watch, lambda event: isinstance(event, MemberChanged) and event.event in ("left", "down"))


def test_a_hand_over_goes_to_whom_it_is_meant_for() -> None:
    with TestCluster(3) as cluster:

        def hands_over() -> bool:
            leader = cluster.wait_for_leader()
            try:
                cluster.node(leader).transfer_leadership(f"server_{(leader + 1) % 3}")
            except RefusedError:
                return False  # Another leads by now, or the target was not heard of yet.
            return True

        until(hands_over, "a hand-over")
        cluster.wait_for_leader()


def test_a_running_node_cannot_be_pickled(alone: QCluster) -> None:
    with pytest.raises(TypeError, match="start one there"):
        pickle.dumps(alone)


def test_waiting_lets_other_threads_run(alone: QCluster) -> None:
    with alone.watch() as watch:
        thread = threading.Thread(target=alone.register, args=("web", 8001), daemon=True)
        thread.start()
        first(watch, lambda event: isinstance(event, ServiceChanged))
        thread.join(PATIENCE)
        assert not thread.is_alive()
