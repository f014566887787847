# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers of this host to an authority, for certbot in between: ``acme_hooks.py port FOLDER open|closed`` and
``acme_hooks.py record FOLDER INSTANCE add|remove``. FOLDER is that of ``acme_renew.py``.

certbot names a record in the environment (https://eff-certbot.readthedocs.io/en/stable/using.html#hooks).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

#: Our rules in the firewall have this owner.
OWNER = "jupyter_acme"
HTTP_PORT = 80
#: The program for a zone that comes with this one.
NSUPDATE = "nsupdate"


class Refused(Exception):
    """The authority wants an answer that this host does not give."""


def main() -> int:
    verb, folder = sys.argv[1], sys.argv[2]
    with open(f"{folder}/orders.json", encoding="utf-8") as file:
        orders = json.load(file)
    if verb == "port":
        return set_port(folder, orders, sys.argv[3] == "open")
    order = next(each for each in orders["orders"] if each["name"] == sys.argv[3])
    return set_record(folder, order, sys.argv[4])


def set_port(folder: str, orders: dict[str, Any], is_open: bool) -> int:
    """Open the port of the challenge in the firewall, or close it."""
    if not orders["firewall"]:
        return 0
    sys.path.insert(0, f"{folder}/lib")
    from notebooks._firewall import temporary  # type: ignore[import-not-found]

    def run(command: list[str], data: str | None = None) -> tuple[int, str, str]:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=60,
            env={**os.environ, "LC_ALL": "C"},
            **({"input": data} if data is not None else {"stdin": subprocess.DEVNULL}),  # type: ignore[call-overload]
        )
        return done.returncode, done.stdout, done.stderr

    temporary.change(HTTP_PORT, is_open, OWNER, run)
    return 0


def set_record(folder: str, order: dict[str, Any], verb: str) -> int:
    """Publish or remove a record for certbot, which names it in the environment."""
    domain, text = os.environ["CERTBOT_DOMAIN"], os.environ["CERTBOT_VALIDATION"]
    if not re.fullmatch(r"[A-Za-z0-9._-]+", domain) or not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise Refused(f"The authority wants a record that none of ours can be: {domain!r} {text!r}")
    record = f"_acme-challenge.{domain}"
    if order["dns_hook"] != NSUPDATE:
        return subprocess.run([order["dns_hook"], verb, record, text], check=False, timeout=300).returncode
    server, port = order["dns_server"]
    update = f'add {record}. 60 IN TXT "{text}"' if verb == "add" else f'delete {record}. IN TXT "{text}"'
    lines = [f"server {server} {port}", f"update {update}", "send", ""]
    key = f"{folder}/{order['name']}.dns-key"
    return subprocess.run(
        ["nsupdate", "-k", key], input="\n".join(lines), text=True, check=False, timeout=60
    ).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Refused, OSError, ValueError, KeyError, subprocess.SubprocessError) as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        sys.exit(1)
