# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at certificates without creating any: in files (`pki_lint`) and as servers present them (`pki_probe`)."""

from __future__ import annotations

import datetime
import glob
import hashlib
import os
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...module_utils._errors import PkiError
from .. import _files
from .._x509 import certificates, keys
from . import lint, request


def lint_files(
    patterns: list[str], *, ca_file: str | None, key_file: str | None, addresses: list[str], now: datetime.datetime
) -> dict[str, Any]:
    """Check certificate files by `_x509_lint.lint`. Return the result of `pki_lint`. A pattern that meets no file is an
    error."""
    paths = [
        path
        for pattern in patterns
        for path in sorted(glob.glob(os.path.expanduser(pattern), recursive=True)) or [os.path.expanduser(pattern)]
    ]
    if key_file and len(paths) > 1:
        raise PkiError(
            f"key_file {key_file} belongs to one certificate, but paths has {len(paths)}. Check that one by itself."
        )
    names = tuple(request.address("addresses", name) for name in addresses)
    roots = read_certificates(ca_file) if ca_file else None
    reports = {
        path: lint.lint(read_certificates(path), now=now, key=_key_for(path, key_file), roots=roots, addresses=names)
        for path in paths
    }
    return {
        "changed": False,
        "accepted": all(not report.refused for report in reports.values()),
        "certificates": {path: report.as_dict() for path, report in reports.items()},
        "problems": [
            f"{path}: {finding.text} ({', '.join(finding.refused_by) or 'accepted'}: {finding.rule}). {finding.cure}"
            for path, report in reports.items()
            for finding in report.findings
        ],
    }


def read_certificates(path: str) -> list[Any]:
    """Read a PEM or DER file. Raises PkiError."""
    data = _files.read(path)
    if data is None:
        raise PkiError(f"{path} does not exist. Give the path of a certificate on the control node.")
    try:
        return certificates.load_certificates(data) if b"-----BEGIN" in data else [certificates.load_der(data)]
    except ValueError as error:
        raise PkiError(f"{path} holds no certificate that can be read ({error}). Give a PEM or DER file.") from None


def _key_for(path: str, key_file: str | None) -> Any:
    source = key_file or path
    data = _files.read(source) or b""
    if not key_file and b"PRIVATE KEY-----" not in data:
        return None
    try:
        return keys.load_key(data)
    except TypeError:
        raise PkiError(
            f"The key in {source} is encrypted. A server could not read it either: decrypt it with openssl pkey."
        ) from None
    except ValueError:
        raise PkiError(
            f"{source} holds no private key that can be read. {keys.cure_of_form(data, 'Give it in PEM')}."
        ) from None


def probe(endpoints: list[Mapping[str, Any]], *, ca_file: str | None, timeout: float, wait: float) -> dict[str, Any]:
    """Ask each server for the certificate that it presents. Return the result of `pki_probe`.

    ``timeout``: seconds for one attempt; ``wait``: how long a server that does not yet present ``sha256`` is asked
    again.
    """
    checked = [_endpoint(number, endpoint) for number, endpoint in enumerate(endpoints, start=1)]
    with ThreadPoolExecutor(max_workers=32) as pool:
        served = list(pool.map(lambda endpoint: _probe_until(endpoint, ca_file, timeout, wait), checked))
    return {"changed": False, "served": served, "problems": [item["problem"] for item in served if item["problem"]]}


def _endpoint(number: int, endpoint: Mapping[str, Any]) -> dict[str, Any]:
    where = f"endpoints, entry {number}"
    known = {"host", "port", "server_name", "sha256"}
    if not isinstance(endpoint, Mapping) or not {"host", "port"} <= set(endpoint) <= known:
        raise PkiError(
            f"{where}: expected a dict with host and port, and perhaps server_name and sha256; found {endpoint!r}."
        )
    try:
        port = int(endpoint["port"])
    except (TypeError, ValueError):
        port = 0
    if not 0 < port < 65536:
        raise PkiError(f"{where}: port is {endpoint['port']!r}. Give 1 to 65535.")
    fingerprint = str(endpoint.get("sha256") or "").replace(":", "").lower()
    return {
        "host": str(endpoint["host"]),
        "port": port,
        "server_name": str(endpoint.get("server_name") or endpoint["host"]),
        "sha256": fingerprint,
    }


def _probe_until(endpoint: dict[str, Any], ca_file: str | None, timeout: float, wait: float) -> dict[str, Any]:
    deadline = time.monotonic() + wait
    while True:
        result = _probe_once(endpoint, ca_file, timeout)
        if not result["problem"] or time.monotonic() >= deadline:
            return result
        time.sleep(min(1.0, wait))


def _probe_once(endpoint: dict[str, Any], ca_file: str | None, timeout: float) -> dict[str, Any]:
    where = f"{endpoint['host']}:{endpoint['port']}"
    result: dict[str, Any] = {
        "host": endpoint["host"],
        "port": endpoint["port"],
        "sha256": None,
        "serial": None,
        "verified": None,
        "problem": None,
    }
    try:
        der = _handshake(endpoint, _context(None), timeout)
        certificate = certificates.load_der(der)
        result.update(
            sha256=hashlib.sha256(der).hexdigest(), serial=certificates.hexadecimal(certificate.serial_number)
        )
        if endpoint["sha256"] and endpoint["sha256"] != result["sha256"]:
            result["problem"] = (
                f"{where} presents the certificate {result['serial']} (until"
                f" {certificates.iso(certificate.not_valid_after_utc)}), not the expected one with SHA-256"
                f" {endpoint['sha256']}. Put the new file in its place there, or restart the server if it reads it only"
                " at its start."
            )
        elif ca_file:
            _handshake(endpoint, _context(ca_file), timeout)
            result["verified"] = True
    except ssl.SSLCertVerificationError as error:
        result.update(
            verified=False, problem=f"{where}: a client that trusts {ca_file} refuses it: {error.verify_message}."
        )
    except (OSError, ValueError) as error:
        result["problem"] = (
            f"{where} cannot be asked: {error}. Look whether the server runs and speaks TLS on that port."
        )
    return result


def _context(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is None:
        # Only to read the presented certificate. A second handshake, or its fingerprint, verifies it
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def _handshake(endpoint: dict[str, Any], context: ssl.SSLContext, timeout: float) -> bytes:
    connection = socket.create_connection((endpoint["host"], endpoint["port"]), timeout)
    with connection, context.wrap_socket(connection, server_hostname=endpoint["server_name"]) as tls:
        return tls.getpeercert(binary_form=True) or b""
