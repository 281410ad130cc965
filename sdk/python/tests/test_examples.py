"""The examples do what they say."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from conftest import PATIENCE, Program, free_port, three, until

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Dict[str, Tuple[Path, int]]]:
    """Three configurations, and the port that each replica serves on."""
    configurations = three()
    ports = {configuration["identifier"]: free_port() for configuration in configurations}
    files = {}
    for configuration in configurations:
        name = configuration["identifier"]
        configuration["metadata"] = {"server_port": ports[name]}
        for peer in configuration["peers"]:
            peer["metadata"] = {"server_port": ports[peer["identifier"]]}
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(configuration))
        files[name] = (path, ports[name])
    yield files


def ask(port: int, path: str) -> str:
    """The answer, redirects followed; empty where there is none yet."""
    try:
        with urllib.request.urlopen(f"http://localhost:{port}{path}", timeout=PATIENCE) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


def end(programs: List[Program]) -> None:
    for program in programs:
        program.kill()


def test_the_loop_says_who_leads(replicas: Dict[str, Tuple[Path, int]]) -> None:
    programs = [Program([sys.executable, "-u", str(EXAMPLES / "three_files.py"), str(path)]) for path, _ in replicas.values()]
    try:
        until(lambda: any("is doing some work" in line for program in programs for line in program.lines), "work")
        until(lambda: any("This is the leader: Peer(" in line for program in programs for line in program.lines), "followers")
        programs[0].interrupt()
        assert programs[0].ends() == 0, programs[0].lines
    finally:
        end(programs)


def test_any_replica_leads_to_the_leader(replicas: Dict[str, Tuple[Path, int]]) -> None:
    pytest.importorskip("aiohttp")
    programs = [Program([sys.executable, "-u", str(EXAMPLES / "redirect.py"), str(path)]) for path, _ in replicas.values()]
    try:
        for _, port in replicas.values():
            answer = until(lambda: ask(port, "/orders?of=today"), "an answer of the leader")
            assert "leads with token" in answer and "/orders" in answer
        programs[0].interrupt()
        assert programs[0].ends() == 0, programs[0].lines
    finally:
        end(programs)


def test_the_job_runs_on_one_replica_and_on_another_when_that_is_gone(replicas: Dict[str, Tuple[Path, int]]) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    programs: Dict[int, Program] = {}
    for path, port in replicas.values():
        arguments = [sys.executable, "-m", "uvicorn", "leader_job:app", "--port", str(port)]
        programs[port] = Program(arguments, cwd=EXAMPLES, env={**os.environ, "QCLUSTER_CONFIG": str(path)})
    try:

        def working() -> List[int]:
            answers: Dict[int, Any] = {port: json.loads(ask(port, "/job") or "{}") for port in programs}
            return [port for port, told in answers.items() if told.get("token")]

        first = until(working, "a replica that works")[0]
        gone = programs.pop(first)
        gone.interrupt()
        gone.ends()
        until(working, "another one")
    finally:
        end(list(programs.values()))
