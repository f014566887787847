# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promises of the project about itself: imports, the content of the archive, files outside of git, and how
scenarios stay apart."""

from __future__ import annotations

import ast
import importlib
import inspect
import ipaddress
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from tools import release

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted(path.parent for path in ROOT.glob("molecule/*/molecule.yml"))

# plugins/<key> may import from these folders of the collection and no other
MAY_IMPORT = {
    "module_utils": {"module_utils"},
    "plugin_utils": {"module_utils", "plugin_utils"},
    "modules": {"module_utils"},
    "action": {"module_utils", "plugin_utils"},
    "callback": {"module_utils", "plugin_utils"},
    "lookup": {"module_utils", "plugin_utils"},
    "filter": {"module_utils", "plugin_utils"},
}
# The files of a used checkout beside the project, state of a run without an inventory file (`-i host,`) included
SECRETS = [
    "inventory.yml",
    ".local/inventory.yml",
    "inventory/hosts.yml",
    "inventory/credentials/h/lab.password",
    ".local/credentials/h/lab.password",
    "credentials/h/lab.password",
    "credentials/removed/2026-11-30T064500Z/h/lab.password",
    "pki/passphrase",
    "pki/ca/private/ca.key.pem",
    "handoff/h/lab.json",
    "playbooks/credentials/h/lab.password",
    "playbooks/pki/ca/private/ca.key.pem",
    "playbooks/handoff/h/lab.json",
    "tunnel/h/ipad",
    "tunnel/removed/2026-11-30T064500Z/h/ipad",
    "playbooks/tunnel/h/ipad.pem",
    "wheels/x.tar",
    "playbooks/wheels/x.tar",
    "schedule/notify.sh",
    "playbooks/schedule/job.json",
    ".venv/bin/python",
    ".ansible/collections/x",
    "dist/requirements.txt",
    "dist/wheels/x.whl",
]
#: The one after jinja2 comes with ansible-core, as jinja2 and yaml do.
LIBRARIES = {
    "ansible",
    "jinja2",
    "packaging",
    "cryptography",
    "passlib",
    "websocket",
    "segno",
    "idna",
    "rich",
    "uv",
    "yaml",
    "ruamel",
}


def committed() -> list[str]:
    """Tracked files and new ones that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(command, cwd=ROOT, text=True).split("\0")
    return sorted({name for name in names if (ROOT / name).is_file()})


def imports(path: Path) -> list[str]:
    """Absolute dotted names of everything a plugin imports; relative imports are resolved."""
    package = ["ansible_collections", "remote", "notebooks", *path.relative_to(ROOT).parent.parts]
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            names += [f"{module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("plugins/**/*.py")), ids=lambda path: str(path.relative_to(ROOT / "plugins"))
)
def test_plugins_import_only_what_lies_below_them(path):
    folder = path.relative_to(ROOT).parts[1]
    for name in imports(path):
        parts = name.split(".")
        if parts[:3] == ["ansible_collections", "remote", "notebooks"]:
            assert parts[4] in MAY_IMPORT.get(folder, {"module_utils"}), f"{folder} must not import {name}"
        else:
            assert parts[0] in LIBRARIES or parts[0] in sys.stdlib_module_names, f"{name} is not a library we agreed on"


@pytest.mark.parametrize(
    "path",
    sorted(ROOT.glob("plugins/module_utils/**/*.py")),
    ids=lambda path: str(path.relative_to(ROOT / "plugins/module_utils")),
)
def test_what_runs_on_hosts_needs_no_library(path):
    """The one exception is the client of ``connection_check``, which runs on the control node."""
    foreign = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"ansible_collections"}
    assert foreign <= ({"cryptography", "websocket"} if path.parent.name in ("_check", "_certificate") else set())


