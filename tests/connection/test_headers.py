# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headers and cookies of a server that the role configured, read from its answers: the role's own template, and a
real Jupyter Server."""

from __future__ import annotations

import http.client
import os
import ssl
import subprocess
import urllib.parse
from pathlib import Path

import jinja2
import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._templates.python_literal import python_literal

from .conftest import PASSWORD, free_port, listens, wait_for
from .test_tls import Authority

TEMPLATES = Path(__file__).parents[2] / "roles/jupyter/templates"
YEAR = "max-age=31536000"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def configured(make_jupyter, tmp_path):
    """Start a server with the role's configuration. Return the answers of its login page and its login."""
    running = []

    def start(**given) -> tuple[http.client.HTTPMessage, http.client.HTTPMessage]:
        port = free_port()
        instance = {
            "name": "lab",
            "bind_address": "localhost",
            "port": port,
            "base_url": "/",
            "root_dir": str(tmp_path),
            "access": "tunnel",
        }
        instance |= {
            "tls": "none",
            "ca_file": "",
            "config_dir": str(tmp_path),
            "has_token": False,
            "login_throttle": False,
            "settings": {},
            **given,
        }
        text = render("jupyter_server_config.py.j2", instance)
        (tmp_path / "config.py").write_text(f"{text}\nc.ServerApp.allow_root = True\n")
        (tmp_path / "hashed_password").write_text(make_jupyter.hashed)
        (tmp_path / "tls.pem").write_bytes(Authority().issue())
        command = [str(make_jupyter.python), "-m", "jupyter_server", f"--config={tmp_path / 'config.py'}"]
        environment = {**os.environ, "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path / "none")}
        with (tmp_path / "log").open("wb") as log:
            running.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment))
        wait_for(lambda: listens(port) or running[-1].poll() is not None, "Jupyter Server")
        assert running[-1].poll() is None, (tmp_path / "log").read_text()
        start.port = port
        return visit(port, instance["tls"] != "none")

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


def render(name: str, instance: dict) -> str:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, autoescape=False)
    environment.filters |= {"remote.notebooks.python_literal": python_literal, "comment": lambda text: f"# {text}"}
    return environment.get_template(name).render(instance=instance, ansible_managed="x")


def visit(
    port: int, tls: bool, headers: dict[str, str] | None = None
) -> tuple[http.client.HTTPMessage, http.client.HTTPMessage]:
    context = ssl._create_unverified_context()
    line = (
        http.client.HTTPSConnection("127.0.0.1", port, context=context)
        if tls
        else http.client.HTTPConnection("127.0.0.1", port)
    )
    headers = headers or {}
    line.request("GET", "/login", headers=headers)
    page = line.getresponse()
    page.read()
    cookie = page.headers["Set-Cookie"].split(";")[0]
    form = urllib.parse.urlencode({"password": PASSWORD, "_xsrf": cookie.split("=", 1)[1]})
    line.request("POST", "/login", form, {**headers, "Cookie": cookie, "Content-Type": FORM})
    answer = line.getresponse()
    answer.read()
    assert answer.status == 302
    return page.headers, answer.headers


def test_the_cookie_of_a_login_stays_with_its_site(configured):
    page, login = configured()
    (cookie,) = [each for each in login.get_all("Set-Cookie") if each.startswith("username-")]
    words = {word.strip().lower() for word in cookie.split(";")[1:]}
    assert {"samesite=lax", "httponly"} <= words
    assert "secure" not in words  # plain HTTP, inside a tunnel
    assert page["Strict-Transport-Security"] is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"tls": "provided"}, YEAR, id="a certificate that every device trusts"),
        pytest.param({"tls": "provided", "ca_file": "/company.pem"}, None, id="a company's"),
        pytest.param({"tls": "private_ca"}, None, id="our own authority"),
    ],
)
def test_https_alone_is_asked_for_where_the_certificate_is_public(configured, given, said):
    page, login = configured(**given)
    assert (page["Strict-Transport-Security"], login["Strict-Transport-Security"]) == (said, said)
    (cookie,) = [each for each in login.get_all("Set-Cookie") if each.startswith("username-")]
    assert "secure" in cookie.lower()


def answer(port: int, **headers: str) -> http.client.HTTPResponse:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("GET", "/api", headers={name.replace("_", "-"): value for name, value in headers.items()})
    found = line.getresponse()
    found.read()
    return found


@pytest.mark.parametrize(
    ("name", "host", "status"),
    [
        ("lab.example.org", "lab.example.org", 200),
        ("lab.example.org", "localhost:8888", 200),
        pytest.param("lab.example.org", "evil.example.org", 403, id="a name that leads here as well (DNS rebinding)"),
        pytest.param("", "192.0.2.7", 200, id="an address cannot be listed"),
    ],
)
def test_a_server_behind_a_proxy_answers_to_its_public_name(configured, name, host, status):
    public = {"access": "proxied", "public_url": "x", "public_name": name, "public_origin": f"https://{name}"}
    configured(**public)
    assert answer(configured.port, Host=host).status == status


def test_a_login_through_https_at_a_proxy_has_a_secure_cookie(configured):
    configured(access="proxied", public_url="x", public_name="a.b", public_origin="https://a.b")
    _page, login = visit(configured.port, tls=False, headers={"X-Forwarded-Proto": "https"})
    (cookie,) = [each for each in login.get_all("Set-Cookie") if each.startswith("username-")]
    assert "secure" in cookie.lower()
