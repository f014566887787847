# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that a host gets from an authority by ACME (RFC 8555) and renews by itself."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .._records import Instance

#: The client. Since 5.8 it asks for IP addresses (RFC 8738) with each of the ways that are used here.
CLIENT = "certbot==5.8.0"
#: certbot 5 needs it (Requires-Python of its metadata).
OLDEST_PYTHON = (3, 10)
#: The slot of its environment is that of an instance with this behind a dot. No name of a kernel has an @.
SLOT = "@acme"
#: The port to which the authority connects (RFC 8555, 8.3).
HTTP_PORT = 80
#: Our own program for dynamic updates of a zone (RFC 2136).
NSUPDATE = "nsupdate"
KEYS = (
    "acme_directory",
    "acme_email",
    "acme_profile",
    "acme_challenge",
    "acme_webroot",
    "acme_dns_hook",
    "acme_dns_server",
    "acme_dns_key_file",
    "acme_eab_file",
    "acme_ca_file",
)
#: Those that name files of the control node.
FILE_KEYS = ("acme_dns_key_file", "acme_eab_file", "acme_ca_file")
#: What each option of one challenge is for.
_OF_HTTP, _OF_DNS = ("acme_webroot",), ("acme_dns_hook", "acme_dns_server", "acme_dns_key_file")
#: Directories whose authority issues for nothing but public names and addresses
#: (https://letsencrypt.org/docs/faq/; CA/Browser Forum, Baseline Requirements, 4.2.2).
_PUBLIC = ("api.letsencrypt.org", "acme.zerossl.com", "dv.acme-v02.api.pki.goog")


def settle(instance: Instance, given: dict[str, Any], scope: str, wrong: Any) -> None:
    """Check the options of ``tls: acme``, and refuse them beside another one.

    :param given: the keys that the instance itself has.
    """
    if instance["tls"] != "acme":
        for key in KEYS:
            if given.get(key):
                wrong(key, f"is for tls 'acme', and tls is '{instance['tls']}'. Leave it out, or say tls: acme.")
        return
    if scope != "system":
        wrong("tls", "'acme' needs root, and scope 'user' has none. Say private_ca, or provided with its files.")
    for key in ("certificate_file", "key_file"):
        if instance[key]:  # type: ignore[literal-required]
            wrong(key, "contradicts tls 'acme': the host gets the certificate by itself. Leave it out.")
    _directory(instance, wrong)
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,64}", instance["acme_profile"]):
        wrong("acme_profile", f"'{instance['acme_profile'][:64]}' is no name of a profile, such as shortlived.")
    if instance["acme_email"] and not re.fullmatch(r"[^\s@,;<>\"']{1,64}@[^\s@,;<>\"']{1,255}", instance["acme_email"]):
        wrong("acme_email", f"'{instance['acme_email'][:80]}' is no address of e-mail.")
    (_http if instance["acme_challenge"] == "http-01" else _dns)(instance, wrong)


def _directory(instance: Instance, wrong: Any) -> None:
    try:
        parts = urlsplit(instance["acme_directory"])
        good = parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        good = False
    if not good or not re.fullmatch(r"[!-~]+", instance["acme_directory"]):
        wrong(
            "acme_directory",
            f"'{instance['acme_directory'][:200]}' is no address of a directory. Write for example"
            " https://acme-v02.api.letsencrypt.org/directory.",
        )
        return
    name = str(parts.hostname)
    if any(name == known or name.endswith(f".{known}") for known in _PUBLIC):
        for address in instance["addresses"]:
            if not is_public(address):
                wrong(
                    "addresses",
                    f"no public authority issues a certificate for '{address}'. Name public DNS names and IP addresses"
                    " in addresses, or leave tls out for our own authority.",
                )


def is_public(address: str) -> bool:
    """Tell whether a public authority may issue a certificate for an address."""
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        top = address.rpartition(".")[2]
        # RFC 6761, RFC 6762, RFC 8375, and the name that ICANN keeps for private networks.
        return "." in address and top not in ("local", "localhost", "internal", "test", "invalid", "example", "arpa")


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _http(instance: Instance, wrong: Any) -> None:
    for key in _OF_DNS:
        if instance[key]:  # type: ignore[literal-required]
            wrong(key, "is for acme_challenge 'dns-01'. Leave it out, or say acme_challenge: dns-01.")
    folder = instance["acme_webroot"]
    if folder and not re.fullmatch(r"/[^\0\n,]*", folder):
        wrong("acme_webroot", f"'{folder[:200]}' is no absolute path of a folder on the host.")


def _dns(instance: Instance, wrong: Any) -> None:
    for key in _OF_HTTP:
        if instance[key]:  # type: ignore[literal-required]
            wrong(key, "is for acme_challenge 'http-01'. Leave one of the two out.")
    for address in filter(_is_ip, instance["addresses"]):
        wrong(
            "addresses",
            f"{address} has no record in a zone, and acme_challenge is 'dns-01'. Leave the address out, or say"
            " acme_challenge: http-01.",
        )
    hook = instance["acme_dns_hook"]
    if hook == NSUPDATE:
        if not re.fullmatch(r"[A-Za-z0-9.:_\[\]-]{1,255}", instance["acme_dns_server"]):
            wrong("acme_dns_server", "nsupdate needs the address of the DNS server that takes the update.")
        if not instance["acme_dns_key_file"]:
            wrong("acme_dns_key_file", "nsupdate needs the key that signs the update (tsig-keygen writes such a file).")
        return
    if not re.fullmatch(r"/[^\0\n]*", hook):
        wrong(
            "acme_dns_hook",
            "acme_challenge 'dns-01' needs nsupdate, or the absolute path of a program on the host that publishes"
            " records.",
        )
    for key in ("acme_dns_server", "acme_dns_key_file"):
        if instance[key]:  # type: ignore[literal-required]
            wrong(key, "is for acme_dns_hook 'nsupdate'. Leave it out.")


def profile(instance: Instance) -> str:
    """Return the profile to ask for. Let's Encrypt issues for IP addresses under that name alone
    (https://letsencrypt.org/docs/profiles/)."""
    return instance["acme_profile"] or ("shortlived" if any(map(_is_ip, instance["addresses"])) else "")


def order(instance: Instance) -> dict[str, Any]:
    """Return the order for the certificate of an instance, as :mod:`acme_renew` of the role reads it; ``id`` tells it
    from one for other names, another authority or another key."""
    wanted = {
        "directory": instance["acme_directory"],
        "addresses": instance["addresses"],
        "profile": profile(instance),
        "profile_required": bool(instance["acme_profile"]),
        "key_type": instance["certificate_key_type"],
    }
    text = json.dumps(wanted, sort_keys=True)
    return {
        "name": instance["name"],
        "id": hashlib.sha256(text.encode()).hexdigest()[:16],
        **wanted,
        "email": instance["acme_email"],
        "challenge": instance["acme_challenge"],
        "webroot": instance["acme_webroot"],
        "dns_hook": instance["acme_dns_hook"],
        "dns_server": _server(instance["acme_dns_server"]),
    }


def _server(text: str) -> list[str]:
    """Split the address of a DNS server and its port, 53 where it names none."""
    bracketed = re.fullmatch(r"\[([^]]*)\](?::([0-9]+))?", text)
    if bracketed:
        return [bracketed[1], bracketed[2] or "53"]
    host, colon, port = text.rpartition(":")
    return [host, port] if colon and ":" not in host else [text, "53"]