def own_attributes(tree: ast.AST, context: type[ast.expr_context]) -> set[str]:
    found = {node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, context)}
    return {node.attr for node in found if isinstance(node.value, ast.Name) and node.value.id == "self"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/action/*.py")), ids=lambda path: path.stem)
def test_an_action_has_the_methods_that_it_calls(path):
    """Its base is Ansible's, of which mypy knows nothing."""
    action = importlib.import_module(f"ansible_collections.remote.notebooks.plugins.action.{path.stem}").ActionModule
    trees = [ast.parse(inspect.getsource(inspect.getmodule(each))) for each in action.__mro__[:-1]]
    made = {name for tree in trees for name in own_attributes(tree, ast.Store)}
    assert {name for name in own_attributes(trees[0], ast.Load) - made if not hasattr(action, name)} == set()


def test_no_folder_of_python_is_a_heap():
    """A newcomer reads the names of a folder in one glance; plugins that Ansible wants side by side are as many as they
    are."""
    sizes = {
        folder: len(list(folder.glob("*.py")))
        for side in ("module_utils", "plugin_utils")
        for folder in ROOT.glob(f"plugins/{side}/**/")
    }
    assert len(sizes) > 12
    assert {str(folder.relative_to(ROOT)): size for folder, size in sizes.items() if size > 15} == {}


def test_no_file_of_the_host_side_is_longer_than_400_lines():
    """Nor are more than two of them longer than 300: the table of causes is one thing."""
    files = [*ROOT.glob("plugins/module_utils/**/*.py"), *ROOT.glob("plugins/modules/*.py")]
    sizes = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in files}
    assert len(sizes) > 80
    assert {name: size for name, size in sizes.items() if size > 400} == {}
    assert len([size for size in sizes.values() if size > 300]) <= 2


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The file list of the collection's archive, built from a checkout that also holds everything a used one holds."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in committed():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, checkout / name)
    for secret in SECRETS:
        (checkout / secret).parent.mkdir(parents=True, exist_ok=True)
        (checkout / secret).write_text("never to be packed")
    output = tmp_path_factory.mktemp("output")
    with tarfile.open(release.build_archive(output, checkout)) as tar:
        return {member.name for member in tar.getmembers() if member.isfile()}


def test_the_archive_holds_nothing_a_user_does_not_need(packed):
    allowed = re.compile(
        r"(MANIFEST|FILES)\.json|(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|LICENSE|requirements\.txt|inventory\.example"
        r"|(meta|plugins|playbooks|roles|docs|changelogs)/.+"
    )
    assert sorted(name for name in packed if not allowed.fullmatch(name)) == []
    assert [name for name in packed if name in SECRETS or "__pycache__" in name] == []


def test_the_archive_holds_everything_that_roles_and_playbooks_need(packed):
    needed = [name for name in committed() if name.split("/")[0] in {"roles", "plugins", "playbooks", "meta"}]

    assert sorted(set(needed) - packed) == []


@pytest.mark.parametrize("secret", SECRETS)
def test_git_never_sees_what_a_run_leaves(secret):
    assert subprocess.run(["git", "check-ignore", "--quiet", secret], check=False, cwd=ROOT).returncode == 0


def test_nothing_committed_names_a_package_index():
    # Written in two halves so that this file does not name one either.
    hosts = re.compile(
        "|".join(
            [
                "python" + "hosted",
                r"//py" + r"pi\.",
                "galaxy.ansible" + r"\.com/api",
                "registry" + r"\.npm",
                "ghcr" + r"\.io",
            ]
        )
    )

    assert [name for name in committed() if hosts.search((ROOT / name).read_text(errors="replace"))] == []
    for lock in ("requirements.txt", "requirements-dev.txt"):
        assert "://" not in (ROOT / lock).read_text()


def test_nothing_committed_is_a_secret():
    key = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=]{40}")

    assert [name for name in committed() if key.search((ROOT / name).read_text(errors="replace"))] == []


def test_the_test_environment_is_the_users_environment_and_more():
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^[\w.-]+==[\w.]+", (ROOT / lock).read_text(), re.MULTILINE))

    assert sorted(pins("requirements.txt") - pins("requirements-dev.txt")) == []


