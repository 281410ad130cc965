"""A web service whose leader does the work, and whose followers send clients there: any replica may be asked. It needs aiohttp.

In three terminals: `python redirect.py ../../../examples/server_a.json`, likewise with `b` and `c`. Then `curl -L localhost:8001/orders` is
answered by the leader, whichever replica it is, with the token of its leadership. Without `-L` a follower answers `307` and where to
go, and `503` for the moment in which nobody leads. Stop the leader and ask again.

Each replica listens on the `server_port` of its metadata, and finds that of the leader in the metadata of its peer entry.
"""

import sys

from aiohttp import web

from qcluster import QCluster


def service(cluster: QCluster) -> web.Application:
    """The web service of one replica."""

    async def handle(request: web.Request) -> web.Response:
        lease = cluster.lease()
        if lease is not None:
            # Real work would give the token to whatever it writes to, which refuses a smaller one.
            return web.Response(text=f"{cluster.me.identifier} leads with token {lease.token} and has handled {request.path}\n")
        leader = cluster.get_leader_info()
        if leader is None or "server_port" not in leader.metadata or leader == cluster.me:
            return web.Response(status=503, headers={"Retry-After": "1"}, text="nobody leads\n")
        # 307 keeps the method and the body, unlike 302.
        host = f"[{leader.host}]" if ":" in leader.host else leader.host
        raise web.HTTPTemporaryRedirect(f"http://{host}:{leader.metadata['server_port']}{request.path_qs}")

    async def leave(application: web.Application) -> None:
        await cluster.aio.close()  # Hands over, so that the others need not wait for the lease to end.

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    application.on_shutdown.append(leave)
    return application


if __name__ == "__main__":
    cluster = QCluster.from_file(sys.argv[1])
    web.run_app(service(cluster), host=cluster.me.host, port=cluster.me.metadata["server_port"])
