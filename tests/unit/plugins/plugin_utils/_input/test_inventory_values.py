# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible_collections.remote.notebooks.plugins.action.jupyter_plan import _misspelt
from ansible_collections.remote.notebooks.plugins.plugin_utils._input.inventory_values import problems, reworded

TEXTS = {"type": "list", "elements": "str"}
MAPPINGS = {"type": "list", "elements": "dict"}


@pytest.mark.parametrize(
    ("yaml", "spec", "said"),
    [
        pytest.param(
            "x:\n  # - pandas",
            TEXTS,
            ["x: nothing is written behind it. Write [] for none, or take the line out."],
            id="all commented out",
        ),
        pytest.param(
            "x:",
            {"type": "dict"},
            ["x: nothing is written behind it. Write {} for none, or take the line out."],
            id="no mapping",
        ),
        pytest.param(
            "x:",
            {"type": "str"},
            ['x: nothing is written behind it. Write "" for none, or take the line out.'],
            id="no text",
        ),
        pytest.param(
            "x:",
            {"type": "int"},
            ["x: nothing is written behind it. Write a value, or take the line out."],
            id="no number",
        ),
        pytest.param(
            "x:",
            {"type": "str", "choices": ["a"]},
            ["x: nothing is written behind it. Write a value, or take the line out."],
            id="no choice",
        ),
        pytest.param(
            "x:\n  pandas:",
            TEXTS,
            ["x: a mapping is written where a list is meant. Begin each of its entries with '- '."],
            id="a mapping for a list",
        ),
        pytest.param(
            "x:\n  - pandas: <3",
            TEXTS,
            ["x: entry 1: a mapping is written where a text is meant. Put quotes around the whole of it."],
            id="an entry that YAML takes for a mapping",
        ),
        pytest.param(
            "x: [a, [b]]", TEXTS, ["x: entry 2: a list is written where a text is meant."], id="a list in a list"
        ),
        pytest.param(
            "x:\n  - a\n  -",
            TEXTS,
            ["x: entry 2: nothing is written behind its '-'. Write something, or take the line out."],
            id="an empty entry",
        ),
        pytest.param(
            "x: [lab]",
            MAPPINGS,
            ["x: entry 1: a mapping is meant, for example '- name: lab', and not 'lab'."],
            id="a name for a mapping",
        ),
        pytest.param(
            "x: [1]",
            {"type": "dict"},
            ["x: a mapping is meant, for example '{key: value}', and not a list."],
            id="a list for a mapping",
        ),
        pytest.param(
            "x: [a]", {"type": "int"}, ["x: a list is written where a single value is meant."], id="a list for a number"
        ),
        pytest.param(
            "x: {a: b}",
            {"type": "str"},
            ["x: a mapping is written where a text is meant. Put quotes around the whole of it."],
            id="no quotes",
        ),
        pytest.param("x: [a, 1]", TEXTS, [], id="a number is a text"),
        pytest.param("x: a,b", TEXTS, [], id="a text with commas"),
        pytest.param("x: []", TEXTS, [], id="none"),
        pytest.param("x: 5", {"type": "int"}, [], id="a number"),
    ],
)
def test_shapes(yaml, spec, said):
    assert problems("x", DataLoader().load(yaml)["x"], spec) == said


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ("many", "int", "x: 'many' is no whole number."),
        ("much", "float", "x: 'much' is no number."),
        ("maybe", "bool", "x: 'maybe' is neither true nor false."),
        ("qwertz", "dict", "x: 'qwertz' is no mapping."),
    ],
)
def test_types_are_said_in_words(value, kind, said):
    (message,) = ArgumentSpecValidator({"x": {"type": kind}}).validate({"x": value}).error_messages
    assert reworded(message, {"x": value}, ()) == said
    assert value not in reworded(message, {"x": value}, ("x",))


@pytest.mark.parametrize(
    ("variables", "problem", "remark"),
    [
        pytest.param({"jupyter_users": ["ann", "bob"]}, "", "If jupyter_user was meant", id="a list of another role"),
        pytest.param({"jupyter_ports": {"ann": 1}}, "", "If jupyter_port was meant", id="a mapping of another role"),
        pytest.param({"jupyter_users": "ann"}, "", "If jupyter_user was meant", id="a plural"),
        pytest.param(
            {"jupyter_prot": 9000},
            "jupyter_prot: there is no such variable; did you mean jupyter_port?",
            "",
            id="a slip",
        ),
        pytest.param({"jupyter_package": ["numpy"]}, "did you mean jupyter_packages?", "", id="a singular with a list"),
        pytest.param({"jupyter_package": "numpy"}, "", "If jupyter_packages was meant", id="a singular with a text"),
        pytest.param({"jupyter_version": "4", "jupyterhub_port": 1}, "", "", id="none of our business"),
    ],
)
def test_variables_that_look_like_ours(variables, problem, remark):
    problems, remarks = _misspelt(variables)
    assert [bool(problems), bool(remarks)] == [bool(problem), bool(remark)]
    assert problem in "".join(problems)
    assert remark in "".join(remarks)
