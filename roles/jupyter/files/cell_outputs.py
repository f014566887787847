# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outputs of one execution, as a notebook stores them, from the messages of its kernel, and their place there.

Messages: https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-iopub-pub-sub-channel
Outputs: https://nbformat.readthedocs.io/en/latest/format_description.html#code-cell-outputs

Text of a stream is kept as a terminal shows it: a carriage return starts the line again, a backspace goes back by one
character. So a progress bar with a million updates stays one line. The amount is bounded: beyond ``LIMIT``, the start
and the end of a text are kept, and a line between them says how much is missing.
"""

from __future__ import annotations

import collections
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

#: Characters of one execution that are kept.
LIMIT = 16 * 1024 * 1024
#: How much of the start of a text stays, once it has to be cut.
SIDE = LIMIT // 4
#: The size of an item beside its content, in characters.
ITEM = 200
#: A terminal's line; longer ones are settled, so that a program without line ends costs no more than others.
LONGEST_LINE = 64 * 1024
#: Identifiers of cells (https://nbformat.readthedocs.io/en/latest/format_description.html#cell-ids).
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
#: The characters that move the cursor.
CONTROL = re.compile("([\n\r\b])")


class StreamText:
    """The text of a stream: finished lines, and the one that the cursor is in."""

    def __init__(self) -> None:
        self.head: list[str] = []
        self.tail: collections.deque[str] = collections.deque()
        self.line: list[str] = []
        self.cursor = 0
        self.size = 0
        self.dropped = 0

    def write(self, text: str) -> None:
        if not self.line and "\r" not in text and "\b" not in text:
            whole, end, rest = text.rpartition("\n")
            self._settle(whole + end)
            self.line, self.cursor = list(rest), len(rest)
        else:
            self._type(text)
        if len(self.line) > LONGEST_LINE:
            self._settle("".join(self.line))
            self.line, self.cursor = [], 0

    def _type(self, text: str) -> None:
        """Write as a terminal does: between two control characters, over the text that stands there."""
        for part in CONTROL.split(text):
            if part == "\n":
                self._settle("".join(self.line) + "\n")
                self.line, self.cursor = [], 0
            elif part == "\r":
                self.cursor = 0
            elif part == "\b":
                self.cursor = max(0, self.cursor - 1)
            else:
                self.line[self.cursor : self.cursor + len(part)] = part
                self.cursor += len(part)

    def _settle(self, text: str) -> None:
        """Keep a finished part. Beyond the limit, the oldest part goes that does not belong to the start."""
        for place in range(0, len(text), LONGEST_LINE):
            part = text[place : place + LONGEST_LINE]
            (self.head if self.size + len(part) <= SIDE else self.tail).append(part)
            self.size += len(part)
            while self.size > LIMIT and self.tail:  # parts have different sizes
                gone = len(self.tail.popleft())
                self.size -= gone
                self.dropped += gone

    def text(self) -> str:
        gap = f"\n[{self.dropped} characters are missing here: too much to keep]\n" if self.dropped else ""
        return "".join([*self.head, gap, *self.tail, *self.line])


class CellOutputs:
    """The outputs of a cell while it runs.

    An item is an output of nbformat with two keys beside: ``display``, the name by which the kernel may update it, and
    ``size``. The text of a stream is a StreamText.
    """

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        #: Items at the start that stay, and the number of those that had to go behind them.
        self.head = self.dropped = 0
        #: The size of all items but the last, whose text may still grow.
        self.settled = 0
        self.clear_first = False
        self.count: int | None = None

    @property
    def size(self) -> int:
        return self.settled + (size_of(self.items[-1]) if self.items else 0)

    def add(self, kind: str, content: dict[str, Any]) -> bool:
        """Take a message. Return whether the outputs are others now."""
        if kind == "execute_input":
            self.count = content.get("execution_count")
        elif kind == "stream":
            self._clear_if_asked()
            self._stream(str(content.get("name", "stdout")), str(content.get("text", "")))
        elif kind in ("display_data", "execute_result", "error"):
            self._clear_if_asked()
            self._append(output_of(kind, content))
        elif kind == "clear_output":
            self.clear_first = bool(content.get("wait"))
            if not self.clear_first:
                self._clear()
        else:
            return False
        return True

    def update_display(self, content: dict[str, Any]) -> bool:
        """Take the new data of a display (``update_display_data``). Return whether it is one of this cell's."""
        name = display_name(content)
        found = [place for place, item in enumerate(self.items) if name is not None and item.get("display") == name]
        for place in found:
            item, before = self.items[place], self.items[place]["size"]
            item["data"], item["metadata"] = content.get("data") or {}, content.get("metadata") or {}
            item["size"] = len(json.dumps(item["data"])) + ITEM
            if place < len(self.items) - 1:
                self.settled += item["size"] - before
        return bool(found)

    def _clear(self) -> None:
        self.items, self.head, self.dropped, self.settled = [], 0, 0, 0

    def _clear_if_asked(self) -> None:
        if self.clear_first:
            self.clear_first = False
            self._clear()

    def _stream(self, name: str, text: str) -> None:
        last = self.items[-1] if self.items else {}
        if last.get("name") != name:
            self._append({"output_type": "stream", "name": name, "text": StreamText(), "size": ITEM})
        self.items[-1]["text"].write(text)

    def _append(self, item: dict[str, Any]) -> None:
        """Add an item. Beyond the limit, the oldest one goes that does not belong to the start."""
        self.settled = self.size
        if self.settled <= SIDE:
            self.head = len(self.items)
        self.items.append(item)
        while self.size > LIMIT and len(self.items) > self.head + 1:
            self.settled -= size_of(self.items.pop(self.head))
            self.dropped += 1

    def stored(self) -> list[dict[str, Any]]:
        """Return the outputs in the form of nbformat 4."""
        found = [
            {
                name: value.text() if isinstance(value, StreamText) else value
                for name, value in item.items()
                if name not in ("display", "size")
            }
            for item in self.items
        ]
        if self.dropped:
            text = f"[{self.dropped} outputs are missing here: too much to keep]\n"
            found.insert(self.head, {"output_type": "stream", "name": "stderr", "text": text})
        return found


