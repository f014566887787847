# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first look at a machine, before the inventory has it: one shell script, through the ssh of the operator."""

from __future__ import annotations

import ipaddress
import re
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from ...module_utils._errors import PlanError
from ...module_utils._plain import plain
from .._remote import contact

#: Bytes of an answer that are read.
MOST = 1 << 16
#: Seconds for the connection, and for the script.
CONNECT, PATIENCE = 10, 60
#: Ports about which people ask.
PORTS = (80, 443, 8888)
LOCAL = "localhost"
#: A name or address for ssh. It stands on the command line and becomes a name in the inventory.
HOST = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][\w.-]{0,63})@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[?[0-9A-Fa-f:]{2,45}\]?)"
)
#: Needs no Python. Each line is a word that PARTS has, and a value.
SCRIPT = r"""
LC_ALL=C; export LC_ALL
echo "account $(id -un)"
if [ "$(id -u)" = 0 ]; then echo rights root
elif sudo -n true 2> /dev/null; then echo rights sudo
elif id -nG | grep -qwE 'sudo|wheel|admin'; then echo rights password
else echo rights none; fi
(. /etc/os-release && echo "system $PRETTY_NAME") 2> /dev/null
python3 -c 'import sys; print("python %d.%d" % sys.version_info[:2])' 2> /dev/null
ip -o addr show scope global 2> /dev/null |
  awk '$2 !~ /^(docker|br-|veth|virbr|lxc|cni)/ && !/ (temporary|deprecated) / { print "address", $4 }'
cat "/proc/$(cat /run/avahi-daemon/pid 2> /dev/null)/cmdline" 2> /dev/null | tr '\0' '\n' |
  sed -n 's/^avahi-daemon: [a-z]* \[\([A-Za-z0-9-]*\.local\)].*/mdns \1/p'
for device in /dev/nvidia0 /dev/kfd /dev/dri/renderD128; do
  if [ -e $device ]; then echo "gpu $device"; break; fi
done
if grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf; then echo firewall ufw
elif [ "$(systemctl is-active firewalld 2> /dev/null)" = active ]; then echo firewall firewalld
elif [ "$(systemctl is-active nftables 2> /dev/null)" = active ]; then echo firewall nftables; fi
awk '$4 == "0A" { sub(/.*:/, "", $2); print "listens", $2 }' /proc/net/tcp /proc/net/tcp6 2> /dev/null
echo end
"""


@dataclass
class Survey:
    """The known parts of an answer."""

    account: str = ""
    rights: str = "none"
    system: str = "an unknown system"
    python: str = ""
    gpu: str = ""
    firewall: str = ""
    mdns: str = ""
    address: list[str] = field(default_factory=list)
    listens: set[int] = field(default_factory=set)
    #: The addresses to which ssh connects. None for this machine.
    dialled: set[str] | None = field(default_factory=set)

    @property
    def networks(self) -> list[str]:
        """The networks of this machine, for the firewall."""
        found = [str(ipaddress.ip_interface(text).network) for text in self.address if ":" not in text]
        return list(dict.fromkeys(found))

    def multicast_name(self, named: str) -> str:
        """Return the name by which other machines of its network find this one, where the user calls it so as well.

        The word of a machine alone adds no name to its certificate: it could be the name of another one.
        """
        own = self.mdns.lower()
        return own if named in (LOCAL, "") or own.partition(".")[0] == named.lower().partition(".")[0] else ""

    @property
    def hosts(self) -> list[str]:
        """Return the addresses of this machine that ssh reached. Its word alone adds none to its certificate: it could
        be the address of another machine."""
        own = [text.partition("/")[0] for text in self.address]
        return [text for text in own if self.dialled is None or text in self.dialled]

    def lines(self) -> list[str]:
        """Return the survey for the terminal."""
        rights = {
            "root": "root",
            "sudo": f"{self.account}, root by sudo",
            "password": f"{self.account}, root by sudo with a password",
            "none": f"{self.account}, no root",
        }[self.rights]
        taken = [str(port) for port in PORTS if port in self.listens]
        return [
            f"{self.system}, Python {self.python or 'missing'}, {rights}",
            f"addresses: {', '.join(self.address[:4] + [self.mdns] * bool(self.mdns)) or 'none'}",
            f"GPU: {self.gpu or 'none'}. Firewall: {self.firewall or 'none'}."
            f" Taken of the ports {', '.join(map(str, PORTS))}: {', '.join(taken) or 'none'}",
        ]


