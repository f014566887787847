# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command lines of ssh for a tunnel, and the cause that its messages name. Pure: text in, text out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._tunnel.names import quoted
from .address import join_host


@dataclass(frozen=True)
class Forward:
    """A tunnel to open: through which account, and to which target on the far side."""

    host: str  # name, address or alias of ~/.ssh/config
    remote_port: int
    remote_host: str = "localhost"
    port: int | None = None  # None: the port of ssh's configuration, else 22
    user: str | None = None
    private_key_file: str | None = None
    ssh_args: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, str]:
        return {
            "ssh_host": self.host,
            "ssh_at": join_host(self.host, self.port) if self.port else self.host,
            "ssh_user": self.user or "this user",
            "target": join_host(self.remote_host, self.remote_port),
        }


def ssh_argv(ssh: str, forward: Forward, control: str, seconds: int) -> list[str]:
    """The command that logs in for ``forward``, and listens at the path ``control`` alone (ssh(1), ssh_config(5)).

    The first value of an option wins in ssh: the options that the tunnel needs are before the user's own arguments,
    and options that the user may choose are behind them.
    """
    fixed = [
        "BatchMode=yes",  # never ask: nobody is there to answer
        "ControlMaster=yes",
        "ControlPersist=no",  # else it would go on in the background
        "ClearAllForwardings=yes",  # of the user's own, none is open for others because of a check
        "UpdateHostKeys=no",
        "PermitLocalCommand=no",
        "ForwardAgent=no",
        "ForwardX11=no",
        "LogLevel=INFO",  # its messages are reported
    ]
    proposed = [
        "StrictHostKeyChecking=yes",  # a check learns no host key on anybody's behalf
        f"ConnectTimeout={seconds}",
    ]
    if forward.private_key_file:
        proposed += ["IdentitiesOnly=yes", f"IdentityFile={quoted(forward.private_key_file)}"]
    argv = [ssh, "-N", "-T"]
    for option in fixed:
        argv += ["-o", option]
    argv += forward.ssh_args
    for option in proposed:
        argv += ["-o", option]
    # A connection of its own, and none that the user shares: of several -S the last one counts.
    argv += ["-S", _literal(control)]
    if forward.port:
        argv += ["-p", str(forward.port)]
    if forward.user:
        argv += ["-l", forward.user]
    return [*argv, "--", forward.host]


def channel_argv(ssh: str, forward: Forward, control: str) -> list[str]:
    """The command whose standard input and output are one connection to the target, through the ssh that listens at
    ``control``.

    Where that one is gone, this one ends: it logs in nowhere by itself.
    """
    return [*_through(ssh, control), "-W", join_host(forward.remote_host, forward.remote_port), "--", "target"]


def command_argv(ssh: str, control: str, command: str) -> list[str]:
    """The command that asks for a program of the far side, through the ssh that listens at ``control``."""
    return [*_through(ssh, control), "--", "target", command]


def _through(ssh: str, control: str) -> list[str]:
    options = ["-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ProxyCommand=false", "-o", "LogLevel=ERROR"]
    return [ssh, "-F", "none", *options, "-S", _literal(control)]


def _literal(path: str) -> str:
    # ssh_config(5), TOKENS: a % begins one.
    return path.replace("%", "%%")


#: ssh's own words, most telling first (OpenSSH 8 to 10; sshconnect.c, ssh.c, channels.c).
SSH_WORDS = [
    ("tunnel_host_key_changed", r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed|REVOKED HOST KEY"),
    ("tunnel_host_key_unknown", r"Host key verification failed|No \S+ host key is known for|host key is not cached"),
    (
        "tunnel_forwarding_prohibited",
        r"administratively prohibited|forwarding .*(?:disabled|refused|prohibited)|remote port forwarding failed",
    ),
    ("tunnel_target_refused", r"open failed: (?:connect failed|unknown host|.*refused)|open failed"),
    (
        "tunnel_authentication_failed",
        r"Permission denied|Too many authentication failures|No more authentication methods|UNPROTECTED PRIVATE KEY",
    ),
    ("tunnel_name_not_resolved", r"Could not resolve hostname|Name or service not known"),
    ("tunnel_refused", r"Connection refused"),
    ("tunnel_timed_out", r"timed out"),
    ("tunnel_no_route", r"No route to host|Network is unreachable|Host is down"),
]


def ssh_cause(words: str) -> tuple[str, str]:
    """Return the cause that ssh's words (its stderr) name, and the one line of it worth repeating."""
    lines = [line.strip() for line in words.splitlines() if line.strip(" @\r\t-")]
    for cause, pattern in SSH_WORDS:
        for line in lines:
            if re.search(pattern, line, re.IGNORECASE):
                return cause, _ssh_line(cause, lines, line)
    return "tunnel_failed", lines[-1].rstrip(".") if lines else "ssh said nothing"


def _ssh_line(cause: str, lines: list[str], line: str) -> str:
    # For these two the line that matches is general, and another one names the key.
    telling = {
        "tunnel_host_key_unknown": r"host key is known",
        "tunnel_host_key_changed": r"Offending|has changed and you",
    }
    pattern = telling.get(cause)
    if pattern:
        line = next((other for other in lines if re.search(pattern, other)), line)
    return line.rstrip(".")
