# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log lines of a server about failed logins, with a real Jupyter Server and a socket in place of the
journal's."""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import time
import types
import urllib.parse
from pathlib import Path

import jinja2
import pytest

from .conftest import PASSWORD, TOKEN, wait_for

_TEXT = (Path(__file__).parents[2] / "roles/jupyter/templates/login_log.py.j2").read_text()


def render(**instance: bool) -> str:
    return jinja2.Template(_TEXT, trim_blocks=True).render(instance=instance)


TEMPLATE = render(login_throttle=True, hub_keys_file=True)
COUNTED = b"MESSAGE=127.0.0.1 sent a wrong password or token\n"


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.setblocking(False)
        yield path, listener


@pytest.fixture(scope="module")
def server(make_jupyter, journal):
    text = TEMPLATE.replace("/run/systemd/journal/socket", str(journal[0]))
    # Twice, as somebody's own configuration may load ours again; and behind a header that says where a request comes
    # from.
    return make_jupyter(f"c.IdentityProvider.token = {TOKEN!r}\nc.ServerApp.trust_xheaders = True\n{text}\n{text}")


class Client:
    def __init__(self, port: int, listener: socket.socket) -> None:
        self.port, self.listener = port, listener
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> int:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        line._encode_request = lambda request: request.encode("latin-1")  # bytes that no honest client sends
        line.putrequest(method, path)
        for name, value in {"Cookie": cookie, "Content-Length": str(len(body or "")), **headers}.items():
            line.putheader(name.replace("_", "-"), value)
        line.endheaders((body or "").encode())
        answer = line.getresponse()
        answer.read()
        for each in answer.headers.get_all("Set-Cookie") or []:
            name, value = each.split(";")[0].split("=", 1)
            self.cookies[name] = value
        line.close()
        return answer.status

    def log_in(self, password: str, query: str = "") -> int:
        self.ask("GET", "/login")
        form = urllib.parse.urlencode({"password": password, "_xsrf": self.cookies["_xsrf"]})
        return self.ask("POST", f"/login{query}", form, Content_Type="application/x-www-form-urlencoded")

    def counted(self, seconds: float = 0.3) -> list[bytes]:
        """The lines so far. A server answers first."""
        found = []
        time.sleep(seconds)
        while True:
            try:
                found.append(self.listener.recv(65536))
            except BlockingIOError:
                return found


@pytest.fixture
def client(server, journal):
    client = Client(server.port, journal[1])
    client.counted()
    return client


@pytest.mark.parametrize(
    "query",
    ["", "?next=%2Flab", "?x=" + "A" * 60000, "?a=\xa0b", "?a=%0a%0d", "?password=other"],
    ids=["plain", "next", "60 kB", "U+00A0", "lines", "twice"],
)
def test_a_wrong_password_is_counted_whatever_stands_beside_it(client, query):
    assert client.log_in("not it", query) == 401
    (line,) = client.counted()
    assert line.startswith(COUNTED)
    assert len(line) < 300


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        pytest.param("/api/status", {"Authorization": "token guess"}, id="a header"),
        pytest.param("/api/status", {"Authorization": "Bearer guess"}, id="a header of the other kind"),
        pytest.param("/api/status", {"Authorization": "token\tguess"}, id="a header with a tab"),
        pytest.param("/api/status?token=guess", {"Authorization": "token " + "k" * 43}, id="behind a key of a hub"),
        pytest.param("/api/status?token=guess", {}, id="the address"),
        pytest.param("/login?token=guess", {}, id="the login page, which tells by where it leads"),
        pytest.param("/lab?token=guess", {}, id="a page that leads to the login"),
        pytest.param("/api?token=guess", {}, id="what is open to all"),
        pytest.param("/api/kernels/1/channels?token=guess", {}, id="a WebSocket"),
    ],
)
def test_a_wrong_token_is_counted(client, path, headers):
    client.ask("GET", path, **headers)
    assert [line.split(b"\n")[0] + b"\n" for line in client.counted()] == [COUNTED]


