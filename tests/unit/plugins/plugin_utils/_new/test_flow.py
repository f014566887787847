# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
import stat

import pytest
import yaml
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._new import flow, local, survey

NAME = local.name(socket.gethostname())


@pytest.fixture
def machine(monkeypatch):
    """A survey of a host with root, and the targets that were asked for it."""
    seen = survey.Survey("admin", "sudo", address=["192.0.2.7/24"], listens={22, 8888})
    targets = []

    def look(target, port, ask_key):
        targets.append((target, port))
        return seen

    monkeypatch.setattr(survey, "look", look)
    return seen, targets


def run(path, given, answers=()):
    said, waiting = [], list(answers)
    talk = flow.Talk(given, said.append, (lambda prompt: waiting.pop(0)) if answers else None)
    result = flow.run(str(path), talk)
    assert waiting == []
    return result, said


def host(path, name="lab"):
    return yaml.safe_load(path.read_text())["all"]["hosts"][name]


def test_this_machine_with_all_defaults(tmp_path):
    path = tmp_path / "inventory/hosts.yml"
    result, said = run(path, {})

    assert (result.host, result.changed) == (NAME, True)
    assert host(path, NAME)["ansible_connection"] == "local"
    assert host(path, NAME)["jupyter_access"] == "tunnel"
    assert host(path, NAME)["jupyter_scope"] == ("system" if os.geteuid() == 0 else "user")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(said) == 3
    assert run(path, {})[0].changed is False


def test_answers_at_a_terminal(tmp_path, machine):
    path = tmp_path / "inventory/hosts.yml"
    answers = ["a b", "admin@lab:2222", "home", "", "ipad", "ann bob", "lab.example.org"]
    result, said = run(path, {}, answers)

    assert machine[1] == [("admin@lab", 2222)]
    assert host(path) == {
        "ansible_user": "admin",
        "ansible_port": 2222,
        "jupyter_access": "both",
        "jupyter_addresses": ["lab.example.org"],
        "jupyter_allowed_sources": ["192.0.2.0/24"],
        "jupyter_clients": ["browser", "juno"],
        "jupyter_create_user": True,
        "jupyter_instances": [
            {"name": "ann", "port": 8889, "user": "ann"},
            {"name": "bob", "port": 8890, "user": "bob"},
        ],
        "jupyter_tunnel_accounts": ["ipad"],
    }
    assert [line[0] for line in said if line[0].isdigit()] == ["1", "2", "3", "4", "5"]
    assert not result.needs_password


def test_a_second_run_edits(tmp_path, machine):
    path = tmp_path / "hosts.yml"
    run(path, {"host": "admin@lab:2222", "people": "ann bob"})
    path.write_text(path.read_text().replace("    lab:\n", "    lab: # mine\n"))
    run(path, {"host": "lab", "access": "away", "people": "ann bob carl"})

    assert machine[1][1] == ("admin@lab", 2222)
    assert "    lab: # mine\n" in path.read_text()
    assert "jupyter_allowed_sources" not in host(path)
    assert "jupyter_addresses" not in host(path)
    assert host(path)["jupyter_access"] == "tunnel"
    assert [entry["port"] for entry in host(path)["jupyter_instances"]] == [8889, 8890, 8891]


def test_one_person_beside_another_program(tmp_path, machine):
    run(tmp_path / "hosts.yml", {"host": "lab", "access": "network"})
    assert host(tmp_path / "hosts.yml")["jupyter_port"] == 8889
    assert "jupyter_tunnel_accounts" not in host(tmp_path / "hosts.yml")


def test_a_host_without_root(tmp_path, machine):
    machine[0].rights = "none"
    run(tmp_path / "hosts.yml", {"host": "lab", "clients": "ipad"})

    assert host(tmp_path / "hosts.yml")["jupyter_scope"] == "user"
    assert host(tmp_path / "hosts.yml")["jupyter_access"] == "tunnel"
    with pytest.raises(PlanError, match=r"^access: without root"):
        run(tmp_path / "hosts.yml", {"host": "lab", "access": "both"})


def test_a_password_of_sudo_is_announced(tmp_path, machine):
    machine[0].rights = "password"
    assert run(tmp_path / "hosts.yml", {"host": "lab"})[0].needs_password


def test_a_wrong_flag_writes_nothing(tmp_path, machine):
    with pytest.raises(PlanError, match=r"^clients: 'phone'"):
        run(tmp_path / "hosts.yml", {"host": "lab", "clients": "phone"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["ansible_host: -oProxyCommand=id", "ansible_user: '-l x'"])
def test_a_line_of_the_inventory_is_no_option_of_ssh(tmp_path, machine, line):
    (tmp_path / "hosts.yml").write_text(f"all:\n  hosts:\n    lab:\n      {line}\n")
    with pytest.raises(PlanError, match="which ssh does not take"):
        run(tmp_path / "hosts.yml", {"host": "lab"})
    assert machine[1] == []


@pytest.mark.parametrize(("logins", "index"), [(True, "https://a:b@i.example/"), (False, None)])
def test_an_address_with_a_password_is_no_line(logins, index):
    environ = {"PIP_INDEX_URL": "https://a:b@i.example/"}
    assert local.variables(environ, root=True, logins=logins).get("jupyter_index_url") == index
