# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names and networks that an authority may issue for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ...module_utils._errors import PkiError
from .._input.addresses import dns_name

if TYPE_CHECKING:
    from .request import Wanted


def constraints(where: str, value: Any, wanted: Iterable[Wanted]) -> tuple[str, ...]:
    if value is None:
        return ()
    if value == "inventory":
        addresses = [name for item in wanted if item.source == "authority" for name in item.addresses]
        if not addresses:
            raise PkiError(
                f"{where}: name_constraints is inventory, but pki_certificates has no address to derive them from."
            )
        return constraints_for(addresses)
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable) or not (entries := list(value)):
        raise PkiError(
            f"{where}: name_constraints is {value!r}. Give 'inventory', or a list of domains and networks such as"
            " [lab.example, 192.0.2.0/24]."
        )
    return tuple(dict.fromkeys(_constraint(where, entry) for entry in entries))


def _constraint(where: str, value: Any) -> str:
    text = str(value).strip()
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        if "/" in text:
            raise PkiError(
                f"{where}: name_constraints has '{text}', which is no network. Give its first address and length, such"
                " as 192.0.2.0/24."
            ) from None
    try:
        return dns_name(text.lstrip("."))
    except ValueError as error:
        raise PkiError(
            f"{where}: name_constraints has '{text}', which is neither a DNS name nor a network: {error}."
        ) from None


#: A home or company network renumbers inside these; the authority should outlive that (RFC 1918, RFC 4193, RFC 4291,
#: RFC 6598, RFC 3927)
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)


def constraints_for(addresses: Iterable[str]) -> tuple[str, ...]:
    """Derive domains and networks that cover these addresses and likely new ones.

    A name with three labels or more stands for its parent domain, a shorter one for itself; a private address for its
    whole private network, a public one for itself alone.
    """
    permitted: dict[str, None] = {}
    for entry in addresses:
        try:
            ip = ipaddress.ip_address(entry)
        except ValueError:
            labels = (entry[2:] if entry.startswith("*.") else entry).split(".")
            permitted[".".join(labels[1:] if len(labels) > 2 else labels)] = None
        else:
            permitted[str(next((network for network in _PRIVATE if ip in network), ipaddress.ip_network(entry)))] = None
    return tuple(permitted)
