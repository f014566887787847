# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._environment import pip

from tools import environment


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose .venv was just built: an interpreter that has Ansible, and a stamp."""
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / ".venv/bin/python")
    for lock in environment.LOCKS.values():
        (tmp_path / lock).write_text("ansible-core==2.19.0\n")
    environment.PYTHON.parent.mkdir(parents=True)
    environment.PYTHON.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    environment.PYTHON.chmod(0o755)
    (environment.VENV / "dev.stamp").write_text(environment.stamp("dev"))
    return tmp_path


def nothing(checkout, monkeypatch):
    pass


def another_runtime_lock(checkout, monkeypatch):
    (checkout / "requirements.txt").write_text("ansible-core==2.19.1\n")


def moved(checkout, monkeypatch):
    checkout.rename(checkout.with_name("elsewhere"))
    for name, path in (("ROOT", ""), ("VENV", ".venv"), ("PYTHON", ".venv/bin/python")):
        monkeypatch.setattr(environment, name, checkout.with_name("elsewhere") / path)


def cut_off(checkout, monkeypatch):
    (environment.VENV / "dev.stamp").unlink()


def interpreter_gone(checkout, monkeypatch):
    environment.PYTHON.write_text("#!/bin/sh\nexit 127\n")


@pytest.mark.parametrize(
    ("event", "kind", "current"),
    [
        pytest.param(nothing, "dev", True, id="a second make has nothing to do"),
        pytest.param(nothing, "runtime", True, id="the test environment serves make up as well"),
        pytest.param(another_runtime_lock, "runtime", False, id="the lock changed"),
        pytest.param(another_runtime_lock, "dev", False, id="the lock changed, for the tests"),
        pytest.param(moved, "dev", False, id="the checkout was moved"),
        pytest.param(cut_off, "dev", False, id="an earlier build was cut off"),
        pytest.param(interpreter_gone, "dev", False, id="a system upgrade took the interpreter away"),
    ],
)
def test_the_environment_is_built_when_it_has_to_be(checkout, monkeypatch, event, kind, current):
    event(checkout, monkeypatch)

    assert environment.is_current(kind) is current


@pytest.mark.parametrize(
    ("said", "also"),
    [
        pytest.param({"SSL_CERT_FILE": "/c.pem"}, {"PIP_CERT": "/c.pem"}, id="uv's authority for pip"),
        pytest.param({"PIP_CERT": "/c.pem"}, {"SSL_CERT_FILE": "/c.pem"}, id="pip's authority for uv"),
        pytest.param(
            {"PIP_INDEX_URL": "https://i.example/"}, {"UV_DEFAULT_INDEX": "https://i.example/"}, id="pip's index for uv"
        ),
        pytest.param(
            {"UV_INDEX_URL": "https://i.example/"},
            {"PIP_INDEX_URL": "https://i.example/"},
            id="uv's index, former name, for pip",
        ),
        pytest.param(
            {"PIP_CERT": "/a", "SSL_CERT_FILE": "/b"},
            {"PIP_CERT": "/a", "SSL_CERT_FILE": "/b"},
            id="each keeps its own",
        ),
        pytest.param({}, {"UV_SYSTEM_CERTS": "1"}, id="nothing said: what the machine trusts"),
    ],
)
def test_pip_and_uv_reach_the_network_the_same_way(monkeypatch, said, also):
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_", "SSL_CERT")):
            monkeypatch.delenv(name)
    for name, value in said.items():
        monkeypatch.setenv(name, value)

    result = environment.installer_environment()

    assert {name: result.get(name) for name in also} == also


def test_where_nothing_brings_pip_the_cure_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SystemExit, match=r"sudo apt-get install -y python3(\.\d+)?-venv$"):
        environment.fetch_pip(tmp_path / "wheels")


def test_a_package_of_debian_brings_pip(tmp_path, monkeypatch):
    """The package manager has it only for its second question, as on a machine with empty lists."""
    content = tmp_path / "package/usr/share/python-wheels"
    content.mkdir(parents=True)
    (content / "pip-25.1.1-py3-none-any.whl").write_text("pip")
    (tmp_path / "package/DEBIAN").mkdir()
    (tmp_path / "package/DEBIAN/control").write_text(
        "Package: python3-pip-whl\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: pip\n"
    )
    subprocess.run(["dpkg-deb", "--build", tmp_path / "package", tmp_path / "pip.deb"], check=True, stdout=-3)
    program = tmp_path / "bin/apt-get"
    program.parent.mkdir()
    program.write_text(f"""#!/bin/sh
case "$*" in *Dir::State::lists=*update) test -d "${{3#*=}}/partial";;
*Dir::State::lists=*"download python3-pip-whl") cp {tmp_path}/pip.deb .;; *) exit 100;; esac
""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    wheel = environment.fetch_pip(tmp_path / "wheels")

    assert wheel == tmp_path / "wheels/pip-25.1.1-py3-none-any.whl"
    assert wheel.read_text() == "pip"


def test_hosts_get_a_pip_that_runs_with_their_python(tmp_path):
    """The one of Debian 12 does not run with Python 3.12 and later."""
    (wheel,) = (environment.VENV / "share" / "python-wheels").glob(
        f"{environment.HOSTS_PIP.split()[0].replace('==', '-')}-*.whl"
    )
    assert zipfile.is_zipfile(wheel)
    assert pip.wheel([[3, 13]])
    assert not environment.download_pip(tmp_path, sys.executable, "-c", "raise SystemExit(1)")
