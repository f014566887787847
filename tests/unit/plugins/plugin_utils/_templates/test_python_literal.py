# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._templates.python_literal import python_literal


class Tagged(str):
    """Stands for Ansible's tagged strings: a subclass whose repr is not Python source."""

    def __repr__(self):
        return "Tagged(...)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "None", id="null"),
        pytest.param(True, "True", id="a boolean is no number"),
        pytest.param(8888, "8888", id="number"),
        pytest.param(0.5, "0.5", id="fraction"),
        pytest.param("it's", '"it\'s"', id="quotes"),
        pytest.param("a\nb", "'a\\nb'", id="line break"),
        pytest.param(Tagged("x"), "'x'", id="a tagged string is its text"),
        pytest.param(["a", 1], "['a', 1]", id="list"),
        pytest.param({"b": {"c": False}, "a": []}, "{'b': {'c': False}, 'a': []}", id="mappings keep their order"),
    ],
)
def test_literal(value, text):
    assert python_literal(value) == text


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="a setting cannot hold set"):
        python_literal({1, 2})
