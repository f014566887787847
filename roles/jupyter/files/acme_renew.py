# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Get the certificates of this host from their authorities, and renew them: ``acme_renew.py VERB FOLDER ...``.

``renew`` is for the timer. It leaves out a certificate that was refused lately: 4 hours after the first time, 8 after
the second, 24 at most. ``obtain`` is for a run of the role, and leaves out none. certbot speaks with the authority
(RFC 8555), and asks it when to renew (RFC 9773). In between, it starts ``acme_hooks.py``.

FOLDER is root's alone: ``orders.json`` of the role, ``certbot`` with accounts, keys and certificates, and
``status.json``, which the role reads: by instance ``id`` of the order, ``not_after``, ``failures``, ``error``,
``tried`` and ``next``, in seconds since the epoch, and ``served``, whether the server shows that certificate.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import grp
import ipaddress
import json
import os
import pwd
import re
import shlex
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

#: Seconds: the longest for one certificate, and for one question to our own server.
LONGEST, ASKED = 900, 10
FIRST_PAUSE, LONGEST_PAUSE = 4 * 3600, 24 * 3600
TIMER = "remote-notebooks-acme.timer"
#: The answers of an authority that no longer knows us (RFC 8555, 6.7 and 7.3.6).
LOST_ACCOUNT = re.compile(r"accountDoesNotExist|[Aa]ccount .{0,80}(not (exist|found|valid)|deactivated|revoked)")
#: A nonce that the authority no longer knows. A client then asks again (RFC 8555, 6.5). certbot does so once.
LOST_NONCE, ATTEMPTS = re.compile(r"badNonce|anti-replay nonce"), 4
#: The program that opens the port of a challenge, and publishes records.
HOOKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "acme_hooks.py")
#: The program for a zone that comes with this one.
NSUPDATE = "nsupdate"
KEYS = {
    "ecdsa_p256": ["--key-type=ecdsa", "--elliptic-curve=secp256r1"],
    "ecdsa_p384": ["--key-type=ecdsa", "--elliptic-curve=secp384r1"],
    "rsa_2048": ["--key-type=rsa", "--rsa-key-size=2048"],
    "rsa_3072": ["--key-type=rsa", "--rsa-key-size=3072"],
    "rsa_4096": ["--key-type=rsa", "--rsa-key-size=4096"],
}


class Refused(Exception):
    """No certificate was issued, or it could not be put in place. Its text says why."""


def main() -> int:
    verb, folder = sys.argv[1], sys.argv[2]
    os.umask(0o077)
    with alone(folder):
        return bring_all(folder, patient=verb == "renew")


