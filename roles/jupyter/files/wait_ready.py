# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until a Jupyter server on this machine answers: ``wait_ready.py URL PID [SECONDS]``; without a limit, as long as
suits this machine.

Ends with 0 when it answers, with 1 when the process is gone, the time is over, or another account has the port. Asks
the loopback and trusts any certificate: whether clients can trust it is for the check from the client's side to say. An
answer has to begin and end within the time, however many bytes of it come: in the place of the server there may be a
program of its account.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import pwd
import signal
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

#: Seconds that a start may take on a machine that is not slow, and on any.
LEAST, MOST = 80, 900
#: Beside the seal of an environment: the seconds that it took to try it, which is more than a server's start.
TRIAL = "remote-notebooks.json.trial"


def patience(folder: str) -> float:
    """Return how long a server out of this environment may take: four times the time of its trial on this machine,
    within bounds."""
    try:
        with open(os.path.join(folder, TRIAL), encoding="ascii") as file:
            took = float(file.read(20))
    except (OSError, ValueError):
        took = 0.0
    return max(LEAST, min(MOST, 4 * took))


def extend(seconds: float) -> None:
    """Have systemd wait as long: its own limit is that of a machine that is not slow (sd_notify(3),
    EXTEND_TIMEOUT_USEC)."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + place[1:] if place.startswith("@") else place)
        channel.send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}".encode())


def address_of(word: str) -> str:
    """Read an address of /proc/net/tcp or tcp6: hexadecimal, in words of the machine's own byte order (proc(5))."""
    parts = [
        bytes.fromhex(word[start : start + 8])[:: -1 if sys.byteorder == "little" else 1]
        for start in range(0, len(word), 8)
    ]
    found = ipaddress.ip_address(b"".join(parts))
    return str(getattr(found, "ipv4_mapped", None) or found)


def listeners(port: int, addresses: set[str]) -> list[int]:
    """Return the numbers of the accounts that listen on a TCP port of this machine (proc(5)), at one of these
    addresses."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue  # without IPv6
        mine = [row for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port]
        found += [int(row[7]) for row in mine if address_of(row[1].rpartition(":")[0]) in addresses]
    return found


def stranger(host: str, port: int, pid: int) -> str:
    """Return the account that listens on a port beside the one of the server, or in its place; empty where there is
    none.

    Every account may listen at 127.0.0.2 and the like, where nobody is sent: that keeps no server from its start.
    """
    try:
        own = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return ""  # gone; that is said elsewhere
    near = {"127.0.0.1", "::1", "0.0.0.0", "::", host}  # noqa: S104
    other = next((uid for uid in listeners(port, near) if uid != own), None)
    if other is None:
        return ""
    try:
        return pwd.getpwuid(other).pw_name
    except KeyError:
        return str(other)


def give_up(_number: int, _frame: object) -> None:
    raise TimeoutError("it sends an answer that does not end")


def main() -> int:
    url, pid = sys.argv[1], int(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else patience(sys.prefix)
    deadline = time.monotonic() + seconds
    if seconds > LEAST:
        extend(seconds + 10)
    signal.signal(signal.SIGALRM, give_up)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    reason = "no answer yet"
    parts = urllib.parse.urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    while time.monotonic() < deadline:
        who = stranger(host, port, pid)
        if who:
            print(
                f"{url}: the account '{who}' listens on TCP port {port} of this machine. End that process, or choose"
                " another port.",
                file=sys.stderr,
            )
            return 1
        try:
            signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 0.1))
            with opener.open(url, timeout=5):
                return 0
        except (OSError, urllib.error.URLError, http.client.HTTPException) as error:
            reason = str(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            print(
                f"{url}: the server (process {pid}) ended before it answered; its own messages stand above.",
                file=sys.stderr,
            )
            return 1
        except PermissionError:
            pass  # alive, and another account's
        time.sleep(0.05)
    print(
        f"{url}: no answer within {seconds:g} s ({reason}). Where this machine is only slow, give it longer:"
        " jupyter_timeout.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
