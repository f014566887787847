# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of a real sshd on a future configuration, and whether it reads it again."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import TunnelError
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import sshd
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import trial as sshd_trial

from .conftest import free_port, listens, wait_for


def run(command):
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    return done.returncode, done.stdout, done.stderr


class Host:
    """A configuration in a folder of its own, and the sshd that listens by it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.config = folder, free_port(), folder / "sshd_config"
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(folder / "host")], check=True)
        self.base = f"HostKey {folder}/host\nListenAddress 127.0.0.1:{self.port}\nPidFile none\nUsePAM no\n"
        self.config.write_text(self.base)
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-o", "MaxStartups=7", "-f", str(self.config)], stderr=subprocess.DEVNULL
        )
        wait_for(lambda: listens(self.port), "sshd")

    def server(self) -> sshd.Server:
        server = sshd.Server(run)
        server.listeners = [each for each in sshd.listeners() if each["config"] == str(self.config)]
        server.config, server.options = str(self.config), server.listeners[0]["options"]
        server.criteria = f"host=192.0.2.7,addr=192.0.2.7,laddr=127.0.0.1,lport={self.port}"
        return server


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()


def test_an_sshd_without_a_pid_file_is_found_and_reads_its_configuration_again(host):
    server = host.server()
    assert [(each["pid"], each["ports"], each["options"]) for each in server.listeners] == [
        (host.process.pid, {host.port}, ["-o", "MaxStartups=7"])
    ]
    another = free_port()
    host.config.write_text(host.base + f"ListenAddress 127.0.0.1:{another}\n")
    server.reload()
    assert listens(another)
    assert host.process.poll() is None


def test_an_sshd_that_ends_instead_is_said_to_have_ended(host):
    server = host.server()
    host.config.write_text("NoSuchThing yes\n")
    with pytest.raises(TunnelError, match="sshd ended when it was told to read its configuration again"):
        server.reload()


def test_an_sshd_that_does_not_answer_is_said_not_to(host, monkeypatch):
    monkeypatch.setattr(sshd, "RELOAD_SECONDS", 0.3)
    server = host.server()
    host.process.send_signal(signal.SIGSTOP)
    with pytest.raises(TunnelError, match="did not read its configuration again"):
        server.reload()


@pytest.mark.parametrize(
    ("said", "where"),
    [
        pytest.param("Banner /a\nBanner /b\n", ("sshd_config", 5, "Banner /a", ""), id="the first of two"),
        pytest.param(
            "Banner /a\nMatch Address 192.0.2.0/24\n  Banner /b\n",
            ("sshd_config", 7, "Banner /b", "Match Address 192.0.2.0/24"),
            id="Match Address",
        ),
        pytest.param(
            "Match LocalPort {port}\n  Banner /b\n",
            ("sshd_config", 6, "Banner /b", "Match LocalPort {port}"),
            id="Match LocalPort",
        ),
        pytest.param(
            "Match LocalPort 1\n  Banner /b\nMatch all\nBanner /a\n",
            ("sshd_config", 8, "Banner /a", ""),
            id="not for this port",
        ),
        pytest.param(
            "Match Group *,!sudo\n  Banner /b\n",
            ("sshd_config", 6, "Banner /b", "Match Group *,!sudo"),
            id="a group that is yet to come",
        ),
        pytest.param(
            "Include {folder}/one.d/*\n",
            ("two.d/x", 2, "Banner /x", "Match Group ipad"),
            id="a file that an included file includes",
        ),
        pytest.param(
            "Include {folder}/three.d/*\n",
            ("three.d/b", 1, "Banner /new", ""),
            id="a file that is to come, and one that is to go",
        ),
    ],
)
def test_the_line_that_counts_is_named(host, said, where):
    folder = host.folder
    for name in ("one.d", "two.d", "three.d"):
        (folder / name).mkdir()
    (folder / "one.d" / "a").write_text(f"# one\nInclude {folder}/two.d/*\n")
    (folder / "two.d" / "x").write_text("Match Group ipad\nBanner /x\n")
    (folder / "three.d" / "a").write_text("Banner /old\n")
    host.config.write_text(host.base + said.format(port=host.port, folder=folder))
    files = {f"{folder}/three.d/a": None, f"{folder}/three.d/b": "Banner /new\n"}
    with sshd_trial.Trial(host.server(), files, {"ipad": ["ipad", "devices"]}) as trial:
        assert trial.test() == ""
        found = trial.effective("ipad")["origins"]["banner"]
    file, line, text, match = where
    assert found == {"path": str(folder / file), "line": line, "text": text, "match": match.format(port=host.port)}


def test_a_broken_file_is_called_by_its_own_name(host):
    (host.folder / "more").mkdir()
    (host.folder / "more" / "x").write_text("# company\nNoSuchThing yes\n")
    host.config.write_text(host.base + f"Include {host.folder}/more/*\n")
    with sshd_trial.Trial(host.server(), {}) as trial:
        assert f"{host.folder}/more/x: line 2: Bad configuration option: NoSuchThing" in trial.test()


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param(
            "192.0.2.7 50000 198.51.100.1 2222",
            {"addr": "192.0.2.7", "laddr": "198.51.100.1", "lport": 2222},
            id="IPv4",
        ),
        pytest.param(
            "::ffff:192.0.2.7 50000 ::ffff:198.51.100.1 22",
            {"addr": "192.0.2.7", "laddr": "198.51.100.1", "lport": 22},
            id="IPv4 in IPv6",
        ),
        pytest.param(
            "2001:db8::7 50000 2001:db8::1 22", {"addr": "2001:db8::7", "laddr": "2001:db8::1", "lport": 22}, id="IPv6"
        ),
        pytest.param("UNKNOWN 65535 UNKNOWN 65535", {}, id="no network"),
        pytest.param("x,user=root 1 y 22", {}, id="no address"),
    ],
)
def test_the_connection_is_the_one_that_we_came_by(monkeypatch, said, found):
    texts = {f"/proc/{os.getpid()}/environ": f"A=b\0SSH_CONNECTION={said}\0"}
    monkeypatch.setattr(sshd, "text", texts.get)
    assert sshd.connection() == found
