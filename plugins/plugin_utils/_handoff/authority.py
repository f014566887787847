# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An authority as a device takes it: certificate files, and a configuration profile of Apple's."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...module_utils._certificate.values import Certificate


def authority(pem: bytes, certificates: list[Certificate]) -> dict[str, Any]:
    """The authority in ``pem``, whose certificates were read as ``certificates``.

    The first is the one in use; the others, while one authority takes over from another, are trusted beside it
    (``others``).
    """
    import ssl

    blocks = re.findall(
        r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem.decode("ascii", "replace"), re.DOTALL
    )
    first, *others = [
        {
            "name": common_name(certificate.subject),
            "sha256": certificate.sha256,
            "der": der,
            "pem": ssl.DER_cert_to_PEM_cert(der).encode(),
        }
        for certificate, der in zip(certificates, map(ssl.PEM_cert_to_DER_cert, blocks))
    ]
    return {**first, "others": others}


def authority_files(authority: dict[str, Any], stem: str) -> dict[str, bytes]:
    """The certificate files for devices, by path: DER, which holds one certificate only, PEM and Apple's profile, which
    hold all."""
    pem = b"".join(each["pem"] for each in (authority, *authority["others"]))
    return {f"{stem}.crt": authority["der"], f"{stem}.pem": pem, profile_path(stem): mobileconfig(authority)}


def file_names(stem: str) -> list[str]:
    """Every file that a server (``<host>/<instance>``) or the fleet (``ca``) may have had."""
    return [f"{stem}.json", f"{stem}.html", f"{stem}.crt", f"{stem}.pem", profile_path(stem)]


def common_name(subject: str) -> str:
    """The CN of an RFC 4514 subject, which devices show. The whole subject if it has none.

    Characters that no screen shows are replaced: no page and no profile takes them.
    """
    found = re.search(r"(?:^|,)CN=((?:\\.|[^,\\])+)", subject, re.DOTALL)
    name = re.sub(r"\\(.)", r"\1", found.group(1)) if found else subject
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)


def fingerprint(sha256: str) -> list[str]:
    """A SHA-256 as devices show it, in four lines of eight bytes: ``3F:2A:…``."""
    pairs = [sha256[index : index + 2].upper() for index in range(0, len(sha256), 2)]
    return [":".join(pairs[index : index + 8]) for index in range(0, len(pairs), 8)]


def mobileconfig(authority: dict[str, Any]) -> bytes:
    """A configuration profile that brings the authority to an Apple device: the same bytes for the same certificate.

    Identifier and UUIDs come from the certificate, so a second installation replaces the first
    (https://developer.apple.com/documentation/devicemanagement/toplevel and /certificateroot).
    Signing it is :mod:`signature`'s.
    """
    space = uuid.uuid5(uuid.NAMESPACE_OID, f"sha256:{authority['sha256']}")
    identifier = f"notebooks.remote.ca.{authority['sha256'][:16]}"
    name = authority["name"]
    certificates = [
        {
            "PayloadType": "com.apple.security.root",
            "PayloadVersion": 1,
            "PayloadIdentifier": f"{identifier}.certificate{'' if each is authority else '.' + each['sha256'][:16]}",
            "PayloadUUID": str(uuid.uuid5(space, "certificate" if each is authority else each["sha256"])).upper(),
            "PayloadDisplayName": each["name"],
            "PayloadDescription": f"The certificate of {each['name']}.",
            "PayloadCertificateFileName": "ca.crt",
            "PayloadContent": each["der"],
        }
        for each in (authority, *authority["others"])
    ]
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": str(uuid.uuid5(space, "profile")).upper(),
        "PayloadDisplayName": f"Jupyter servers: {name}",
        "PayloadDescription": f"Lets this device trust the Jupyter servers whose certificates {name} signs.",
        "PayloadOrganization": name,
        "PayloadRemovalDisallowed": False,
        "PayloadContent": certificates,
    }
    import plistlib

    return plistlib.dumps(profile)


def profile_path(ca_path: str) -> str:
    """Where the profile lies beside an authority's files: the fleet's has a name of its own, for people see it on their
    device."""
    return (
        f"{ca_path[:-2]}remote-notebooks.mobileconfig"
        if ca_path.rsplit("/", maxsplit=1)[-1] == "ca"
        else f"{ca_path}.mobileconfig"
    )
