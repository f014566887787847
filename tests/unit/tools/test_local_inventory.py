# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.remote.notebooks.plugins.plugin_utils._new import local

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, {}, id="nothing said, nothing passed on"),
        pytest.param({"SSL_CERT_FILE": "/c.pem"}, {"jupyter_ca_bundle": "/c.pem"}, id="a private authority"),
        pytest.param(
            {"PIP_INDEX_URL": "https://i.example/"}, {"jupyter_index_url": "https://i.example/"}, id="pip's index"
        ),
        pytest.param(
            {"UV_INDEX_URL": "https://u.example/", "PIP_INDEX_URL": "https://i.example/"},
            {"jupyter_index_url": "https://u.example/"},
            id="uv first",
        ),
        pytest.param(
            {"https_proxy": "http://p.example:3128"}, {"jupyter_http_proxy": "http://p.example:3128"}, id="a proxy"
        ),
        pytest.param(
            {"HTTPS_PROXY": "http://p.example:3128"},
            {"jupyter_http_proxy": "http://p.example:3128"},
            id="a proxy in capitals",
        ),
        pytest.param({"https_proxy": "", "SSL_CERT_FILE": ""}, {}, id="empty means not set"),
    ],
)
def test_the_environment_is_passed_on(environ, expected):
    variables = local.variables(environ, root=True)

    assert {
        name: value for name, value in variables.items() if name.startswith("jupyter_") and name != "jupyter_scope"
    } == expected


@pytest.mark.parametrize(
    ("root", "scope"), [pytest.param(True, "system", id="root"), pytest.param(False, "user", id="ordinary user")]
)
def test_the_scope_follows_from_the_account(root, scope):
    assert local.variables({}, root=root)["jupyter_scope"] == scope


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.local_inventory", *arguments]
    return subprocess.run(
        command,
        check=False,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def test_written_once_for_the_owner_only_and_never_again(tmp_path):
    path = tmp_path / "inventory/hosts.yml"

    assert call(tmp_path, "inventory/hosts.yml").returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert yaml.safe_load(path.read_text())["jupyter"]["hosts"][socket.gethostname()]["ansible_connection"] == "local"

    path.write_text("mine")
    assert call(tmp_path, "inventory/hosts.yml").returncode == 0
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["hosts.yml"], "INVENTORY=hosts.yml: no such file", id="an inventory that does not exist"),
        pytest.param(["--existing", "inventory/hosts.yml"], "inventory/hosts.yml does not exist", id="down before up"),
    ],
)
def test_refused_in_one_line(tmp_path, arguments, message):
    result = call(tmp_path, *arguments)

    assert result.returncode == 1
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_inventory_that_is_a_file_is_not_replaced(tmp_path):
    (tmp_path / "inventory").write_text("mine")

    result = call(tmp_path, "inventory/hosts.yml")

    assert (
        result.stderr
        == "inventory is a file, and no folder. Type INVENTORY=inventory behind the command, or move it.\n"
    )
    assert (tmp_path / "inventory").read_text() == "mine"


@pytest.mark.parametrize(
    ("hostname", "name"),
    [
        ("lab", "lab"),
        ("pi-4.home.arpa", "pi-4.home.arpa"),
        ("", "localhost"),
        ("a_b", "localhost"),
        ("lab:1", "localhost"),
        ("jupyter", "localhost"),
    ],
)
def test_the_machine_is_called_by_its_name(hostname, name):
    assert local.name(hostname) == name
