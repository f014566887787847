# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from a client to an instance: addresses, networks, TLS."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import urlsplit

from ...module_utils._check.address import DEFAULT_PORTS
from ...module_utils._plain import plain
from .._input import addresses

if TYPE_CHECKING:
    from .._records import Instance


#: Names by which this machine is reached from itself alone.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: The bind addresses that all of them, and the network, lead to.
EVERYWHERE = ("*", "0.0.0.0", "::")  # noqa: S104


def _address_or_none(text: str) -> str | None:
    """``text`` as certificates and URLs carry it; ``None`` where it is neither an IP address nor a DNS name."""
    try:
        return None if text.startswith("*") else addresses.address(text)
    except ValueError:
        return None


def default_addresses(host: str, inventory_name: str, own: list[str]) -> list[str]:
    """Return the names by which clients reach a host, best first, where the user names none.

    :param host: the address that Ansible connects to. :param inventory_name: the inventory's name of it.
    :param own: for the very machine Ansible works on, its address and name: the inventory's name may be known to
        nobody else.
    """
    named = [*own, inventory_name] if own else [host, inventory_name]
    found = [name for text in named for name in [_address_or_none(text)] if name]
    return [name for name in dict.fromkeys(found) if not (own and name in LOOPBACK)]


def all_addresses(given: list[Any], wrong: Callable[[str, str], None]) -> list[str]:
    """The addresses in the form that certificates and URLs carry, each once."""
    found: list[str] = []
    for text in given:
        try:
            name = addresses.address(text)
        except ValueError as error:
            wrong("addresses", f"'{text}' is neither a DNS name nor an IP address that clients can type: {error}.")
            continue
        if name.startswith("*"):
            wrong("addresses", f"'{text}' is a pattern. Write the name that clients type.")
        found.append(name)
    return list(dict.fromkeys(found))


