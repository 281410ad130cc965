"""One cluster of nodes in Python, on tokio and on smol: they are the same to each other."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import pytest

from conftest import PATIENCE, Program, three, until
from qcluster.client import Client, UnreachableError

#: The agent, `qcluster` of the crate qcluster-cli, built with the feature `smol`.
AGENT = os.environ.get("QCLUSTER_AGENT")

pytestmark = pytest.mark.skipif(AGENT is None, reason="QCLUSTER_AGENT does not name the agent")


@pytest.fixture
def nodes(run: Callable[..., Program], tmp_path: Path) -> Iterator[Dict[str, Program]]:
    """A node of each kind, by the address of its HTTP."""
    kinds: List[Callable[[str], Program]] = [
        lambda path: run("three_files.py", path),
        lambda path: Program([str(AGENT), "run", path, "--adapter", "tokio"]),
        lambda path: Program([str(AGENT), "run", path, "--adapter", "smol"]),
    ]
    started: Dict[str, Program] = {}
    for start, configuration in zip(kinds, three()):
        path = tmp_path / f"{configuration['identifier']}.json"
        path.write_text(json.dumps(configuration))
        started[f"localhost:{configuration['listen_port']}"] = start(str(path))
    yield started
    for program in started.values():
        program.kill()


def leader_seen_by(address: str) -> str:
    """The address of the leader, as a node sees it; empty where it sees none, or does not serve yet."""
    try:
        leader = Client(address, timeout=PATIENCE).leader().leader
    except UnreachableError:
        return ""
    return "" if leader is None else f"localhost:{leader.port}"


def test_they_elect_one_and_the_next_when_each_of_them_is_killed(nodes: Dict[str, Program]) -> None:
    python = next(iter(nodes))

    def agreed() -> str:
        seen = {leader_seen_by(address) for address in nodes}
        return seen.pop() if len(seen) == 1 else ""

    until(agreed, "one leader")

    # The node of Python is made to lead, so that it is the one that is killed.
    def moved() -> bool:
        leader = leader_seen_by(python)
        if leader != python and leader:
            try:
                Client(leader, timeout=PATIENCE).transfer("server_a")
            except Exception:
                return False
        return leader_seen_by(python) == python

    until(moved, "the leadership of the node in Python")
    killed = nodes.pop(python)
    killed.kill()
    until(lambda: agreed() in nodes, "the next leader, after the one in Python was killed")
