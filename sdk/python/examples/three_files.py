"""The loop of QCluster 0.0.4, with the same calls: in three terminals, with the files of the project's `examples`.

    python three_files.py ../../../examples/server_a.json
"""

import asyncio
import json
import logging
import sys

from qcluster import QCluster

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
logger = logging.getLogger("three_files")


async def main() -> None:
    with open(sys.argv[1]) as f:
        conf = json.load(f)
    identifier = conf["identifier"]
    cluster = QCluster(**conf)
    while True:
        if cluster.is_leader():
            logger.info("I am the leader!")
            logger.info("%s is doing some work...", identifier)
        else:
            logger.info("I am not the leader :(")
            logger.info("This is the leader: %s", cluster.get_leader_info())
        await asyncio.sleep(1)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass  # The node hands over what it leads before the interpreter ends.