def loopback(bind: str) -> str:
    """Return the address by which the host itself reaches a server that listens on ``bind``."""
    return {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104


def check_sources(instance: Instance, wrong: Any) -> None:
    for source in instance["allowed_sources"]:
        try:
            ipaddress.ip_network(source)
        except ValueError as error:
            wrong(
                "allowed_sources",
                f"'{source}' is not a network ({error}). Write CIDR, for example 192.0.2.0/24 or 2001:db8::/32.",
            )


def settle_access(instance: Instance, wrong: Any) -> None:
    """Settle ``tls`` and ``bind_address`` from ``access``. Refuse settings that would send a password over a network in
    clear."""
    access = instance["access"]
    instance["by_ssh"] = access in ("tunnel", "both")
    # A proxy on this host comes to the loopback, and any other one is named.
    instance["networked"] = access in ("direct", "both") or (access == "proxied" and bool(instance["allowed_sources"]))
    loopback = not instance["networked"]
    if instance["tls"] == "auto":
        given = "provided" if instance["certificate_file"] else "private_ca"
        instance["tls"] = "none" if loopback or instance["plain_http"] else given
    if instance["tls"] == "provided":
        if not instance["certificate_file"]:
            wrong(
                "certificate_file",
                "tls 'provided' needs it: the certificate on the control node, in PEM, with its chain behind it.",
            )
    elif instance["certificate_file"] and instance["tls"] in ("private_ca", "self_signed"):
        wrong(
            "certificate_file",
            f"contradicts tls '{instance['tls']}'. Say tls: provided, or leave certificate_file out.",
        )
    if loopback and instance["tls"] in ("provided", "acme"):
        wrong(
            "tls",
            f"'{instance['tls']}' with access '{access}': nobody comes by the names of such a certificate. Leave tls"
            " out: " + ("SSH encrypts." if access == "tunnel" else "the proxy on this host comes to the loopback."),
        )
    if not loopback and instance["tls"] == "none":
        if not instance["plain_http"]:
            wrong(
                "tls",
                f"'none' with access '{instance['access']}' would send the password over the network in clear. "
                "Leave tls out, or say access: tunnel, or, on a network you trust, plain_http: true.",
            )
        elif not instance["allowed_sources"] or not all(_is_private(source) for source in instance["allowed_sources"]):
            wrong(
                "plain_http",
                "needs allowed_sources with nothing but private networks, for example 192.168.1.0/24: everyone on the"
                " way reads the password.",
            )
    if instance["plain_http"] and instance["tls"] != "none":
        wrong("plain_http", f"contradicts tls '{instance['tls']}'. Leave one of the two out.")
    if not instance["bind_address"]:
        # Both loopbacks: sshd's localhost is often ::1 first, and another account that listened there would be sent
        # data that comes through the tunnel.
        instance["bind_address"] = "localhost" if loopback else "*"
    elif loopback and instance["bind_address"] not in LOOPBACK:
        wrong(
            "bind_address",
            f"'{instance['bind_address']}' is not the loopback, and access '{access}' listens nowhere else. "
            + ("Say access: direct" if access == "tunnel" else "Name the proxy in allowed_sources")
            + ", or leave it out.",
        )
    elif not loopback:
        _listener(instance, wrong)
    if not loopback and not instance["addresses"]:
        wrong("addresses", "access from the network needs at least one name or IP address that clients use.")


def settle_public_url(instance: Instance, own: bool, wrong: Any) -> None:
    """Settle ``base_url`` from ``public_url``: a proxy passes the path as it is.

    :param own: the instance says it itself, and not the host for all of them.
    """
    given = instance["public_url"]
    instance["public_name"] = instance["public_origin"] = ""
    if instance["access"] != "proxied":
        instance["public_url"] = ""
        if given and own:
            wrong("public_url", f"is a proxy's address, and access is '{instance['access']}'. Say access: proxied.")
        return
    try:
        parts = urlsplit(given)
        host, good = _address_or_none(parts.hostname or ""), parts.scheme in ("https", "http") and parts.port != 0
    except ValueError:
        host, good = None, False
    if host is None or not good or parts.username is not None or parts.query or parts.fragment:
        wrong(
            "public_url",
            f"access 'proxied' needs the address that clients type, and '{plain(given)}' is none. Write for example"
            " https://lab.example.org/ann/.",
        )
        return
    if parts.scheme == "http" and not instance["plain_http"]:
        wrong(
            "public_url",
            "http:// would send the password to the proxy in clear. Write https://, or, on a network you trust,"
            " plain_http: true.",
        )
    path = "/".join(["", *filter(None, parts.path.split("/")), ""])
    if instance["base_url"].strip("/") not in ("", path.strip("/")):
        wrong(
            "base_url",
            f"'{instance['base_url']}' is another path than that of {plain(given)}, and a proxy passes the path as it"
            " is. Leave it out.",
        )
    instance["base_url"] = path
    bracketed = f"[{host}]" if ":" in host else host
    # As a browser writes it in the Origin header: without the port that the scheme implies (RFC 6454, 6.2).
    usual = parts.port in (None, DEFAULT_PORTS[parts.scheme])
    is_name = ":" not in host and not host.rpartition(".")[2].isdigit()  # RFC 1123, 2.1
    instance["public_name"] = host if is_name else ""
    instance["public_origin"] = f"{parts.scheme}://{bracketed}{'' if usual else f':{parts.port}'}"
    instance["public_url"] = f"{instance['public_origin']}{path}"


def _listener(instance: Instance, wrong: Any) -> None:
    """Refuse a ``bind_address`` on which clients from the network, or from a tunnel as well, find nobody."""
    access, bind = instance["access"], instance["bind_address"]
    try:
        near = bind in LOOPBACK or (bind != "*" and ipaddress.ip_address(bind).is_loopback)
    except ValueError:
        wrong("bind_address", f"'{bind}' is no IP address of this host. Write one, or '*' for all.")
        return
    if near:
        wrong(
            "bind_address",
            f"'{bind}' is the loopback, which no network reaches, with access '{access}'. "
            + ("Leave allowed_sources out" if access == "proxied" else "Say access: tunnel")
            + ", or leave it out.",
        )
    elif access == "both" and bind not in EVERYWHERE:
        wrong(
            "bind_address", f"'{bind}' with access 'both': a tunnel ends at the loopback. Say '*', or access: direct."
        )


def _is_private(source: str) -> bool:
    try:
        return ipaddress.ip_network(source).is_private
    except ValueError:
        return True  # check_sources has refused it already


#: Characters of a password that is the only factor of a login (NIST SP 800-63B-4, section 3.1.1.2).
LEAST_PASSWORD = 15


def weak_passwords(instances: list[Instance], passwords: dict[str, str | None]) -> list[str]:
    """Return the names of the instances that every address reaches, and whose given password is short.

    :param passwords: of each instance, as the inventory gives it; None for a generated one, or a hash.
    """
    return [
        item["name"]
        for item in instances
        if (item["access"] == "proxied" or (item["networked"] and not item["allowed_sources"]))
        and 0 < len(passwords.get(item["name"]) or "") < LEAST_PASSWORD
    ]
