"""What it costs to ask `is_leader()`, in nanoseconds of a processor, and fails where that is more than 300 ns at the median.

    python benches/is_leader.py [--old FOLDER]

With a FOLDER that `pip install --target FOLDER QCluster==0.0.4 async_timeout` has filled, the same loop asks version 0.0.4 in the same run, in a process of
its own since both are named `qcluster`. 0.0.4 reads an attribute that its event loop wrote last; here the end of the lease is held against a
fresh reading of the clock, so the figures are not for the same answer.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
import timeit

ROUNDS = 11
QUESTIONS = 300_000
NS_MAX = 300.0


def costs(cluster):
    """Nanoseconds of processor time of this thread for a question, by round. The loop around it is part of it."""
    timer = timeit.Timer("ask()", globals={"ask": cluster.is_leader}, timer=time.thread_time)
    return [1e9 * seconds / QUESTIONS for seconds in timer.repeat(ROUNDS, QUESTIONS)]


def report(name, measured):
    """Prints a line, and gives the median."""
    median = statistics.median(measured)
    print(f"{name}: median {median:.1f} ns, best {min(measured):.1f} ns, worst {max(measured):.1f} ns of a processor, {ROUNDS} rounds")
    return median


def new():
    """This package: a node that leads."""
    from qcluster import QCluster

    with QCluster(identifier="server_a", listen_port=0) as cluster:
        cluster.wait_for_leader(60)
        while not cluster.is_leader():
            time.sleep(0.01)
        return report("is_leader() of this package", costs(cluster))


def old():
    """Version 0.0.4: whether it leads makes no difference to what it does."""

    async def measure():
        from qcluster import QCluster, __version__

        if __version__ != "0.0.4":
            raise SystemExit(f"the folder has version {__version__}, and not 0.0.4")
        report("is_leader() of 0.0.4", costs(QCluster(identifier="server_a", listen_port=0)))
        sys.stdout.flush()
        os._exit(0)  # It has no way to stop its tasks.

    asyncio.run(measure())


def main():
    """Both, where there are both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", metavar="FOLDER", help="where version 0.0.4 is installed")
    parser.add_argument("--measure-old", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure_old:
        return old()
    median = new()
    if arguments.old is not None:
        environment = {**os.environ, "PYTHONPATH": arguments.old}
        subprocess.run([sys.executable, __file__, "--measure-old"], env=environment, check=True)
    else:
        print("is_leader() of 0.0.4: not measured (--old FOLDER)")
    print(f"gate {NS_MAX:.0f} ns: {'passed' if median <= NS_MAX else 'FAILED'}")
    return int(median > NS_MAX)


if __name__ == "__main__":
    sys.exit(main())
