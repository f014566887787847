# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each template of the role jupyter, rendered by the code that a run uses."""

from __future__ import annotations

import types
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import FilesError
from ansible_collections.remote.notebooks.plugins.plugin_utils._handoff import files as handoff_files
from ansible_collections.remote.notebooks.plugins.plugin_utils._input.options import INSTANCE_KEYS
from ansible_collections.remote.notebooks.plugins.plugin_utils._templates import templates

from ..plugins.plugin_utils._state.test_state import bare, plan, wanted

FOLDER = Path(__file__).parents[3] / "roles/jupyter/templates"
#: An instance that takes every branch of the templates; the second one for the systems without systemd.
FULL = {
    "access": "direct",
    "tls": "provided",
    "certificate_file": "/x.pem",
    "token": "secret",
    "login_throttle": True,
    "settings": {"ServerApp": {"max_body_size": 3}},
    "http_proxy": "http://proxy:1",
    "memory_max": "4G",
    "cpu_quota": "200%",
    "tasks_max": "500",
    "kernels": [{"name": "r", "packages": ["rpy2"], "env": {"A": "b"}}],
}
ACME = {"name": "public", "port": 8891, "access": "direct", "tls": "acme", "addresses": ["lab.example.org"]}
PROXIED = {"name": "door", "port": 8890, "access": "proxied", "public_url": "https://lab.example.org/door/"}
HOSTS = {
    "systemd": ([{"name": "lab", **FULL}, {"name": "old", "interface": "notebook6", "port": 8889}, PROXIED, ACME], {}),
    "tmux": (
        [{"name": "lab"}, ACME],
        {"systemd": False, "user_manager": False, "commands": {"tmux": "/t", "runuser": "/r", "cron": "/c"}},
    ),
}
#: (template, variables of the host, a line of the file)
LINES = [
    ("jupyter_server_config.py.j2", {}, 'c.ServerApp.jpserver_extensions.update({"durable_outputs": True})'),
    ("jupyter_server_config.py.j2", {"port": 9000}, "c.ServerApp.port = 9000"),
    ("jupyter_server_config.py.j2", {"settings": {"A": {"b": "c'd"}}}, 'c.A.b = "c\'d"'),
    (
        "jupyter_server_config.py.j2",
        {},
        'c.ServerApp.tornado_settings.update({"page_config_data": {"buildAvailable": False, "buildCheck": False}})',
    ),
    (
        "jupyter_server_config.py.j2",
        {"access": "proxied", "public_url": "https://lab.example.org/"},
        "c.ServerApp.local_hostnames = ['lab.example.org', 'localhost']",
    ),
    (
        "jupyter_notebook_config.py.j2",
        {"access": "proxied", "public_url": "https://192.0.2.7/", "interface": "notebook6"},
        "c.NotebookApp.allow_remote_access = True  # Jupyter can list names, and no address",
    ),
    ("limits.conf.j2", {"memory_max": "4G"}, "MemoryMax=4G"),
    ("instance.conf.j2", {}, "CapabilityBoundingSet="),
    ("instance.conf.j2", {"port": 443}, "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"),
    ("instance.conf.j2", {"port": 443, "hardening": "none"}, "AmbientCapabilities=CAP_NET_BIND_SERVICE"),
    ("instance.conf.j2", {"devices": "auto"}, "PrivateDevices=yes"),
    ("instance.conf.j2", {"devices": True}, "PrivateDevices=no"),
]
ACTION = types.SimpleNamespace(_templar=types.SimpleNamespace(template=lambda value: value))


def render(thing: dict, instances: list[dict], manifest=()) -> str:
    return templates.render(ACTION, {}, thing, templates.instance_of(thing, instances), list(manifest))


def rendered(instances: list[dict], **system) -> dict[str, list[str]]:
    """Return the texts of all files of a host, by template."""
    texts: dict[str, list[str]] = {}
    instances, things = wanted(plan(*instances), bare(**system))
    for thing in things:
        if thing.get("template"):
            texts.setdefault(thing["template"], []).append(render(thing, instances, things))
    return texts


