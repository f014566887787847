# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels in an environment that somebody else created: asked, refused, remarked, written."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import compare, existing, refusals, resources
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import instances as state_instances
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import probe as state_probe
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import remarks as state_remarks

from .test_state import bare, plan

TORCH = {"name": "torch", "environment": "/opt/conda/envs/torch"}
GOOD = {"problem": "", "said": "", "conda": True, "real": ["/opt/conda/envs/torch"], "astray": False}
KERNEL = "/etc/remote-notebooks/lab/jupyter/kernels/torch"
WRITTEN = {"id": f"file {KERNEL}/kernel.json", "kind": "file", "instance": "lab", "path": f"{KERNEL}/kernel.json"}


def wish(**more):
    return plan({"name": "lab", "kernels": [TORCH], **more})


def host(state=None, **more):
    report = bare(**more)
    report["existing"] = {"lab.torch": {**GOOD, **(state or {})}}
    return report


@pytest.mark.parametrize(
    ("given", "scope", "expected"),
    [
        pytest.param("/srv/torch", "system", ["jupyter", "/srv/torch"], id="as the account of the server"),
        pytest.param("~/torch", "system", ["jupyter", "~jupyter/torch"], id="below its home"),
        pytest.param("~/torch", "user", ["", "~/torch"], id="without root"),
    ],
)
def test_the_account_of_the_server_tries_it(given, scope, expected):
    wanted = plan({"name": "lab", "kernels": [{"name": "torch", "environment": given}]}, scope=scope)
    assert state_probe.probe(wanted, False)["existing"] == {"lab.torch": expected}


BEGIN = "instance 'lab': kernels: kernel 'torch': environment: "


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param({}, None, id="one that works"),
        pytest.param(
            {"problem": "missing"},
            "there is no folder /opt/conda/envs/torch on this host. Correct the path, or create the environment.",
            id="missing",
        ),
        pytest.param({"problem": "no_python"}, "/opt/conda/envs/torch has no bin/python that can be run.", id="empty"),
        pytest.param(
            {"problem": "shut", "said": "/home/ann"},
            "'jupyter', the account of the server, cannot read /home/ann. Open it to that account",
            id="shut",
        ),
        pytest.param(
            {"problem": "no_ipykernel"},
            "/opt/conda/envs/torch is without ipykernel. On the host: /opt/conda/envs/torch/bin/python -m pip install"
            " ipykernel, or: conda install --prefix /opt/conda/envs/torch ipykernel",
            id="no ipykernel in conda",
        ),
        pytest.param(
            {"problem": "broken", "said": "ImportError: libzmq.so.5"},
            'To try it on the host: /opt/conda/envs/torch/bin/python -c "import ipykernel.kernelapp"\n  ImportError:'
            " libzmq.so.5",
            id="broken",
        ),
        pytest.param({"problem": "silent"}, "gives no answer within 60 s. Try as 'jupyter'", id="silent"),
    ],
)
def test_an_environment_without_a_kernel_is_refused_with_the_line_to_type(state, message):
    said = refusals.refusals(wish(), host(state))
    assert len(said) == (message is not None)
    assert all(text.startswith(BEGIN) and message in text for text in said)


def test_an_environment_that_its_owner_breaks_later_stops_no_run():
    broken = {"problem": "no_ipykernel", "astray": True}
    assert len(refusals.refusals(wish(), host(broken))) == 1  # the first run
    report = {**host(broken), "manifest": [WRITTEN]}
    assert refusals.refusals(wish(), report) == []
    assert [text for text in state_remarks.remarks(wish(), report) if text.startswith(BEGIN)] != []
    # Nobody but root has broken this one.
    report["existing"]["lab.torch"]["astray"] = False
    assert len(refusals.refusals(wish(), report)) == 1


