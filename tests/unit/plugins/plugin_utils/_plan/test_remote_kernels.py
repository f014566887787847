# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.plan import resolve
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.remote_kernels import servers

from .test_plan import DEFAULTS

GROUPS = {"gpus": ["gpu1", "gpu2"], "gpu1": ["gpu1"], "gpu2": ["gpu2"]}


def settled(*wanted, **more):
    plan = resolve("hub", "system", DEFAULTS, [{"name": "lab", "remote_kernels": list(wanted), **more}])
    return plan["instances"][0]["remote_kernels"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["gpus"], ["gpu1/", "gpu2/"]),
        (["gpu2", "gpus"], ["gpu2/", "gpu1/"]),
        (["gpu1/ada", "gpus/lab"], ["gpu1/ada", "gpu1/lab", "gpu2/lab"]),
    ],
)
def test_patterns_become_servers(given, found):
    assert servers(given, lambda pattern: GROUPS[pattern], pytest.fail) == found


@pytest.mark.parametrize("entry", ["gpu3", "", "/lab"])
def test_a_pattern_without_a_host_is_refused(entry):
    wrong = []
    servers([entry], lambda _pattern: [], wrong.append)
    assert wrong == [f"'{entry}' matches no host of the inventory. Name a host, a group or a pattern of them."]


def test_each_server_gets_the_name_of_its_kernels():
    assert settled("gpu1/", "GPU2/other", "hub/") == [
        {"name": "gpu1", "host": "gpu1", "instance": "lab"},
        {"name": "gpu2", "host": "GPU2", "instance": "other"},
    ]
    assert [each["name"] for each in settled("gpu1/ada", "gpu1/bob", "hub/two")] == ["gpu1-ada", "gpu1-bob", "hub"]


@pytest.mark.parametrize(
    ("wanted", "more", "words"),
    [
        (["gpu1/"], {"interface": "notebook6", "durable": False}, "Notebook 6 lists no kernels of other hosts."),
        (["a/b", "A/b"], {}, "the kernels of A/b would have the name of a/b, 'a'."),
        (["python3/"], {}, "would have the name of the server's own kernel, 'python3'."),
        (["../../etc/"], {}, "'..' is no name for files. Rename that host in the inventory."),
    ],
)
def test_kernels_that_cannot_be_listed_are_refused(wanted, more, words):
    with pytest.raises(PlanError) as raised:
        settled(*wanted, **more)
    assert words in str(raised.value)
