# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of a host: an honest answer passes unchanged, and each other form is refused."""

from __future__ import annotations

import copy
import glob
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.loader import connection_loader
from ansible_collections.remote.notebooks.plugins.filter.pki_requests import pki_requests
from ansible_collections.remote.notebooks.plugins.module_utils._errors import AnswerError, PlanError
from ansible_collections.remote.notebooks.plugins.module_utils._firewall import packet_filter, rules
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.observation import (
    parse_iptables,
    parse_nftables,
)
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.observation import report as firewall_report
from ansible_collections.remote.notebooks.plugins.module_utils._jupyter.observation import report as observation
from ansible_collections.remote.notebooks.plugins.module_utils._plain import printable
from ansible_collections.remote.notebooks.plugins.module_utils._tunnel import host
from ansible_collections.remote.notebooks.plugins.plugin_utils import _action
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import (
    answers,
    firewall_answers,
    literal_yaml,
    report_answers,
    shapes,
    tunnel_answers,
    words,
)
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import facts as input_facts

PROBE = {
    "manifest": "/nonexistent/manifest.json",
    "paths": ["/etc/hostname", "/etc", "/proc/self/exe", "/dev/null"],
    "secret": [],
    "texts": True,
    "environments": "/nonexistent/*",
    "site": "/nonexistent",
    "owners": {},
    "roots": {},
    "traces": [],
    "sessions": {},
    "shadows": [],
    "aside": [],
    "accounts": ["root", "nobody-of-that-name"],
    "pythons": ["python3", "3.0"],
    "existing": {"lab.torch": ["", "/nonexistent"]},
    "ports": [22],
    "units": [],
    "user_units": False,
    "firewall": True,
    "tunnel": {"owner": "jupyter", "accounts": [], "mark": "nobody"},
}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def honest():
    found = observation.report(PROBE, run, lambda: firewall_report.read(run), lambda asked: host.read(run=run, **asked))
    return json.loads(json.dumps(found))


def test_an_honest_report_passes_as_it_is(honest):
    assert report_answers.report(PROBE)(honest, "report") == honest


def test_an_honest_firewall_passes_as_it_is():
    rule = {"family": "inet", "table": "filter", "chain": "input", "handle": 4, "comment": "x"}
    match = {
        "op": "==",
        "left": {"payload": {"protocol": "tcp", "field": "dport"}},
        "right": {"set": [22, {"range": [80, 90]}]},
    }
    base = {
        "family": "inet",
        "table": "filter",
        "name": "input",
        "handle": 1,
        "type": "filter",
        "hook": "input",
        "prio": -1,
        "policy": "drop",
    }
    ruleset = {"nftables": [{"chain": base}, {"rule": {**rule, "expr": [{"match": match}, {"accept": None}]}}]}
    chains = json.loads(json.dumps(parse_nftables.parse_nft(json.dumps(ruleset))))
    assert len(chains) == 1
    assert shapes.many(firewall_answers.CHAIN)(chains, "chains") == chains
    saved = (
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -s 192.0.2.0/24 -p tcp -m multiport --dports 80,443:445 -m comment"
        " --comment x -j ACCEPT\nCOMMIT\n"
    )
    chains = json.loads(json.dumps(parse_iptables.parse_iptables_save(saved, "ip")))
    assert shapes.many(firewall_answers.CHAIN)(chains, "chains") == chains


def test_a_large_firewall_is_honest():
    """Blocklists of countries and of fail2ban, the ports of a cluster's services, an interface for each container."""
    addresses = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(120_000)]
    base = {
        "family": "inet",
        "table": "filter",
        "name": "input",
        "handle": 1,
        "type": "filter",
        "hook": "input",
        "prio": 0,
        "policy": "accept",
    }
    match = {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"set": addresses}}
    rule = {
        "family": "inet",
        "table": "filter",
        "chain": "input",
        "handle": 4,
        "expr": [{"match": match}, {"drop": None}],
    }
    others = [
        {"chain": {"family": "ip", "table": "nat", "name": f"SERVICE{number}", "handle": number}}
        for number in range(12_000)
    ]
    chains = json.loads(
        json.dumps(parse_nftables.parse_nft(json.dumps({"nftables": [{"chain": base}, *others, {"rule": rule}]})))
    )
    one = {
        "when": [["saddr", "in", ["192.0.2.1"]]],
        "verdict": "drop",
        "target": "",
        "handle": 5,
        "comment": "",
        "limited": "",
    }
    chains[0]["rules"] += [one] * 60_000
    found = {
        **{"provider": "nftables", "installed": ["nftables"], "paths": {}, "systemd": True},
        **{"interfaces": ["eth0", *(f"veth{number}" for number in range(2000))]},
        **{
            "ssh": {},
            "ssh_ports": [22],
            "rules": [],
            "chains": chains,
            "firewalld": {},
            "saved": {},
            "files": {},
            "links": [],
            "watched": [],
            "strange": [],
        },
    }
    assert len(json.dumps(found)) < words.MOST
    assert firewall_answers.FIREWALL(found, "firewall") == found