def test_ci_can_start():
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_the_docs_site_names_every_guide():
    page = (ROOT / "docs/docsite/rst/guides.rst").read_text()
    guides = {path.name: path.read_text().partition("\n")[0].removeprefix("# ") for path in ROOT.glob("docs/*.md")}
    own = "https://github.com/remote-notebooks/remote.notebooks/blob/main/docs"
    assert {f"* `{title} <{own}/{name}>`__" for name, title in guides.items()} == set(
        re.findall(r"^\* .+", page, re.MULTILINE)
    )


def test_the_form_for_faults_asks_for_the_report():
    fields = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text())["body"]
    (field,) = [field for field in fields if field.get("id") == "report"]
    assert field["validations"] == {"required": True}
    assert "`playbooks/report.yml`" in field["attributes"]["description"]
    assert "secrets\nare already left out" in field["attributes"]["description"]


def test_hooks_and_lanes_run_commands_of_the_project():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks[0]["hooks"])
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    parts = {part for job in jobs.values() for part in job.get("strategy", {}).get("matrix", {}).get("part", [])}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert parts - targets == set()
    assert parts >= {"lint", "unit", "sanity", "connection", "faults"}


def test_every_target_of_the_makefile_explains_itself():
    makefile = (ROOT / "Makefile").read_text()
    phony = " ".join(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE))
    explained = re.findall(r"^([a-z]+)[^:\n]*:[^\n]* ## ", makefile, re.MULTILINE)

    assert set(phony.split()) - {"python", ".venv", "$(VERBS)"} == set(explained)


def made(*given: str) -> str:
    """Return the commands that make would run."""
    command = ["make", "--no-print-directory", "-n", *given]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.mark.parametrize("path", sorted(ROOT.glob("playbooks/*.yml")), ids=lambda path: path.stem)
def test_every_playbook_is_a_target_and_explains_itself(path):
    verb = {"site": "up", "uninstall": "down"}.get(path.stem, path.stem)
    second = path.read_text().splitlines()[1]
    shown = subprocess.run(["make", "help"], check=True, capture_output=True, text=True, cwd=ROOT).stdout

    command = "python -m tools.new" if verb == "new" else "ansible-playbook -i"
    assert f"/{command}" in made(verb)
    assert verb == "new" or f" 'inventory/hosts.yml'  playbooks/{path.stem}.yml" in made(verb)
    assert re.fullmatch(r"# [A-Z].*[^.]", second)
    assert f"  {verb:<16} " in shown
    assert verb != path.stem or verb == "new" or f" {second.removeprefix('# ')}\n" in shown


def test_make_passes_on_its_variables():
    command = made("report", "INVENTORY=a b/hosts", "HOST=lab:!old", "ARGS=-e report_drift=fail").splitlines()[-1]
    assert command.endswith("-i 'a b/hosts' --limit 'lab:!old' playbooks/report.yml -e report_drift=fail")


def test_a_host_in_the_environment_is_not_meant_for_us(monkeypatch):
    monkeypatch.setenv("HOST", "laptop")  # tcsh exports the name of the machine
    assert "--limit" not in made("up")


def test_scenarios_keep_their_addresses_apart():
    networks = {}
    for scenario in SCENARIOS:
        inventory = yaml.safe_load((scenario / "inventory/hosts.yml").read_text())
        networks[scenario.name] = ipaddress.ip_network(inventory["all"]["vars"]["lab_subnet"])
    pairs = [
        (one, other)
        for one in networks
        for other in networks
        if one < other and networks[one].overlaps(networks[other])
    ]

    assert pairs == []
    assert all(network.is_private for network in networks.values())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_scenario_has_the_playbooks_of_its_steps(scenario):
    own = yaml.safe_load((scenario / "molecule.yml").read_text()) or {}
    base = yaml.safe_load((ROOT / "molecule/config.yml").read_text())
    steps = own.get("scenario", {}).get("test_sequence") or base["scenario"]["test_sequence"]
    needed = {"converge.yml" for step in steps if step in {"converge", "idempotence", "check"}} | {
        "verify.yml" for step in steps if step == "verify"
    }

    assert needed, "a scenario without converge and verify proves nothing"
    assert [name for name in sorted(needed) if not (scenario / name).is_file()] == []


