"""Starts, ends, forks and signals: no hang, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import sys
import threading
from pathlib import Path
from typing import Callable

import pytest

from conftest import Program, free_port, until
from qcluster import QCluster

#: Of starts and stops in one process.
ROUNDS = 200

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="threads and descriptors are counted as on Linux")


@pytest.mark.parametrize("how", ["plain", "threads", "loop", "error"])
def test_a_program_ends_during_an_election(run: Callable[..., Program], how: str) -> None:
    program = run("exits_during_election.py", how, str(free_port()), str(free_port()))
    assert program.ends() == (3 if how == "error" else 0), program.lines
    expected = [] if how == "error" else ["ends"]
    assert program.told == expected


def test_a_leader_ends_with_watches_and_work_open(run: Callable[..., Program]) -> None:
    program = run("leads_and_exits.py", str(free_port()))
    assert (program.ends(), program.told) == (0, ["ends"])


def test_a_cluster_that_cannot_be_closed_keeps_no_node_from_its_end(run: Callable[..., Program]) -> None:
    program = run("ends_with_a_mistake.py", str(free_port()))
    assert program.ends() == 0, program.lines
    assert any("cannot be closed" in line for line in program.lines), program.lines
    assert program.told[-1] == "shutdown", "the waits were ended, and the node had stopped"


@needs_fork
def test_a_child_process_is_told_that_it_has_no_node(run: Callable[..., Program]) -> None:
    program = run("forks.py", str(free_port()))
    program.ends()
    assert program.told == ["child done", "child ended with 0", "parent done"]


def test_nodes_run_in_spawned_processes(run: Callable[..., Program]) -> None:
    program = run("spawns.py", str(free_port()), str(free_port()))
    line = program.says("leaders")
    assert line in ("leaders ['server_a'] [0, 0]", "leaders ['server_b'] [0, 0]")


@pytest.mark.parametrize("how", ["leader", "watch", "events", "work"])
def test_an_interrupt_ends_a_wait(run: Callable[..., Program], how: str) -> None:
    program = run("waits.py", how, str(free_port()), str(free_port()))
    program.says("waits")
    program.interrupt()
    program.says("interrupted")
    assert (program.ends(), program.told[-1]) == (0, "closed")


@needs_proc
def test_many_starts_and_stops_leave_nothing_behind() -> None:
    def start_and_stop(rounds: int) -> None:
        for turn in range(rounds):
            cluster = QCluster(identifier="server_a", listen_port=0)
            if turn % 2:
                cluster.close()
            else:
                del cluster  # It stops by itself.

    def count(what: str) -> int:
        return len(os.listdir(f"/proc/self/{what}"))

    start_and_stop(20)
    until(lambda: not any(thread.name == "qcluster-log" for thread in threading.enumerate()), "the end of the log")
    gc.collect()
    threads, descriptors, memory = count("task"), count("fd"), _memory_kb()
    start_and_stop(ROUNDS)
    until(lambda: count("task") <= threads and count("fd") <= descriptors, "the end of threads and descriptors")
    gc.collect()
    grown = _memory_kb() - memory
    print(f"{ROUNDS} starts and stops: {grown} kB more memory, {count('task')} threads, {count('fd')} descriptors", file=sys.stderr)
    # A node that stays has more than 100 kB; what allocators keep for later is less than 20 MB in all.
    assert grown < 100 * ROUNDS


def _memory_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def test_closing_ends_the_threads_of_the_package(alone: QCluster) -> None:
    alone.close()
    until(lambda: not any(thread.name.startswith("qcluster") for thread in threading.enumerate()), "the end of all threads")
