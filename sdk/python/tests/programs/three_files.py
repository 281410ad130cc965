"""A loop with the calls of QCluster 0.0.4, and nothing else: one of three, by its configuration file."""

import asyncio
import json
import logging
import sys

from qcluster import QCluster

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
logger = logging.getLogger("service")


async def main():
    with open(sys.argv[1]) as f:
        conf = json.load(f)
    cluster = QCluster(**conf)
    while True:
        leader = cluster.get_leader_info()
        if cluster.is_leader():
            logger.info("%s leads", conf["identifier"])
        elif leader is None:
            logger.info("%s sees no leader", conf["identifier"])
        else:
            logger.info("%s follows %s at %s:%s with %s", conf["identifier"], leader.identifier, leader.host, leader.port, leader.metadata)
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main())
