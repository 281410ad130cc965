"""A client of the HTTP API of nodes, in Python alone: for services beside an agent (`qcluster run`), and for tools.

>>> from qcluster.client import Client
>>> client = Client("localhost:7001", "localhost:7002", timeout=1.0)
>>> client.register("web", 8001, ttl_ms=10_000)  # doctest: +SKIP
>>> client.leader().leader  # doctest: +SKIP

`docs/HTTP.md` of the project has what each request means.
"""

from ._client import Client, LeaderInfo, Listing
from ._errors import ApiError, IncomprehensibleError, UnreachableError
from ._watch import Watching

__all__ = ["ApiError", "Client", "IncomprehensibleError", "LeaderInfo", "Listing", "UnreachableError", "Watching"]
