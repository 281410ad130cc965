"""Ends while its node looks for a leader, as it is told: from the main thread, an event loop, or with threads that wait."""

import asyncio
import sys
import threading

from qcluster import QCluster

how, port, other = sys.argv[1:]
peers = [{"identifier": "server_b", "host": "localhost", "port": int(other)}]
cluster = QCluster("server_a", listen_port=port, peers=peers)


def follow(following):
    for _ in following:
        pass


def work(lease):
    lease.wait_ending()


if how == "threads":
    for target, argument in ((follow, cluster.watch()), (follow, cluster.events()), (cluster.run_as_leader, work)):
        threading.Thread(target=target, args=(argument,), daemon=True).start()
    threading.Thread(target=cluster.wait_for_leader, daemon=True).start()
elif how == "loop":

    async def main():
        async def watch():
            async for _ in cluster.watch():
                pass

        asyncio.ensure_future(watch())
        asyncio.ensure_future(cluster.aio.wait_for_leader())
        await asyncio.sleep(0.05)

    asyncio.run(main())
elif how == "error":
    raise SystemExit(3)
print("ends", flush=True)
