# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a server as clients type it: a DNS name or an IP address, in the one form that certificates and URLs
carry. Pure."""

from __future__ import annotations

import ipaddress
import re

try:
    import idna
except ImportError:  # only a name with letters beyond ASCII needs it, and says so
    idna = None  # type: ignore[assignment]

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


def address(value: object) -> str:
    """Return an IP address in its shortest form, or a DNS name in lower case, international ones as A-labels of IDNA
    2008 (RFC 5891).

    :raises ValueError: with the fault, as the end of a sentence.
    """
    text = str(value).strip()
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text  # as in a URL (RFC 3986)
    try:
        parsed = ipaddress.ip_address(bare)
    except ValueError:
        return dns_name(text)
    if bare != text and parsed.version == 4:
        raise ValueError("brackets are for IPv6 only")
    if getattr(parsed, "scope_id", None):
        raise ValueError("it has a zone. Leave out everything from the % on")
    if parsed.is_unspecified:
        raise ValueError(
            "it stands for every address of a host where a server listens, and no client can type it. Write the host's"
            " own address"
        )
    if parsed.is_multicast or parsed == ipaddress.ip_address("255.255.255.255"):
        raise ValueError("it is the address of a group, not of a host")
    return str(parsed)


def dns_name(text: str) -> str:
    """:func:`address` for names alone."""
    if "/" in text:
        raise ValueError("leave out the scheme, the path or the network's length")
    if ":" in text:
        raise ValueError("leave out the port")
    star, rest = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    name = star + (rest.lower() if rest.isascii() else _a_labels(rest))
    labels = (name[2:] if star else name).split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("names are labels of letters, digits and hyphens between dots, without a dot at the end")
    if labels[-1].isdigit():  # RFC 1123: the last label of a name is not numeric
        raise ValueError("it looks like a mistyped IP address")
    if star and len(labels) < 2:
        raise ValueError("a wildcard needs at least two labels after it; clients refuse less")
    return name


def _a_labels(name: str) -> str:
    if idna is None:
        raise ValueError(
            "Python's library idna is missing on the control node. Install it, or write the name as DNS has it (xn--…)"
        )
    try:
        # UTS 46 is the first step of browsers: capital letters, wide letters and the full stops of other scripts become
        # the registered form
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"it has no form that DNS knows ({error})") from None


__all__ = ["address", "dns_name"]
