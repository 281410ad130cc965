"""A job that runs on one replica of a FastAPI service, the one that leads. It needs fastapi and uvicorn.

    QCLUSTER_CONFIG=../../../examples/server_a.json uvicorn leader_job:app --port 8001

likewise with `b` and 8002, `c` and 8003. `curl localhost:8001/job` tells what this replica has done. Stop the one that works, and another
one goes on. A worker process is a replica: give each a configuration of its own, or run one worker (`--workers 1`).
"""

import asyncio
import contextlib
import os
from typing import AsyncIterator, Dict, Optional

from fastapi import FastAPI

from qcluster import QCluster, WorkLease

done: Dict[str, Optional[int]] = {"rounds": 0, "token": None}


async def job(lease: WorkLease) -> None:
    """Runs while this replica leads: it is cancelled before the lease can end, and called again when leadership returns."""
    done["token"] = lease.token  # For everything that the job writes to, which refuses a smaller one.
    try:
        while True:
            done["rounds"] = (done["rounds"] or 0) + 1
            await asyncio.sleep(0.5)
    finally:
        done["token"] = None


@contextlib.asynccontextmanager
async def life(_: FastAPI) -> AsyncIterator[None]:
    """The node is started in the process that serves, after any fork, and leaves when that ends."""
    async with QCluster.from_file(os.environ["QCLUSTER_CONFIG"]) as cluster:
        running = asyncio.create_task(cluster.aio.run_as_leader(job))
        app.state.cluster = cluster
        yield
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


app = FastAPI(lifespan=life)


@app.get("/job")
async def told() -> Dict[str, object]:
    """What this replica has done, and who leads."""
    leader = app.state.cluster.get_leader_info()
    return {**done, "leader": leader.identifier if leader else None}
