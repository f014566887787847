# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._new import survey

ANSWER = """\
account ann
rights sudo
system Debian GNU/Linux 13 (trixie)
python 3.13
address 192.0.2.7/24
address 2001:db8::7/64
gpu /dev/nvidia0
firewall ufw
listens 0016
listens 22B8
end
"""


def test_the_parts_of_an_answer():
    seen = survey.read(ANSWER)
    seen.dialled = None

    assert (seen.hosts, seen.networks) == (["192.0.2.7", "2001:db8::7"], ["192.0.2.0/24"])
    assert seen.lines() == [
        "Debian GNU/Linux 13 (trixie), Python 3.13, ann, root by sudo",
        "addresses: 192.0.2.7/24, 2001:db8::7/64",
        "GPU: /dev/nvidia0. Firewall: ufw. Taken of the ports 80, 443, 8888: 8888",
    ]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        pytest.param("system \x1b[2J\u202eevil", r"\x1b[2J\u202eevil", id="signs that control a terminal"),
        pytest.param("system " + "a" * 81, "an unknown system", id="a text without end"),
        pytest.param("rights everything", "no root", id="a right that does not exist"),
        pytest.param("address 999.1.1.1/24", "addresses: none", id="no address"),
        pytest.param("gpu /etc/shadow", "GPU: none", id="a path of its own"),
        pytest.param("path ../../x", "an unknown system", id="a key of its own"),
    ],
)
def test_a_value_of_the_host_is_data(line, shown):
    assert shown in "\n".join(survey.read(f"account ann\n{line}\nend\n").lines())


@pytest.mark.parametrize(
    ("mdns", "named", "name"),
    [
        pytest.param("Lab.local", "lab", "lab.local", id="called so by the user"),
        pytest.param("lab.local", "lab.example.org", "lab.local", id="called so in DNS"),
        pytest.param("lab.local", "localhost", "lab.local", id="this machine"),
        pytest.param("bank.local", "lab", "", id="a name that only the machine says"),
        pytest.param("bank.example.org", "bank", "", id="a name of another kind"),
        pytest.param("a.b.local", "a", "", id="two labels"),
    ],
)
def test_a_machine_adds_no_name_by_its_word_alone(mdns, named, name):
    assert survey.read(f"account ann\nmdns {mdns}\nend\n").multicast_name(named) == name


@pytest.mark.parametrize(
    ("named", "addresses"),
    [
        pytest.param("192.0.2.7", ["192.0.2.7"], id="the address that ssh reached"),
        pytest.param("198.51.100.9", [], id="an address that only the machine says"),
        pytest.param("alias", ["192.0.2.7"], id="the address behind an alias"),
        pytest.param("behind", [], id="behind a jump host"),
        pytest.param("localhost", ["10.0.0.5", "192.0.2.7"], id="this machine"),
    ],
)
def test_a_machine_adds_no_address_by_its_word_alone(monkeypatch, tmp_path, named, addresses):
    said = "account ann\naddress 10.0.0.5/24\naddress 192.0.2.7/24\nend\n"
    (tmp_path / "ssh").write_text(
        "#!/bin/sh\ncase $* in *alias) echo hostname 192.0.2.7;;"
        " *behind) echo hostname 192.0.2.7; echo proxyjump door;; *) echo hostname 198.51.100.9;; esac\n"
    )
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(survey, "_answer", lambda _command: (0, said, ""))
    assert survey.look(named, None, None).hosts == addresses


def test_a_host_has_no_more_addresses_than_fit():
    answer = "".join(f"address 10.0.0.{number}/8\n" for number in range(200))
    assert len(survey.read(f"account ann\n{answer}end\n").address) == 20


@pytest.mark.parametrize("answer", ["", "account ann\n", "end\n", "Welcome!\n"])
def test_an_answer_that_is_cut_off_is_none(answer):
    with pytest.raises(PlanError, match="no answer that makes sense"):
        survey.read(answer)


def test_this_machine_answers():
    seen = survey.look("localhost", None, None)

    assert seen.account == subprocess.check_output(["id", "-un"], text=True).strip()
    assert seen.python


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        ("Host key verification failed.", "Type in another terminal: ssh -p 2222 ann@lab"),
        ("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.", "ssh-keygen -R lab"),
        ("ann@lab: Permission denied (publickey).", "Type in another terminal: ssh-copy-id -p 2222 ann@lab"),
        ("\x1b[2Jbanner\nssh: connect to host lab port 22: No route to host\n", "port 22: No route to host"),
        ("\x1b[2J", r"does not get through: \x1b[2J"),
        ("", "no answer"),
    ],
)
def test_the_message_of_ssh_has_its_cure(error, cure):
    assert cure in survey._cure("ann@lab", 2222, error)


def test_ssh_itself_refuses_a_name_that_does_not_exist():
    with pytest.raises(PlanError, match=r"ssh nothing\.invalid does not get through: .*not resolve"):
        survey.look("nothing.invalid", None, None)
