"""The nodes of this process: closed before the interpreter ends, and left alone in a child process."""

from __future__ import annotations

import atexit
import os
import time
import traceback
import weakref
from typing import Protocol

from . import _logs, _operations, _qcluster
from ._errors import QClusterError

#: How long the end of the interpreter waits for nodes to hand over. What is not done by then is aborted.
_EXIT_SECONDS_MAX = 10.0

_open: weakref.WeakSet[_qcluster.Node] = weakref.WeakSet()

#: Clusters in memory. They end first: a node that a test has frozen would hand over nothing.
_clusters: weakref.WeakSet[Closing] = weakref.WeakSet()


class Closing(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Ends it. Again does no harm."""


def begun(cluster: Closing) -> None:
    """Takes care of a cluster in memory."""
    _clusters.add(cluster)


def opened(node: _qcluster.Node) -> None:
    """Takes care of a node that has started."""
    _open.add(node)
    weakref.finalize(node, _look_again).atexit = False
    _logs.reader.begin(_has_nodes)


def closed(node: _qcluster.Node) -> None:
    """The node has stopped."""
    _open.discard(node)
    _look_again()


def _look_again() -> None:
    _logs.reader.look_again()


def _has_nodes() -> bool:
    return bool(_open)


def _at_exit() -> None:
    _operations.begin_exit()
    try:
        _close_all(time.monotonic() + _EXIT_SECONDS_MAX)
        _open.clear()
        _logs.reader.end()
    finally:
        # A thread that came back from a wait later would find no interpreter.
        _qcluster.end_waits(1.0)
        _operations.end_waiters()


def _close_all(until: float) -> None:
    """Has all clusters and nodes stop, at once and by that time. What fails is told, and keeps no other from its end."""
    for cluster in list(_clusters):
        try:
            cluster.close()
        except Exception:
            traceback.print_exc()
    stopping = []
    for node in list(_open):
        try:
            operation = node.shutdown()
            operation.wait(0.0)
        except QClusterError:
            continue
        stopping.append((node, operation))
    late = []
    for node, operation in stopping:
        try:
            if not operation.wait(max(0.0, until - time.monotonic())):
                late.append(node.abort())
        except QClusterError:
            continue
    # An abort waits for nobody.
    until = time.monotonic() + 1.0
    for operation in late:
        try:
            operation.wait(max(0.0, until - time.monotonic()))
        except QClusterError:
            continue


def _in_child() -> None:
    global _clusters, _open
    _clusters, _open = weakref.WeakSet(), weakref.WeakSet()
    _qcluster.forget_waits()
    _operations.forget_waiters()
    _logs.forget_reader()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
