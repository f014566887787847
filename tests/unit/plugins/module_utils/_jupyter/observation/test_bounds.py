# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data of accounts that are as long as an account can make them: the report of their host still counts."""

from __future__ import annotations

import json
import os
import pwd
import tempfile

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._host import homes as host_homes
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import (
    accounts,
    configuration,
    details,
    existing,
    listeners,
    paths,
    servers,
)
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import report as observation
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import host as tunnel_host
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import names as tunnel_names
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import report_answers, words
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import conflicts, leftovers

PROBE = {
    **{name: [] for name in ("paths", "traces", "shadows", "aside", "accounts", "pythons", "ports", "units", "secret")},
    **{name: {} for name in ("owners", "roots", "sessions")},
    **dict.fromkeys(("manifest", "environments", "site"), "/nonexistent"),
    **dict.fromkeys(("user_units", "firewall"), False),
    "texts": True,
    "details": {"script": "/nonexistent", "ports": {}},
}
#: JSON writes twelve bytes for each of these, and Python takes them for a name.
ASTRAL = "\U00010428"


@pytest.fixture
def people(tmp_path, monkeypatch):
    """Create accounts with homes, none of which this process has to become. Return their names and homes."""

    def create(count):
        homes = {f"person{number}": tmp_path / f"person{number}" for number in range(count)}
        for home in homes.values():
            home.mkdir()
        real = pwd.getpwnam
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(
            pwd,
            "getpwnam",
            lambda name: (
                pwd.struct_passwd((name, "x", 1000, 1000, "," * 5000, str(homes[name]), "/bin/sh"))
                if name in homes
                else real(name)
            ),
        )
        return homes

    return create


@pytest.fixture
def accepted():
    """Check a part of a report as the control node does, within the report of this machine."""
    report = json.loads(json.dumps(observation.report(PROBE, lambda _command: (1, "", ""), None, None)))

    def check(value, *place, **asked):
        there = report
        for name in place[:-1]:
            there = there[name]
        there[place[-1]] = json.loads(json.dumps(value))
        assert len(json.dumps(report)) < words.MOST // 8
        report_answers.report({**PROBE, **asked})(report, "report")

    return check


def asked(homes):
    plan = {"instances": [{"user": name} for name in homes]}
    return [*conflicts.places(plan), *leftovers.places(plan)]


def test_settings_that_two_accounts_write_into_all_their_files_are_a_remark(people, accepted):
    homes = people(2)
    names = [f"{ASTRAL * 85}{number:04}" for number in range(1000)]
    written = {"json": json.dumps({"A": dict.fromkeys(names, 1)}, ensure_ascii=False)}
    written["py"] = "".join(f"c.A.{name} = 1\n" for name in names)
    fixed = [pattern for pattern in asked(homes) if "*" not in pattern and pattern.startswith("~")]
    for pattern in fixed:
        name, _slash, below = pattern[1:].partition("/")
        path = homes[name] / below
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written[below.rpartition(".")[2]])
    found = configuration.options(asked(homes))()
    accepted(found, "shadows")
    mine = {path: file for path, file in found.items() if path.startswith(str(homes["person0"].parent))}
    assert len(mine) == len(fixed) == 2 * 22 - 4
    assert {file["error"] for file in mine.values()} == {configuration.MORE}
    plan = {"instances": [{"user": "person0", "settings": {}}], "shadows": "report"}
    said = conflicts.notable(plan, found)
    assert any(text.endswith(f"{configuration.MORE} It may keep JupyterLab from loading.") for text in said.values())


def test_an_account_that_fills_its_share_takes_nothing_from_another(people, accepted):
    homes = people(3)
    for name, home in homes.items():
        (home / ".jupyter").mkdir()
        many = {"A": {f"{ASTRAL * 85}{number:04}": 1 for number in range(1000)}}
        options = {"ServerApp": {"port": 1}} if name == "person2" else many
        for file in ("jupyter_config", "jupyter_lab_config"):
            (home / f".jupyter/{file}.json").write_text(json.dumps(options, ensure_ascii=False))
    found = configuration.options(asked(homes))()
    accepted(found, "shadows")
    assert found[f"{homes['person2']}/.jupyter/jupyter_config.json"] == {"options": ["ServerApp.port"], "error": ""}
    assert found[f"{homes['person0']}/.jupyter/jupyter_lab_config.json"] == {
        "options": [],
        "error": configuration.MORE,
    }


def test_accounts_with_more_files_than_are_taken(people, accepted):
    homes = people(11)
    for home in homes.values():
        startup = home / leftovers.STARTUP
        startup.mkdir(parents=True)
        for number in range(1000):
            (startup / f"{number}.ipy").touch()
        (home / ".jupyter").mkdir()
        (home / ".jupyter/jupyter_config.json").write_text('{"ServerApp": {"port": 1}}')
    found = configuration.options(asked(homes))()
    accepted(found, "shadows")
    assert len(found) > 10_000
    for home in homes.values():
        assert found[f"{home}/.jupyter/jupyter_config.json"]["options"] == ["ServerApp.port"]


