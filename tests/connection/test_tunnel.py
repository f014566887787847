# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same through a real OpenSSH tunnel, and each way it can fail."""

from __future__ import annotations

import signal
import subprocess

import pytest

from .conftest import PASSWORD, free_port, wait_for

DROP = "table inet t { chain i { type filter hook input priority 0; tcp dport 22 drop; }; }"


def tunnels_left(sshd) -> int:
    listing = subprocess.run(["ps", "-ww", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    return sum(line.split()[0].endswith("/ssh") and str(sshd.folder) in line for line in listing.splitlines())


@pytest.fixture
def through(check, sshd, jupyter):
    def run(url_host: str = "localhost", remote_port: int | None = None, **tunnel):
        seen = check(
            f"http://{url_host}:8888/",
            password=PASSWORD,
            timeout=10,
            tunnel=sshd.tunnel(remote_port or jupyter.port, **tunnel),
        )
        assert tunnels_left(sshd) == 0
        return seen

    return run


def test_a_cell_runs_through_the_tunnel(through):
    seen = through()
    assert (seen["verdict"], seen["cause"], seen["result"]) == ("reachable", "ok", "42")
    assert seen["checks"] == ["tunnel", "api", "login", "kernel", "websocket", "result", "cleanup"]


def test_a_server_on_the_loopback_refuses_another_name_than_localhost(through):
    seen = through(url_host="lab.example.org")
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "host_blocked")
    assert "lab.example.org:" in seen["message"]
    assert "local_hostnames" in seen["cure"]


@pytest.mark.parametrize(
    ("tunnel", "cause", "words"),
    [
        pytest.param(
            {"key": "stranger"},
            "tunnel_authentication_failed",
            "Permission denied (publickey)",
            id="a key the server does not know",
        ),
        pytest.param(
            {"user": "nobody-here"},
            "tunnel_authentication_failed",
            "does not let nobody-here in",
            id="an account that is none",
        ),
        pytest.param(
            {"key": "limited"},
            "tunnel_forwarding_prohibited",
            "administratively prohibited",
            id="a key for another port",
        ),
        pytest.param(
            {"known_hosts": "unknown"},
            "tunnel_host_key_unknown",
            "No ECDSA host key is known for",
            id="a host never seen",
        ),
        pytest.param(
            {"known_hosts": "changed"},
            "tunnel_host_key_changed",
            "Offending ECDSA key in",
            id="a host with another key",
        ),
        pytest.param(
            {"host": "no-such-host.invalid"},
            "tunnel_name_not_resolved",
            "Could not resolve hostname",
            id="a name that nobody has",
        ),
        pytest.param({"port": 1}, "tunnel_refused", "127.0.0.1:1 refuses SSH connections", id="no sshd"),
        pytest.param({"remote_port": 1}, "tunnel_target_refused", "Connection refused", id="no Jupyter behind it"),
    ],
)
def test_the_tunnel_fails(through, tunnel, cause, words):
    seen = through(**tunnel)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", cause)
    assert words in seen["message"]
    assert "login" not in seen["checks"]


def test_a_firewall_drops_ssh(check, sshd, jupyter):
    seen = check("http://localhost:8888/", DROP, timeout=3, tunnel={**sshd.tunnel(jupyter.port), "port": 22})
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "tunnel_timed_out")
    assert seen["wall"] < 6


def test_a_network_without_a_route_to_the_ssh_server(check, sshd, jupyter):
    seen = check("http://localhost:8888/", "", timeout=5, tunnel={**sshd.tunnel(jupyter.port), "host": "192.0.2.10"})
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "tunnel_no_route")
    assert "192.0.2.10" in seen["message"]


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("-L {near}:localhost:{far}", id="a local port, open to every account here"),
        pytest.param("-R {near}:localhost:{far}", id="a port of the host that leads back here"),
        pytest.param("-D {near}", id="a proxy"),
    ],
)
def test_forwardings_of_the_ssh_configuration_are_not_opened_by_a_check(check, sshd, jupyter, tmp_path, word):
    near = free_port()
    tunnel = sshd.tunnel(jupyter.port)
    tunnel["ssh_args"] += word.format(near=near, far=jupyter.port).split()
    code = f"import socket; print(socket.socket().connect_ex(('127.0.0.1', {near})) == 0)"
    seen = check("http://localhost:8888/", password=PASSWORD, tunnel=tunnel, timeout=10, code=code, expect="False")
    assert seen["cause"] == "ok"


