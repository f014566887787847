# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an address, as pages and apps show them. Pure."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

#: Names that one network alone resolves (RFC 6762, RFC 8375, and the reservation of .internal by ICANN).
NEAR_NAMES = (".local", ".home.arpa", ".internal", ".lan")
#: Private networks (RFC 1918, RFC 4193, RFC 3927, RFC 4291), and the one of overlay networks (RFC 6598).
NEAR_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "100.64.0.0/10",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)


def address(url: str, classic: str) -> dict[str, Any]:
    """The parts of an address as the screens of apps ask for them. An app adds ``tree`` to the base path."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    base = parts.path.strip("/")
    app_base = "/".join(part for part in (base, classic.rpartition("/")[0]) if part)
    return {
        "url": url,
        "lab": f"{url}lab",
        "classic": f"{url}{classic}" if classic else None,
        "port": parts.port or (443 if parts.scheme == "https" else 80),
        "https": parts.scheme == "https",
        "app_address": f"{host}/{app_base}" if app_base else host,
        "app_base": app_base,
    }


def direct(url: str, classic: str) -> dict[str, Any]:
    """As :func:`address`, with the networks that lead there."""
    host = urlsplit(url).hostname or ""
    if is_multicast(host):
        place = "In the network of the server, not through a VPN"
    else:
        place = "In the network of the server, or its VPN" if is_near(host) else "From anywhere"
    return {**address(url, classic), "place": place}


def is_multicast(host: str) -> bool:
    """Tell whether the machines of one network answer for this name themselves (RFC 6762, section 3). A VPN does not
    carry that."""
    return host.endswith(".local") and host.count(".") == 1


def is_near(host: str) -> bool:
    """Tell whether an address or name has a meaning in one network alone."""
    try:
        number = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "." not in host or host.endswith(NEAR_NAMES)
    return any(number in network for network in NEAR_NETWORKS)
