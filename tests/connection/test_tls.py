# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of each kind, shown by a real Jupyter Server. It reads its file anew for every connection, so one server
is enough."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import json
import socket
import socketserver
import ssl
import subprocess
import threading
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .conftest import PASSWORD, free_port, listens, wait_for

NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    def __init__(
        self,
        text: str = "Test CA",
        key: Any = None,
        end: datetime = NOW + 3650 * DAY,
        permitted: str = "",
        vouches: bool = True,
    ) -> None:
        self.name, self.key = name(text), key or ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder().subject_name(self.name).issuer_name(self.name).public_key(self.key.public_key())
        )
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - DAY).not_valid_after(end)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=vouches, path_length=0 if vouches else None), critical=True
        )
        if permitted:
            builder = builder.add_extension(x509.NameConstraints([x509.DNSName(permitted)], None), critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        names: tuple[str, ...] = ("localhost", "127.0.0.1"),
        start: datetime = NOW - DAY,
        days: int = 397,
        key: Any = None,
        usage: Any = ExtendedKeyUsageOID.SERVER_AUTH,
        digest: Any = None,
    ) -> bytes:
        """Key and certificate in one PEM, as the server reads it."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder().subject_name(name("server")).issuer_name(self.name).public_key(key.public_key())
        )
        builder = builder.serial_number(0x1234ABCD).not_valid_before(start).not_valid_after(start + days * DAY)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([self._alternative(text) for text in names]), critical=False
        )
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        certificate = builder.sign(self.key, digest or hashes.SHA256())
        return private(key) + certificate.public_bytes(serialization.Encoding.PEM)

    @staticmethod
    def _alternative(text: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(text))
        except ValueError:
            return x509.DNSName(text)


def private(key: Any) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def secure(make_jupyter, tmp_path_factory, authority):
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    pem.write_bytes(authority.issue())
    server = make_jupyter(f"c.ServerApp.certfile = {str(pem)!r}")
    server.pem = pem
    return server


@pytest.fixture
def visit(check, secure, authority, tmp_path):
    """Show this certificate, trust that authority, and look."""

    def run(
        pem: bytes | None = None, trusted: bytes | None = None, host: str = "localhost", **arguments: Any
    ) -> dict[str, Any]:
        secure.pem.write_bytes(pem or authority.issue())
        (tmp_path / "ca.pem").write_bytes(trusted or authority.pem)
        return check(f"https://{host}:{secure.port}/", ca_file=str(tmp_path / "ca.pem"), password=PASSWORD, **arguments)

    return run


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)], ids=["ECDSA", "RSA"]
)
def test_a_cell_runs_over_https(visit, authority, host, key):
    seen = visit(authority.issue(key=key), host=host)
    assert (seen["verdict"], seen["cause"], seen["result"]) == ("reachable", "ok", "42")
    assert seen["checks"] == ["name", "port", "tls", "api", "login", "kernel", "websocket", "result", "cleanup"]
    assert seen["certificate"]["serial"] == "1234abcd"
    assert seen["certificate"]["names"] == ["localhost", "127.0.0.1"]


def test_the_fingerprint_is_that_of_the_certificate_shown(visit, authority):
    pem = authority.issue()
    seen = visit(pem)
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index(b"-----BEGIN CERT") :].decode())
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    assert seen["certificate"]["sha256"] == digest.finalize().hex()


def test_server_name_stands_in_for_the_host(visit, authority):
    pem = authority.issue(names=("lab.example.org",))
    assert visit(pem)["cause"] == "name_not_in_certificate"
    assert visit(pem, server_name="lab.example.org")["cause"] == "ok"


WEAK = rsa.generate_private_key(65537, 1024)
REFUSED = {
    "another authority": ("unknown_ca", lambda ca: Authority("Stranger").issue(), "signed by CN=Stranger"),
    "another authority of the same name": (
        "unknown_ca",
        lambda ca: Authority().issue(),
        "another authority with the name CN=Test CA",
    ),
    "a name that is not in it": (
        "name_not_in_certificate",
        lambda ca: ca.issue(names=("lab.example.org",)),
        "it names lab.example.org",
    ),
    "no names at all": ("name_not_in_certificate", lambda ca: ca.issue(names=()), "it names nothing"),
    "expired": ("expired", lambda ca: ca.issue(start=NOW - 10 * DAY, days=9), "ended on"),
    "not yet valid": ("not_yet_valid", lambda ca: ca.issue(start=NOW + DAY), "begins on"),
    "826 days": ("valid_too_long", lambda ca: ca.issue(days=826), "826 days"),
    "a key that browsers do not take": (
        "weak_key",
        lambda ca: ca.issue(key=ed25519.Ed25519PrivateKey.generate()),
        "of the server, its key is of type ed25519",
    ),
    "a signature that browsers do not take": (
        "weak_signature",
        lambda ca: ca.issue(digest=hashes.SHA224()),
        "signed with SHA224",
    ),
    "for clients instead of servers": (
        "no_server_auth",
        lambda ca: ca.issue(usage=ExtendedKeyUsageOID.CLIENT_AUTH),
        "serverAuth",
    ),
    "for nothing in particular": ("no_server_auth", lambda ca: ca.issue(usage=None), "serverAuth"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_untrusted(visit, authority, secure, case):
    cause, issue, words = REFUSED[case]
    before = secure.log.count("POST /login")
    seen = visit(issue(authority))
    assert (seen["verdict"], seen["cause"]) == ("untrusted", cause)
    assert words in seen["message"]
    assert seen["checks"] == ["name", "port"]
    assert seen["certificate"]["serial"] == "1234abcd"
    assert secure.log.count("POST /login") == before, "the password went to a server that is not trusted"


def test_a_weak_key(check, authority, tmp_path):
    """Python's ssl refuses to load such a key, so Jupyter cannot show it; a proxy in front of it can."""
    port = free_port()
    (tmp_path / "server.pem").write_bytes(authority.issue(key=WEAK))
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    command = [
        "openssl",
        "s_server",
        "-quiet",
        "-accept",
        str(port),
        "-cert",
        str(tmp_path / "server.pem"),
        "-cipher",
        "DEFAULT:@SECLEVEL=0",
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: listens(port), "openssl")
        seen = check(f"https://127.0.0.1:{port}/", ca_file=str(tmp_path / "ca.pem"))
        process.terminate()
    assert (seen["verdict"], seen["cause"]) == ("untrusted", "weak_key")
    assert "of the server, its RSA key has 1024 bits" in seen["message"]


