# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of a kernel, and its channels at the addresses of a connection file
(https://jupyter-client.readthedocs.io/en/stable/messaging.html)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import zmq.asyncio

#: Between the addresses of a message and its parts.
DELIMITER = b"<IDS|MSG>"
#: The characters of a name or an identifier, and the levels of a message.
LONGEST, DEEPEST = 200, 100
#: A text without escapes, whose brackets do not count, and all bytes that are no bracket.
TEXT, NO_BRACKETS = re.compile(rb'"[^"]*"'), bytes(set(range(256)) - set(b"[]{}"))
#: The parts of a message: the fixed ones and the buffers.
MOST = 4096


def pack(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def message(kind: str, session: str, parent: dict[str, Any], content: dict[str, Any]) -> list[bytes]:
    """Return the parts of a new message."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": session,
        "username": "",
        "date": datetime.now(timezone.utc).isoformat(),
        "version": "5.3",
    }
    return [pack(header), pack(parent), b"{}", pack(content)]


def to_websocket(channel: str, parts: list[bytes]) -> bytes:
    """Return a message in the binary form of PROTOCOL: the number of offsets, the offsets, the channel, the parts."""
    pieces = [channel.encode(), *parts]
    offsets = [8 * (len(pieces) + 2)]
    for piece in pieces:
        offsets.append(offsets[-1] + len(piece))
    return b"".join(number.to_bytes(8, "little") for number in (len(offsets), *offsets)) + b"".join(pieces)


def from_websocket(data: Any) -> tuple[str, list[bytes]]:
    """Return channel and parts.

    :raises ValueError: for anything but header, parent, metadata, content and buffers.
    """
    number = int.from_bytes(data[:8], "little") if isinstance(data, bytes) else 0
    if not 6 <= number < min(len(data) // 8, MOST):
        raise ValueError("this is no message of a kernel")
    offsets = [int.from_bytes(data[8 * place : 8 * place + 8], "little") for place in range(1, number + 1)]
    # Parts that overlap would take more memory than the message.
    if offsets != sorted(offsets) or offsets[-1] > len(data):
        raise ValueError("this is no message of a kernel")
    channel, *parts = [data[start:end] for start, end in zip(offsets, offsets[1:])]
    return channel.decode(), parts


def contents(parts: list[bytes]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return header, parent header and content of a message from another host.

    :raises ValueError: for one that programs here could not read: all four parts are objects, of a depth that any
        reader takes, and header and status have the texts by which they are sorted.
    """
    found = [json.loads(part) for part in parts[:4] if is_flat(part)]
    if len(found) != 4 or not all(isinstance(each, dict) for each in found):
        raise ValueError("this is no message of a kernel")
    header, parent, _metadata, content = found
    texts = [header.get("msg_type"), header.get("msg_id"), parent.get("msg_id", "")]
    if header.get("msg_type") == "status":
        texts.append(content.get("execution_state"))
    if not all(isinstance(text, str) and len(text) <= LONGEST for text in texts):
        raise ValueError("this is no message of a kernel")
    return header, parent, content


def is_flat(part: bytes) -> bool:
    """Tell whether nothing in a part can be nested much deeper than :data:`DEEPEST`. Large outputs pass here: each step
    goes through the bytes once, and keeps nothing for each of them."""
    if part.count(b"[") + part.count(b"{") <= DEEPEST:
        return True
    text = part.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = TEXT.sub(b"", text).translate(None, NO_BRACKETS)
    for _level in range(DEEPEST):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets


class Channels:
    """The channels of this kernel, at the addresses of its connection file."""

    def __init__(self, connection: dict[str, Any]) -> None:
        import zmq.asyncio

        self._context = zmq.asyncio.Context()
        self._key, self._scheme = str(connection["key"]).encode(), str(connection["signature_scheme"])
        self.shell, self.control, self.stdin, self.heartbeat = (
            self._socket(zmq.ROUTER, connection, name) for name in ("shell", "control", "stdin", "hb")
        )
        self.iopub = self._socket(zmq.PUB, connection, "iopub")

    def _socket(self, kind: int, connection: dict[str, Any], name: str) -> zmq.asyncio.Socket:
        import zmq

        transport, ip, port = connection["transport"], connection["ip"], connection[f"{name}_port"]
        socket = self._context.socket(kind)
        socket.linger = 1000
        if kind == zmq.PUB:
            socket.sndhwm = 0  # as ipykernel: a client that is slow loses nothing
        socket.bind(f"{transport}://{ip}{'-' if transport == 'ipc' else ':'}{port}")
        return socket

    def sign(self, parts: list[bytes]) -> bytes:
        if not self._key:
            return b""
        made = hmac.new(self._key, digestmod=getattr(hashlib, self._scheme.rpartition("-")[2]))
        for part in parts[:4]:
            made.update(part)
        return made.hexdigest().encode()

    def opened(self, message: list[bytes]) -> tuple[list[bytes], list[bytes]] | None:
        """Return the addresses and the parts of a message; None for one that nobody with the key has sent."""
        try:
            place = message.index(DELIMITER)
        except ValueError:
            return None
        parts = message[place + 2 :]
        if len(parts) < 4 or not hmac.compare_digest(message[place + 1], self.sign(parts)):
            return None
        return message[:place], parts

    async def send(self, socket: zmq.asyncio.Socket, addresses: list[bytes], parts: list[bytes]) -> None:
        await socket.send_multipart([*addresses, DELIMITER, self.sign(parts), *parts])
