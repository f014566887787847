# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import kernels as jupyter_kernels

from .._plan.test_plan import only


def one(**kernel):
    (found,) = only({"name": "lab", "kernels": [kernel]})["kernels"]
    return found


def test_a_python_kernel_takes_the_instances_python_and_brings_what_a_kernel_needs():
    found = one(name="spark", packages=["pyspark"])
    assert (found["python"], found["packages"], found["display_name"]) == (
        "python3",
        ["ipykernel", "pip", "pyspark"],
        "spark",
    )


def test_what_a_python_kernel_is_started_with():
    assert jupyter_kernels.spec(
        {**one(name="own", display_name="Own", env={"THREADS": 4}), "environment": "/envs/x"}
    ) == {
        "argv": ["/envs/x/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Own",
        "language": "python",
        "interrupt_mode": "signal",
        "env": {"THREADS": "4", "PATH": "/envs/x/bin:/usr/local/bin:/usr/bin:/bin"},
        "metadata": {"debugger": True},
    }


def test_r_is_the_systems():
    found = one(name="ir", language="R")
    assert (found["python"], jupyter_kernels.spec(found)["argv"][0], jupyter_kernels.spec(found)["language"]) == (
        None,
        "R",
        "R",
    )


def test_any_other_kernel_is_taken_as_it_is():
    argv = ["/usr/bin/gophernotes", "{connection_file}"]
    assert jupyter_kernels.spec(one(name="go", language="go", argv=argv, interrupt_mode="message"))["argv"] == argv


@pytest.mark.parametrize(
    ("conda", "env"),
    [
        pytest.param(False, {"PATH": "/srv/venv/bin:/usr/local/bin:/usr/bin:/bin"}, id="a venv"),
        pytest.param(
            True,
            {"PATH": "/srv/venv/bin:/usr/local/bin:/usr/bin:/bin", "CONDA_PREFIX": "/srv/venv"},
            id="an environment of conda",
        ),
    ],
)
def test_a_kernel_of_an_existing_environment_runs_its_programs(conda, env):
    found = one(name="torch", environment="/srv//venv/")
    assert (found["existing"], found["python"], found["packages"]) == ("/srv/venv", None, [])
    spec = jupyter_kernels.spec({**found, "environment": "/srv/venv", "conda": conda})
    assert spec["argv"] == ["/srv/venv/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    assert (spec["env"], spec["language"], spec["metadata"]) == (env, "python", {"debugger": True})


def test_the_env_of_the_inventory_wins_over_that_of_an_environment():
    found = one(name="torch", environment="/srv/venv", env={"PATH": "/x", "CUDA_HOME": "/usr/local/cuda"})
    spec = jupyter_kernels.spec({**found, "environment": "/srv/venv", "conda": False})
    assert spec["env"] == {"PATH": "/x", "CUDA_HOME": "/usr/local/cuda"}


@pytest.mark.parametrize(
    ("kernels", "says"),
    [
        pytest.param([{"name": "A b"}], "give it a name of lower-case letters", id="a name with a space"),
        pytest.param([{"name": ".."}], "give it a name", id="a name that leads elsewhere"),
        pytest.param([{"name": "a"}, {"name": "a"}], "kernel 'a': there are two of that name", id="two of one name"),
        pytest.param([{"name": "a", "pakages": []}], "did you mean 'packages'", id="a misspelt key"),
        pytest.param(
            [{"name": "a", "language": "go"}], "language 'go' needs argv", id="a language that nobody here knows"
        ),
        pytest.param(
            [{"name": "a", "language": "go", "argv": ["go"]}],
            "one of them '{connection_file}'",
            id="a command that cannot be reached",
        ),
        pytest.param(
            [{"name": "a", "argv": ["x", "{connection_file}"]}], "say its language", id="a command without a language"
        ),
        pytest.param(
            [{"name": "a", "language": "R", "packages": ["x"]}], "Leave python and packages out", id="packages for R"
        ),
        pytest.param([{"name": "a", "env": ["x"]}], "env and metadata are mappings", id="an env that is a list"),
        pytest.param([{"name": "a", "packages": "x"}], "packages is a list", id="packages that are a word"),
        pytest.param([{"name": "a", "interrupt_mode": "x"}], "interrupt_mode is", id="an unknown way to interrupt"),
        pytest.param(
            [{"name": "a", "environment": "/e", "packages": ["x"], "argv": ["y"]}],
            "kernel 'a': environment: it names an environment that is there, and is not changed. Leave out either it or"
            " packages and argv.",
            id="an environment, and packages for it",
        ),
        pytest.param(
            [{"name": "a", "environment": "/e", "language": "R"}], "Leave language: R out", id="an environment of R"
        ),
        pytest.param(
            [{"name": "a", "environment": "envs/torch"}],
            "environment: 'envs/torch' is no folder of an environment. Write its path from '/'",
            id="an environment by its name",
        ),
        pytest.param([{"name": "a", "environment": ""}], "'' is no folder", id="an empty environment"),
        pytest.param([{"name": "a", "environment": "/"}], "'/' is no folder", id="all of the host as an environment"),
        pytest.param([{"name": "a", "environment": "/a/../b"}], "is no folder", id="an environment with .."),
        pytest.param(
            [{"name": "a", "environment": "/srv/{x}"}], "no kernelspec can hold", id="a path that Jupyter would replace"
        ),
    ],
)
def test_mistakes_are_named_with_their_cure(kernels, says):
    with pytest.raises(PlanError) as caught:
        only({"name": "lab", "kernels": kernels})
    assert "instance 'lab': kernels: " in str(caught.value)
    assert says in str(caught.value)
