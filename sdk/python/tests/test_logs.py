"""What nodes log is for `logging`."""

from __future__ import annotations

import logging
import threading
from typing import List

import pytest

from conftest import PATIENCE, gives_up, until
from qcluster import QCluster


def test_changes_are_logged_with_name_and_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="qcluster"):
        with QCluster(identifier="server_a", listen_port=0) as cluster:
            cluster.wait_for_leader(PATIENCE)

            def elected() -> List[logging.LogRecord]:
                return [record for record in caplog.records if getattr(record, "event", "") == "qcluster.elected"]

            record = until(elected, "the line of the election")[0]
    assert (record.name, record.levelno) == ("qcluster.change", logging.INFO)
    fields = getattr(record, "fields")
    assert fields["node"] == "server_a" and int(fields["token"]) > 0
    assert record.getMessage() == f"this node leads (node=server_a token={fields['token']})"


def test_a_filter_that_fails_spoils_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    seen: List[str] = []

    def refuse(record: logging.LogRecord) -> bool:
        seen.append(record.getMessage())
        raise KeyError("no such field")

    logger = logging.getLogger("qcluster.change")
    level = logger.level
    logger.addFilter(refuse)
    logger.setLevel(logging.INFO)
    try:
        with QCluster(identifier="server_a", listen_port=0) as cluster:
            until(cluster.is_leader, "the leadership")
            cluster.register("web")
            until(lambda: len(seen) > 1, "the second line")
    finally:
        logger.setLevel(level)
        logger.removeFilter(refuse)
    assert "no such field" in capfd.readouterr().err


def test_a_handler_that_blocks_delays_no_node() -> None:
    go_on, stood = threading.Event(), threading.Event()

    class Blocking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            stood.set()
            go_on.wait(PATIENCE)

    logger, handler = logging.getLogger("qcluster"), Blocking()
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        with QCluster(identifier="server_a", listen_port=0) as cluster:
            assert stood.wait(PATIENCE)
            until(cluster.is_leader, "the leadership")
            cluster.register("web")
            gives_up(cluster)
            until(cluster.is_leader, "the next leadership")
    finally:
        go_on.set()
        logger.setLevel(level)
        logger.removeHandler(handler)
