# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One wanted certificate on its way through a run."""

from __future__ import annotations

import datetime
from typing import Any

from ...module_utils._errors import PkiError
from .. import _files
from .._authority import authority as pki_authority
from .._x509 import certificates as x509_certificates
from .._x509 import keys
from . import decision, lint
from . import request as pki_request
from .paths import certificate_path
from .settings import Settings


class Entry:
    """One wanted certificate on its way through a run."""

    def __init__(self, wanted: pki_request.Wanted, settings: Settings) -> None:
        self.wanted = wanted
        self.path = certificate_path(settings.directory, wanted.name)
        self.certificate: Any = None
        self.chain: list[Any] = []
        #: None where the key stays on its host
        self.key: Any = None
        self.request: Any = None
        self.key_is_elsewhere = (
            settings.requests is not None and wanted.host is not None and wanted.source == "authority"
        )
        self.verdict = decision.Verdict(True, "missing")
        self.findings: tuple[lint.Finding, ...] = ()
        #: Taken up from the authority's books, so not to be entered there again
        self.reused = False

    def look(self, authority: pki_authority.Authority, settings: Settings) -> None:
        if self.wanted.source == "provided":
            self._take_provided(settings)
            return
        request = (settings.requests or {}).get(self.wanted.name)
        if self.key_is_elsewhere and request:
            try:
                self.request = x509_certificates.load_request(request)
            except ValueError as error:
                raise PkiError(
                    f"pki_certificates, '{self.wanted.name}': the request cannot be used: {error}. Create it again on"
                    " the host."
                ) from None
        found = self._measure(authority)
        if found and not found.damage and found.start > settings.now:
            raise PkiError(
                f"{self.path} starts on {found.start:%Y-%m-%d %H:%M} UTC, but this machine's clock says"
                f" {settings.now:%Y-%m-%d %H:%M} UTC. Set the clock; if it is right, move the file away."
            )
        if found and found.revoked and found.key_matches and self.request:
            raise PkiError(
                f"pki_certificates, '{self.wanted.name}': its certificate was revoked, and the request comes with the"
                " same key. Remove the key on the host; the next run makes a new one there."
            )
        own = self.wanted.source == "self_signed"
        self.verdict = decision.decide(
            self.wanted,
            found,
            now=settings.now,
            renew_before_days=settings.renew_before_days,
            latest_end=(
                datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)
                if own
                else authority.certificate.not_valid_after_utc
            ),
            asked=self.wanted.name in settings.renew or "*" in settings.renew,
            key_is_elsewhere=self.key_is_elsewhere,
        )
        if self.verdict.issue and self.key_is_elsewhere and not self.request and not settings.check_mode:
            self.certificate = None
            self.verdict = decision.Verdict(
                False, f"{self.verdict.reason}; not issued, because no request came from its host"
            )

    def _measure(self, authority: pki_authority.Authority) -> decision.Found | None:
        data = _files.read(self.path, follow=False)
        if data is None:
            return None
        own = self.wanted.source == "self_signed"
        try:
            self.certificate, *self.chain = x509_certificates.load_certificates(data)
            self.key = None if self.key_is_elsewhere else keys.load_key(data)
            public_key = self.certificate.public_key()
            return decision.Found(
                key_matches=self._matches(public_key),
                key_type=keys.key_type_of(public_key),
                addresses=x509_certificates.addresses_of(self.certificate),
                ours=x509_certificates.signed_by(self.certificate, self.certificate if own else authority.certificate),
                chain_is_current=self.chain == self._current_chain(authority),
                revoked=not own and authority.is_revoked(self.certificate.serial_number),
                start=self.certificate.not_valid_before_utc,
                end=self.certificate.not_valid_after_utc,
            )
        except (ValueError, TypeError) as error:
            text = "its key is encrypted" if isinstance(error, TypeError) else str(error)
            return decision.Found(damage=text.split("\n", maxsplit=1)[0][:200] or type(error).__name__)

    def _matches(self, public_key: Any) -> bool:
        if self.request:
            return bool(self.request.public_key() == public_key)
        return self.key_is_elsewhere or keys.matches(self.key, public_key)

    def _current_chain(self, authority: pki_authority.Authority) -> list[Any]:
        return [] if self.wanted.source == "self_signed" else list(authority.chain)

    def give(self, certificate: Any, authority: pki_authority.Authority) -> None:
        self.certificate = certificate
        self.chain = self._current_chain(authority)

    def _take_provided(self, settings: Settings) -> None:
        """Read a certificate from elsewhere and hold it to the same rules as ours. Raises PkiError with all it
        breaks."""
        wanted, where = self.wanted, f"pki_certificates, '{self.wanted.name}'"
        certificate_file = wanted.certificate_file or ""
        self.certificate, *self.chain = _certificates_from(where, "certificate_file", certificate_file)
        key_file = wanted.key_file or certificate_file
        data = _files.read(key_file)
        try:
            if data is None:
                raise PkiError(
                    f"{where}: key_file {key_file} does not exist. Give the path of the private key on the control"
                    " node."
                )
            self.key = keys.load_key(data)
        except TypeError:
            raise PkiError(
                f"{where}: the key in {key_file} is encrypted, and a server cannot be asked for its passphrase. "
                f"Run: openssl pkey -in {key_file} -out plain.pem, and give that as key_file."
            ) from None
        except ValueError:
            option = "key_file " if wanted.key_file else ""
            cure = keys.cure_of_form(data or b"", "Give key_file, in PEM")
            raise PkiError(f"{where}: {option}{key_file} holds no private key that can be read. {cure}.") from None
        roots = _certificates_from(where, "ca_file", wanted.ca_file) if wanted.ca_file else None
        report = lint.lint(
            [self.certificate, *self.chain], now=settings.now, key=self.key, roots=roots, addresses=wanted.addresses
        )
        if report.refused:
            broken = "; ".join(
                f"{finding.text} ({', '.join(finding.refused_by)} refuse it: {finding.rule})"
                for finding in report.refused
            )
            raise PkiError(f"{where}: {certificate_file} cannot be used: {broken}. {report.refused[0].cure}")
        self.findings = report.findings
        if _files.read(self.path, follow=False) == self.pem():
            self.verdict = decision.Verdict(
                False, f"provided, valid until {self.certificate.not_valid_after_utc:%Y-%m-%d}"
            )
        else:
            self.verdict = decision.Verdict(False, "provided, taken over", rewrite=True)

    def pem(self) -> bytes:
        key = keys.key_pem(self.key) if self.key is not None else b""
        return key + b"".join(
            x509_certificates.certificate_pem(certificate) for certificate in (self.certificate, *self.chain)
        )


def _certificates_from(where: str, option: str, path: str) -> list[Any]:
    data = _files.read(path)
    if data is None:
        raise PkiError(f"{where}: {option} {path} does not exist. Give a path on the control node.")
    try:
        return x509_certificates.load_certificates(data)
    except ValueError:
        raise PkiError(
            f"{where}: {option} {path} holds no certificate that can be read."
            f" {keys.cure_of_form(data, 'Give it in PEM')}."
        ) from None
