"""Why a request has no answer, or another one than was hoped for."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .._errors import QClusterError
from .._model import Peer


class UnreachableError(QClusterError):
    """No node answered. `has_begun` tells whether a request had been sent: what it asks for may have happened then, or may still."""

    def __init__(self, address: str, reason: str, has_begun: bool) -> None:
        super().__init__(address, reason, has_begun)
        self.address = address
        self.reason = reason
        self.has_begun = has_begun

    def __str__(self) -> str:
        state = "what was asked for may have happened" if self.has_begun else "nothing has changed"
        return f"{self.address} does not answer: {self.reason}; {state}"


class IncomprehensibleError(QClusterError):
    """What answers there is not a node, or one of a release that says it differently."""


class ApiError(QClusterError):
    """A node has refused. Nothing has changed, unless the code is `not_finished`."""

    def __init__(self, address: str, status: int, body: Dict[str, Any]) -> None:
        super().__init__(address, status, body)
        self.address = address
        self.status = status
        #: Which error it is; never changes.
        self.code: str = body["code"]
        #: What happened and what to do.
        self.message: str = body["message"]
        #: Who leads, where the error is that the asked node does not.
        self.leader: Optional[Peer] = Peer.from_json(body["leader"]) if body.get("leader") else None
        #: From which index to go on once everything is read again, where the error is that the given one is not known.
        self.index: Optional[int] = body.get("index")
        #: Which voters are heard and which are not, where the error is that nobody leads.
        self.quorum: Optional[Dict[str, Any]] = body.get("quorum")
        #: What else should not be.
        self.warnings: List[str] = list(body.get("warnings", ()))

    def __str__(self) -> str:
        return f"{self.address}: {self.message} ({self.code})"
