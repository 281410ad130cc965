"""The client of the HTTP API, against nodes that serve it."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Tuple

import pytest
import trustme

from conftest import PATIENCE, free_port, three, until
from qcluster import Missed, QCluster, ServiceChanged, WatchEvent
from qcluster.client import ApiError, Client, IncomprehensibleError, LeaderInfo, UnreachableError, Watching
from qcluster.client._exchange import Address, Exchange


def address(cluster: QCluster) -> str:
    """Where the node serves HTTP."""
    return f"localhost:{cluster.me.port}"


@pytest.fixture
def client(alone: QCluster) -> Client:
    return Client(address(alone), timeout=PATIENCE)


def first(watching: Watching, wanted: Callable[[WatchEvent], bool]) -> WatchEvent:
    return next(event for event in watching if wanted(event))


def _leading(client: Client) -> Optional[LeaderInfo]:
    """Who leads, once somebody does: a pause of the machine may cost a node the leadership, or a client its patience."""
    try:
        told = client.leader()
    except UnreachableError:
        return None
    return told if told.leader is not None else None


def test_who_leads_and_who_is_there(alone: QCluster, client: Client) -> None:
    told = until(lambda: _leading(client), "a leader")
    assert told.leader == alone.me and told.is_me and not told.is_reported and told.mode == "leader"
    assert client.status()["identifier"] == "server_a"
    members = client.members()
    assert [member.identifier for member in members] == ["server_a"] and members[0].is_me and members.is_trusted
    assert [member.identifier for member in client.owners("a key/with ünusual characters", 3)] == ["server_a"]


def test_services_come_and_go(alone: QCluster, client: Client) -> None:
    web = client.register("web", 8001, id="web-1", tags=["v1", "blue"], metadata={"zone": "a"}, ttl_ms=60_000)
    assert web == alone.services("web")[0], "a node and the API tell the same"
    client.register("mail", "25", health="critical")
    assert len(client.services()) == 2
    assert [service.id for service in client.services("web", tags=["v1", "blue"], healthy=True)] == ["web-1"]
    assert len(client.services("mail", healthy=True)) == len(client.services("web", tags=["v2"])) == 0
    assert client.heartbeat("web-1", "warning").health == "warning"
    assert client.heartbeat("web-1").health == "warning"
    client.deregister("web-1")
    with pytest.raises(ApiError) as raised:
        client.heartbeat("web-1")
    assert (raised.value.code, raised.value.status) == ("unknown_service", 404)


def test_a_watch_misses_nothing_between_a_list_and_what_follows(client: Client) -> None:
    listed = client.services()
    client.register("web", 8001)
    watching = client.watch(listed.index)
    event = first(watching, lambda event: isinstance(event, ServiceChanged))
    assert isinstance(event, ServiceChanged) and (event.event, event.service.name) == ("added", "web")
    assert watching.index is not None and watching.index > listed.index


def test_a_watch_from_now_on_waits_for_what_happens(client: Client) -> None:
    short = client.watch(wait_ms=1)
    until(lambda: short.poll() is None, "that nothing happens")
    watching = client.watch()
    # Where it begins is known before the change that it has to tell of.
    watching.index = client.members().index
    registering = threading.Thread(target=lambda: client.register("web", 8001))
    registering.start()
    first(watching, lambda event: isinstance(event, ServiceChanged))
    registering.join(PATIENCE)


def test_what_a_node_does_not_remember_is_told_as_missed(client: Client) -> None:
    watching = client.watch(1)
    assert next(watching) == Missed()
    client.register("web", 8001)
    first(watching, lambda event: isinstance(event, ServiceChanged))


def test_leadership_is_transferred_by_whichever_node_has_it() -> None:
    clusters = [QCluster(**configuration) for configuration in three()]
    try:
        client = Client(address(clusters[0]), timeout=PATIENCE)

        def transferred() -> bool:
            try:
                return client.transfer() is not None
            except ApiError as error:
                assert error.code in ("no_successor", "not_leader", "too_soon"), error
                return False

        until(transferred, "a transfer")
        until(lambda: client.leader().leader, "the next leader")
        with pytest.raises(ApiError) as raised:
            until(lambda: _ask_for_a_stranger(client), "a refusal")
        assert raised.value.code == "not_a_voter" and str(raised.value).endswith("(not_a_voter)")
    finally:
        for cluster in clusters:
            cluster.close()


def test_a_leader_is_asked_over_tls_if_the_node_that_names_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[str] = []

    def ask(_: object, address: Address, *more: object) -> Tuple[Address, int, bytes]:
        asked.append(f"{address} {address.is_tls}")
        leader = {"host": "node2", "port": 7002, "identifier": "server_b"}
        refusal = {"code": "not_leader", "message": "no", "leader": leader}
        return (address, 409, json.dumps(refusal).encode()) if len(asked) == 1 else (address, 200, b'{"ended": 7}')

    monkeypatch.setattr(Exchange, "_ask", ask)
    assert Client("https://node1:7001", token="0123456789abcdef").transfer() == 7
    assert asked == ["node1:7001 True", "node2:7002 True"]


def _ask_for_a_stranger(client: Client) -> bool:
    try:
        client.transfer("server_z")
    except ApiError as error:
        if error.code == "not_a_voter":
            raise
    return False


def test_the_next_address_is_asked_where_the_first_does_not_answer(alone: QCluster) -> None:
    nobody = f"localhost:{free_port()}"
    client = Client(nobody, address(alone), timeout=PATIENCE)
    assert client.register("web", 8001).node == "server_a", "nothing was sent to the first one"
    assert len(client.services("web")) == 1
    with pytest.raises(UnreachableError) as raised:
        Client(nobody, f"localhost:{free_port()}").leader()
    assert raised.value.address == nobody and not raised.value.has_begun and "nothing has changed" in str(raised.value)


def test_a_change_is_not_repeated_elsewhere_once_it_was_sent(alone: QCluster) -> None:
    with socket.create_server(("localhost", 0)) as silent:
        deaf = f"localhost:{silent.getsockname()[1]}"
        with pytest.raises(UnreachableError) as raised:
            Client(deaf, address(alone), timeout=0.2).register("web", 8001)
        assert raised.value.has_begun and "may have happened" in str(raised.value)
        assert alone.services("web") == []
        told = until(lambda: _leading(Client(deaf, address(alone), timeout=1.0)), "an answer to a question, which is asked elsewhere")
        assert told.leader == alone.me


def test_a_token_is_shown() -> None:
    token = "0123456789abcdef"
    api = {"token": token, "require_token": True}
    with QCluster(identifier="server_a", listen_port=free_port(), api=api) as cluster:
        with pytest.raises(ApiError) as raised:
            Client(address(cluster), timeout=PATIENCE).register("web", 8001)
        assert raised.value.code == "unauthorized"
        assert Client(address(cluster), token=token, timeout=PATIENCE).register("web", 8001).name == "web"


def test_a_node_that_is_asked_to_leaves(alone: QCluster, client: Client) -> None:
    assert client.leave() == "server_a"
    until(lambda: alone.why_stopped() == "shutdown", "its end")


def test_tls_is_spoken_with_who_has_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(tmp_path / "node.key"))
    for pem in issued.cert_chain_pems:
        pem.write_to_path(str(tmp_path / "node.pem"), append=True)
    tls = {"cert": tmp_path / "node.pem", "key": tmp_path / "node.key", "client_ca": tmp_path / "ca.pem"}
    shown = (tmp_path / "node.pem", tmp_path / "node.key")
    with QCluster(identifier="server_a", listen_port=free_port(), api={"tls": tls}) as cluster:
        trusting = Client(address(cluster), ca=tmp_path / "ca.pem", certificate=shown, timeout=PATIENCE)
        assert trusting.register("web", 8001).name == "web"
        for client in (
            Client(address(cluster), ca=tmp_path / "other.pem", certificate=shown),
            Client(address(cluster), ca=tmp_path / "ca.pem"),
            Client(f"https://{address(cluster)}"),
        ):
            with pytest.raises(UnreachableError):
                client.status()


class _Answers(BaseHTTPRequestHandler):
    body = b""
    status = 200
    more = 0

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body) + self.more))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def somebody_else() -> Iterator[HTTPServer]:
    """What answers HTTP, and is no node."""
    server = HTTPServer(("localhost", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "status, body",
    [
        (200, b"<html>"),
        (404, b"{}"),
        (500, b"[]"),
        (200, b"\xff"),
        (200, b"{}"),
        (200, b"[]"),
        (200, b"null"),
        (200, b"[" * 100_000),
        (409, b'{"code": "not_leader", "message": "no", "leader": 7}'),
    ],
)
def test_an_answer_of_somebody_else_is_told_as_such(somebody_else: HTTPServer, status: int, body: bytes) -> None:
    _Answers.status, _Answers.body = status, body
    client = Client(f"localhost:{somebody_else.server_port}", timeout=PATIENCE)
    for ask in (client.leader, client.status, client.members, lambda: client.owners("a"), client.watch().poll):
        with pytest.raises(IncomprehensibleError):
            ask()


def test_an_answer_that_breaks_off_is_none(somebody_else: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Answers, "more", 7)
    _Answers.status, _Answers.body = 200, b"{}"
    with pytest.raises(UnreachableError) as raised:
        Client(f"localhost:{somebody_else.server_port}", timeout=PATIENCE).leader()
    assert raised.value.has_begun


@pytest.mark.parametrize("token", ["", "secret\n", "secret\r\nX-More: 1", "secret\u2026"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(ValueError, match="token") as raised:
        Client(token=token)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "ftp://localhost:1", "localhost:port", "localhost:70000", "http://"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        Client(text)


def test_addresses_are_read_in_their_usual_forms() -> None:
    cases: List[Any] = [
        ("localhost", False, "localhost:7001", False),
        ("https://node.internal:443/", False, "node.internal:443", True),
        ("http://[::1]:7002", True, "[::1]:7002", False),
        ("[::1]", False, "[::1]:7001", False),
        ("2001:db8::5", False, "[2001:db8::5]:7001", False),
        ("10.0.0.7:8001", True, "10.0.0.7:8001", True),
    ]
    for text, default_tls, expected, is_tls in cases:
        read = Address(text, default_tls)
        assert (str(read), read.is_tls) == (expected, is_tls), json.dumps(text)