def test_a_weak_signature(check, authority, tmp_path):
    """SHA-1, which no library of ours generates any more, and Jupyter's own OpenSSL does not load: an old proxy, signed
    by an old openssl."""
    port = free_port()
    key = private(ec.generate_private_key(ec.SECP256R1()))
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "ca.key").write_bytes(private(authority.key))
    (tmp_path / "server.key").write_bytes(key)
    (tmp_path / "extensions").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    request = ["openssl", "req", "-new", "-key", "server.key", "-subj", "/CN=server", "-out", "request"]
    sign = [
        "openssl",
        "x509",
        "-req",
        "-sha1",
        "-in",
        "request",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "90",
    ]
    for command in (request, [*sign, "-extfile", "extensions", "-out", "server.pem"]):
        subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    command = [
        "openssl",
        "s_server",
        "-quiet",
        "-accept",
        str(port),
        "-cert",
        "server.pem",
        "-key",
        "server.key",
        "-cipher",
        "DEFAULT:@SECLEVEL=0",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: listens(port), "openssl")
        seen = check(f"https://127.0.0.1:{port}/", ca_file=str(tmp_path / "ca.pem"))
        process.terminate()
    assert (seen["verdict"], seen["cause"]) == ("untrusted", "weak_signature")
    assert "SHA1" in seen["message"]


