# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import configuration
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import conflicts, leftovers

from .test_conflicts import host, moving

#: The files that the rows below put into a home, by the path that a server's account would have it at.
GONE = '{"argv": ["/home/gone/anaconda3/bin/python", "-m", "ipykernel_launcher"]}'
HERE = '{"argv": ["/bin/sh"]}'
KERNELS, PROFILE = ".local/share/jupyter/kernels", ".ipython/profile_default"
SITE = ".local/lib/python3.13/site-packages"


def told(home, plan, **files):
    """Return the last lines of a run about files in the home of its account, and the report of the host."""
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    report = host()
    report["accounts"]["jupyter"]["home"] = str(home)
    patterns = [pattern.replace("~jupyter", str(home)) for pattern in leftovers.places(plan)]
    report["shadows"] = configuration.options(patterns)()
    return [line.replace(str(home), "~") for line in leftovers.remarks(plan, report)], report


OF_OURS = "is not used: servers here have a kernel '{}' of their own. Call its folder something else to have both."


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        pytest.param(
            f"{KERNELS}/python3/kernel.json", GONE, OF_OURS.format("python3"), id="python3 of an Anaconda that is gone"
        ),
        pytest.param(
            f"{KERNELS}/Python3/kernel.json",
            HERE,
            OF_OURS.format("Python3"),
            id="python3 that works, and Jupyter knows no capitals",
        ),
        pytest.param(
            ".ipython/kernels/python3/kernel.json", HERE, OF_OURS.format("python3"), id="python3 at the place of old"
        ),
        pytest.param(f"{KERNELS}/spark/kernel.json", HERE, OF_OURS.format("spark"), id="one of jupyter_kernels"),
        pytest.param(f"{KERNELS}/mine/kernel.json", HERE, "", id="a kernel of the person's own"),
        pytest.param(
            f"{KERNELS}/mine/kernel.json",
            GONE,
            "is a kernel that cannot start: its program /home/gone/anaconda3/bin/python is not there. Correct it, or"
            " remove its folder.",
            id="a kernel of the person's own whose program is gone",
        ),
        pytest.param(
            f"{KERNELS}/mine/kernel.json",
            "[]",
            "is a kernel that cannot start: it names no program (argv). Correct it, or remove its folder.",
            id="a kernelspec that is none",
        ),
        pytest.param(
            f"{PROFILE}/ipython_config.py",
            "c.X.y = (",
            "fails in each kernel of 'jupyter': line 1: '(' was never closed. Correct it, or move it aside.",
            id="a profile that does not load",
        ),
        pytest.param(f"{PROFILE}/ipython_config.py", "c.X.y = 1", "", id="a profile"),
        pytest.param(
            f"{PROFILE}/startup/00-mine.py",
            "import (",
            "fails in each kernel of 'jupyter': line 1: invalid syntax. Correct it, or move it aside.",
            id="a startup file that does not load",
        ),
        pytest.param(f"{PROFILE}/startup/00-mine.py", "import numpy", "", id="a startup file"),
        pytest.param(
            ".local/share/jupyter/labextensions/@ann/theme/package.json",
            "{",
            "cannot be read by JupyterLab: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."
            " Its page may not open. Correct it, or remove its folder.",
            id="an extension that is broken",
        ),
    ],
)
def test_what_a_file_in_a_home_counts(tmp_path, name, text, said):
    plan = moving("system", "report", {"name": "lab", "kernels": [{"name": "spark", "packages": ["pyspark"]}]})
    assert told(tmp_path, plan, **{name: text})[0] == ([f"~/{name} {said}"] if said else [])


def test_packages_that_environments_hold_are_named_once(tmp_path):
    files = {f"{SITE}/{name}.dist-info/METADATA": "" for name in ("traitlets-4.3.3", "ipython-7.0", "mine-1.0")}
    said = f"~/{SITE}: ipython 7.0, traitlets 4.3.3 count for nothing here: the environments of servers hold their own."
    assert told(tmp_path, moving("system", "report"), **files)[0] == [said]


def test_who_may_be_to_blame_where_no_kernel_starts(tmp_path):
    files = {
        f"{PROFILE}/startup/00-mine.py": "",
        f"{SITE}/usercustomize.py": "",
        f"{KERNELS}/python3/kernel.json": GONE,
    }
    report = told(tmp_path, moving("system", "report"), **files)[1]
    report["shadows"]["/etc/jupyter/jupyter_config.json"] = {"options": ["ServerApp.allow_origin"], "error": ""}
    report["shadows"]["/etc/jupyter/jupyter_server_config.json"] = {"options": ["ServerApp.allow_origin"], "error": ""}
    report["shadows"]["/home/bob/.ipython/profile_default/startup/x.py"] = {"options": [], "error": ""}
    suspects = leftovers.suspects(str(tmp_path), report["shadows"])
    assert [path.replace(str(tmp_path), "~") for path in suspects] == [
        "/etc/jupyter/jupyter_config.json",
        f"~/{PROFILE}/startup/00-mine.py",
        f"~/{SITE}/usercustomize.py",
    ]


def test_settings_of_jupyter_are_told_of_elsewhere(tmp_path):
    plan = moving("system", "report")
    assert not {*leftovers.places(plan)} & {*conflicts.places(plan)}
    report = told(tmp_path, plan, **{f"{KERNELS}/python3/kernel.json": GONE})[1]
    assert conflicts.remarks(plan, report) == []


def test_an_account_that_is_not_there_yet_has_nothing():
    assert configuration.options(["~no-such-account/.jupyter/jupyter_config.json"])() == {}