ODD_NAMES = [
    "domain users",
    "R&D (EU)",
    "l'équipe",
    "O'Brien",
    "EXAMPLE\\ann",
    "ann@example.org",
    "workstation$",
    "100",
    "wheel#1",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_of_a_directory_service(name):
    assert words.ACCOUNT(name, "account") == name


def test_its_words_are_those_of_the_programs():
    assert firewall_answers.PROVIDERS == rules.PROVIDERS
    assert firewall_answers.HOOKS == packet_filter.HOOKS


TORCH = {"problem": "missing", "said": "", "conda": False, "real": [], "astray": False}
SEALED = {"sealed": True, "missing": []}
LINK = {"kind": "link", "mode": "0777", "owner": "root", "group": "root", "modified": 1.0}
SERVICE = {"id": "service jupyter@lab.service", "kind": "service", "instance": "lab", "manager": "systemd"}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param("add_host", {"host_name": "evil"}, id="a host to add"),
        pytest.param("ansible_facts", {"a": 1}, id="facts"),
        pytest.param("_ansible_verbose_override", True, id="a key of Ansible's own"),
        pytest.param("system", None, id="nothing where something has to be"),
        pytest.param("system", [], id="a list for a dictionary"),
        pytest.param("system.uid", "0", id="a text for a number"),
        pytest.param("system.uid", True, id="true for a number"),
        pytest.param("system.uid", -1, id="a number that is too small"),
        pytest.param("system.uid", 10**30, id="a number that is too large"),
        pytest.param("system.systemd", "yes", id="a text for true"),
        pytest.param("system.hostname", "x" * 501, id="a text that is too long"),
        pytest.param("system.machine", "../../x", id="a machine that is a path"),
        pytest.param("system.machine", "x86_64\n", id="a machine and a line more"),
        pytest.param("system.libc", "glibc 2.36/../x", id="a C library that is a path"),
        pytest.param("system.home", "home", id="a home that is no absolute path"),
        pytest.param("system.user", "-o ProxyCommand=x", id="an account that is an option"),
        pytest.param("system.user", "{{ x }}", id="an account that is a template"),
        pytest.param("system.commands", {"tmux": 1}, id="a command that is a number"),
        pytest.param("pythons", {}, id="an interpreter that was asked for is not there"),
        pytest.param("pythons.python3.version", ["3", "x"], id="a version of texts"),
        pytest.param("pythons.python3.version", [3], id="half a version"),
        pytest.param("pythons.python3.path", None, id="a version of nothing"),
        pytest.param("accounts", {"root": None, "mallory": None}, id="an account that nobody asked for"),
        pytest.param("listeners", {"../22": {}}, id="a port that is a path"),
        pytest.param("paths", {"etc": None}, id="a path that is not absolute"),
        pytest.param("paths", {"/x": LINK}, id="a link without a target"),
        pytest.param("paths", {"/x": {**LINK, "target": "/", "modified": float("inf")}}, id="a time without end"),
        pytest.param("paths", {"/x": {**LINK, "target": "/", "mode": "rwx"}}, id="a mode of letters"),
        pytest.param("environments", {"/x": {**SEALED, "missing": ["a"] * 11}}, id="a list that is too long"),
        pytest.param("existing", {}, id="no word of an environment that was asked about"),
        pytest.param("existing", {"lab.x": {}}, id="an environment that nobody asked about"),
        pytest.param("existing", {"lab.torch": {**TORCH, "problem": "x"}}, id="an unknown problem of an environment"),
        pytest.param("existing", {"lab.torch": {**TORCH, "said": "x" * 501}}, id="an environment that says too much"),
        pytest.param("existing", {"lab.torch": {**TORCH, "real": ["x"]}}, id="a relative path of an environment"),
        pytest.param("manifest", [{**SERVICE, "instance": "../h1/lab"}], id="an instance that is a path"),
        pytest.param("manifest", [{**SERVICE, "instance": "lab\n"}], id="an instance and a line more"),
        pytest.param("manifest", [{**SERVICE, "id": "service"}], id="a thing without a name"),
        pytest.param("manifest", [{**SERVICE, "manager": "x"}], id="a manager that there is not"),
        pytest.param("manifest", [{**SERVICE, "kind": "shadow"}], id="a file moved aside, and nobody says where"),
        pytest.param("servers", [{"pid": 0}], id="a server without the rest"),
        pytest.param("firewall.provider", "../x", id="a firewall that is a path"),
        pytest.param("firewall.chains", [[[[]]]], id="chains of lists"),
        pytest.param("tunnel", {"owned": ["../x"]}, id="a tunnel account that is a path"),
        pytest.param("units", {"a": {"b": ["c"]}}, id="a unit's value that is a list"),
    ],
)
def test_whatever_else_is_refused(honest, place, value):
    report = copy.deepcopy(honest)
    *above, last = place.split(".")
    there = report
    for name in above:
        there = there[name]
    there[last] = value

    with pytest.raises(AnswerError, match=r"report"):
        report_answers.report(PROBE)(report, "report")