def test_a_kernel_may_take_its_time(check, make_jupyter, authority, tmp_path):
    """Longer than a TLS handshake may: Jupyter takes the WebSocket only once the kernel answers."""
    (tmp_path / "server.pem").write_bytes(authority.issue())
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    server = make_jupyter(
        f"c.ServerApp.certfile = {str(tmp_path / 'server.pem')!r}\nc.MultiKernelManager.default_kernel_name = 'slow'"
    )
    spec = server.folder / "data/kernels/slow/kernel.json"
    spec.parent.mkdir(parents=True)
    argv = ["sh", "-c", f'sleep 4; exec {make_jupyter.python} -m ipykernel_launcher -f "$0"', "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "slow", "language": "python"}))
    seen = check(f"https://localhost:{server.port}/", ca_file=str(tmp_path / "ca.pem"), password=PASSWORD)
    assert (seen["verdict"], seen["cause"], seen["result"]) == ("reachable", "ok", "42")
    assert seen["kernel_seconds"] > 4


def test_825_days_are_fine(visit, authority):
    assert visit(authority.issue(days=825))["cause"] == "ok"


def test_an_address_that_is_not_in_it(visit, authority):
    seen = visit(authority.issue(names=("localhost",)), host="127.0.0.1")
    assert (seen["verdict"], seen["cause"]) == ("untrusted", "name_not_in_certificate")
    assert "does not name 127.0.0.1; it names localhost" in seen["message"]


@pytest.mark.parametrize(
    ("cause", "words", "properties"),
    [
        pytest.param("ca_expired", "CN=Test CA", {"end": NOW - timedelta(hours=1)}, id="an authority that expired"),
        pytest.param(
            "weak_key", "of the authority, its RSA key has 1024 bits", {"key": WEAK}, id="an authority with a weak key"
        ),
        pytest.param("not_trusted", "invalid CA certificate", {"vouches": False}, id="an authority that is none"),
        pytest.param(
            "name_constraint",
            "may not issue for the names",
            {"permitted": "example.org"},
            id="an authority for other names",
        ),
    ],
)
def test_the_authority_is_at_fault(visit, cause, words, properties):
    other = Authority(**properties)
    seen = visit(other.issue(), trusted=other.pem)
    assert (seen["verdict"], seen["cause"]) == ("untrusted", cause)
    assert words in seen["message"]


def test_through_a_tunnel_the_certificate_is_verified_all_the_same(visit, check, secure, sshd, authority, tmp_path):
    visit(authority.issue(names=("lab.example.org",)))
    tunnel = sshd.tunnel(secure.port)
    given = {"ca_file": str(tmp_path / "ca.pem"), "password": PASSWORD, "tunnel": tunnel}
    seen = check("https://localhost:8888/", **given)
    assert (seen["verdict"], seen["cause"]) == ("untrusted", "name_not_in_certificate")
    seen = check("https://localhost:8888/", server_name="lab.example.org", **given)
    assert (seen["verdict"], seen["cause"]) == ("reachable", "ok")
    assert seen["checks"][:3] == ["tunnel", "tls", "api"]


def test_another_certificate_for_the_same_name_is_sent_nothing(visit, authority):
    """Of an account on the same host, which has a server, and so a certificate of its own."""
    seen = visit(authority.issue(), certificate_sha256="ab" * 32)
    assert (seen["verdict"], seen["cause"]) == ("untrusted", "other_certificate")
    assert seen["certificate"]["sha256"] in seen["message"]
    assert seen["checks"] == ["name", "port"]
    assert visit(authority.issue())["cause"] == "ok"


@pytest.fixture
def relay(secure, authority):
    """A man in the middle, whose certificate has the same name and authority: he lets the first connection through."""
    other, count = authority.issue(), itertools.count()

    class Relay(socketserver.BaseRequestHandler):
        def handle(self):
            if next(count):
                secure.pem.write_bytes(other)
            with socket.create_connection(("127.0.0.1", secure.port)) as behind:
                back = threading.Thread(target=pump, args=(behind, self.request))
                back.start()
                pump(self.request, behind)
                back.join()

    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    class Relays(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close = True, False

    server = Relays(("127.0.0.1", 0), Relay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_no_later_connection_has_another_certificate(visit, check, relay, authority, tmp_path):
    pem = authority.issue()
    visit(pem)
    known = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :]).fingerprint(hashes.SHA256()).hex()
    given = {"ca_file": str(tmp_path / "ca.pem"), "password": PASSWORD, "certificate_sha256": known}
    seen = check(f"https://localhost:{relay}/", **given)
    assert (seen["verdict"], seen["cause"]) == ("untrusted", "other_certificate")
    assert "login" in seen["checks"] and "websocket" not in seen["checks"]


def test_a_certificate_signed_by_itself(visit, check, secure):
    key = ec.generate_private_key(ec.SECP256R1())
    itself = Authority("server", key)
    seen = visit(private(key) + itself.pem)
    assert (seen["verdict"], seen["cause"]) == ("untrusted", "unknown_ca")
    assert "signed by itself" in seen["message"]


def test_without_a_ca_file_the_system_is_trusted(check, secure, authority, visit):
    visit()
    seen = check(f"https://localhost:{secure.port}/", password=PASSWORD)
    assert (seen["verdict"], seen["cause"]) == ("untrusted", "unknown_ca")
    assert "this machine's list of authorities" in seen["message"]
    path = secure.pem.parent / "system.pem"
    path.write_bytes(authority.pem)
    check.environment["SSL_CERT_FILE"] = str(path)
    assert check(f"https://localhost:{secure.port}/", password=PASSWORD)["cause"] == "ok"


def test_a_key_that_does_not_belong_to_the_certificate(visit, authority):
    pem = authority.issue()
    seen = visit(private(ec.generate_private_key(ec.SECP256R1())) + pem[pem.index(b"-----BEGIN CERT") :], timeout=5)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "tls_handshake_failed")
    assert "do not belong together" in seen["cure"]


def test_http_to_a_server_with_tls(visit, check, secure):
    visit()
    seen = check(f"http://localhost:{secure.port}/", password=PASSWORD)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "server_speaks_tls")
    assert "https://" in seen["cure"]
