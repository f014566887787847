# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings for some minutes, by a program of the host itself: in the firewall that filters there, and in no file that
is loaded at boot. ufw alone keeps no others."""

from __future__ import annotations

import shlex
from typing import Any, Callable

from .._errors import FirewallError
from .compare import compared
from .managers import commands
from .netfilter.view import View
from .observation.report import read
from .packet_filter import Record
from .rules import comment, normalise
from .transactions import transactions

#: ``AnsibleModule.run_command``, or a function like it.
RunCommand = Callable[..., Any]
#: Seconds after which firewalld closes a port by itself (firewall-cmd(1), --timeout).
LONGEST = 900


def change(port: int, is_open: bool, owner: str, run: RunCommand) -> list[str]:
    """Open a TCP port to everybody, or close it again. Return the commands that did it.

    A rule by which somebody else has opened the port stays as it is.

    :raises FirewallError: where the firewall refuses.
    """
    report = read(run)
    provider = report["provider"]
    if provider == "firewalld":
        return _firewalld(port, is_open, report, run)
    if provider not in ("ufw", "nftables", "iptables"):
        return []
    seen, found = compared(normalise([{"port": str(port)}] if is_open else []), owner, report)
    found = [entry for entry in found if entry["provider"] == provider and entry["what"] not in ("blocked", "outdated")]
    if not found:
        return []
    return _ufw(found, owner, report, run) if provider == "ufw" else _kernel(seen, provider, run)


def _ufw(found: list[Record], owner: str, report: Record, run: RunCommand) -> list[str]:
    for entry in found:
        entry["comment"] = comment(entry["opening"], owner)
    return [_done(line, "", run) for line in commands(found, "ufw", report)]


def _kernel(seen: View, provider: str, run: RunCommand) -> list[str]:
    return [_done(command, text, run) for command, text in transactions(seen, provider)[0]]


def _firewalld(port: int, is_open: bool, report: Record, run: RunCommand) -> list[str]:
    """A rich rule of this priority is none of anybody else's, and ends by itself."""
    done = []
    for zone in sorted(report["firewalld"]["zones"]):
        rule = f'rule priority="-32000" port port="{port}" protocol="tcp" accept'
        code, _out, _err = run(["firewall-cmd", f"--zone={zone}", f"--query-rich-rule={rule}"])
        if is_open and code:
            words = [f"--add-rich-rule={rule}", f"--timeout={LONGEST}"]
            done.append(_done(["firewall-cmd", f"--zone={zone}", *words], "", run))
        elif not is_open and not code:
            done.append(_done(["firewall-cmd", f"--zone={zone}", f"--remove-rich-rule={rule}"], "", run))
    return done


def _done(command: list[str], text: str, run: RunCommand) -> str:
    code, out, err = run(command, data=text) if text else run(command)
    if code:
        raise FirewallError(f"{shlex.join(command)} failed: {err.strip() or out.strip()}")
    return shlex.join(command)
