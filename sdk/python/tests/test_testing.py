"""The test kit, as a test of an application uses it."""

from __future__ import annotations

from typing import Callable

import pytest

from conftest import Program, until
from qcluster import ConfigError, QCluster
from qcluster.testing import TestCluster


def takes_part(node: QCluster) -> None:
    until(lambda: node.get_leader_info() is not None, "a leader that it knows")


def test_another_leads_after_the_leader_was_killed_and_it_comes_back() -> None:
    with TestCluster(3) as cluster:
        assert len(cluster) == 3 and len(cluster.nodes) == 3
        first = cluster.wait_for_leader()
        killed = cluster.node(first)
        cluster.kill(first)
        assert not killed.is_leader() and killed.why_stopped() == "aborted"
        assert len(cluster.nodes) == 2
        with pytest.raises(LookupError, match="was killed"):
            cluster.node(first)
        second = cluster.wait_for_leader()
        assert second != first
        cluster.restart(first)
        takes_part(cluster.node(first))


@pytest.mark.parametrize("how", ["cut", "freeze", "cut_between"])
def test_another_leads_where_the_leader_is_out_of_reach(how: str) -> None:
    with TestCluster(3) as cluster:
        first = cluster.wait_for_leader()
        if how == "cut_between":
            for other in {0, 1, 2} - {first}:
                cluster.cut_between(first, other)
        else:
            getattr(cluster, how)(first)
        assert cluster.leader() != first
        second = cluster.wait_for_leader()
        assert second != first and not cluster.node(first).is_leader(), "two lead at once"
        cluster.heal()
        cluster.thaw(first)
        takes_part(cluster.node(first))


def test_nodes_have_what_the_test_wants_of_their_configuration() -> None:
    services = [{"name": "web", "port": 8001}]
    with TestCluster(3, mode="masterless", services=services, metadata={"zone": "a"}) as cluster:
        node = cluster.node(0)
        until(lambda: len(node.services("web")) == 3, "the services of all")
        assert node.me.metadata == {"zone": "a"}
        assert not any(node.is_leader() for node in cluster.nodes)
        with pytest.raises(TimeoutError, match="server_0"):
            cluster.wait_for_leader(timeout=0.0)


def test_mistakes_are_told_and_nothing_starts() -> None:
    with pytest.raises(ConfigError) as raised:
        TestCluster(3, cluster="", timing="slow")
    assert {field for field, _ in raised.value.problems} == {"cluster", "timing"}
    with TestCluster(1) as cluster:
        with pytest.raises(IndexError, match="server_7"):
            cluster.kill(7)
    with pytest.raises(RuntimeError, match="closed"):
        cluster.leader()


def test_a_cluster_that_nobody_closes_stops_by_itself() -> None:
    cluster = TestCluster(3)
    node = cluster.node(0)
    del cluster
    assert node.why_stopped() is None, "somebody has a reference to it"
    node.close()
    assert node.why_stopped() == "shutdown"


def test_a_program_ends_with_a_node_that_is_frozen(run: Callable[..., Program]) -> None:
    program = run("ends_with_frozen_nodes.py")
    assert (program.ends(), program.told) == (0, ["ends"])