def test_every_template_is_rendered(monkeypatch):
    """Those of the pages to hand over have tests of their own beside handoff/files.py."""
    loaded: set[str] = set()
    get_source = templates.ENVIRONMENT.loader.get_source

    def noted(environment, name):
        loaded.add(name)
        return get_source(environment, name)

    templates.ENVIRONMENT.cache.clear()
    monkeypatch.setattr(templates.ENVIRONMENT.loader, "get_source", noted)
    for instances, system in HOSTS.values():
        assert all(text.strip() for texts in rendered(instances, **system).values() for text in texts)
    pages = {path.name for path in FOLDER.glob("handoff*.j2")}
    assert {path.name for path in FOLDER.glob("*.j2")} == loaded | pages
    assert Path(handoff_files.TEMPLATES).resolve() == FOLDER


@pytest.mark.parametrize(("template", "variables", "line"), LINES)
def test_a_file_has_its_line(template, variables, line):
    assert line in rendered([{"name": "lab", **variables}])[template][0].splitlines()


def test_a_hub_and_a_server_of_one_have_their_files_and_no_secret_in_the_settings():
    the_plan = {**plan(), "hub_files": {"lab": {"hub": "/c/lab.hub.json", "hubs": "/c/lab.hubs.json"}}}
    instances, things = wanted(the_plan, bare())
    folder = "/etc/remote-notebooks/lab"
    files = {thing["path"]: thing for thing in things if thing["kind"] == "file"}
    found = {name: files[f"{folder}/{name}.json"] for name in ("remote_kernels", "kernel_keys")}
    assert {name: (thing["control"], thing["secret"], thing["mode"]) for name, thing in found.items()} == {
        "remote_kernels": ("/c/lab.hub.json", True, "0640"),
        "kernel_keys": ("/c/lab.hubs.json", True, "0640"),
    }
    lines = render(files[f"{folder}/jupyter_server_config.py"], instances).splitlines()
    assert 'c.ServerApp.identity_provider_class = "kernel_keys.KernelKeys"' in lines
    assert f"c.KernelKeys.key_file = '{folder}/kernel_keys.json'" in lines
    assert 'c.ServerApp.kernel_spec_manager_class = "remote_kernels.RemoteKernelSpecManager"' in lines
    assert f"c.RemoteKernelSpecManager.remote_file = '{folder}/remote_kernels.json'" in lines


def test_only_a_server_on_a_port_of_root_has_a_capability():
    texts = rendered([{"name": "lab"}, {"name": "door", "port": 443}])["instance.conf.j2"]
    found = [[line for line in text.splitlines() if line.startswith("AmbientCapabilities=")] for text in texts]
    assert found == [["AmbientCapabilities="], ["AmbientCapabilities=", "AmbientCapabilities=CAP_NET_BIND_SERVICE"]]


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("one\n{{ instance.max_body }}\n", 2, "max_body"),
        ("{{ instance.max_body | remote.notebooks.python_literal }}\n", 1, "max_body"),
        ("{% if 1 %}\n\n{{ jupyter_max_body | quote }}\n{% endif %}\n", 3, "jupyter_max_body"),
        ("{% for one in instance.many %}\n{{ one }}\n{% endfor %}\n", 1, "many"),
    ],
)
def test_an_unknown_variable_is_named_with_template_and_line(monkeypatch, tmp_path, text, line, name):
    templates.ENVIRONMENT.cache.clear()
    (tmp_path / "x.conf.j2").write_text(text)
    monkeypatch.setattr(templates.ENVIRONMENT.loader, "searchpath", [str(tmp_path)])
    with pytest.raises(FilesError, match=rf"^x\.conf\.j2, line {line}: there is no variable '{name}'\.") as failure:
        render({"template": "x.conf.j2", "instance": "lab"}, [{"name": "lab"}])
    assert "argument_specs.yml" in str(failure.value)


def test_an_instance_may_say_the_options_above_those_of_the_host():
    assert {"port", "restart", "settings"} <= set(INSTANCE_KEYS)
    assert {"instances", "scope", "verify", "kit_port", "name"} & set(INSTANCE_KEYS) == set()
