# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits of a check: of time, and of the data read from the other side."""

from __future__ import annotations

import io
import socket
import time
from typing import Any, Callable

#: One address that drops packets must not use up the time of the others: Linux sends its SYN at 0, 1, 3 and 7 s.
CONNECT_SECONDS = 8.0

HANDSHAKE_SECONDS = 5.0

PATIENCE_SECONDS = 2.0

#: The whole for which these are meant: a user who gives a slow server longer gives each part of the way longer.
USUAL_SECONDS = 30.0

#: The time that is left for cleaning up, also after the time is over.
CLEANUP_SECONDS = 10.0

MOST_BODY = 1 << 20

#: Of all connections of a check together, of which some hundred kB make sense: small values of JSON take thirty times
#: as much when they are read.
#: And those of one answer that stand before its body.
MOST_BYTES = 8 << 20

MOST_HEADERS = 64 << 10

#: WebSocket frames of a check. Messages of a kernel come in one each.
MOST_FRAMES = 20_000


class Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._end

    def left(self, most: float = float("inf")) -> float:
        """Seconds left, never 0 (which would mean "do not wait" to a socket)."""
        return max(0.01, min(most, self._end - time.monotonic()))


class Meter:
    """A connection that is read no further than a check may read, in bytes and in time.

    The libraries above it have limits of their own for a line or two, and none for a frame, a message, a row of interim
    answers; a socket's limit of time starts anew with each byte.
    """

    def __init__(self, connection: socket.socket, metered: Callable[..., bytes]) -> None:
        self._connection, self._metered = connection, metered

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def recv(self, size: int) -> bytes:
        return self._metered(self._connection.recv(size))

    def makefile(self, _mode: str, *_arguments: Any, **_more: Any) -> io.BufferedReader:
        return io.BufferedReader(_MeteredFile(self._connection.makefile("rb", buffering=0), self._metered))


class _MeteredFile(io.RawIOBase):
    def __init__(self, file: Any, metered: Callable[..., bytes]) -> None:
        self._file, self._metered = file, metered

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        found: int | None = self._file.readinto(buffer)
        self._metered(b"", found or 0)
        return found

    def close(self) -> None:
        self._file.close()
        super().close()
