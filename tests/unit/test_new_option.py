# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A newcomer adds an option as CONTRIBUTING.md says, and it arrives in the file on the host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .test_project import committed

ROOT = Path(__file__).parents[2]
ROLE = Path("roles/jupyter")
#: Where an option for one instance may be added: before the first option of the host as a whole.
PLACE = "      jupyter_scope:\n"
TEMPLATE = ROLE / "templates/jupyter_server_config.py.j2"
CASES = Path("tests/unit/roles/test_templates.py")


def example(language: str) -> str:
    """Return the block of code in the section of CONTRIBUTING.md."""
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("### To add an option\n")[2].partition("\n## ")[0]
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return block


def run(*command: str | Path, tree: Path, **more: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTEST_"))}
    # As on a host: no Python of a version manager.
    environment = {**own, "PATH": "/usr/bin:/bin:/usr/sbin", "ANSIBLE_NOCOLOR": "1", **more}
    return subprocess.run(command, check=False, cwd=tree, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the checkout with the option, as far as it is typed by hand, and the lines that the command adds."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in committed():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    collection = folder / ".ansible/collections/ansible_collections/remote"
    collection.mkdir(parents=True)
    (collection / "notebooks").symlink_to("../../../..")
    specification = folder / ROLE / "meta/argument_specs.yml"
    assert PLACE in specification.read_text()
    specification.write_text(specification.read_text().replace(PLACE, example("yaml") + PLACE, 1))
    with (folder / TEMPLATE).open("a") as file:
        file.write(example("jinja"))
    cases = (folder / CASES).read_text()
    (folder / CASES).write_text(cases.replace("LINES = [\n", f"LINES = [\n{example('python')}", 1))
    done = run(sys.executable, "-m", "tools.options", tree=folder)
    assert done.stdout == "jupyter_max_body_size\n", done.stderr
    return folder


def test_the_command_writes_the_other_two_files(tree):
    assert "\njupyter_restart: when_idle\njupyter_max_body_size: 0\n" in (tree / ROLE / "defaults/main.yml").read_text()
    row = "| `jupyter_max_body_size` | `0` | The largest upload in bytes |\n"
    assert row in (tree / ROLE / "README.md").read_text()
    assert run(sys.executable, "-m", "tools.options", tree=tree).stdout == "Nothing is missing.\n"


def test_the_contracts_of_the_role_hold(tree):
    """In a process that finds the collection in the copy, and not in this checkout."""
    start = f"import sys; sys.path.insert(0, {str(tree / '.ansible/collections')!r}); import pytest"
    tests = ["tests/unit/roles/test_templates.py", "tests/unit/roles/test_contracts.py"]
    program = f"{start}; sys.exit(pytest.main(['-q', '-k', 'not words_of_the_role', *{tests!r}]))"
    done = run(sys.executable, "-c", program, tree=tree)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param('{"jupyter_max_body_size": 5}', id="for the host"),
        pytest.param('{"jupyter_instances": [{"name": "lab", "max_body_size": 5}]}', id="for one instance"),
    ],
)
def test_the_option_arrives_in_the_file_on_the_host(tree, tmp_path, variables):
    """This machine is the host. Check mode shows the file, and writes none."""
    scope = "system" if os.geteuid() == 0 else "user"
    own = f"jupyter_port=18765 jupyter_scope={scope} jupyter_python=/usr/bin/python3"
    words = ["-i", "localhost,", "-c", "local", "--check", "--diff", "playbooks/site.yml", "-e", own, "-e", variables]
    words += ["-e", f"ansible_python_interpreter={sys.executable}"]
    homes = {"HOME": str(tmp_path), "REMOTE_NOTEBOOKS_HOME": str(tmp_path / "state")}
    done = run(Path(sys.executable).with_name("ansible-playbook"), *words, tree=tree, **homes)
    assert "\n+c.ServerApp.max_body_size = 5\n" in done.stdout, done.stdout[-3000:]
    assert done.returncode == 0
