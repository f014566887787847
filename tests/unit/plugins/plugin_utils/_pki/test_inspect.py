# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate of a server, read over real TLS: served by Python's ssl, which reads the pair anew for each
connection as Jupyter does."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki import issue
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki import settings as pki_settings
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.inspect import probe


@contextlib.contextmanager
def serving(pem):
    """Serve ``pem`` on a free port of the loopback; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _address = listener.accept()
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(pem)
                    with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                        tls.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def pki(tmp_path):
    settings = pki_settings.Settings(
        directory=str(tmp_path / "pki"), certificates=[{"name": "local", "addresses": ["localhost", "127.0.0.1"]}]
    )
    return settings, issue.ensure(settings)


def ask(port, result, **options):
    item = result["certificates"]["local"]
    endpoint = {"host": "127.0.0.1", "port": port, "sha256": item["sha256"], **options.pop("endpoint", {})}
    defaults = {"ca_file": result["authority"]["bundle"], "timeout": 2.0, "wait": 0.0}
    return probe([endpoint], **{**defaults, **options})["served"][0]


def test_the_right_certificate_is_served_and_trusted(pki):
    _settings, result = pki
    with serving(result["certificates"]["local"]["pem"]) as port:
        served = ask(port, result)
    assert (served["problem"], served["verified"], served["serial"]) == (
        None,
        True,
        result["certificates"]["local"]["serial"],
    )


def test_a_renewal_is_served_without_a_restart(pki):
    settings, before = pki
    with serving(before["certificates"]["local"]["pem"]) as port:
        after = issue.ensure(
            pki_settings.Settings(directory=settings.directory, certificates=settings.certificates, renew=["local"])
        )
        assert ask(port, after)["problem"] is None
        old = ask(port, before)
    assert after["certificates"]["local"]["serial"] in old["problem"] and "not the expected one" in old["problem"]


def test_waiting_for_the_new_certificate(pki):
    settings, before = pki
    with serving(before["certificates"]["local"]["pem"]) as port:
        expected = {}

        def renew():
            time.sleep(0.5)
            expected.update(
                issue.ensure(
                    pki_settings.Settings(
                        directory=settings.directory, certificates=settings.certificates, renew=["local"]
                    )
                )
            )

        thread = threading.Thread(target=renew)
        thread.start()
        served = probe([{"host": "127.0.0.1", "port": port, "sha256": "00" * 32}], ca_file=None, timeout=2.0, wait=1.5)[
            "served"
        ][0]
        thread.join()
    assert served["serial"] == expected["certificates"]["local"]["serial"]


def test_a_client_that_trusts_another_authority_refuses(pki, tmp_path):
    _settings, result = pki
    other = issue.ensure(pki_settings.Settings(directory=str(tmp_path / "other"), certificates=[]))
    with serving(result["certificates"]["local"]["pem"]) as port:
        served = ask(port, result, ca_file=other["authority"]["certificate"])
        wrong_name = ask(port, result, endpoint={"server_name": "elsewhere.example"})
    assert served["verified"] is False and "refuses it" in served["problem"]
    assert wrong_name["verified"] is False and "elsewhere.example" in wrong_name["problem"]


def test_nobody_there_and_no_tls_there(pki):
    _settings, result = pki
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert "cannot be asked" in ask(port, result, timeout=0.3)["problem"]
    assert f"127.0.0.1:{port} cannot be asked" in ask(port, result)["problem"]


@pytest.mark.parametrize(
    "endpoint",
    [
        {"host": "x"},
        {"host": "x", "port": 0},
        {"host": "x", "port": "https"},
        {"host": "x", "port": 1, "colour": "red"},
        "x:1",
    ],
)
def test_endpoints_that_make_no_sense(endpoint):
    with pytest.raises(PkiError, match="endpoints, entry 1"):
        probe([endpoint], ca_file=None, timeout=1.0, wait=0.0)
