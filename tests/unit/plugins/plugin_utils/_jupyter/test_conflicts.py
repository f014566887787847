# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import configuration, paths
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import conflicts
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import compare
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import manifest as state_manifest

from .._plan.test_plan import DEFAULTS
from .._state.test_state import WISHES, bare, plan, resolve, wanted

HOME = "/home/jupyter/.jupyter"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param("jupyter_config.py", "c = get_config()\n", "", id="a file that says nothing"),
        pytest.param(
            "jupyter_config.py",
            "c.ServerApp.allow_origin = '*'",
            "these servers obey it in: ServerApp.allow_origin",
            id="what ours leaves open",
        ),
        pytest.param(
            "jupyter_lab_config.py",
            "c.LabApp.default_url = '/tree'",
            "obey it in: LabApp.default_url",
            id="the interface",
        ),
        pytest.param(
            "jupyter_config.json",
            '{"ServerApp": {"port": 1}}',
            "the plan wins over it in: ServerApp.port",
            id="what ours says",
        ),
        pytest.param(
            "jupyter_notebook_config.json",
            '{"NotebookApp": {"password": "sha1:a:b"}}',
            "the plan wins over it in: NotebookApp.password",
            id="an old password, by its old name",
        ),
        pytest.param(
            "jupyter_config.py",
            "c.PasswordIdentityProvider.token = 'x'",
            "the plan wins",
            id="a token that would be a second key",
        ),
        pytest.param(
            "jupyter_config.py",
            "c.ServerApp.max_body_size = 1",
            "the plan wins",
            id="what the user said in jupyter_settings",
        ),
        pytest.param(
            "jupyter_server_config.py",
            "c.ServerApp.allow_origin = '*'",
            "is not read by these servers",
            id="a file that nobody reads",
        ),
        pytest.param(
            "jupyter_notebook_config.py",
            "c.NotebookApp.webapp_settings = {}",
            "may keep a server from starting",
            id="an option that is gone",
        ),
        pytest.param(
            "jupyter_lab_config.py", "c.ServerApp.port = (", "cannot be read by Jupyter", id="a file that does not load"
        ),
    ],
)
def test_who_wins(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    found = configuration.options([str(tmp_path / name)])()
    said = conflicts.remarks(
        plan({"name": "lab", "settings": {"ServerApp": {"max_body_size": 1}}}), {**bare(), "shadows": found}
    )
    assert bool(said) is bool(words)
    if words:
        assert words in said[0]
        assert str(tmp_path / name) in said[0]


def test_no_value_leaves_the_host(tmp_path):
    (tmp_path / "jupyter_config.json").write_text('{"NotebookApp": {"password": "sha1:abc:def"}}')
    assert "sha1" not in str(configuration.options([str(tmp_path / "jupyter_config.json")]))


def test_where_to_look():
    places = conflicts.places(plan({"name": "lab", "user": "ann"}))
    assert {
        "~ann/.jupyter/jupyter_config.json",
        "/etc/jupyter/jupyter_lab_config.py",
        "/usr/local/etc/jupyter/jupyter_config.py",
    } <= {*places}
    assert conflicts.places({**plan(), "instances": []}) == []


MINE, HOSTS, UNREAD = (
    f"{HOME}/jupyter_config.py",
    "/etc/jupyter/jupyter_lab_config.json",
    f"{HOME}/jupyter_server_config.py",
)
OBEYED = {"options": ["ServerApp.allow_origin"], "error": ""}


def moving(scope="system", mode="move", *instances):
    return {**resolve("web1", scope, DEFAULTS, list(instances) or [{"name": "lab"}], shadows=mode), **WISHES}


def host(*files, owner="jupyter", aside=(), manifest=(), **system):
    report = bare(**system)
    report["accounts"]["jupyter"] = {
        "uid": 999,
        "group": "jupyter",
        "home": "/home/jupyter",
        "comment": "",
        "shares_group": False,
        "home_is": "usable",
    }
    report["paths"][HOME] = {"kind": "directory", "owner": owner, "group": owner, "mode": "0700", "entries": 1}
    return {**report, "shadows": dict.fromkeys(files, OBEYED), "aside": list(aside), "manifest": list(manifest)}


def listed(path, mover="jupyter", account="jupyter"):
    """The manifest's entry of a moved file."""
    aside = f"{path}.before-remote-notebooks"
    return {
        "id": f"shadow {path}",
        "kind": "shadow",
        "instance": "",
        "origin": path,
        "backup": aside,
        "mover": mover,
        "account": account,
    }


def named(the_plan, report):
    _instances, things = wanted(the_plan, report)
    changes = compare.differences(the_plan, things, _instances, report)
    kept = [(thing["origin"], thing["backup"], thing["mover"]) for thing in things if thing["kind"] == "shadow"]
    return kept, [change["text"] for change in changes if change["kind"] == "shadow"]


ASIDE = "jupyter_config.py.before-remote-notebooks"
MOVE = f"shadow {MINE}: name is jupyter_config.py, wanted {ASIDE}"
BACK = f"shadow {MINE}: moved aside by an earlier run, gets its name back"
ROOTLESS = {"uid": 1000, "user": "jupyter", "group": "jupyter", "home": "/home/jupyter"}
NOBODYS = {**moving(), "instances": []}


@pytest.mark.parametrize(
    ("the_plan", "report", "kept", "changes"),
    [
        pytest.param(moving(mode="report"), host(MINE), [], [], id="not asked"),
        pytest.param(moving(), host(MINE), [(MINE, f"{HOME}/{ASIDE}", "jupyter")], [MOVE], id="by its owner"),
        pytest.param(
            moving(),
            host(MINE, owner="root"),
            [(MINE, f"{HOME}/{ASIDE}", "")],
            [MOVE],
            id="by root, where the folder is root's",
        ),
        pytest.param(
            moving(),
            host(HOSTS),
            [(HOSTS, f"{HOSTS}.before-remote-notebooks", "")],
            [
                f"shadow {HOSTS}: name is jupyter_lab_config.json, wanted"
                " jupyter_lab_config.json.before-remote-notebooks"
            ],
            id="the host's",
        ),
        pytest.param(
            moving("user"),
            host(MINE, HOSTS, **ROOTLESS),
            [(MINE, f"{HOME}/{ASIDE}", "")],
            [MOVE],
            id="without root, the account's alone",
        ),
        pytest.param(
            moving("user"), host(MINE, owner="root", **ROOTLESS), [], [], id="without root, a folder of root's"
        ),
        pytest.param(
            moving(),
            host(MINE, aside=[f"{HOME}/{ASIDE}"]),
            [(MINE, f"{HOME}/{ASIDE}", "jupyter")],
            [],
            id="never over an older one",
        ),
        pytest.param(
            moving(),
            host(aside=[f"{HOME}/{ASIDE}"], manifest=[listed(MINE)]),
            [(MINE, f"{HOME}/{ASIDE}", "jupyter")],
            [],
            id="moved already",
        ),
        pytest.param(
            moving(mode="report"),
            host(aside=[f"{HOME}/{ASIDE}"], manifest=[listed(MINE)]),
            [(MINE, f"{HOME}/{ASIDE}", "jupyter")],
            [],
            id="and stays",
        ),
        pytest.param(
            moving(),
            host(aside=[f"{HOME}/{ASIDE}"]),
            [(MINE, f"{HOME}/{ASIDE}", "jupyter")],
            [],
            id="the manifest is lost",
        ),
        pytest.param(
            moving(mode="report"),
            host(MINE, manifest=[listed(MINE)]),
            [(MINE, f"{HOME}/{ASIDE}", "jupyter")],
            [],
            id="moved back by hand: left alone",
        ),
        pytest.param(NOBODYS, host(aside=[f"{HOME}/{ASIDE}"], manifest=[listed(MINE)]), [], [BACK], id="uninstall"),
        pytest.param(
            moving("system", "move", {"name": "lab", "user": "ann"}),
            host(aside=[f"{HOME}/{ASIDE}"], manifest=[listed(MINE)]),
            [],
            [BACK],
            id="another account runs the servers",
        ),
    ],
)
def test_what_is_moved_and_given_back(the_plan, report, kept, changes):
    assert named(the_plan, report) == (kept, changes)


def test_a_server_that_may_have_read_it_is_another_one_for_good():
    def revision(report):
        (instance,), things = wanted(moving(), report)
        return state_manifest.revision(instance, things, "start")

    pending, done = (
        revision(host(MINE)),
        revision(host(aside=[f"{HOME}/{ASIDE}"], manifest=state_manifest.manifest([listed(MINE)]))),
    )
    assert pending == done != revision(host())
    assert revision(host(UNREAD)) == revision(host())


@pytest.mark.parametrize(
    ("the_plan", "report", "said"),
    [
        pytest.param(
            moving(mode="report"),
            host(MINE),
            [
                f"{MINE}: these servers obey it in: ServerApp.allow_origin. Move it aside (jupyter_shadows: move), "
                f"or turn it into variables: playbooks/migrate.yml -e migrate_folder={HOME}"
            ],
            id="report",
        ),
        pytest.param(
            moving(),
            host(MINE),
            [f"{MINE}: these servers obey it in: ServerApp.allow_origin. It is moved aside: {HOME}/{ASIDE}"],
            id="moved",
        ),
        pytest.param(
            moving("user", "report"),
            host(HOSTS, **ROOTLESS),
            [
                f"{HOSTS}: these servers obey it in: ServerApp.allow_origin. Move it aside, "
                "or turn it into variables: playbooks/migrate.yml -e migrate_folder=/etc/jupyter"
            ],
            id="without root, the host's",
        ),
        pytest.param(
            moving(),
            host(MINE, aside=[f"{HOME}/{ASIDE}"]),
            [
                f"{MINE}: these servers obey it in: ServerApp.allow_origin. It stays, because {HOME}/{ASIDE} holds an"
                " older one. Move one of the two away."
            ],
            id="an older one is there",
        ),
        pytest.param(
            NOBODYS,
            host(aside=[MINE, f"{HOME}/{ASIDE}"], manifest=[listed(MINE)]),
            [f"{HOME}/{ASIDE} keeps that name: something else is at {MINE} now."],
            id="uninstall, and the name is taken",
        ),
        pytest.param(
            moving(),
            host(owner="root"),
            [
                f"{HOME} belongs to root, so servers of 'jupyter' cannot write there, and may not start. On the host:"
                f" sudo chown -R jupyter: {HOME}"
            ],
            id="a folder that sudo jupyter made",
        ),
        pytest.param(
            moving("user"),
            {
                **host(**ROOTLESS),
                "paths": {
                    HOME: {"kind": "link", "owner": "root", "target": "/srv/settings"},
                    "/home/jupyter/.local/share/jupyter": {"kind": "directory", "owner": "root"},
                },
            },
            [
                "/home/jupyter/.local/share/jupyter belongs to root, so servers of 'jupyter' cannot write there, and"
                " may not start. On the host: sudo chown -R jupyter: /home/jupyter/.local/share/jupyter"
            ],
            id="where the server keeps what it runs with; of a link the target counts",
        ),
    ],
)
def test_what_is_said_of_it(the_plan, report, said):
    assert conflicts.remarks(the_plan, report) == said


def test_what_was_moved_is_found_again(tmp_path):
    for name in ("jupyter_config.py.before-remote-notebooks", "jupyter_lab_config.py", "notes.before-remote-notebooks"):
        (tmp_path / name).touch()
    here = str(tmp_path)
    things = [
        {"kind": "shadow", "origin": f"{here}/jupyter_lab_config.py", "backup": f"{here}/gone"},
        {"kind": "file", "path": "/etc/hostname"},
    ]
    assert paths.aside([f"{here}/jupyter_*.before-remote-notebooks"], things) == [
        f"{here}/{ASIDE}",
        f"{here}/jupyter_lab_config.py",
    ]
