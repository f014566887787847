# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outputs of a cell out of the messages of its kernel."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[3] / "roles/jupyter/files/cell_outputs.py"
SPEC = importlib.util.spec_from_file_location("cell_outputs", FILE)
assert SPEC and SPEC.loader
cell_outputs = importlib.util.module_from_spec(SPEC)
sys.modules["cell_outputs"] = cell_outputs
SPEC.loader.exec_module(cell_outputs)


@pytest.fixture
def small(monkeypatch):
    """Limits that a test reaches at once."""
    monkeypatch.setattr(cell_outputs, "LIMIT", 400_000)
    monkeypatch.setattr(cell_outputs, "SIDE", 100_000)


def shown(*texts: str) -> str:
    stream = cell_outputs.StreamText()
    for text in texts:
        stream.write(text)
    return stream.text()


def display(name: str, text: str) -> dict:
    return {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": name}}


def stream(name: str, text: str) -> tuple[str, dict]:
    return "stream", {"name": name, "text": text}


def outputs(*messages: tuple[str, dict]):
    made = cell_outputs.CellOutputs()
    for kind, content in messages:
        made.add(kind, content)
    return made


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        (["one\n", "two"], "one\ntwo"),
        (["10 %", "\r20 %", "\r100 %\n", "done"], "100 %\ndone"),
        (["longer line\rshort"], "shortr line"),
        (["a\r", "\nb"], "a\nb"),
        (["windows\r\nlines\r\n"], "windows\nlines\n"),
        (["typo\b\bed"], "tyed"),
        (["\b\bx"], "x"),
        (["no end", ", goes on", "\n"], "no end, goes on\n"),
    ],
)
def test_a_stream_is_kept_as_a_terminal_shows_it(texts, text):
    assert shown(*texts) == text


def test_a_progress_bar_stays_one_line():
    made = cell_outputs.CellOutputs()
    for number in range(100_000):
        made.add(*stream("stderr", f"\r{number} of 100000"))
    assert made.stored() == [{"output_type": "stream", "name": "stderr", "text": "99999 of 100000"}]


def test_a_large_text_keeps_its_start_and_its_end(small):
    made = cell_outputs.CellOutputs()
    for number in range(20_000):
        made.add(*stream("stdout", f"line {number:07} of a text that is much too long for a notebook\n"))
    (stored,) = made.stored()
    assert stored["text"].startswith("line 0000000 ")
    assert stored["text"].endswith("line 0019999 of a text that is much too long for a notebook\n")
    assert "characters are missing here: too much to keep" in stored["text"]
    assert len(stored["text"]) < 500_000


def test_messages_that_become_longer_keep_within_the_limit(small):
    made = cell_outputs.CellOutputs()
    for size in (10, 100, 1_000, 10_000):
        for _number in range(20_000_000 // 100 // size):
            made.add(*stream("stdout", "x" * (size - 1) + "\n"))
    assert made.size <= cell_outputs.LIMIT + 10_000


def test_one_message_cannot_be_too_large(small):
    made = outputs(stream("stdout", "x" * 1_000_000))
    assert len(made.stored()[0]["text"]) < 500_000


def test_many_outputs_keep_their_start_and_their_end(small):
    made = cell_outputs.CellOutputs()
    for number in range(5_000):
        made.add(*stream(("stdout", "stderr")[number % 2], f"{number}\n"))
    stored = made.stored()
    assert stored[0]["text"] == "0\n"
    assert stored[-1]["text"] == "4999\n"
    assert made.size <= 400_000
    assert any("outputs are missing here: too much to keep" in each["text"] for each in stored)


def test_a_display_that_is_too_large_is_named(small):
    made = outputs(("display_data", {"data": {"image/png": "x" * 500_000}}), stream("stdout", "after it\n"))
    assert [each["text"] for each in made.stored()] == ["[A large output is missing here]\n", "after it\n"]


def test_streams_of_two_names_stay_apart():
    made = outputs(stream("stdout", "a\n"), stream("stderr", "b\n"), stream("stdout", "c\n"))
    assert [(each["name"], each["text"]) for each in made.stored()] == [
        ("stdout", "a\n"),
        ("stderr", "b\n"),
        ("stdout", "c\n"),
    ]


def test_a_display_is_updated_in_its_place():
    made = outputs(("display_data", display("bar", "0 %")), stream("stdout", "text\n"))
    assert made.update_display(display("bar", "100 %"))
    assert not made.update_display(display("another", "1"))
    assert not made.update_display({"data": {}})
    assert made.stored()[0] == {"output_type": "display_data", "data": {"text/plain": "100 %"}, "metadata": {}}


def test_clearing_waits_for_the_next_output():
    made = outputs(stream("stdout", "old\n"), ("clear_output", {"wait": True}))
    assert made.stored()[0]["text"] == "old\n"
    made.add(*stream("stdout", "new\n"))
    assert [each["text"] for each in made.stored()] == ["new\n"]
    made.add("clear_output", {"wait": False})
    assert made.stored() == []


def test_results_and_errors_have_the_form_of_notebooks():
    made = outputs(
        ("execute_input", {"code": "1", "execution_count": 7}),
        ("execute_result", {"data": {"text/plain": "1"}, "metadata": {}, "execution_count": 7}),
        ("error", {"ename": "ValueError", "evalue": "no", "traceback": ["line", "line"]}),
        ("comm_open", {"comm_id": "1"}),
    )
    assert made.count == 7
    assert made.stored() == [
        {"output_type": "execute_result", "data": {"text/plain": "1"}, "metadata": {}, "execution_count": 7},
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["line", "line"]},
    ]


def test_pieces_of_a_stream_are_compared_as_one():
    pieces = [{"output_type": "stream", "name": "stdout", "text": each} for each in (["a\n", "b"], "c\n")]
    assert cell_outputs.comparable(pieces) == [{"output_type": "stream", "name": "stdout", "text": "a\nbc\n"}]
    image = {"output_type": "display_data", "data": {"text/plain": ["a\n", "b"], "application/json": ["a"]}}
    assert cell_outputs.comparable([image])[0]["data"] == {"text/plain": "a\nb", "application/json": ["a"]}