def size_of(item: dict[str, Any]) -> int:
    """Return the size of an item in characters, with that of its frame."""
    size: int = item["size"]
    return size + (item["text"].size if isinstance(item.get("text"), StreamText) else 0)


def output_of(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return the item for a message that is no text of a stream."""
    if kind == "error":
        item: dict[str, Any] = {name: str(content.get(name, "")) for name in ("ename", "evalue")}
        item["traceback"] = [str(line) for line in content.get("traceback") or []]
    else:
        item = {"data": content.get("data") or {}, "metadata": content.get("metadata") or {}}
        if kind == "execute_result":
            item["execution_count"] = content.get("execution_count")
    size = len(json.dumps(item)) + ITEM
    if size > LIMIT:
        return {"output_type": "stream", "name": "stderr", "text": "[A large output is missing here]\n", "size": ITEM}
    return {"output_type": kind, **item, "display": display_name(content), "size": size}


def display_name(content: dict[str, Any]) -> str | None:
    """Return the name by which a kernel updates a display later, or None."""
    transient = content.get("transient")
    name = transient.get("display_id") if isinstance(transient, dict) else None
    return name if isinstance(name, str) else None


def text_of(value: Any) -> str:
    """Return a text that nbformat may store as a list of lines."""
    return "".join(map(str, value)) if isinstance(value, list) else str(value)


def comparable(outputs: list[Any]) -> list[Any]:
    """Return outputs without the difference between one text and a list of its lines, and without that between a
    stream that came in one piece or in several."""
    found: list[Any] = []
    for output in outputs:
        item = dict(output)
        if item.get("output_type") == "stream":
            item["text"] = text_of(item.get("text", ""))
            if found and found[-1].get("output_type") == "stream" and found[-1].get("name") == item.get("name"):
                found[-1]["text"] += item["text"]
                continue
        elif isinstance(item.get("data"), dict):
            item["data"] = {
                kind: text_of(value) if isinstance(value, list) and not kind.endswith("json") else value
                for kind, value in item["data"].items()
            }
        found.append(item)
    return found


@dataclass
class Execution:
    """A cell that runs, or did."""

    kernel_id: str
    #: The connection of the browser: kernel and session.
    owner: str
    code: str
    cell_id: str | None
    path: str = ""
    outputs: CellOutputs = field(default_factory=CellOutputs)
    started: bool = False
    finished: float | None = None
    #: The identifiers of the last messages that its outputs contain.
    recent: collections.deque[str] = field(default_factory=lambda: collections.deque(maxlen=500))
    #: The number of messages that its outputs contain.
    messages: int = 0
    #: Whether the file lacks something of it.
    changed: bool = False
    #: Whether the browser was gone since the start, and so may lack something.
    gap: bool = False
    #: Whether the notebook was saved since the start.
    saved: bool = False
    #: Whether another device has the whole of it. From then on, it is for its own page only.
    delivered: bool = False

    def is_news(self, seconds: float) -> bool:
        """Tell whether another page may lack something of it: no other device has it, or it ended a moment ago."""
        return not self.delivered or (self.finished is not None and time.monotonic() - self.finished < seconds)


def find_cell(notebook: dict[str, Any], execution: Execution) -> Any:
    """Return the cell of an execution in a notebook, or None. The classic pages do not say which cell it is: there, it
    is the first one with its text."""
    cells = [cell for cell in notebook.get("cells", []) if cell.get("cell_type") == "code"]
    if execution.cell_id is not None and any("id" in cell for cell in cells):
        return next((cell for cell in cells if cell.get("id") == execution.cell_id), None)
    return next((cell for cell in cells if text_of(cell.get("source", "")) == execution.code), None)


def put_outputs(notebook: Any, execution: Execution) -> bool:
    """Put the outputs of an execution into the notebook. Return whether it is another one now."""
    import nbformat

    cell = find_cell(notebook, execution)
    if cell is None:
        if execution.saved:
            return False  # it was deleted
        cell = nbformat.v4.new_code_cell(execution.code)
        cell["metadata"]["trusted"] = True
        if notebook.get("nbformat_minor", 0) < 5:
            cell.pop("id", None)
        elif execution.cell_id:
            cell["id"] = execution.cell_id
        notebook["cells"].append(cell)
    elif not execution.saved and text_of(cell["source"]) != execution.code:
        cell["source"] = execution.code
    outputs = execution.outputs.stored()
    if comparable(cell["outputs"]) == comparable(outputs) and cell.get("execution_count") == execution.outputs.count:
        return False
    cell["outputs"] = [nbformat.from_dict(output) for output in outputs]
    cell["execution_count"] = execution.outputs.count
    return True
