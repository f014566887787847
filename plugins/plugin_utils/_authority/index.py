# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""openssl's index.txt: the issued and revoked certificates of an authority. Text in, entries out; no disk.

One line a certificate, six fields between tabs (openssl-ca(1), "NOTES", and apps/lib/apps.c)::

    V|R|E  <end>  <revoked at>[,<reason>]  <serial>  <file, always "unknown">  <subject>
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from ...module_utils._errors import PkiError

_SERIAL = re.compile(r"(?:[0-9A-Fa-f]{2})+")


@dataclass(frozen=True)
class Entry:
    """One issued certificate. ``line`` is kept as it was read, so that nothing another tool wrote is lost."""

    status: str
    end: datetime.datetime
    serial: int
    subject: str
    line: str
    revoked: datetime.datetime | None = None
    reason: str | None = None


def parse(text: str) -> list[Entry]:
    """Read an index. Raises PkiError with the number of the first line that is none."""
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#") or not line:
            continue
        fields = line.split("\t")
        try:
            status, end, revoked, serial, _file, subject = fields
            if status not in ("V", "R", "E") or not _SERIAL.fullmatch(serial) or bool(revoked) != (status == "R"):
                raise ValueError
            moment, _comma, reason = revoked.partition(",")
            entries.append(
                Entry(
                    status,
                    _read_time(end),
                    int(serial, 16),
                    subject,
                    line,
                    _read_time(moment) if moment else None,
                    reason or None,
                ),
            )
        except ValueError:
            raise PkiError(f"line {number} is not an entry of an openssl index") from None
    return entries


def issued(serial: str, subject: str, end: datetime.datetime) -> Entry:
    """The entry of a new certificate. ``serial`` as `_x509.hexadecimal`, ``subject`` as `_x509.oneline` write them."""
    # openssl itself puts the serial number where the subject is empty
    return parse("\t".join(("V", _write_time(end), "", serial, "unknown", subject or serial)))[0]


def revoked(entry: Entry, moment: datetime.datetime, reason: str | None) -> Entry:
    """The entry of the same certificate, revoked. ``reason`` is a CRLReason of RFC 5280, for example
    ``keyCompromise``."""
    fields = entry.line.split("\t")
    fields[0] = "R"
    fields[2] = _write_time(moment) + (f",{reason}" if reason else "")
    return parse("\t".join(fields))[0]


def _read_time(text: str) -> datetime.datetime:
    # UTCTime until 2049, GeneralizedTime from then on (RFC 5280 4.1.2.5)
    if len(text) == 13:
        text = ("19" if text >= "5" else "20") + text
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.timezone.utc)


def _write_time(moment: datetime.datetime) -> str:
    text = moment.astimezone(datetime.timezone.utc).strftime("%Y%m%d%H%M%SZ")
    return text[2:] if "1950" <= text[:4] < "2050" else text
