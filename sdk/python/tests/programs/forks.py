"""Forks with a node, and asks the node in the child; then starts another one there, as the last argument says."""

import asyncio
import os
import signal
import sys
import threading
import time
import traceback
import warnings

from qcluster import ForkedError, QCluster, RefusedError

warnings.simplefilter("ignore", DeprecationWarning)  # A fork of a process with threads is what this is about.
port = int(sys.argv[1])
cluster = QCluster(identifier="server_a", listen_port=port)
cluster.wait_for_leader(60)
watch, events = cluster.watch(), cluster.events()
threading.Thread(target=lambda: list(events), daemon=True).start()


async def in_a_loop(ask):
    await ask()


def steps_down(ask):
    """Asks until it leads: a pause of the machine may have cost it the leadership."""
    while True:
        try:
            return ask()
        except RefusedError:
            time.sleep(0.01)


def child():
    signal.alarm(60)
    asked = [
        cluster.members,
        cluster.services,
        cluster.lease,
        cluster.get_leader_info,
        cluster.watch,
        cluster.events,
        cluster.step_down,
        cluster.wait_for_leader,
        cluster.leave,
        lambda: cluster.register("web"),
        lambda: cluster.run_as_leader(print),
        lambda: next(watch),
        lambda: asyncio.run(in_a_loop(cluster.aio.step_down)),
        lambda: asyncio.run(in_a_loop(watch.__anext__)),
    ]
    for ask in asked:
        try:
            ask()
        except ForkedError as error:
            assert "after the fork" in str(error)
        else:
            raise AssertionError(f"{ask} was answered")
    assert cluster.why_stopped() == "forked"
    cluster.close()
    while cluster.is_leader():
        pass
    with QCluster(identifier="server_b", listen_port=0) as own:
        own.wait_for_leader(60)
        steps_down(lambda: asyncio.run(in_a_loop(own.aio.step_down)))
    print("child done", flush=True)


pid = os.fork()
if pid == 0:
    try:
        child()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    sys.exit(0)  # With everything that a process does at its end.
_, status = os.waitpid(pid, 0)
print("child ended with", status, flush=True)
cluster.register("web")
steps_down(cluster.step_down)
print("parent done", flush=True)
