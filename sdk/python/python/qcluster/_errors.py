"""What can go wrong, each with what happened, what state was left and what to do."""

from __future__ import annotations

from typing import Sequence, Tuple


class QClusterError(Exception):
    """Something of this package has failed."""


class ConfigError(QClusterError, ValueError):
    """The configuration has mistakes, and nothing was started: `problems` has all of them, as pairs of field and reason."""

    def __init__(self, problems: Sequence[Tuple[str, str]]) -> None:
        super().__init__(problems)
        self.problems: Tuple[Tuple[str, str], ...] = tuple((field, reason) for field, reason in problems)

    def __str__(self) -> str:
        return "\n".join(f"{field}: {reason}" for field, reason in self.problems)


class StartError(QClusterError):
    """The node could not start for another reason, such as a port that is in use. Nothing runs."""


class RefusedError(QClusterError):
    """The node has refused what it was asked, and nothing has changed. `code` never changes and is that of the HTTP API."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class StoppedError(QClusterError):
    """The node has stopped. `reason` is `shutdown`, `aborted`, `duplicate_identifier`, `superseded`, `forked` or `exiting`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message


class ForkedError(StoppedError):
    """The node runs in the process that this one was forked from, and not here: start one after the fork."""

    def __init__(self, message: str) -> None:
        super().__init__("forked", message)
        self.args = (message,)


class LeadershipLost(QClusterError):
    """Work of the leader has to end. `run_as_leader` takes it as the end of that work, and calls it again when leadership returns."""