#: The form of each value.
PARTS = {
    "account": r"[A-Za-z0-9_][\w.@\\-]{0,63}",
    "rights": "root|sudo|password|none",
    "system": r".{1,80}",
    "python": r"3\.\d{1,2}",
    "gpu": r"/dev/(nvidia0|kfd|dri/renderD128)",
    "firewall": "ufw|firewalld|nftables",
    "mdns": r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.local",
    "address": r"[0-9A-Fa-f:.]{2,45}/\d{1,3}",
    "listens": r"[0-9A-F]{4}",
}


def read(output: str) -> Survey:
    """Return the known parts of an answer. All others are left out.

    :raises PlanError: for an answer that is cut off, or of another program.
    """
    survey = Survey()
    lines = output.splitlines()
    for line in lines:
        key, _space, value = line.partition(" ")
        value = plain(value.strip())
        if key not in PARTS or not re.fullmatch(PARTS[key], value):
            continue
        if key == "listens":
            survey.listens.add(int(value, 16))
        elif key == "address":
            if _is_interface(value) and len(survey.address) < 20:
                survey.address.append(value)
        else:
            setattr(survey, key, value)
    if "end" not in lines or not survey.account:
        raise PlanError("it gave no answer that makes sense. Does its shell print text at the login?")
    return survey


def _is_interface(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True


def look(target: str, port: int | None, ask_key: Callable[[list[str]], None] | None) -> Survey:
    """Return the survey of a machine.

    :param ask_key: runs ssh at the terminal, where ssh itself shows the fingerprint of an unknown host and asks.
    :raises PlanError: with the cure.
    """
    if target == LOCAL:
        found = read(_answer(["sh", "-s"])[1])
        found.dialled = None
        return found
    ssh = ["ssh", "-o", f"ConnectTimeout={CONNECT}", *(["-p", str(port)] if port else [])]
    code, output, error = _answer([*ssh, "-o", "BatchMode=yes", target, "sh -s"])
    if "Host key verification failed" in error and "HAS CHANGED" not in error and ask_key:
        ask_key([*ssh, "-o", "NumberOfPasswordPrompts=0", target, "true"])
        code, output, error = _answer([*ssh, "-o", "BatchMode=yes", target, "sh -s"])
    if code != 0:
        raise PlanError(_cure(target, port, error))
    found = read(output)
    found.dialled = _dialled(target.rpartition("@")[2].strip("[]"))
    return found


def _dialled(host: str) -> set[str]:
    """Return the addresses to which ssh connects for a host, by its own configuration and this machine's resolver.

    Empty where another machine or program connects in its place.
    """
    settings = contact.configured("ssh", host, [])
    if settings.keys() & {"proxyjump", "proxycommand"}:
        return set()
    try:
        found = socket.getaddrinfo(settings.get("hostname", host), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {str(entry[4][0]) for entry in found}


def _cure(target: str, port: int | None, error: str) -> str:
    there = f"{f'-p {port} ' if port else ''}{target}"
    if "HAS CHANGED" in error:
        return (
            f"the host key of {target} is another one than before. Find out why. If the machine is new, type:"
            f" ssh-keygen -R {target.rpartition('@')[2]}"
        )
    if "Host key verification failed" in error:
        return f"ssh does not know the key of {target} yet. Type in another terminal: ssh {there}"
    if "Permission denied" in error:
        return f"ssh logs in to {target} with no key of yours. Type in another terminal: ssh-copy-id {there}"
    last = next((line for line in reversed(error.splitlines()) if line.strip()), "no answer")
    return f"ssh {there} does not get through: {plain(last.strip())}"


def _answer(command: list[str]) -> tuple[int, str, str]:
    """Run the script. Return the exit code and the first bytes of both outputs."""
    try:
        with subprocess.Popen(
            ["timeout", str(PATIENCE), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            pipes: tuple[IO[bytes], ...] = (process.stdin, process.stdout, process.stderr)  # type: ignore[assignment]
            to_host, from_host, messages = pipes
            try:
                to_host.write(SCRIPT.encode())
                to_host.close()
            except BrokenPipeError:
                pass  # ssh has ended: its message says why
            output = from_host.read(MOST)
            if len(output) == MOST:
                process.kill()
            error = messages.read(MOST)
        return process.returncode, output.decode(errors="replace"), error.decode(errors="replace")
    except FileNotFoundError as missing:
        raise PlanError(f"the program {missing.filename} is missing on this machine. Install it.") from None
