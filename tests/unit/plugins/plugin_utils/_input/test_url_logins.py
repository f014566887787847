# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An address with a password goes in and a hidden one comes out, and nothing else changes."""

from __future__ import annotations

import types

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.remote.notebooks.plugins.plugin_utils._input.url_logins import Logins

PLAIN = types.SimpleNamespace(template=lambda value: value)
PROXY, INDEX = "http://ann:s3cret@proxy:3128", "https://:tok@index/simple/"


def logins(**variables):
    return Logins(PLAIN, {f"jupyter_{name}": value for name, value in variables.items()})


@pytest.mark.parametrize(
    ("variables", "value", "hidden"),
    [
        ({"http_proxy": PROXY}, {"a": [PROXY, 1, None]}, {"a": ["http://ann:********@proxy:3128", 1, None]}),
        ({"python_mirror": PROXY}, PROXY, "http://ann:********@proxy:3128"),
        ({"index_url": INDEX}, f"asked {INDEX} twice", "asked https://:********@index/simple/ twice"),
        ({"instances": [{"name": "lab", "http_proxy": PROXY}]}, PROXY, "http://ann:********@proxy:3128"),
        ({"http_proxy": PROXY}, "401 from http://ann:s3cret@elsewhere/", "401 from http://ann:********@elsewhere/"),
        (
            {"http_proxy": PROXY},
            "s3cret stays: it may be a word of anything",
            "s3cret stays: it may be a word of anything",
        ),
        ({"http_proxy": "http://ann@proxy:3128"}, "http://ann@proxy:3128", "http://ann@proxy:3128"),
        ({"http_proxy": "http://proxy/a@b:c"}, "http://proxy/a@b:c", "http://proxy/a@b:c"),
        ({"http_proxy": "", "instances": None}, PROXY, PROXY),
        ({"instances": [{"name": "lab"}, "no instance"]}, PROXY, PROXY),
    ],
)
def test_what_is_shown(variables, value, hidden):
    assert logins(**variables).hide(value) == hidden


def test_two_that_look_alike_become_themselves_again():
    both = logins(http_proxy=PROXY, instances=[{"http_proxy": "http://ann:other@proxy:3128"}])
    shown = both.hide([PROXY, "http://ann:other@proxy:3128"])
    assert "s3cret" not in str(shown)
    assert "other" not in str(shown)
    assert both.reveal(shown) == [PROXY, "http://ann:other@proxy:3128"]


def test_a_failure_is_said_without_it():
    with pytest.raises(AnsibleActionFail, match=r"^no way to http://ann:\*+@proxy:3128$"), logins(
        http_proxy=PROXY
    ).hiding():
        raise AnsibleActionFail(f"no way to {PROXY}")
