"""What the tests share: patience that ends, free ports, and programs that are ended with the test that started them."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, TypeVar

import pytest

from qcluster import QCluster, RefusedError
from qcluster._follow import Following

# A shell has its background jobs, and all that they start, ignore interrupts. What has a handler here has the usual one in programs.
signal.signal(signal.SIGINT, signal.default_int_handler)

#: Longer than anything here takes on any machine: a test that waits this long has found a bug.
PATIENCE = 60.0

PROGRAMS = Path(__file__).parent / "programs"

#: Below what systems give to outgoing connections, so that nothing takes a port between the look and the bind.
_PORTS = range(20_000, 32_000)
_offset = os.getpid() * 2_654_435_761 >> 16
_turns = itertools.count()

Seen = TypeVar("Seen")


def until(look: Callable[[], Optional[Seen]], what: str) -> Seen:
    """Looks until there is something to see."""
    end = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.01)


def first(following: Following[Seen], wanted: Callable[[Seen], bool]) -> Seen:
    """The first thing of that kind that happens."""
    while True:
        seen = following.next(PATIENCE)
        assert seen is not None, "it ended first"
        if wanted(seen):
            return seen


def gives_up(cluster: QCluster) -> None:
    """Has it step down, once it leads: a pause of the machine may have cost it the leadership just now."""

    def steps_down() -> bool:
        try:
            cluster.step_down()
        except RefusedError:
            return False
        return True

    until(steps_down, "a leadership to give up")


def refusal(ask: Callable[[], object]) -> RefusedError:
    """Why it is refused, apart from not leading just now."""

    def refused() -> Optional[RefusedError]:
        try:
            ask()
        except RefusedError as error:
            return None if error.code == "not_leader" else error
        raise AssertionError("it was not refused")

    return until(refused, "another refusal")


def until_it_waits(thread: threading.Thread) -> None:
    """Until a thread waits for an operation of a node."""

    def names() -> List[str]:
        frame = sys._current_frames().get(thread.ident or 0)
        found = []
        while frame is not None:
            found.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}")
            frame = frame.f_back
        return found

    until(lambda: "_operations.py:wait" in names()[:1], "a thread that waits")
    time.sleep(0.05)


def free_port() -> int:
    """A port that nobody uses, neither for UDP nor for TCP; each is given once."""
    for turn in itertools.islice(_turns, len(_PORTS)):
        port = _PORTS[(_offset + turn) % len(_PORTS)]
        if all(_can_bind(kind, port) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
            return port
    raise AssertionError("no port is free")


def _can_bind(kind: int, port: int) -> bool:
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, kind) as tried:
                tried.bind((host, port))
        except OSError as error:
            if error.errno not in (97, 99):  # A machine without IPv6 has no such address, and nobody who could use it.
                return False
    return True


def three(**more: Any) -> List[Dict[str, Any]]:
    """The configurations of a cluster of three on this machine."""
    names = ["server_a", "server_b", "server_c"]
    peers = [{"identifier": name, "host": "localhost", "port": free_port()} for name in names]
    return [
        {
            "identifier": me["identifier"],
            "listen_host": "localhost",
            "listen_port": me["port"],
            "peers": [peer for peer in peers if peer is not me],
            **more,
        }
        for me in peers
    ]


class Program:
    """A process whose lines are read as they come."""

    def __init__(self, arguments: List[str], **more: Any) -> None:
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1, **more
        )
        self.lines: List[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def says(self, text: str, after: int = 0) -> str:
        """Waits for a line with that text, after the given number of lines."""

        def look() -> Optional[str]:
            found = next((line for line in self.lines[after:] if text in line), None)
            is_over = found is None and self.process.poll() is not None and not self._reader.is_alive()
            assert not is_over, f"it ended with {self.process.returncode} and never said {text!r}: {self.lines}"
            return found

        return until(look, f"{text!r} among {self.lines}")

    @property
    def told(self) -> List[str]:
        """Its lines, without those that a node logs where a pause of the machine has cost it the leadership."""
        return [line for line in self.lines if "(node=server_" not in line]

    def kill(self) -> None:
        """As a crash."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def interrupt(self) -> None:
        """As Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def ends(self) -> int:
        """Waits for its end, and gives its status."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status


@pytest.fixture
def run() -> Iterator[Callable[..., Program]]:
    """Starts programs of Python, by their name in `programs`."""
    started: List[Program] = []

    def start(name: str, *arguments: str) -> Program:
        program = Program([sys.executable, "-u", str(PROGRAMS / name), *arguments])
        started.append(program)
        return program

    yield start
    for program in started:
        if program.process.poll() is None:
            program.kill()


@pytest.fixture
def steady(tmp_path: Path) -> Dict[str, Any]:
    """A cluster of one with a long lease: a pause of the machine seldom costs it the leadership. It leads after as long."""
    timing = {"heartbeat_ms": 250, "lease_ms": 1_000, "max_lease_ms": 1_000, "slot_ms": 1}
    return {"identifier": "server_a", "listen_port": 0, "data_dir": tmp_path / "state", "timing": timing}


@pytest.fixture
def alone(steady: Dict[str, Any]) -> Iterator[QCluster]:
    """A cluster of one that leads."""
    with QCluster(**steady) as cluster:
        until(cluster.is_leader, "the leadership of a cluster of one")
        yield cluster


@pytest.fixture
def files(tmp_path: Path) -> List[Path]:
    """Three files of configurations."""
    paths = []
    for configuration in three():
        path = tmp_path / f"{configuration['identifier']}.json"
        path.write_text(json.dumps(configuration))
        paths.append(path)
    return paths