TUNNELS = {
    **{
        "accounts": {"ipad": None},
        "groups": [],
        "owned": ["ipad"],
        "keys": {"ipad": None},
        "block": "",
        "place": "/etc/x",
        "error": "",
    },
    **{"effective": {"ipad": {"values": {}, "origins": {}}}, "anyone": {"values": {}, "origins": {}}, "host_keys": []},
    **{"address": "192.0.2.7", "loose": []},
}


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        pytest.param({}, True, id="as it is"),
        pytest.param({"error": "no sshd", "effective": {}, "anyone": {}}, True, id="an SSH server that cannot be read"),
        pytest.param({"effective": {}}, False, id="it says nothing of an account that was asked for"),
        pytest.param({"anyone": {}}, False, id="it says nothing of everybody"),
        pytest.param({"owned": ["../../.ssh/id_ed25519"]}, False, id="an account that is a path"),
        pytest.param({"keys": {"..": None}}, False, id="a key of a folder"),
        pytest.param(
            {"host_keys": ["ssh-ed25519 AAAA\n* ssh-ed25519 BBBB"]}, False, id="a key of another host in the next line"
        ),
        pytest.param({"host_keys": ["ssh-ed25519 AAAA root@x"]}, False, id="a key with a comment"),
    ],
)
def test_tunnels(changes, fits):
    shape = tunnel_answers.tunnels(["ipad"])
    if fits:
        assert shape({**TUNNELS, **changes}, "x") == {**TUNNELS, **changes}
    else:
        with pytest.raises(AnswerError):
            shape({**TUNNELS, **changes}, "x")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 200_000, id="deep"),
        pytest.param("x", id="no JSON"),
        pytest.param("1" * 5000, id="a number of 5,000 digits"),
    ],
)
def test_what_cannot_be_read(text):
    with pytest.raises(AnswerError):
        answers.parse(text)


def test_what_is_too_long():
    with pytest.raises(AnswerError, match=str(words.MOST)):
        answers.parse('"' + "x" * words.MOST + '"')


