# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which channels a kernel gets. That nobody else reads them is proven on a host: molecule/neighbours."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "roles" / "jupyter" / "files" / "kernel_channels.py"


@pytest.fixture
def channels(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("kernel_channels", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "refused", RuntimeError)
    runtime = types.SimpleNamespace(jupyter_runtime_dir=lambda: str(tmp_path / "runtime"))
    monkeypatch.setitem(sys.modules, "jupyter_core", types.SimpleNamespace(paths=runtime))
    monkeypatch.setitem(sys.modules, "jupyter_core.paths", runtime)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return module


@pytest.mark.parametrize(
    ("said", "encrypts", "way"),
    [
        ({}, True, "curve"),
        ({}, False, "ipc"),
        ({"transport": "tcp"}, True, "curve"),
        ({"transport": "tcp"}, False, "plain"),
        ({"transport": "ipc"}, True, "ipc"),
        ({"transport": "ipc", "transport_encryption": "disabled"}, True, "ipc"),
        ({"transport_encryption": "disabled"}, True, "plain"),
        ({"transport_encryption": "auto"}, False, "ipc"),
        ({"transport_encryption": "required"}, True, "curve"),
    ],
)
def test_in_clear_only_where_the_settings_say_so(channels, said, encrypts, way):
    assert channels.way(said, encrypts) == way


@pytest.mark.parametrize(
    ("command", "changed"),
    [
        (["/env/bin/python", "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "k.json"], ["-c", "-f"]),
        (["conda", "run", "python", "-m", "ipykernel", "-f", "k.json"], ["-c", "-f"]),
        (["R", "--slave", "-e", "IRkernel::main()", "--args", "k.json"], None),
        (["python", "-m", "bash_kernel", "-f", "k.json"], None),
    ],
)
def test_a_debugger_that_anybody_may_use_is_left_out(channels, command, changed):
    left = channels.without_debugger(command)
    assert left == command if changed is None else [word for word in left if word in ("-c", "-m", "-f")] == changed


@pytest.mark.parametrize(
    ("said", "left_out"),
    [
        ({}, True),
        ({"transport": "ipc"}, True),
        ({"transport": "tcp"}, False),
        ({"transport_encryption": "disabled"}, False),
    ],
)
def test_it_stays_where_the_settings_let_kernels_listen(channels, monkeypatch, said, left_out):
    monkeypatch.setattr(channels, "said", lambda _manager: said)
    command = ["python", "-m", "ipykernel_launcher", "-f", "k.json"]
    assert (channels.guarded(None, command) != command) is left_out


@pytest.mark.parametrize(
    ("metadata", "encrypts"),
    [
        ({}, False),
        ({"supported_encryption": None}, False),
        ({"supported_encryption": "curve"}, True),
        ({"supported_encryption": ["CURVE "]}, True),
        ({"supported_encryption": ["tls"]}, False),
        ({"supported_encryption": []}, False),
    ],
)
def test_what_a_kernelspec_declares(channels, metadata, encrypts):
    assert channels.declares(metadata) is encrypts


@pytest.mark.parametrize(
    ("argv", "installed", "version"),
    [
        (["{env}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], ["7.4.0"], (7, 4)),
        (["{env}/bin/python", "-m", "ipykernel", "-f", "{connection_file}"], ["6.29.5"], (6, 29)),
        (["{env}/bin/python", "-m", "ipykernel_launcher"], ["7.4.0", "6.29.5"], (6, 29)),
        (["{env}/bin/python", "-m", "ipykernel_launcher"], [], None),
        (["{env}/bin/R", "--slave", "{connection_file}"], ["7.4.0"], None),
        (["/bin/sh", "-c", "exec {env}/bin/python -m ipykernel_launcher"], ["7.4.0"], None),
    ],
)
def test_the_ipykernel_that_is_there_counts_and_not_what_is_said_of_it(channels, tmp_path, argv, installed, version):
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for number in installed:
        (packages / f"ipykernel-{number}.dist-info").mkdir(parents=True)
    assert channels.ipykernel_version([word.replace("{env}", str(tmp_path)) for word in argv]) == version


def test_what_the_configuration_says_under_any_name_of_the_class(channels):
    class ConnectionFileMixin:
        def __init__(self):
            self.config = {
                "ConnectionFileMixin": {"transport": "tcp"},
                "KernelManager": {"transport_encryption": "Disabled"},
                "Session": {"transport": "x"},
            }

    class KernelManager(ConnectionFileMixin):
        pass

    assert channels.said(KernelManager()) == {"transport": "tcp", "transport_encryption": "disabled"}


def test_sockets_lie_where_only_the_account_can_enter(channels, tmp_path):
    folder = Path(channels.socket_folder())
    assert folder == tmp_path / "runtime" / "sockets"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o750)
    with pytest.raises(RuntimeError, match="only its account can enter"):
        channels.socket_folder()


def test_a_link_in_its_place_is_refused(channels, tmp_path):
    (tmp_path / "runtime").mkdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "runtime" / "sockets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RuntimeError, match="only its account can enter"):
        channels.socket_folder()


def test_a_long_home_is_refused_with_its_cure_unless_there_is_a_shorter_place(channels, tmp_path, monkeypatch):
    sys.modules["jupyter_core.paths"].jupyter_runtime_dir = lambda: str(tmp_path / ("long" * 30))
    with pytest.raises(RuntimeError, match=r"too long for Unix sockets.*ipykernel 7\.4.*transport: tcp"):
        channels.socket_folder()
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    monkeypatch.setattr(channels.os, "makedirs", lambda *_arguments, **_words: None)
    monkeypatch.setattr(channels, "is_shut", lambda folder: folder == "/tmp/sockets")
    assert channels.socket_folder() == "/tmp/sockets"
