"""Users of QCluster 0.0.4 change nothing but the version."""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path
from typing import Callable, Dict, List, Optional

import pytest

from conftest import PATIENCE, Program, free_port, until
from qcluster import ConfigError, Peer, QCluster


def leader_among(programs: Dict[str, Program]) -> Optional[str]:
    """The one whose last line says that it leads."""
    return next((name for name, program in programs.items() if program.lines[-1:] == [f"{name} leads"]), None)


def test_three_programs_elect_one_and_fail_over_when_it_is_killed(
    run: Callable[..., Program], files: List[Path]
) -> None:
    programs = {path.stem: run("three_files.py", str(path)) for path in files}
    first = until(lambda: leader_among(programs), "a leader")
    killed = programs.pop(first)
    for program in programs.values():
        program.says(f"follows {first} at localhost:")
    killed.kill()
    second = until(lambda: leader_among(programs), "the next leader")
    del programs[second]
    for program in programs.values():
        program.says(f"follows {second} at localhost:")


def test_the_arguments_are_those_of_0_0_4() -> None:
    arguments = list(inspect.signature(QCluster).parameters)
    assert arguments[:4] == ["identifier", "listen_host", "listen_port", "peers"]


@pytest.mark.parametrize("port", [int, str])
def test_ports_are_numbers_or_numeric_strings(port: Callable[[int], object]) -> None:
    peer = {"identifier": "server_b", "host": "localhost", "port": port(free_port()), "metadata": {"server_port": 8002}}
    with QCluster("server_a", "localhost", port(free_port()), [peer]) as cluster:  # type: ignore[arg-type]
        assert not cluster.is_leader(), "one of two cannot lead"
        assert cluster.get_leader_info() is None


def test_it_starts_without_a_running_loop_and_inside_one() -> None:
    async def inside() -> Peer:
        cluster = QCluster(identifier="server_a", listen_port=0, metadata={"custom_field": 5})
        leader = await cluster.aio.wait_for_leader(PATIENCE)
        await cluster.aio.close()
        return leader

    leader = asyncio.run(inside())
    assert (leader.host, leader.identifier, leader.metadata) == ("localhost", "server_a", {"custom_field": 5})
    with QCluster(identifier="server_a", listen_port=0) as cluster:
        assert cluster.wait_for_leader(PATIENCE).port == cluster.me.port


def test_the_leader_gets_its_own_info(alone: QCluster) -> None:
    assert alone.get_leader_info() == alone.me


def test_all_mistakes_are_named_at_once() -> None:
    peers = [
        {"identifier": "server_b", "port": 7002},
        {"identifier": "", "host": "localhost", "port": 0},
        {"identifier": "server_c", "host": "localhost", "port": 7003, "metadata": "none"},
        {"identifier": "server_d", "host": "localhost", "port": 7004, "prot": 7004},
        "server_e",
    ]
    with pytest.raises(ConfigError) as raised:
        QCluster(identifier="server_a", listen_port="port", peers=peers, timing="slow", data_dir=object())  # type: ignore[arg-type]
    assert isinstance(raised.value, ValueError)
    fields = {field for field, _ in raised.value.problems}
    expected = ["listen_port", "peers[0].host", "peers[1].identifier", "peers[1].port", "peers[2].metadata"]
    assert fields >= {*expected, "peers[3].prot", "peers[4]", "timing", "data_dir"}, str(raised.value)
    assert str(raised.value).count("\n") == len(raised.value.problems) - 1, "a line for each"


def test_bytes_are_no_list_of_numbers() -> None:
    with pytest.raises(ConfigError) as raised:
        QCluster(identifier="server_a", listen_port=0, metadata={"key": b"ab"})
    assert [field for field, _ in raised.value.problems] == ["metadata"]


def test_no_mistake_is_named_that_only_another_one_makes() -> None:
    with pytest.raises(ConfigError) as raised:
        QCluster(identifier=7, listen_port=[], peers=[{"host": "localhost"}])  # type: ignore[arg-type]
    fields = [field for field, _ in raised.value.problems]
    assert sorted(fields) == ["identifier", "listen_port", "peers[0].identifier", "peers[0].port"], str(raised.value)


def test_a_mistyped_field_is_told_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError) as raised:
        QCluster(identifier="server_a", listen_prot=7001, nothing_like_it=1)
    reasons = dict(raised.value.problems)
    assert "did you mean `listen_port`?" in reasons["listen_prot"]
    assert "expected one of" in reasons["nothing_like_it"]


def test_a_twin_among_the_peers_is_a_mistake_and_no_longer_skipped() -> None:
    peer = {"identifier": "server_b", "host": "localhost", "port": 7002}
    with pytest.raises(ConfigError, match="peers"):
        QCluster(identifier="server_a", listen_port=7001, peers=[peer, {**peer, "port": 7003}])


def test_a_file_of_a_configuration_starts_a_node(tmp_path: Path) -> None:
    path = tmp_path / "server_a.json"
    path.write_text("\ufeff" + json.dumps({"identifier": "server_a", "listen_port": 0}), encoding="utf-8")
    with QCluster.from_file(path) as cluster:
        assert cluster.me.identifier == "server_a"


def test_paths_and_tuples_are_as_good_as_texts_and_lists(tmp_path: Path) -> None:
    with QCluster(identifier="server_a", listen_port=0, peers=(), data_dir=tmp_path / "state") as cluster:
        assert cluster.wait_for_leader(PATIENCE).identifier == "server_a"
    assert (tmp_path / "state").is_dir()