@pytest.mark.parametrize(
    ("path", "found"),
    [
        pytest.param("/usr/bin/python3.11", "/usr/bin/python3.11", id="usual"),
        pytest.param("/usr/libexec/platform-python", "/usr/libexec/platform-python", id="of RHEL"),
        pytest.param("/usr/bin/python3; touch /tmp/x", None, id="a command"),
        pytest.param("/usr/../tmp/x", None, id="up"),
        pytest.param("/usr/bin/..", None, id="up at the end"),
        pytest.param("python3", None, id="no path"),
        pytest.param("/usr/bin/python3\n", None, id="a line more"),
        pytest.param("{{ x }}", None, id="a template"),
        pytest.param(None, None, id="none"),
        pytest.param(["/usr/bin/python3"], None, id="a list"),
    ],
)
def test_the_interpreter_that_becomes_a_fact(path, found):
    assert answers.python(path) == found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain äöü", "plain äöü", id="plain"),
        pytest.param("\x1b[2J\x9b", "\\x1b[2J\\x9b", id="a terminal's commands"),
        pytest.param("\u202egpj", "\\u202egpj", id="another direction"),
        pytest.param("a\nb\tc", "a\\nb\\tc", id="more than a line"),
        pytest.param("\udcff", "\\udcff", id="half a character"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown
    assert shown.encode()


@pytest.mark.parametrize(
    ("facts", "variables", "refused"),
    [
        pytest.param({"trust_ca_file": "/x"}, {"trust_ca_file": "/x"}, True, id="a file of the control node"),
        pytest.param({"__jupyter_state": {}}, {"__jupyter_state": {}}, True, id="a result"),
        pytest.param({"inventory_dir": "/x"}, {"inventory_dir": "/x"}, True, id="where the inventory is"),
        pytest.param({"group_names": ["x"]}, {"group_names": ["x"]}, True, id="its groups"),
        pytest.param({"control_path": "/x"}, {"ansible_control_path": "/x"}, True, id="the connection to another host"),
        pytest.param(
            {"sftp_executable": "/x"}, {"ansible_sftp_executable": "/x"}, True, id="a program that is run here"
        ),
        pytest.param({"host": "x"}, {"ansible_host": "x"}, False, id="what Ansible takes from no fact"),
        pytest.param(
            {"control_path": "/x"}, {"ansible_control_path": "/y"}, False, id="a connection that the inventory decides"
        ),
        pytest.param({"trust_ca_file": "/x"}, {"trust_ca_file": "/y"}, False, id="the inventory's own wins"),
        pytest.param(
            {"tunnel_0": {"device": "tunnel_0"}}, {"ansible_tunnel_0": {}}, False, id="a network interface of that name"
        ),
        pytest.param({"hostname": "x"}, {"hostname": "x"}, False, id="other people's variables"),
        pytest.param({}, {}, False, id="none"),
    ],
)
def test_facts_that_are_variables_of_ours(facts, variables, refused):
    connection_loader.get("ssh", class_only=True)  # Ansible knows its options then
    given = {"inventory_hostname": "h1", "ansible_facts": facts, **variables}
    if refused:
        with pytest.raises(AnsibleActionFail, match="h1 says by a fact"):
            input_facts.require_own_variables(given)
    else:
        input_facts.require_own_variables(given)


def test_a_host_that_says_it_is_another():
    with pytest.raises(AnsibleActionFail, match="A host says by a fact what inventory_hostname is"):
        input_facts.require_own_variables({"inventory_hostname": "h2", "ansible_facts": {"inventory_hostname": "h2"}})


def test_every_action_asks_for_its_own_variables_and_takes_answers_by_their_shape():
    folder = Path(answers.__file__).parents[2]
    names = [Path(path).stem for path in glob.glob(str(folder / "action" / "*.py"))]
    assert len(names) > 20
    for name in names:
        plugin = importlib.import_module(f"ansible_collections.remote.notebooks.plugins.action.{name}")
        assert issubclass(plugin.ActionModule, _action.OwnAction), name
    for path in [*folder.glob("action/*.py"), *folder.glob("plugin_utils/**/*.py")]:
        if path.name not in ("answers.py", "bare.py"):
            assert "_execute_module(" not in path.read_text(), path
            assert "_low_level_execute_command(" not in path.read_text(), path


def test_every_module_on_a_host_has_an_action():
    """Without one, Ansible would pass on the host's answer."""
    folder = Path(answers.__file__).parents[2]
    modules = {path.stem for path in folder.glob("modules/*.py")}
    actions = {path.stem for path in folder.glob("action/*.py")}
    assert modules - actions == {"connection_check"}  # which runs on the control node


WRITTEN = {
    "an expression": "{{ lookup('pipe', 'id') }}",
    "a statement": "{% set x = 1 %}",
    "other marks": "#jinja2: variable_start_string:'[%'\n[% x",
    "a tag": "!vault |\n  x",
    "YAML": "a: b\n- c",
    "a word that YAML reads as true": "yes",
    "quotes and signs": "'\"\\\x00\u2028",
    "within others": ["a", {"{{ k }}": "{{ v }}"}, 1, None, 1.5, True],
}


def test_variables_that_are_written_mean_what_they_say(tmp_path):
    """Ansible itself reads the file, and gives the variable to a template."""
    (tmp_path / "vars.yml").write_text(literal_yaml.dump({"given": WRITTEN}))
    (tmp_path / "play.yml").write_text(
        yaml.safe_dump(
            [
                {
                    "hosts": "localhost",
                    "gather_facts": False,
                    "tasks": [
                        {
                            "ansible.builtin.copy": {
                                "content": "{{ given | to_json }}",
                                "dest": str(tmp_path / "out"),
                                "mode": "0600",
                            }
                        }
                    ],
                    "vars": {"ansible_python_interpreter": sys.executable},
                }
            ]
        )
    )
    playbook = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
    done = subprocess.run(
        [playbook, "-i", "localhost,", "-c", "local", "-e", f"@{tmp_path}/vars.yml", str(tmp_path / "play.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "out").read_text()) == WRITTEN


def test_a_value_without_a_word_in_yaml():
    with pytest.raises(PlanError, match="no variable can hold"):
        literal_yaml.dump({"a": ...})


def test_a_request_counts_for_its_own_host_alone():
    hosts = [
        {"inventory_hostname": "h1", "__pki_host": {"requests": {"h1/web": "of h1"}}},
        {
            "inventory_hostname": "evil",
            "__pki_host": {"requests": {"h1/web": "of evil", "evil/web": "of evil", "evil/other": "not wanted"}},
        },
        {"inventory_hostname": "h2", "__pki_host": {"requests": {"h2/web": ["x"]}}},
        {"inventory_hostname": "h3", "__pki_host": {}},
    ]
    wanted = [{"name": f"{host}/web", "host": {"path": "/x"}} for host in ("h1", "evil", "h2", "h3", "h4")]

    for order in (hosts, hosts[::-1]):
        assert pki_requests(order, [*wanted, {"name": "h1/central"}]) == {"h1/web": "of h1", "evil/web": "of evil"}
