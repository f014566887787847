# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FilesError
from ansible_collections.remote.notebooks.plugins.plugin_utils._new.inventory_text import Inventory

MINE = """\
# mine
all:
  children:
    labs:
      hosts:
        lab: # the big one
          ansible_user: 'admin'
          jupyter_access: direct  # my reason
          secret: !vault |
            $ANSIBLE_VAULT;1.1;AES256
            3132
          jupyter_allowed_sources: [192.0.2.0/24]
  vars:
    # for all
    jupyter_packages: [pandas]
"""


def test_a_new_inventory_explains_each_line():
    inventory = Inventory("", "x")
    inventory.set("lab", {"jupyter_access": "both", "jupyter_instances": [{"name": "ann", "port": 8888}]})

    assert inventory.text().splitlines()[3:] == [
        "all:",
        "  hosts:",
        "    lab:",
        "      jupyter_access: both # direct: HTTPS from the network. tunnel: through SSH. both",
        "      jupyter_instances: [{name: ann, port: 8888}] # one server for each person",
    ]
    assert inventory.text().startswith("---\n# `make new`")


def test_other_lines_and_all_comments_stay():
    inventory = Inventory(MINE, "x")
    inventory.set("lab", {"jupyter_access": "tunnel", "jupyter_allowed_sources": None})

    assert inventory.text() == MINE.replace("direct ", "tunnel ").replace(
        "          jupyter_allowed_sources: [192.0.2.0/24]\n", ""
    )


@pytest.mark.parametrize("above", ["", "---\n", "# above\n\n# all\n--- # here\n", "---\n# below\n"])
def test_the_same_settings_change_nothing(above):
    inventory = Inventory(above + MINE, "x")
    inventory.set("lab", {"jupyter_access": "direct", "jupyter_addresses": None})
    assert inventory.text() == above + MINE


def test_a_fault_is_named_by_its_line():
    with pytest.raises(FilesError, match="line 4, is no YAML"):
        Inventory("# above\n---\nall:\n\thosts:\n", "hosts")


def test_another_host_stands_beside_the_first():
    inventory = Inventory(MINE, "x")
    inventory.set("second", {"jupyter_access": "tunnel"})

    assert inventory.names() == ["lab", "second"]
    assert "        second:\n          jupyter_access: tunnel #" in inventory.text()


@pytest.mark.parametrize("text", ["all:\n", "all: {}\n", "all:\n  hosts:\n", "all:\n  hosts: {}\n"])
def test_an_inventory_without_hosts_gets_one(text):
    inventory = Inventory(text, "x")
    inventory.set("lab", {"jupyter_access": "tunnel"})

    assert Inventory(inventory.text(), "x").variables("lab") == {"jupyter_access": "tunnel"}


@pytest.mark.parametrize(
    "text", ["all: [", "[lab]\nhost1 ansible_user=x\n", "- a\n", "a: b\n", "a: 1\na: 2\n", "all:\n\thosts:\n"]
)
def test_another_kind_of_file_is_refused(text):
    with pytest.raises(FilesError, match=r"^hosts.*INVENTORY="):
        Inventory(text, "hosts")
