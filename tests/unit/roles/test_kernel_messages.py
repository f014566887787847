# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of kernels, and the answers of other hosts. The whole way is in tests/connection/test_remote_kernels.py."""

from __future__ import annotations

import importlib.util
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

FILES = Path(__file__).parents[3] / "roles/jupyter/files"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


answers, messages = load("kernel_answers"), load("kernel_messages")
PARTS = [b'{"msg_id": "1"}', b"{}", b"{}", b'{"code": "1"}']


def numbers(*some: int) -> bytes:
    return b"".join(number.to_bytes(8, "little") for number in some)


def test_a_message_has_the_form_of_the_protocol():
    assert messages.to_websocket("shell", [b"abc", b"", b"{}", b"x"]) == (
        numbers(6, 56, 61, 64, 64, 66, 67) + b"shell" + b"abc" + b"{}" + b"x"
    )


@pytest.mark.parametrize("buffers", [[], [b"\x00\xff" * 100], [b"", b"a"]])
def test_a_message_comes_back_whole(buffers):
    assert messages.from_websocket(messages.to_websocket("iopub", [*PARTS, *buffers])) == ("iopub", [*PARTS, *buffers])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        numbers(2**40),
        numbers(3, 8, 9, 10),
        numbers(6),
        numbers(6, 56, 57, 58, 59, 60),
        numbers(6, 56, 61, 56, 61, 56, 61) + b"shell",
        numbers(6, 56, 56, 56, 56, 56, 999) + b"shell",
        numbers(5000, *[40008] * 5000) + b"x" * 9,
    ],
)
def test_another_message_is_refused(data):
    with pytest.raises(ValueError, match="this is no message of a kernel"):
        messages.from_websocket(data)


HEADER, STATUS = b'{"msg_id": "1", "msg_type": "stream"}', b'{"msg_id": "1", "msg_type": "status"}'


def test_header_parent_and_content_are_read():
    found = messages.contents([STATUS, b'{"msg_id": "2"}', b"{}", b'{"execution_state": "idle"}', b"\xff"])
    assert found == ({"msg_id": "1", "msg_type": "status"}, {"msg_id": "2"}, {"execution_state": "idle"})
    text = messages.pack({"text": '{"[' * 1000})
    assert messages.contents([HEADER, b"{}", b"{}", text])[2] == {"text": '{"[' * 1000}


def test_a_large_output_takes_no_more_memory_than_its_size():
    text = messages.pack({"text/html": '<div style="a{b}[c]">\n' * 100_000})
    tracemalloc.start()
    assert messages.is_flat(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(text)


@pytest.mark.parametrize(
    "parts",
    [
        [HEADER, b"{}", b"{}"],
        [b'{"msg_id": "1"}', b"{}", b"{}", b"{}"],
        [b'{"msg_id": "1", "msg_type": ["stream"]}', b"{}", b"{}", b"{}"],
        [b'{"msg_id": "1", "msg_type": {}}', b"{}", b"{}", b"{}"],
        [b'{"msg_id": {}, "msg_type": "stream"}', b"{}", b"{}", b"{}"],
        [HEADER, b'{"msg_id": ["2"]}', b"{}", b"{}"],
        [HEADER, b"[]", b"{}", b"{}"],
        [HEADER, b"{}", b"none", b"{}"],
        [HEADER, b"{}", b"{}", b"[1]"],
        [HEADER, b"{}", b"{}", b"\xff"],
        [STATUS, b"{}", b"{}", b"{}"],
        [STATUS, b"{}", b"{}", b'{"execution_state": {}}'],
        [HEADER, b"{}", b"{}", b'{"a":' * 101 + b"1" + b"}" * 101],
        [HEADER, b"{}", b"[" * 50_000 + b"]" * 50_000, b"{}"],
    ],
)
def test_a_message_that_no_program_here_could_read_is_refused(parts):
    with pytest.raises(ValueError, match=r".+"):
        messages.contents(parts)


def test_an_answer_is_shown_as_host_python_and_card():
    kernels = {"python3": {"display_name": "Python 3 (ipykernel)", "language": "python"}}
    more = {"ir": {"display_name": "R", "language": "R"}}
    found = answers.Answer({"default": "python3", "kernels": kernels | more, "python": "3.13.5", "cards": ["RTX"] * 2})
    assert found.names("gpu1", "python3") == "gpu1 · 2 x RTX · Python 3.13"
    assert found.names("gpu1", "ir") == "gpu1 · 2 x RTX · R"
    without = answers.Answer({"default": "ir", "kernels": more, "python": "3.13.5", "cards": []})
    assert without.names("gpu1", "ir") == "gpu1 · R"


def test_what_a_host_says_is_short_and_has_no_control_characters():
    names = {f"k{number}": {"display_name": "x", "language": "y"} for number in range(50)}
    bad = {"../etc": {"display_name": "x", "language": "y"}}
    found = answers.Answer(
        {"default": "k0", "kernels": {**bad, **names}, "python": "3\n\x1b[31m" + "9" * 500, "cards": ["a\rb"] * 50}
    )
    assert len(found.kernels) < 50
    assert "../etc" not in found.kernels
    assert len(found.python) == 60
    assert found.python.startswith("3 [31m9")
    assert found.cards == ["a b"] * 8


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"kernels": []}, {"default": 1, "kernels": {"a": 1}, "python": "", "cards": []}]
)
def test_an_answer_of_another_form_is_none(answer):
    with pytest.raises((LookupError, TypeError)):
        answers.Answer(answer)