@contextlib.contextmanager
def alone(folder: str) -> Iterator[None]:
    """One at a time: a run of the role waits for the timer's, which may have the port."""
    with open(f"{folder}/lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def bring_all(folder: str, patient: bool) -> int:
    """Bring each certificate up to date. One that fails does not stop the next. Return the exit code: 1 for a
    refused renewal, 2 where a server has no certificate at all."""
    orders, before = read(folder, "orders.json"), read(folder, "status.json")
    status: dict[str, Any] = {}
    clear(folder, orders)
    for order in orders["orders"]:
        name, known = order["name"], before.get(order["name"], {})
        if patient and known.get("failures") and time.time() < known.get("next", 0):
            status[name] = known
            continue
        status[name] = attempt(folder, orders, order, known)
        write(folder, "status.json", json.dumps({**before, **status}))
    write(folder, "status.json", json.dumps(status))
    close_port(folder)
    forget_others(folder, orders)
    for name, found in status.items():
        print(sentence(name, found), file=sys.stderr if found["failures"] else sys.stdout)
    if not patient:
        print(f"this host asks again {next_time()}")
    refused = [found for found in status.values() if found["failures"]]
    return 2 if any(not found["not_after"] for found in refused) else int(bool(refused))


def clear(folder: str, orders: dict[str, Any]) -> None:
    """Undo what an end by force has left: an open port, and files with keys."""
    close_port(folder)
    places = [folder, *(os.path.dirname(order["file"]) for order in orders["orders"])]
    for path in [path for place in places for path in glob.glob(f"{glob.escape(place)}/.acme-*")]:
        os.unlink(path)


def sentence(name: str, found: dict[str, Any]) -> str:
    """Say the state of a certificate in one line."""
    ends = found["not_after"] and (
        f"ends {moment(found['not_after'])}, {(found['not_after'] - time.time()) / 86400:.1f} days from now"
    )
    if found["failures"]:
        kept = f" The one in use {ends}." if ends else ""
        return f"{name}: no certificate was issued: {found['error']}{kept}"
    return f"{name}: the certificate {ends}"


def next_time() -> str:
    """Say when the timer fires next."""
    ask = ["systemctl", "show", "--property=NextElapseUSecRealtime", "--value", TIMER]
    try:
        done = subprocess.run(ask, check=False, capture_output=True, text=True, timeout=30)
    except OSError:
        return "every four hours"
    return f"at {done.stdout.strip()}" if done.stdout.strip() else "every four hours"


def forget_others(folder: str, orders: dict[str, Any]) -> None:
    """Remove certificates and keys of servers that are gone. The account at the authority stays for others."""
    wanted = {order["name"] for order in orders["orders"]}
    config = f"{folder}/certbot/config"
    for path in glob.glob(f"{glob.escape(config)}/renewal/*.conf"):
        name = os.path.basename(path)[: -len(".conf")]
        if name not in wanted:
            for part in (f"live/{name}", f"archive/{name}"):
                shutil.rmtree(f"{config}/{part}", ignore_errors=True)
            os.unlink(path)


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def attempt(folder: str, orders: dict[str, Any], order: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Bring one certificate up to date. Return its new status."""
    now = time.time()
    found = {"id": "", "not_after": None, "served": None, **known}
    try:
        issue(folder, orders, order, anew=bool(known.get("id")) and known["id"] != order["id"])
        place(folder, order)
        found.update(id=order["id"], failures=0, error="", tried=now, next=0.0)
    except (Refused, OSError, subprocess.SubprocessError) as error:
        count = int(found.get("failures") or 0) + 1
        pause = min(FIRST_PAUSE * 2 ** min(count - 1, 10), LONGEST_PAUSE)
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        found.update(failures=count, error=said[:2000], tried=now, next=now + pause)
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open(order["file"], encoding="ascii") as file:
            leaf = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", file.read(), re.DOTALL)[0]
        der = ssl.PEM_cert_to_DER_cert(leaf)
        found.update(not_after=ends(leaf), served=is_served(order, der))
    return found


def ends(leaf: str) -> float:
    """Return when a certificate ends."""
    from cryptography import x509  # certbot brings it

    return x509.load_pem_x509_certificate(leaf.encode()).not_valid_after_utc.timestamp()


def issue(folder: str, orders: dict[str, Any], order: dict[str, Any], anew: bool) -> None:
    """Have certbot issue a certificate, where there is none or its authority wants it renewed. Register once more
    where the authority has forgotten the account.

    :param anew: the one that is there was ordered in another way.
    """
    said = persistent(folder, orders, order, anew)
    if said is not None and LOST_ACCOUNT.search(said[0]):
        accounts = f"{folder}/certbot/config/accounts"
        with contextlib.suppress(FileNotFoundError):
            os.rename(accounts, f"{accounts}.{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}")
        said = persistent(folder, orders, order, anew)
    if said is not None:
        raise Refused(said[1])


def persistent(folder: str, orders: dict[str, Any], order: dict[str, Any], anew: bool) -> tuple[str, str] | None:
    """Run certbot until it has its answer. Return all that it said and its reason, where it failed."""
    said: tuple[str, str] | None = None
    for _attempt in range(ATTEMPTS):
        said = client(folder, orders, order, anew)
        if said is None or not LOST_NONCE.search(said[0]):
            break
    return said


def client(folder: str, orders: dict[str, Any], order: dict[str, Any], anew: bool) -> tuple[str, str] | None:
    """Run certbot. Return all that it said and its reason, where it failed."""
    command = [f"{orders['environment']}/bin/certbot", "certonly", *words(folder, order)]
    with settings(folder, order) as path:
        done = subprocess.run(
            [*command, f"--config={path}", *(["--force-renewal"] if anew else ["--keep-until-expiring"])],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST,
            env=environment(order, folder),
            stdin=subprocess.DEVNULL,
        )
    if not done.returncode:
        return None
    return f"{done.stdout}\n{done.stderr}", reason(done.stdout, done.stderr)


def environment(order: dict[str, Any], folder: str) -> dict[str, str]:
    """Return the variables of certbot: the proxy and the authorities that the server has, too."""
    variables = read(*os.path.split(order["variables"])) if order["variables"] else {}
    trusted = f"{folder}/{order['name']}.ca.pem" if order["ca_file"] else order["ca_bundle"]
    if trusted:
        variables["REQUESTS_CA_BUNDLE"] = trusted
    return {**variables, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def words(folder: str, order: dict[str, Any]) -> list[str]:
    """Return the arguments of certbot. Nothing secret is among them."""
    home = f"{folder}/certbot"
    for path in filter(None, (order["webroot"], "" if order["dns_hook"] == NSUPDATE else order["dns_hook"])):
        require_own(path)
    hook = shlex.join([sys.executable, "-I", HOOKS])
    found = [
        "--non-interactive",
        "--agree-tos",
        "--no-directory-hooks",
        "--renew-with-new-domains",
        f"--config-dir={home}/config",
        f"--work-dir={home}/work",
        f"--logs-dir={home}/logs",
        "--max-log-backups=5",
        f"--server={order['directory']}",
        f"--cert-name={order['name']}",
        *([f"--email={order['email']}"] if order["email"] else ["--register-unsafely-without-email"]),
        *(["--no-eff-email"] if order["email"] else []),
        *KEYS[order["key_type"]],
    ]
    for address in order["addresses"]:
        found.append(f"--ip-address={address}" if is_ip(address) else f"--domain={address}")
    if order["profile"]:
        found.append(f"--{'required' if order['profile_required'] else 'preferred'}-profile={order['profile']}")
    if order["challenge"] == "dns-01":
        own = shlex.quote(folder)
        return [
            *found,
            "--manual",
            "--preferred-challenges=dns",
            f"--manual-auth-hook={hook} record {own} {order['name']} add",
            f"--manual-cleanup-hook={hook} record {own} {order['name']} remove",
        ]
    return [
        *found,
        *(["--webroot", f"--webroot-path={order['webroot']}"] if order["webroot"] else ["--standalone"]),
        "--preferred-challenges=http",
        f"--pre-hook={hook} port {shlex.quote(folder)} open",
        f"--post-hook={hook} port {shlex.quote(folder)} closed",
    ]


def require_own(path: str) -> None:
    """Refuse a path that another account can change: root writes or runs what is there."""
    parts = [path, f"{path}/.well-known", f"{path}/.well-known/acme-challenge"] if os.path.isdir(path) else [path]
    while path != "/":
        path = os.path.dirname(path)
        parts.append(path)
    for part in filter(os.path.lexists, parts):
        found = os.lstat(part)
        shared = found.st_mode & 0o022 and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX)
        if found.st_uid or shared or stat.S_ISLNK(found.st_mode):
            owner = "is a link" if stat.S_ISLNK(found.st_mode) else "can be changed by another account than root"
            raise Refused(f"{part} {owner}, and root writes or runs what is there. Name a path of root's alone.")


def is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def settings(folder: str, order: dict[str, Any]) -> Iterator[str]:
    """Give certbot the key of an external account by a file: everybody can read the arguments of a process."""
    lines = []
    if order["eab_file"]:
        with open(f"{folder}/{order['name']}.eab", encoding="utf-8") as file:
            both = file.read().split()
        if len(both) != 2:
            raise Refused("acme_eab_file needs two lines, the key identifier and the HMAC key.")
        lines = [f"eab-kid = {both[0]}", f"eab-hmac-key = {both[1]}"]
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".acme-", suffix=".ini") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        yield file.name


def reason(out: str, err: str) -> str:
    """Return the words of certbot that say why. The authority's own stand behind ``Detail:``."""
    lines = [line.strip() for line in f"{out}\n{err}".splitlines() if line.strip()]
    details = [line.partition(":")[2].strip() for line in lines if line.startswith("Detail:")]
    if details:
        return " ".join(dict.fromkeys(details))
    noise = ("Saving debug log", "Ask for help", "See the logfile", "Some challenges have failed", "- - -")
    told = [line for line in lines if not line.startswith(noise)]
    return " ".join(told[-3:]) or "certbot gave no reason."


def place(folder: str, order: dict[str, Any]) -> None:
    """Put key and certificate in place by one rename. Until then the old ones are served."""
    live, text = f"{folder}/certbot/config/live/{order['name']}", ""
    for name in ("privkey.pem", "fullchain.pem"):
        with open(f"{live}/{name}", encoding="ascii") as file:
            text += file.read()
    owner, group, mode = pwd.getpwnam(order["user"]).pw_uid, grp.getgrnam(order["group"]).gr_gid, int(order["mode"], 8)
    with contextlib.suppress(FileNotFoundError), open(order["file"], encoding="ascii", errors="replace") as file:
        found = os.fstat(file.fileno())
        if file.read() == text and (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (owner, group, mode):
            return
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(order["file"]), prefix=".acme-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fchown(file.fileno(), owner, group)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(temporary, order["file"])
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def is_served(order: dict[str, Any], der: bytes) -> bool | None:
    """Tell whether the server shows this certificate. None where no server answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Only which certificate comes is asked, and nothing is sent.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(tuple(order["served"]), ASKED) as plain, context.wrap_socket(plain) as secured:
            return secured.getpeercert(binary_form=True) == der
    except OSError:
        return None


def close_port(folder: str) -> None:
    """Close the port again, where an end by force has left it open."""
    done = subprocess.run(
        [sys.executable, "-I", HOOKS, "port", folder, "closed"],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    if done.returncode:
        print(f"Port 80 cannot be closed: {(done.stderr.strip().splitlines() or ['?'])[-1]}", file=sys.stderr)


def read(folder: str, name: str) -> dict[str, Any]:
    try:
        with open(f"{folder}/{name}", encoding="utf-8") as file:
            return dict(json.load(file))
    except FileNotFoundError:
        return {}


def write(folder: str, name: str, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".acme-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(temporary, f"{folder}/{name}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Refused, OSError, ValueError, KeyError, subprocess.SubprocessError) as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        sys.exit(3)
