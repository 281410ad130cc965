"""Starts nodes in processes of `multiprocessing`, by spawn."""

import multiprocessing
import sys

from qcluster import QCluster


def serve(identifier, port, peers, told, end):
    with QCluster(identifier, listen_port=port, peers=peers) as cluster:
        told.put((identifier, cluster.wait_for_leader(60).identifier))
        end.wait(60)  # One of two alone would find no leader.


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    names = ["server_a", "server_b"]
    ports = dict(zip(names, map(int, sys.argv[1:])))
    told, end = context.Queue(), context.Event()
    processes = []
    for name in names:
        peers = [{"identifier": other, "host": "localhost", "port": ports[other]} for other in names if other != name]
        processes.append(context.Process(target=serve, args=(name, ports[name], peers, told, end)))
        processes[-1].start()
    answers = dict(told.get(timeout=60) for _ in names)
    end.set()
    for process in processes:
        process.join(60)
    print("leaders", sorted(set(answers.values())), [process.exitcode for process in processes], flush=True)