def test_no_header_chooses_the_address(client):
    for name in ("X_Real_Ip", "X_Forwarded_For", "X_Forwarded", "Forwarded", "Referer"):
        client.ask("GET", "/api/status", Authorization="token guess", **{name: "192.0.2.99"})
    lines = client.counted()
    assert len(lines) == 5
    assert all(line.startswith(COUNTED) and b"192.0.2.99" not in line for line in lines)


def test_who_knows_the_password_or_the_token_or_says_nothing_is_not_counted(client):
    assert client.ask("GET", "/api/status") == 403
    assert client.ask("GET", "/api/status?token=") == 403
    assert client.ask("GET", "/login") == 200
    assert client.ask("GET", "/api/kernels", Authorization="token " + "k" * 43) == 403  # an old key of a hub
    assert client.ask("GET", "/api/status", Authorization=f"token {TOKEN}") == 200
    client.cookies.clear()
    assert client.log_in(PASSWORD) == 302
    assert client.ask("GET", "/api/status?token=an-old-one") == 200  # known by the cookie
    assert client.counted() == []


def test_a_form_without_its_token_is_no_guess(client):
    """It is refused before the password is looked at; anybody's browser can be made to send it."""
    assert client.ask("POST", "/login", "password=guess", Content_Type="application/x-www-form-urlencoded") == 403
    assert client.counted() == []


@pytest.fixture
def logins():
    """The output of the template, without a server."""
    scope: dict[str, object] = {}
    none = "class Application:\n    log_request = None\nclass RequestHandler:\n    _execute = None"
    exec(
        compile(TEMPLATE.replace("from tornado.web import Application, RequestHandler", none), "login_log.py", "exec"),
        scope,
    )
    return scope["_Logins"]


@pytest.mark.parametrize(
    ("peer", "origin"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
    ],
)
def test_of_ipv6_a_network_is_counted(logins, peer, origin):
    context = types.SimpleNamespace(address=(peer, 1))
    handler = types.SimpleNamespace(request=types.SimpleNamespace(connection=types.SimpleNamespace(context=context)))
    found = logins.origin(handler)
    assert str(found) == origin
    # Through a tunnel everybody comes from the loopback, of either kind.
    logins.note(found)
    assert [str(each) for each in logins.wrong] == ([] if origin == "::1" else [origin])


def test_the_filter_reads_that_line_alone():
    text = (Path(__file__).parents[2] / "roles/jupyter/files/fail2ban_filter.conf").read_text()
    expression = (
        re.search(r"^failregex = (.*)$", text, re.MULTILINE).group(1).replace("<SUBNET>", r"(?P<who>[0-9a-f.:/]+)")
    )
    line = "web1 remote-notebooks-login[12]: {} sent a wrong password or token"
    for who in ("192.0.2.7", "2001:db8:1:2::/64"):
        assert re.search(expression, line.format(who)).group("who") == str(
            ipaddress.ip_network(who) if "/" in who else who
        )
    for other in (
        "web1 python[12]: " + line.format("192.0.2.7"),
        line.format("192.0.2.7") + " x",
        line.format("a 192.0.2.7"),
    ):
        assert re.search(expression, other) is None


def test_the_journal_is_not_there(make_jupyter):
    """The login goes on, and the log names the uncounted attempts."""
    server = make_jupyter(TEMPLATE.replace("/run/systemd/journal/socket", "/nonexistent/socket"))
    client = Client(server.port, None)
    assert client.log_in("not it") == 401
    wait_for(lambda: "could not be counted" in server.log, "line of the log", 5)


@pytest.fixture(scope="module")
def strict(make_jupyter, journal):
    # Who comes by the loopback is spared, and here everybody does.
    text = TEMPLATE.replace("/run/systemd/journal/socket", str(journal[0])).replace("127.0.0.0/8", "192.0.2.0/24")
    return make_jupyter(f"c.IdentityProvider.token = {TOKEN!r}\n{text}")


