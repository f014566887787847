# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

from plugins.module_utils._errors import AnswerError
from plugins.plugin_utils import _records, _report_records
from plugins.plugin_utils._input import firewall_answers, report_answers
from plugins.plugin_utils._input.options import INSTANCE_KEYS
from plugins.plugin_utils._plan.plan import SECRET_KEYS

ROOT = Path(__file__).parents[4]

#: One key of each record, spelt as it is and misspelt.
KEYS = [
    ("Plan", "keep_notebooks", "keep_notebook"),
    ("Instance", "base_url", "baseurl"),
    ("HostInstance", "config_dir", "config_directory"),
    ("Report", "listeners", "listener"),
    ("Resource", "origin", "orign"),
    ("Change", "wanted", "wants"),
    ("Step", "when", "wen"),
    ("Account", "home_is", "homeis"),
    ("Slot", "python", "pyton"),
    ("Listener", "everywhere", "everywere"),
    ("System", "user_manager", "usermanager"),
    ("PathState", "digest", "diggest"),
    ("FirewallPicture", "installed", "instaled"),
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """The lines of a file that mypy refuses: each key is read in a line of its own."""
    lines = [f"from plugins.plugin_utils.{module} import *" for module in ("_records", "_report_records")]
    lines += [
        f"def read_{place}_{number}(record: {name}) -> object: return record['{key}']"
        for place, (name, *keys) in enumerate(KEYS)
        for number, key in enumerate(keys)
    ]
    file = tmp_path_factory.mktemp("snippet") / "snippet.py"
    file.write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--cache-dir", str(file.parent / "cache"), str(file)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 1, said.stdout + said.stderr
    return {
        lines[int(number) - 1] for number in re.findall(r"^\S*snippet\.py:(\d+): error:", said.stdout, re.MULTILINE)
    }


@pytest.mark.parametrize(("record", "key", "misspelt"), KEYS, ids=lambda text: text)
def test_a_misspelt_key_is_an_error_of_lint(refused, record, key, misspelt):
    def reads(name):
        return [line for line in refused if f"record: {record})" in line and f"'{name}'" in line]

    assert not reads(key)
    assert reads(misspelt)


def test_an_instance_holds_options_of_the_role_and_no_secret():
    """An option that only a template reads needs no entry in the record."""
    options = {"name", *INSTANCE_KEYS} - set(SECRET_KEYS)
    derived = {"scheme", "local_url", "classic", "has_token", "networked", "by_ssh", "counts_logins"}
    derived |= {"public_name", "public_origin"}

    assert set(get_type_hints(_records.Instance)) - derived - options == set()


def demanded(shape) -> set[str]:
    """The keys without which an answer of a host is refused."""
    keys: set[str] = set()
    while True:
        try:
            shape(dict.fromkeys(keys), "x")
        except AnswerError as error:
            missing = re.fullmatch(r"x: is without (\w+)", str(error))
            if not missing:
                return keys
            keys.add(missing[1])


PROBE = {"pythons": [], "accounts": [], "roots": {}, "ports": []}


@pytest.mark.parametrize(
    ("record", "shape", "optional"),
    [
        (_report_records.Report, report_answers.report(PROBE), {"details"}),
        (_report_records.System, report_answers.SYSTEM, set()),
        (_report_records.Interpreter, report_answers.INTERPRETER, {"download"}),
        (_report_records.Account, report_answers.PERSON, set()),
        (_report_records.PathState, report_answers.STATE, {"target", "directory", "entries", "digest", "text"}),
        (_report_records.Process, report_answers.SERVER, {"trial"}),
        (_report_records.FirewallPicture, firewall_answers.FIREWALL, {"ufw_ipv6", "ufw_accepts"}),
        (_report_records.ExistingEnvironment, report_answers.EXISTING, set()),
        (_report_records.Environment, report_answers.SEALED, {"built", "before"}),
    ],
    ids=lambda value: getattr(value, "__name__", "")[:20],
)
def test_the_record_of_an_answer_is_what_is_checked_of_it(record, shape, optional):
    assert set(get_type_hints(record)) == demanded(shape) | optional
