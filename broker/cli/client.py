"""HTTP to the broker, over its unix socket or its management port: the same requests. Must not: print."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import unquote, urlencode

from broker.cli.exits import NO_INPUT, SOFTWARE, TEMPORARY, CtlError, NotRunningError, RefusedError
from broker.cli.progress import bar
from broker.cli.target import TIMEOUT_S, HttpTarget, SocketTarget, Tls

PAGE_SIZE: Final = 500
PAGES_MAX: Final = 100_000
STATUS_REFUSED: Final = 400
NOT_FOUND: Final = 404
UNAUTHORIZED: Final = 401
BARE_REASONS: Final = ("Not Found", "Object Not Found")
REASON_CHARACTERS_MAX: Final = 2000
LARGE_BYTES: Final = 64 * 1024

Body = dict[str, Any] | list[Any] | bytes | None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float | None) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connects to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Asks one broker. Every method raises NotRunningError, RefusedError, or CtlError where no answer comes in time."""

    def __init__(self, target: SocketTarget | HttpTarget, timeout_s: float | None = TIMEOUT_S) -> None:
        self.target = target
        self.timeout_s = timeout_s

    def get(self, path: str, **query: object) -> Any:
        """What a GET answers; query parameters that are None are left out."""
        return self._ask("GET", _with_query(path, query))

    def put(self, path: str, body: Body = None, only_new: bool = False) -> Any:
        """PUTs; with `only_new` it is refused where the thing is there."""
        return self._ask("PUT", path, body or {}, {"If-None-Match": "*"} if only_new else {})

    def post(self, path: str, body: Body = None) -> Any:
        """What a POST answers."""
        return self._ask("POST", path, body or {})

    def upload(self, path: str, content: bytes) -> Any:
        """POSTs a large body, with a bar on a terminal."""
        return self._ask("POST", path, content)

    def delete(self, path: str, reason: str = "", **query: object) -> Any:
        """DELETEs; the reason is told to who is concerned."""
        return self._ask("DELETE", _with_query(path, query), None, {"X-Reason": _header(reason)} if reason else {})

    def pages(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """Every item of a listing, page by page; a resource without pages answers with all at once."""
        for page in range(1, PAGES_MAX):
            answer = self.get(path, page=page, page_size=PAGE_SIZE, **query)
            if isinstance(answer, list):
                yield from answer
                return
            yield from answer["items"]
            if page >= answer["page_count"]:
                return

    def has(self, path: str) -> bool:
        """Whether a GET finds something."""
        try:
            self.get(path)
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return False
            raise
        return True

    @contextmanager
    def stream(self, path: str, **query: object) -> Iterator[Iterator[bytes]]:
        """The lines of an answer that goes on."""
        connection = self._connection()
        try:
            response = self._send(connection, "GET", _with_query(path, query), None, {"Accept": "text/event-stream"})
            if response.status >= STATUS_REFUSED:
                raise self._refused(response.status, path, response.read())
            yield self._lines(response)
        finally:
            connection.close()

    def _lines(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        try:
            while line := response.readline():
                yield line
        except TimeoutError:
            raise self._late() from None
        except (OSError, http.client.HTTPException):
            return  # the broker has gone, and with it the stream

    def _ask(self, method: str, path: str, body: Body = None, headers: dict[str, str] | None = None) -> Any:
        connection = self._connection()
        try:
            response = self._send(connection, method, path, body, headers or {})
            answer = response.read()
        except TimeoutError:
            raise self._late() from None
        except (OSError, http.client.HTTPException) as error:
            raise NotRunningError(_why_not(self.target, error)) from None
        finally:
            connection.close()
        if response.status >= STATUS_REFUSED:
            raise self._refused(response.status, path, answer)
        return _parsed(answer)

    def _connection(self) -> http.client.HTTPConnection:
        target = self.target
        if isinstance(target, SocketTarget):
            return _UnixConnection(str(target.path), self.timeout_s)
        if target.tls is None:
            return http.client.HTTPConnection(target.host, target.port, timeout=self.timeout_s)
        context = _tls_context(target.tls)
        return http.client.HTTPSConnection(target.host, target.port, timeout=self.timeout_s, context=context)

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Body, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        target = self.target
        if isinstance(target, HttpTarget):
            login = base64.b64encode(f"{target.user}:{target.password}".encode()).decode("ascii")
            headers = {"Authorization": f"Basic {login}", **headers}
            path = target.prefix + path
        if body is not None:
            headers = {"Content-Type": "application/json", **headers}
        try:
            if isinstance(body, bytes):
                _send_large(connection, method, path, body, headers)
            else:
                connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
            return connection.getresponse()
        except TimeoutError:
            raise self._late() from None
        except (OSError, http.client.HTTPException) as error:
            raise NotRunningError(_why_not(target, error)) from None

    def _late(self) -> CtlError:
        text = (
            f"the broker at {place(self.target)} has not answered within {self.timeout_s:g} s; --timeout gives it more"
        )
        return CtlError(text, TEMPORARY)

    def _refused(self, status: int, path: str, answer: bytes) -> RefusedError:
        reason = _reason(status, answer)
        if status == NOT_FOUND and reason in BARE_REASONS:
            names = [unquote(name) for name in path.partition("?")[0].removeprefix("/api/").split("/")]
            reason = f"not found: {' / '.join(names)}"
        if status == UNAUTHORIZED and isinstance(self.target, HttpTarget):
            reason = (
                f'{place(self.target)} refused user "{self.target.user}": {reason}; give --user and --password-file, '
                "or set a tag such as monitoring or administrator for that user"
            )
        return RefusedError(status, reason)


def _send_large(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    with bar("Sending", len(body) if len(body) > LARGE_BYTES else 0, is_bytes=True) as advance:
        connection.request(method, path, _pieces(body, advance), {**headers, "Content-Length": str(len(body))})


def _pieces(body: bytes, advance: Callable[[int], None]) -> Iterator[bytes]:
    for start in range(0, len(body), LARGE_BYTES):
        yield (piece := body[start : start + LARGE_BYTES])
        advance(len(piece))


def _with_query(path: str, query: dict[str, object]) -> str:
    said = {name.replace("_", "-") if name.startswith("if_") else name: value for name, value in query.items()}
    text = urlencode({name: value for name, value in said.items() if value is not None})
    return f"{path}?{text}" if text else path


def _header(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in text)


def _parsed(answer: bytes) -> Any:
    try:
        return json.loads(answer) if answer.strip() else None
    except ValueError:
        raise CtlError("what answered is no broker's HTTP API: its answer is not JSON", SOFTWARE) from None


def _reason(status: int, answer: bytes) -> str:
    try:
        value = json.loads(answer)
    except ValueError:
        value = None
    if isinstance(value, dict) and (reason := value.get("reason") or value.get("error")):
        text = reason if isinstance(reason, str) else json.dumps(reason)
        return text[:REASON_CHARACTERS_MAX]
    return f"HTTP status {status} ({http.client.responses.get(status, 'unknown')})"


def _tls_context(tls: Tls) -> Any:
    import ssl  # noqa: PLC0415 - most commands need none

    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(one for one in (tls.ca_file, tls.certificate, tls.key) if one)
        raise CtlError(f"the certificates in {files} cannot be used: {error}", NO_INPUT) from None
    if not tls.is_checked:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def place(target: SocketTarget | HttpTarget) -> str:
    """Where a broker is looked for, without a password."""
    if isinstance(target, SocketTarget):
        return str(target.path)
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{'https' if target.tls else 'http'}://{host}:{target.port}"


def _why_not(target: SocketTarget | HttpTarget, error: Exception) -> str:
    where = place(target)
    if isinstance(target, HttpTarget):
        if type(error).__name__ == "SSLCertVerificationError":
            return f"the certificate of {where} is not trusted: {error}; --tls-ca names the authority that signed it"
        hint = "is the broker running there, with its management port on (--management-port) and on this address?"
        return f"no broker answers at {where}: {error}; {hint}"
    if isinstance(error, PermissionError):
        return f"{where} belongs to another user: run brokerctl as the user that runs brokerd"
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return (
            f"no broker is running with the data folder {target.data_dir}; another folder is given with --data-dir, "
            "a broker elsewhere with --url"
        )
    return f"the broker does not answer on {where}: {error}"
