"""One request over one connection, with limits on time and length, to the first of several nodes that answers."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, TypeVar

from ._errors import ApiError, IncomprehensibleError, UnreachableError

#: The longest answer that is read, in bytes.
ANSWER_LEN_MAX = 64 * 1024 * 1024

_DEFAULT_PORT = 7001

#: What a header can carry.
_TOKEN = re.compile(r"[\x20-\x7e\xa0-\xff]+")

Answer = TypeVar("Answer")


class Address:
    """Where a node is: `host:port`, or with `https://` before it."""

    def __init__(self, text: str, default_tls: bool) -> None:
        scheme, found, rest = text.partition("://")
        if not found:
            scheme, rest = ("https" if default_tls else "http"), text
        host, colon, port = rest.rstrip("/").rpartition(":")
        # More than one colon, and no brackets: all of it is an address of IPv6.
        if not colon or (":" in host and not host.endswith("]")):
            host, port = rest.rstrip("/"), str(_DEFAULT_PORT)
        if scheme not in ("http", "https") or not host or "/" in host or not port.isdigit() or int(port) > 65_535:
            raise ValueError(f"`{text}` is no address of a node: it is host:port, such as localhost:7001, or https://host:port")
        self.is_tls = scheme == "https"
        self.host = host.strip("[]")
        self.port = int(port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Exchange:
    """Who is asked, and how."""

    def __init__(
        self,
        addresses: Sequence[str],
        token: Optional[str],
        ca: Optional[str],
        certificate: Optional[Tuple[str, str]],
        timeout: float,
    ) -> None:
        self._tls = _tls(ca, certificate)
        self._addresses = [Address(text, self._tls is not None) for text in addresses]
        if not self._addresses:
            raise ValueError("a client has to know the address of a node: Client('localhost:7001')")
        if token is not None and not _TOKEN.fullmatch(token):
            raise ValueError("the token cannot be sent: it is empty, or has line breaks or characters beyond Latin-1")
        self._token = token
        self.timeout = timeout

    def ask(
        self,
        read: Callable[[Any], Answer],
        method: str,
        path: str,
        body: Optional[Dict[str, Any]] = None,
        *,
        wait: float = 0.0,
        at: Optional[str] = None,
    ) -> Answer:
        """The answer of the node that answered last, or of the next one where nothing was sent to it or nothing is changed by it.

        `read` makes of JSON what is asked for: what it cannot do that with is no answer of a node.
        """
        address, status, text = self._asked(method, path, body, wait, at)
        return _understood(address, status, text, read)

    def _asked(
        self, method: str, path: str, body: Optional[Dict[str, Any]], wait: float, at: Optional[str]
    ) -> Tuple[Address, int, bytes]:
        if at is not None:
            # As the node was asked that has named it: what was sent over TLS, the token above all, goes nowhere in clear.
            return self._ask(Address(at, self._addresses[0].is_tls), method, path, body, wait)
        failed: Optional[UnreachableError] = None
        for _ in range(len(self._addresses)):
            try:
                return self._ask(self._addresses[0], method, path, body, wait)
            except UnreachableError as error:
                # The next one is asked first from now on.
                self._addresses.append(self._addresses.pop(0))
                if error.has_begun and method != "GET":
                    raise
                failed = failed or error
        assert failed is not None
        raise failed

    def _ask(
        self, address: Address, method: str, path: str, body: Optional[Dict[str, Any]], wait: float
    ) -> Tuple[Address, int, bytes]:
        headers = {"Accept": "application/json", "Connection": "close"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        connection = self._connection(address, self.timeout + wait)
        has_begun = False
        try:
            connection.connect()
            has_begun = True
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            text = response.read(ANSWER_LEN_MAX + 1)
            if response.length and len(text) <= ANSWER_LEN_MAX:
                raise http.client.IncompleteRead(text, response.length)
        except (OSError, http.client.HTTPException) as error:
            reason = f"nothing within {self.timeout:g} s" if isinstance(error, TimeoutError) else _reason(error)
            raise UnreachableError(str(address), reason, has_begun) from error
        finally:
            connection.close()
        return address, response.status, text

    def _connection(self, address: Address, timeout: float) -> http.client.HTTPConnection:
        if not address.is_tls:
            return http.client.HTTPConnection(address.host, address.port, timeout=timeout)
        context = self._tls or ssl.create_default_context()
        return http.client.HTTPSConnection(address.host, address.port, timeout=timeout, context=context)


def _tls(ca: Optional[str], certificate: Optional[Tuple[str, str]]) -> Optional[ssl.SSLContext]:
    if ca is None and certificate is None:
        return None
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _understood(address: Address, status: int, text: bytes, read: Callable[[Any], Answer]) -> Answer:
    if len(text) > ANSWER_LEN_MAX:
        raise IncomprehensibleError(f"{address}: the answer is longer than {ANSWER_LEN_MAX} bytes")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise IncomprehensibleError(f"{address}: the answer (status {status}) is no JSON: is this the port of a node?") from None
    # Whatever it is that somebody else answers, it is told as that.
    unfit = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
    try:
        if status == 200:
            return read(told)
        if isinstance(told, dict) and isinstance(told.get("code"), str) and isinstance(told.get("message"), str):
            refused = ApiError(str(address), status, told)
        else:
            refused = None
    except unfit as error:
        text_of_error = f"{type(error).__name__}: {error}"
        raise IncomprehensibleError(f"{address}: the answer (status {status}) is not that of a node: {text_of_error}") from None
    if refused is not None:
        raise refused
    raise IncomprehensibleError(f"{address}: the answer has status {status} and does not say why")