@pytest.fixture(scope="module")
def places():
    return iter(range(2, 200))


@pytest.fixture
def from_elsewhere(strict, places):
    """The answers to many connections of one address that is used only here."""

    def send(request: str, count: int) -> list[int]:
        place = (f"127.0.1.{next(places)}", 0)
        lines = [socket.create_connection(("127.0.0.1", strict.port), 10, place) for _each in range(count)]
        for line in lines:
            line.sendall(request.encode())
        found = []
        for line in lines:
            answer = http.client.HTTPResponse(line)
            answer.begin()
            found.append(answer.status)
            line.close()
        return found

    return send


class TestManyAtOnce:
    """fail2ban blocks an address a second after its fifth guess. A request that waits in an open connection by then is
    no guess any more."""

    def test_passwords(self, client, strict, from_elsewhere):
        client.port = strict.port
        client.ask("GET", "/login")
        body = urllib.parse.urlencode({"password": "guess", "_xsrf": client.cookies["_xsrf"]})
        head = (
            f"Cookie: _xsrf={client.cookies['_xsrf']}\r\nContent-Type:"
            f" application/x-www-form-urlencoded\r\nContent-Length: {len(body)}"
        )
        answers = from_elsewhere(f"POST /login HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n{body}", 60)
        assert sorted(answers) == [401] * 5 + [429] * 55
        assert len(client.counted()) == 5

    @pytest.mark.parametrize(
        ("path", "more"),
        [
            pytest.param("/api/status?token=guess", "", id="the address"),
            pytest.param(
                "/api/kernels/1/channels?token=guess",
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n",
                id="a WebSocket",
            ),
            pytest.param("/lab", "Authorization: Bearer guess\r\n", id="a header"),
        ],
    )
    def test_tokens(self, client, from_elsewhere, path, more):
        answers = from_elsewhere(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n", 60)
        assert answers.count(429) == 55
        assert len(client.counted()) == 5

    def test_who_comes_from_elsewhere_is_let_in(self, strict, client, from_elsewhere):
        from_elsewhere("GET /api/status?token=guess HTTP/1.1\r\nHost: localhost\r\n\r\n", 20)
        client.port = strict.port
        assert client.log_in(PASSWORD) == 302
        assert from_elsewhere(f"GET /api/status?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n", 60) == [200] * 60


def test_through_a_tunnel_everybody_is_one_address_and_none_is_shut_out(client):
    for _turn in range(7):
        assert client.ask("GET", "/api/status?token=guess") == 403
    assert client.ask("GET", f"/api/status?token={TOKEN}") == 200


@pytest.fixture(scope="module")
def behind(make_jupyter):
    return make_jupyter(f"c.IdentityProvider.token = {TOKEN!r}\n{render(counts_logins=True)}")


class TestBehindAProxy:
    """Every connection comes from the proxy, which says in its header where each request is from."""

    @pytest.fixture
    def guess(self, client, behind):
        client.port = behind.port

        def send(**headers: str) -> int:
            return client.ask("GET", "/api/status", Authorization="token guess", **headers)

        return send

    def test_the_address_that_the_proxy_adds_is_counted(self, guess, client):
        assert [guess(X_Forwarded_For="192.0.2.7") for _each in range(7)] == [403] * 5 + [429] * 2
        assert guess(X_Forwarded_For="192.0.2.8") == 403
        assert client.counted() == []  # nothing is there to shut the address out

    def test_the_client_s_own_words_change_nothing(self, guess):
        found = [guess(X_Forwarded_For=f"198.51.100.{number}, 192.0.2.9", X_Real_Ip="::1") for number in range(7)]
        assert found == [403] * 5 + [429] * 2

    @pytest.mark.parametrize("headers", [{}, {"X_Forwarded_For": "unknown"}, {"X_Forwarded_For": ""}])
    def test_a_proxy_that_names_nobody_shuts_nobody_out(self, guess, headers):
        assert [guess(**headers) for _each in range(7)] == [403] * 7