@pytest.mark.parametrize("name", ["README.md", "docs/scale.md"])
def test_a_page_shows_what_the_benchmarks_recorded(name, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests/benchmarks")
    publish, text = importlib.import_module("publish"), (ROOT / name).read_text()

    assert "<!-- measured: " in text
    assert publish.page(text, publish.recorded()) == text, "run: python tests/benchmarks/publish.py"


def test_an_execution_environment_holds_what_the_collection_needs(tmp_path):
    """ansible-builder, on the definition that docs/scale.md shows; it creates the build context, for which it needs no
    engine."""
    builder = Path(sys.executable).parent / "ansible-builder"
    said = subprocess.run(
        [builder, "introspect", ROOT / ".ansible/collections"], check=True, capture_output=True, text=True
    ).stdout
    needed = yaml.safe_load(said)
    wanted = (ROOT / "meta/ee-requirements.txt").read_text().split()
    (definition,) = re.findall(r"```yaml\n(---\nversion: 3\n.*?)```", (ROOT / "docs/scale.md").read_text(), re.DOTALL)
    (tmp_path / "execution-environment.yml").write_text(definition)
    subprocess.run(
        [builder, "create", "--output-filename", "Containerfile"], cwd=tmp_path, check=True, capture_output=True
    )

    assert [requirement.split()[0] for requirement in needed["python"]] == wanted
    assert [package.split()[0] for package in needed["system"]] == ["openssh-client", "openssh-clients"]
    assert "remote.notebooks" in (tmp_path / "context/_build/requirements.yml").read_text()
    assert "debian:13-slim" in (tmp_path / "context/Containerfile").read_text()


class _Loader(yaml.SafeLoader):
    """Reads Ansible's files; a tag such as ``!unsafe`` is nothing to us."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def not_text(node) -> list[str]:
    """Return values that YAML reads differently from their author: the key ``on`` (true), and a condition with a
    colon in it (a mapping)."""
    if isinstance(node, list):
        return [found for item in node for found in not_text(item)]
    if not isinstance(node, dict):
        return []
    found = [f"key {key}" for key in node if key is True]
    for word in ("that", "when", "until", "failed_when", "changed_when"):
        conditions = node.get(word) if isinstance(node.get(word), list) else [node.get(word)]
        found += [f"{word}: {condition}" for condition in conditions if isinstance(condition, dict)]
    return found + [more for value in node.values() for more in not_text(value)]


def test_no_playbook_says_to_yaml_what_its_author_did_not():
    """Ansible finds out when it gets there, which may be late in a long scenario."""
    files = [
        name
        for name in committed()
        if name.startswith(("molecule/", "playbooks/", "roles/")) and name.endswith((".yml", ".yaml"))
    ]
    wrong = {name: not_text(list(yaml.load_all((ROOT / name).read_text(), _Loader))) for name in files}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("given", [["INVENTROY=hosts"], ["INVENTORY=hosts", "TAGS=x"]])
def test_make_refuses_a_variable_that_it_does_not_have(given):
    done = subprocess.run(["make", "-n", "up", *given], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode != 0
    assert f"There is no variable {given[-1].partition('=')[0]}." in done.stderr


def test_make_takes_the_variables_that_it_names():
    given = ["INVENTORY=hosts", "HOST=lab", "ARGS=--check --diff", "SCENARIO=smoke", "PYTHON=python3", "-j2"]
    done = subprocess.run(["make", "-n", "up", *given], check=False, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, "playbooks/site.yml --check --diff" in done.stdout) == (0, True)