def test_an_ssh_that_its_configuration_sends_into_the_background_is_ended(check, sshd, jupyter):
    tunnel = sshd.tunnel(jupyter.port)
    tunnel["ssh_args"] += ["-f"]
    check("http://localhost:8888/", password=PASSWORD, tunnel=tunnel, timeout=10)
    wait_for(lambda: tunnels_left(sshd) == 0, "end of ssh", 3)


def test_a_folder_for_temporary_files_with_a_long_name(check, sshd, jupyter, tmp_path):
    """A socket's name has 104 bytes at most."""
    long = tmp_path / ("%h" + "x" * 100)
    long.mkdir()
    check.environment["TMPDIR"] = str(long)
    assert check("http://localhost:8888/", password=PASSWORD, tunnel=sshd.tunnel(jupyter.port))["cause"] == "ok"
    assert list(long.iterdir()) == []


def test_a_folder_for_temporary_files_that_looks_like_a_token_of_ssh(check, sshd, jupyter, tmp_path):
    odd = tmp_path / "%h"
    odd.mkdir()
    check.environment["TMPDIR"] = str(odd)
    assert check("http://localhost:8888/", password=PASSWORD, tunnel=sshd.tunnel(jupyter.port))["cause"] == "ok"


def test_another_program_holds_the_ssh_port(check, sshd, jupyter):
    seen = check("http://localhost:8888/", tunnel={**sshd.tunnel(jupyter.port), "port": jupyter.port}, timeout=3)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "tunnel_timed_out")
    assert "banner exchange" in seen["message"]


def test_words_of_ssh_that_nobody_foresaw_are_passed_on(check, sshd, jupyter):
    tunnel = sshd.tunnel(jupyter.port)
    tunnel["ssh_args"] += ["-o", "Ciphers=aes128-cbc"]
    seen = check("http://localhost:8888/", tunnel=tunnel, timeout=5)
    assert (seen["verdict"], seen["cause"]) == ("unreachable", "tunnel_failed")
    assert "no matching cipher found" in seen["message"]


def test_a_shared_connection_is_not_used_and_none_is_left(check, sshd, jupyter, tmp_path):
    """The settings in Ansible's own ssh_args would keep the tunnel open for a minute after its end."""
    tunnel = sshd.tunnel(jupyter.port)
    tunnel["ssh_args"] += [
        "-o",
        "ControlMaster=auto",
        "-o",
        "ControlPersist=60s",
        "-o",
        f"ControlPath={tmp_path}/master",
    ]
    seen = check("http://localhost:8888/", password=PASSWORD, tunnel=tunnel)
    assert seen["cause"] == "ok"
    assert tunnels_left(sshd) == 0
    assert not (tmp_path / "master").exists()


def test_the_port_of_the_url_is_the_default_for_the_far_end(check, sshd, jupyter):
    tunnel = sshd.tunnel(jupyter.port)
    del tunnel["remote_port"]
    assert check(f"http://localhost:{jupyter.port}/", password=PASSWORD, tunnel=tunnel)["cause"] == "ok"
    assert (
        check(f"http://localhost:{free_port()}/", password=PASSWORD, tunnel=tunnel)["cause"] == "tunnel_target_refused"
    )


def test_the_users_own_files_are_not_written(through, sshd):
    before = {path: path.read_bytes() for path in sshd.folder.iterdir() if path.name != "log"}
    for known_hosts in ("known_hosts", "unknown", "changed"):
        through(known_hosts=known_hosts)
    assert before == {path: path.read_bytes() for path in sshd.folder.iterdir() if path.name != "log"}


def test_called_off_in_the_middle_the_tunnel_is_closed(check, sshd, jupyter, tmp_path):
    # Not before the cell runs: until then the check may not have heard of its kernel, and could not end it.
    code = f"import pathlib, time; pathlib.Path({str(tmp_path / 'runs')!r}).touch(); time.sleep(60)"
    command = check.command("http://localhost:8888/", password=PASSWORD, tunnel=sshd.tunnel(jupyter.port), code=code)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for((tmp_path / "runs").exists, "cell")
        assert jupyter.kernels_left == 1
        assert tunnels_left(sshd) == 1
        process.send_signal(signal.SIGTERM)
        process.wait(15)
    assert tunnels_left(sshd) == 0
    wait_for(lambda: jupyter.kernels_left == 0, "end of the kernel")