def test_the_comment_of_an_account_has_a_length(people, accepted):
    """chfn(1) lets an account change it, and a directory service may hold any."""
    people(1)
    found = accounts.account("person0")
    assert found["comment"] == "," * 200
    accepted({"person0": found}, "accounts", accounts=["person0"])


def test_a_name_that_no_tunnel_account_has_is_none(monkeypatch):
    """On some systems, chfn(1) lets an account give itself the comment of one."""
    entries = [
        pwd.struct_passwd((name, "x", 1000, 1000, f"{tunnel_names.mark('jupyter')},,", "/", "/bin/sh"))
        for name in ("ipad", "Ann.Example", "EXAMPLE\\ann")
    ]
    monkeypatch.setattr(pwd, "getpwall", lambda: entries)
    assert tunnel_host.owned("jupyter") == ["ipad"]


def test_a_large_file_in_the_place_of_a_folder_has_no_text(tmp_path, accepted):
    """``--diff`` asks for texts, and ``~/.jupyter`` may be a file."""
    names = [tmp_path / name for name in ("large", "many", "ours")]
    names[0].write_bytes(b"x" * 3_000_000)
    names[1].write_bytes(b"\0" * 300_000)
    names[2].write_text("c.ServerApp.port = 8888\n")
    found = {str(name): paths.path(str(name), text=True) for name in names}
    found.update({f"{name}{number}": dict(found[str(name)]) for name in names[:2] for number in range(20)})
    paths.bound_texts(found)
    accepted(found, "paths")
    assert found[str(names[2])]["text"] == "c.ServerApp.port = 8888\n"
    assert "text" not in found[str(names[0])]


def test_a_link_to_a_long_name(tmp_path, accepted):
    target = b"\xff" * 4000
    os.symlink(target, os.fsencode(tmp_path / "link"))
    found = paths.path(str(tmp_path / "link"))
    assert len(json.dumps(found)) < 10_000
    accepted({str(tmp_path / "link"): found}, "paths")


def test_an_environment_behind_long_links(accepted):
    """A path that links make longer than the system takes one."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        deep = os.path.join(*["a" * 200] * 10)
        os.makedirs(f"{name}/{deep}")
        os.symlink(deep, f"{name}/torch")
        os.symlink(os.path.join(*["b" * 200] * 18), f"{name}/{deep}/bin")
        look = existing.existing({"lab.torch": ["", f"{name}/torch"]})
        found = look()["lab.torch"]
        assert all(len(each) <= 4096 for each in found["real"])
        accepted({"lab.torch": found}, "existing", existing={"lab.torch": ["", f"{name}/torch"]})


def test_processes_that_call_themselves_servers(monkeypatch, accepted):
    """An account has any number of processes, each with a command line of its choice, and of its own kernels."""
    site, owners = "/opt/remote-notebooks/envs", {"lab": {os.getuid()}}
    called = [
        (os.getpid(), [f"{site}/{ASTRAL * 900}{number}/bin/python", "-X", "remote_notebooks=lab:0"])
        for number in range(50)
    ] + [(os.getpid(), [f"{site}/{number:012}/bin/python", "-X", "remote_notebooks=lab:0"]) for number in range(50)]
    monkeypatch.setattr(servers, "_runs", lambda _pid, _python: True)
    found = servers.servers(site, owners, called, set())
    assert len(found) == servers.SEVERAL
    # As many accounts as a large host has.
    everybody = [
        {**each, "pid": 1 + 1000 * number + place, "environment": f"{site}/{number}-{place}"}
        for number in range(60)
        for place, each in enumerate(found)
    ]
    accepted(everybody, "servers")
    monkeypatch.setattr(details, "_is_unchanged", lambda _folder: True)
    for these, work in ((everybody[:40], [ASTRAL * 500] * 200), (everybody, [""] * 200)):
        said = details.details(
            these,
            "/script",
            {},
            lambda command, work=work: (0, json.dumps({command[-1].partition(":")[0]: work}), ""),
        )
        assert all(process["busy"] for process in said["processes"].values())
        accepted(said, "details")


def test_listeners_beside_each_other(accepted):
    many = [
        {"pid": number + 1, "command": ASTRAL * 4, "loopback": False, "everywhere": False, "uid": 1, "account": "a"}
        for number in range(5000)
    ]
    found = listeners._together(many)
    assert len(found["also"]) < 1000
    accepted({"8888": found}, "listeners", ports=[8888])


def test_files_with_long_names_in_a_home(accepted):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = os.path.join(name, *["a" * 255] * 15)
        os.makedirs(folder)
        for number in range(5):
            open(f"{folder}/{number}", "wb").close()
        strangers = host_homes._look(name, set())
    assert len(strangers) == host_homes.NAMED
    accepted({"ann": {"path": name, "strangers": strangers}}, "homes")


def test_folders_that_an_account_has_opened_for_all(tmp_path, accepted):
    for number in range(accounts.MOST_FOLDERS + 20):
        (tmp_path / f"{number:03}").mkdir()
    found = accounts._writable([str(folder) for folder in sorted(tmp_path.iterdir())])
    assert len(found) == accounts.MOST_FOLDERS
    accepted({"ann": found}, "folders", folders={"ann": []})