def test_a_report_shows_a_broken_environment_and_goes_on():
    wanted = {**wish(), "verb": "report"}
    assert refusals.refusals(wanted, host({"problem": "missing"})) == []
    report = host({"problem": "broken", "said": "ImportError: libzmq.so.5"})
    (found,) = [change for change in compare.differences(wanted, [], [], report) if change["kind"] == "kernel"]
    assert found["text"].startswith(f"{BEGIN}the Python of /opt/conda/envs/torch cannot import ipykernel")
    assert found["text"].endswith(' -c "import ipykernel.kernelapp" ImportError: libzmq.so.5')
    assert compare.differences(wish(), [], [], host({"problem": "missing"})) == []


@pytest.mark.parametrize(
    ("real", "given", "system", "why"),
    [
        pytest.param(["/opt/conda/envs/torch"], {}, {}, "", id="/opt"),
        pytest.param(["/home/ann/torch"], {}, {}, "", id="a home under the standard profile"),
        pytest.param(
            ["/home/ann/torch"],
            {"hardening": "strict"},
            {},
            "/home/ann/torch is hidden from the server: hardening 'strict' hides the homes of other accounts.",
            id="a home under the strict profile",
        ),
        pytest.param(["/home/jupyter/torch"], {"hardening": "strict"}, {}, "", id="the account's own home"),
        pytest.param(
            ["/opt/venv", "/root/.pyenv/bin/python3.12"],
            {"hardening": "strict"},
            {},
            "/root/.pyenv/bin/python3.12 is hidden",
            id="an interpreter in a home",
        ),
        pytest.param(
            ["/data/homes/torch"],
            {"hardening": "strict", "data_dirs": ["/home/shared"]},
            {},
            "",
            id="another folder under the strict profile",
        ),
        pytest.param(
            ["/home/shared/torch"],
            {"hardening": "strict", "data_dirs": ["/home/shared"]},
            {},
            "",
            id="a folder for data",
        ),
        pytest.param(["/tmp/torch"], {}, {}, "its unit has a /tmp and a /var/tmp of its own", id="/tmp"),
        pytest.param(["/tmp/torch"], {"hardening": "none"}, {}, "", id="/tmp without hardening"),
        pytest.param(["/tmp/torch"], {}, {"systemd": False}, "", id="/tmp without systemd"),
    ],
)
def test_an_environment_that_the_unit_hides_is_refused(real, given, system, why):
    said = refusals.refusals(wish(**given), host({"real": real}, **system))
    assert len(said) == bool(why)
    assert all(text.startswith(BEGIN) and why in text for text in said)


def test_no_resource_but_the_kernelspec_comes_of_it():
    report = host()
    completed = state_instances.complete(wish(), report)
    things = resources.things(wish(), completed, report, {}, {})
    (spec,) = [thing["spec"] for thing in things if thing.get("path") == f"{KERNEL}/kernel.json"]
    assert spec["argv"][0] == "/opt/conda/envs/torch/bin/python"
    assert spec["env"]["CONDA_PREFIX"] == "/opt/conda/envs/torch"
    assert [thing["id"] for thing in things if "conda" in thing["id"] or thing["id"].endswith("lab.torch")] == []


def test_a_kernel_that_is_no_longer_listed_goes_and_its_environment_stays():
    wanted, report = plan({"name": "lab"}), {**bare(), "manifest": [WRITTEN]}
    completed = state_instances.complete(wanted, report)
    things = resources.things(wanted, completed, report, {}, {})
    found = compare.differences(wanted, things, completed, report)
    assert [change["id"] for change in found if change["stage"] == "remove"] == [f"file {KERNEL}/kernel.json"]


def test_a_home_folder_is_the_accounts():
    report = host()
    wanted = plan({"name": "lab", "kernels": [{"name": "torch", "environment": "~/torch"}]})
    (item,) = state_instances.complete(wanted, report)
    assert item["kernels"][0]["environment"] == "/home/jupyter/torch"
    assert existing.unseen([item], report) == []
