# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._input.options import INSTANCE_KEYS
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.access import default_addresses
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.interfaces import classic_path
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.plan import resolve

with open("roles/jupyter/defaults/main.yml", encoding="utf-8") as _file:
    _ROLE = yaml.safe_load(_file)
DEFAULTS = {key: _ROLE[f"jupyter_{key}"] for key in INSTANCE_KEYS} | {"addresses": ["192.0.2.10", "web1"]}


def plan(*instances, scope="system", **defaults):
    return resolve("web1", scope, {**DEFAULTS, **defaults}, list(instances))


def only(*instances, **more):
    (instance,) = plan(*instances, **more)["instances"]
    return instance


def test_the_default_is_a_loopback_server_that_opens_nothing():
    result = plan({"name": "lab"})
    assert result["certificates"] == []
    assert result["firewall_rules"] == []
    (lab,) = result["instances"]
    assert (lab["bind_address"], lab["tls"], lab["port"], lab["user"], lab["base_url"]) == (
        "localhost",
        "none",
        8888,
        "jupyter",
        "/",
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"data_dirs": ["data"]}, "data_dirs: 'data' is no folder for data"),
        ({"data_dirs": ["/"]}, "data_dirs: '/' is no folder for data"),
        ({"data_dirs": ["/data/../etc"]}, "is no folder for data"),
        ({"data_dirs": ["/a\nb"]}, "that no line of a unit can hold"),
        ({"devices": "gpu"}, "devices: 'gpu' is neither auto, true nor false."),
    ],
)
def test_devices_and_folders_that_no_unit_can_have(given, words):
    with pytest.raises(PlanError) as raised:
        plan({"name": "lab", **given})
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"python_downloads": True}, ""),
        ({"python_downloads": True, "python_mirror": "https://mirror.example.org/python"}, ""),
        ({"python_downloads": True, "python_mirror": "file:///srv/python", "wheelhouse": True}, ""),
        (
            {"python_mirror": "https://mirror.example.org/"},
            "instance 'lab': python_mirror: nothing is fetched from it. Say python_downloads: true, or leave it out.",
        ),
        (
            {"python_downloads": True, "python_mirror": "mirror.example.org"},
            "python_mirror: 'mirror.example.org' is no address. Write one that begins with https://",
        ),
        (
            {"python_downloads": True, "installer": "pip"},
            "instance 'lab': python_downloads: uv installs the Python. Leave installer: pip out, or python_downloads.",
        ),
        (
            {"python_downloads": True, "wheelhouse": True},
            "instance 'lab': python_downloads: a wheelhouse holds no Python. Name a mirror that the host reaches",
        ),
    ],
)
def test_an_interpreter_that_nothing_could_install_is_refused(given, words):
    if not words:
        assert only({"name": "lab", **given})["python_downloads"] is True
        return
    with pytest.raises(PlanError) as raised:
        plan({"name": "lab", **given})
    assert words in str(raised.value)


def test_direct_forces_tls_and_the_firewall():
    result = plan({"name": "lab", "access": "direct", "allowed_sources": ["192.0.2.0/24"]})
    assert result["instances"][0]["tls"] == "private_ca"
    assert result["instances"][0]["bind_address"] == "*"
    assert result["certificates"] == [
        {"name": "web1/lab", "addresses": ["192.0.2.10", "web1"], "days": 397, "key_type": "ecdsa_p256"}
    ]
    assert result["firewall_rules"] == [
        {"port": 8888, "protocol": "tcp", "sources": ["192.0.2.0/24"], "state": "present"}
    ]


def test_a_certificate_names_the_near_end_of_a_tunnel_where_there_is_one():
    (certificate,) = plan({"name": "lab", "access": "both"})["certificates"]
    assert certificate["addresses"] == ["192.0.2.10", "web1", "localhost", "127.0.0.1", "::1"]


@pytest.mark.parametrize(
    ("given", "entry"),
    [
        pytest.param(
            {"tls": "self_signed"},
            {"source": "self_signed", "exports": ["chain"], "days": 397, "key_type": "ecdsa_p256"},
            id="self-signed, and what devices take without the key",
        ),
        pytest.param(
            {"certificate_file": "/c.pem"},
            {"source": "provided", "certificate_file": "/c.pem"},
            id="auto takes what is provided",
        ),
        pytest.param(
            {"tls": "provided", "certificate_file": "/c.pem", "key_file": "/c.key", "ca_file": "/root.pem"},
            {"source": "provided", "certificate_file": "/c.pem", "key_file": "/c.key", "ca_file": "/root.pem"},
            id="provided with a key and an authority of its own",
        ),
    ],
)
def test_certificates_from_other_doors(given, entry):
    (certificate,) = plan({"name": "lab", "access": "direct", **given})["certificates"]
    assert certificate == {"name": "web1/lab", "addresses": ["192.0.2.10", "web1"], **entry}


def test_no_secret_is_in_a_plan():
    text = repr(plan({"name": "lab", "password": "pass-word", "token": "to-ken"}, password_hash="argon2:ha-sh"))
    assert not any(secret in text for secret in ("pass-word", "to-ken", "ha-sh"))


@pytest.mark.parametrize(
    "name", ["ann", "Ann", "ann.smith", "ann@example.org", "EXAMPLE\\ann", "1ann", "jürgen", "ann_", "machine$"]
)
def test_the_host_says_whether_there_is_an_account(name):
    assert only({"name": "lab", "user": name})["user"] == name


def test_the_instance_beats_the_host():
    assert only({"name": "lab", "port": 9000}, port=8000)["port"] == 9000


def test_the_clients_decide_the_packages():
    assert "nbclassic>=1.3,<2" in only({"name": "lab"})["packages"]
    assert "nbclassic>=1.3,<2" not in only({"name": "lab", "clients": ["browser"]})["packages"]
    assert not any(package.startswith("notebook") for package in only({"name": "lab"})["packages"])


@pytest.mark.parametrize(
    ("given", "classic", "has", "has_not"),
    [
        pytest.param({}, "tree", "jupyterlab", "notebook", id="Lab, with the classic pages beside it"),
        pytest.param({"clients": ["browser"]}, "", "jupyterlab", "nbclassic", id="Lab for browsers alone"),
        pytest.param({"interface": "notebook7"}, "nbclassic/tree", "notebook", "", id="Notebook 7 takes /tree"),
        pytest.param(
            {"interface": "notebook7", "clients": ["browser"]},
            "",
            "notebook",
            "nbclassic",
            id="Notebook 7 without the classic pages",
        ),
        pytest.param(
            {"packages": ["notebook==7.5.0"]}, "nbclassic/tree", "jupyterlab", "", id="Notebook 7 as a package"
        ),
        pytest.param(
            {"packages": ["Jupyter"]}, "nbclassic/tree", "jupyterlab", "", id="the package that brings it along"
        ),
        pytest.param({"packages": ["notebook-shim"]}, "tree", "jupyterlab", "", id="a name that only begins like it"),
        pytest.param(
            {"interface": "notebook6"}, "tree", "notebook", "jupyterlab", id="Notebook 6 is the classic pages"
        ),
        pytest.param(
            {"interface": "notebook6", "clients": ["browser"]}, "tree", "notebook", "nbclassic", id="whoever it is for"
        ),
    ],
)
def test_where_the_classic_pages_are(given, classic, has, has_not):
    lab = only({"name": "lab", **given})
    names = {re.split("[<>=]", package)[0] for package in lab["packages"]}
    assert lab["classic"] == classic
    assert has in names
    assert has_not not in names


@pytest.mark.parametrize(
    ("given", "installed", "classic"),
    [
        pytest.param({"packages": ["rise"]}, True, "nbclassic/tree", id="Notebook 7 came along"),
        pytest.param({"packages": ["jupyter==1.0.0"]}, False, "tree", id="an old release without Notebook 7"),
        pytest.param({"interface": "notebook6"}, False, "tree", id="Notebook 6"),
        pytest.param({"clients": ["browser"], "packages": ["rise"]}, True, "", id="no classic pages"),
        pytest.param({"packages": ["rise"]}, None, "tree", id="a server that does not run yet"),
    ],
)
def test_the_running_server_decides_where_the_classic_pages_are(given, installed, classic):
    servers = [] if installed is None else [{"instance": "lab", "notebook7": installed}]
    assert classic_path(only({"name": "lab", **given}), {"servers": servers}) == classic


@pytest.mark.parametrize(
    ("given", "base"), [("/", "/"), ("", "/"), ("books", "/books/"), ("/a/b", "/a/b/"), ("//a//", "/a/")]
)
def test_base_url(given, base):
    assert only({"name": "lab", "base_url": given})["base_url"] == base


def test_an_absent_instance_is_no_part_of_the_plan():
    assert plan({"name": "lab", "state": "absent"})["instances"] == []


def test_no_instance_is_a_plan_too():
    assert plan()["instances"] == []


@pytest.mark.parametrize(
    ("instances", "key", "cure"),
    [
        pytest.param([{"name": "lab", "prot": 1}], "prot", "did you mean 'port'?", id="misspelt key"),
        pytest.param([{"name": "lab", "colour": 1}], "colour", "Known: name, state", id="unknown key"),
        pytest.param([{"name": "Lab!"}], "name", "lower-case letters", id="name with other signs"),
        pytest.param([{}], "name", "give each instance a short name", id="no name"),
        pytest.param([{"name": "lab", "port": 0}], "port", "0 is no TCP port", id="port 0"),
        pytest.param([{"name": "lab", "port": 65536}], "port", "65536 is no TCP port", id="port too large"),
        pytest.param(
            [{"name": "lab", "port": 443, "service_manager": "tmux"}],
            "port",
            "in tmux each window would have that right",
            id="port of root in tmux",
        ),
        pytest.param(
            [{"name": "lab"}, {"name": "lab", "port": 9000}],
            "name",
            "lab is taken by instance 'lab'",
            id="two of one name",
        ),
        pytest.param([{"name": "a"}, {"name": "b"}], "port", "8888 is taken by instance 'a'", id="two on one port"),
        pytest.param(
            [{"name": "lab", "addresses": ["https://x"]}],
            "addresses",
            "'https://x' is neither a DNS name nor",
            id="URL as address",
        ),
        pytest.param(
            [{"name": "lab", "addresses": ["0.0.0.0"]}], "addresses", "no client can type it", id="every address"
        ),
        pytest.param([{"name": "lab", "addresses": ["*.example.org"]}], "addresses", "is a pattern", id="wildcard"),
        pytest.param(
            [{"name": "lab", "addresses": ["192.0.2.999"]}],
            "addresses",
            "'192.0.2.999' is neither",
            id="bad IP address",
        ),
        pytest.param(
            [{"name": "lab", "allowed_sources": ["192.0.2.1/24"]}],
            "allowed_sources",
            "has host bits set",
            id="host bits in a network",
        ),
        pytest.param(
            [{"name": "lab", "access": "direct", "tls": "none"}],
            "tls",
            "password over the network in clear",
            id="direct without TLS",
        ),
        pytest.param(
            [{"name": "lab", "access": "direct", "plain_http": True}],
            "plain_http",
            "nothing but private networks",
            id="plain HTTP for everybody",
        ),
        pytest.param(
            [{"name": "lab", "access": "direct", "plain_http": True, "allowed_sources": ["8.8.8.0/24"]}],
            "plain_http",
            "private",
            id="plain HTTP for strangers",
        ),
        pytest.param(
            [{"name": "lab", "access": "direct", "plain_http": True, "allowed_sources": ["0.0.0.0/0"]}],
            "plain_http",
            "private",
            id="plain HTTP for the whole world",
        ),
        pytest.param(
            [{"name": "lab", "plain_http": True, "tls": "private_ca"}],
            "plain_http",
            "contradicts tls",
            id="plain HTTP with TLS",
        ),
        pytest.param(
            [{"name": "lab", "access": "direct", "tls": "provided"}],
            "certificate_file",
            "the certificate on the control node",
            id="no file provided",
        ),
        pytest.param(
            [{"name": "lab", "tls": "provided", "certificate_file": "/x.pem"}],
            "tls",
            "nobody comes by the names of such a certificate",
            id="provided for a tunnel",
        ),
        pytest.param(
            [{"name": "lab", "access": "direct", "tls": "self_signed", "certificate_file": "/x.pem"}],
            "certificate_file",
            "Say tls: provided",
            id="a certificate that nobody would read",
        ),
        pytest.param(
            [{"name": "lab", "access": "both", "addresses": ["192.0.2.7"], "bind_address": "192.0.2.7"}],
            "bind_address",
            "a tunnel ends at the loopback",
            id="both, and no loopback",
        ),
        *(
            pytest.param(
                [{"name": "lab", "access": access, "addresses": ["192.0.2.7"], "bind_address": bind}],
                "bind_address",
                f"'{bind}' is the loopback, which no network reaches, with access '{access}'",
                id=f"{access}, on the loopback alone ({bind})",
            )
            for access, bind in (
                ("both", "localhost"),
                ("both", "127.0.0.1"),
                ("both", "::1"),
                ("direct", "127.0.0.1"),
                ("direct", "127.0.1.1"),
            )
        ),
        pytest.param(
            [{"name": "lab", "bind_address": "0.0.0.0"}],
            "bind_address",
            "is not the loopback",
            id="tunnel on the network",
        ),
        pytest.param(
            [{"name": "lab", "access": "direct", "bind_address": "eth0"}],
            "bind_address",
            "no IP address of this host",
            id="interface as address",
        ),
        pytest.param(
            [{"name": "lab", "access": "direct", "addresses": []}],
            "addresses",
            "at least one name",
            id="direct without an address",
        ),
        pytest.param([{"name": "lab", "user": "root"}], "user", "never runs as root", id="root"),
        pytest.param(
            [{"name": "lab", "user": "a b"}], "user", "cannot be the name of an account", id="impossible account"
        ),
        pytest.param(
            [{"name": "lab", "user": "a%n"}],
            "user",
            "cannot be the name of an account",
            id="an account that systemd would take apart",
        ),
        pytest.param(
            [{"name": "lab", "user": "1000"}], "user", "cannot be the name of an account", id="the number of an account"
        ),
        pytest.param(
            [{"name": "lab", "user": "ann.smith", "create_user": True}],
            "user",
            "is no name for a new account",
            id="no name for a new account",
        ),
        pytest.param(
            [{"name": "lab", "service_manager": "systemd_user"}],
            "service_manager",
            "belongs to scope 'user'",
            id="user manager as root",
        ),
        pytest.param([{"name": "lab", "root_dir": "notebooks"}], "root_dir", "is relative", id="relative folder"),
        pytest.param(
            [{"name": "lab", "root_dir": "/srv/a\nb"}], "root_dir", "no line of a file can hold", id="two lines"
        ),
        pytest.param(
            [{"name": "lab", "hardening": "strict", "root_dir": "/srv/it's"}],
            "root_dir",
            "or say hardening: standard",
            id="quotes in a sandbox",
        ),
        pytest.param([{"name": "lab", "memory_max": "lots"}], "memory_max", "is no size", id="memory without a unit"),
        pytest.param(
            [{"name": "lab", "cpu_quota": "2"}], "cpu_quota", "200% for two cores", id="quota without a percent sign"
        ),
        pytest.param([{"name": "lab", "base_url": "/a b"}], "base_url", "need quoting", id="blank in the URL"),
        pytest.param(
            [{"name": "lab", "settings": {"ServerApp": 1}}],
            "settings",
            "not a class with its traits",
            id="setting without a class",
        ),
        pytest.param(
            [{"name": "lab", "settings": {"a.b": {"c": 1}}}], "settings", "not a class", id="class that is none"
        ),
        pytest.param(
            [{"name": "lab", "settings": {"ServerApp": {"port": 1}}}],
            "settings",
            "decided by port",
            id="setting of ours",
        ),
        pytest.param(
            [{"name": "lab", "settings": {"IdentityProvider": {"token": "x"}}}],
            "settings",
            "decided by token",
            id="a second way to give a token",
        ),
        pytest.param(
            [{"name": "lab", "interface": "notebook6", "settings": {"ServerApp": {"max_body_size": 1}}}],
            "settings",
            "Notebook 6 knows no ServerApp",
            id="a new name for the old server",
        ),
        pytest.param(
            [{"name": "lab", "settings": {"NotebookApp": {"password": "x"}}}],
            "settings",
            "decided by password",
            id="an old name of ours",
        ),
    ],
)
def test_refusals_name_instance_key_and_cure(instances, key, cure):
    with pytest.raises(PlanError) as refusal:
        plan(*instances)
    text = str(refusal.value)
    assert f": {key}: " in text
    assert cure in text
    assert text.startswith("instance '")


@pytest.mark.parametrize(
    ("given", "key"),
    [({"user": "alice"}, "user"), ({"service_manager": "systemd"}, "service_manager")],
)
def test_scope_user_has_no_root(given, key):
    with pytest.raises(PlanError, match=f"instance 'lab': {key}: .*scope 'user'"):
        plan({"name": "lab", **given}, scope="user")


def test_scope_user_has_no_port_of_root():
    with pytest.raises(PlanError, match="port: 443 is reserved for root, and scope 'user' has none"):
        plan({"name": "lab", "port": 443}, scope="user")


def test_systemd_gives_a_port_of_root():
    assert only({"name": "lab", "port": 443, "access": "both"})["port"] == 443
    assert only({"name": "lab", "port": 1023, "service_manager": "systemd"})["port"] == 1023


def test_a_certificate_as_the_inventory_wants_it():
    wish = {"certificate_days": 90, "certificate_key_type": "rsa_3072"}
    for given in ({"access": "direct"}, {"access": "direct", "tls": "self_signed"}):
        (certificate,) = plan({"name": "lab", **given, **wish})["certificates"]
        assert (certificate["days"], certificate["key_type"]) == (90, "rsa_3072")


@pytest.mark.parametrize("key", ["certificate_days", "certificate_key_type"])
def test_a_wish_for_a_certificate_that_nobody_issues_is_refused(key):
    value = {"certificate_days": 90, "certificate_key_type": "rsa_3072"}[key]
    for given in ({}, {"access": "direct", "tls": "provided", "certificate_file": "/x.pem"}):
        with pytest.raises(PlanError, match=f"instance 'lab': {key}: is for a certificate that is issued here"):
            plan({"name": "lab", **given, key: value})
        with pytest.raises(PlanError, match=f"jupyter_{key}: no instance of this host has a certificate"):
            plan({"name": "lab", **given}, **{key: value})
    assert plan({"name": "lab"}, {"name": "door", "port": 9000, "access": "direct"}, **{key: value})


def test_the_role_pki_has_the_same_defaults():
    from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.plan import ISSUED
    from ansible_collections.remote.notebooks.plugins.plugin_utils._x509 import certificates, keys

    assert {"certificate_days": certificates.DEFAULT_DAYS, "certificate_key_type": keys.KEY_TYPES[0]} == ISSUED


def test_all_problems_are_named_at_once():
    with pytest.raises(PlanError) as refusal:
        plan({"name": "a", "port": 0}, {"name": "b", "user": "root"})
    assert len(str(refusal.value).splitlines()) == 2


def test_plain_http_is_possible_on_a_private_network():
    lab = only(
        {"name": "lab", "access": "direct", "plain_http": True, "allowed_sources": ["192.168.1.0/24", "fd00::/8"]}
    )
    assert lab["tls"] == "none"


def test_addresses_are_taken_as_people_write_them():
    plan = resolve(
        "web1",
        "system",
        DEFAULTS,
        [{"name": "lab", "access": "direct", "addresses": ["Büro.example.org", "[2001:db8::1]", "büro.example.org"]}],
    )
    assert plan["instances"][0]["addresses"] == ["xn--bro-hoa.example.org", "2001:db8::1"]
    assert plan["certificates"][0]["addresses"] == ["xn--bro-hoa.example.org", "2001:db8::1"]


@pytest.mark.parametrize("host", ["büro", "web 1", "-web", "a/b"])
def test_a_host_whose_name_can_name_no_file_is_refused_by_the_plan(host):
    """It was refused by the hand-off, when the server was already running."""
    with pytest.raises(PlanError, match=rf"host '{host}': its name in the inventory .* ansible_host"):
        resolve(host, "system", DEFAULTS, [{"name": "lab"}])


def test_a_host_called_like_the_folder_of_peoples_pages_is_refused():
    with pytest.raises(PlanError, match=r"host 'people': .* another name in the inventory"):
        resolve("people", "system", DEFAULTS, [{"name": "lab"}])


@pytest.mark.parametrize(
    ("host", "name", "own", "expected"),
    [
        pytest.param("192.0.2.10", "web1", [], ["192.0.2.10", "web1"], id="where Ansible connects to comes first"),
        pytest.param("web1", "web1", [], ["web1"], id="once is enough"),
        pytest.param("192.0.2.10", "lab one", [], ["192.0.2.10"], id="a name for people alone is no address"),
        pytest.param(
            "localhost",
            "localhost",
            ["192.0.2.5", "box"],
            ["192.0.2.5", "box"],
            id="localhost is another machine to everybody else",
        ),
        pytest.param(
            "me",
            "me",
            ["192.0.2.5", "box"],
            ["192.0.2.5", "box", "me"],
            id="a local connection is reached as this machine, not as the inventory calls it",
        ),
    ],
)
def test_default_addresses(host, name, own, expected):
    assert default_addresses(host, name, own) == expected


@pytest.mark.parametrize(
    ("instances", "forwards"),
    [
        pytest.param([{"name": "lab"}], {}, id="nobody asked"),
        pytest.param([{"name": "lab", "tunnel_accounts": ["ipad"]}], {"ipad": [8888]}, id="one device"),
        pytest.param(
            [
                {"name": "ann", "tunnel_accounts": ["ipad", "mac"]},
                {"name": "bob", "port": 8889, "tunnel_accounts": ["mac"]},
            ],
            {"ipad": [8888], "mac": [8888, 8889]},
            id="each its own ports",
        ),
        pytest.param(
            [{"name": "lab", "state": "absent", "tunnel_accounts": ["ipad"]}],
            {},
            id="the server goes, and the account with it",
        ),
    ],
)
def test_the_ports_of_tunnel_accounts_follow_from_the_plan(instances, forwards):
    assert resolve("web1", "system", DEFAULTS, instances)["tunnel_forwards"] == forwards


@pytest.mark.parametrize(
    ("scope", "given", "said"),
    [
        pytest.param("system", {"access": "direct"}, "Say access: both", id="direct"),
        pytest.param("user", {}, "only root can create an account", id="without root"),
        pytest.param(
            "system",
            {"tunnel_accounts": ["jupyter"]},
            "cannot be an account for tunnels alone",
            id="the server's own account",
        ),
    ],
)
def test_tunnel_accounts_that_cannot_be(scope, given, said):
    with pytest.raises(PlanError, match=said):
        resolve("web1", scope, DEFAULTS, [{"name": "lab", "tunnel_accounts": ["ipad"], **given}])


@pytest.mark.parametrize(
    ("scope", "given", "said"),
    [
        pytest.param(
            "system",
            {"login_throttle": True},
            "with access 'tunnel' every login comes from the host itself",
            id="nobody to tell apart",
        ),
        pytest.param(
            "user", {"login_throttle": True, "access": "direct"}, "only root can shut a port", id="without root"
        ),
    ],
)
def test_logins_that_cannot_be_throttled(scope, given, said):
    with pytest.raises(PlanError, match=said):
        resolve("web1", scope, DEFAULTS, [{"name": "lab", **given}])


@pytest.mark.parametrize(
    ("scope", "given", "expected"),
    [
        pytest.param("system", {"access": "direct"}, None, id="the host decides"),
        pytest.param("system", {"access": "both"}, None, id="the host decides, beside a tunnel"),
        pytest.param("system", {}, False, id="every login comes from the host itself"),
        pytest.param("user", {"access": "direct"}, None, id="without root, which is said"),
        pytest.param(
            "system",
            {"access": "direct", "settings": {"ServerApp": {"trust_xheaders": True}}},
            None,
            id="behind a proxy, which is said",
        ),
    ],
)
def test_where_nobody_says_it_logins_are_throttled_where_that_makes_sense(scope, given, expected):
    plan = resolve("web1", scope, {**DEFAULTS, "addresses": ["192.0.2.7"]}, [{"name": "lab", **given}])
    assert plan["instances"][0]["login_throttle"] is expected


def test_a_host_that_throttles_leaves_its_tunnelled_servers_out():
    defaults = {**DEFAULTS, "login_throttle": True}
    plan = resolve("web1", "system", defaults, [{"name": "lab"}, {"name": "two", "port": 9000, "access": "direct"}])
    assert [item["login_throttle"] for item in plan["instances"]] == [False, True]


@pytest.mark.parametrize(
    ("instances", "refused"),
    [
        ([{"access": "direct"}], True),
        ([{"access": "direct"}, {"access": "direct", "port": 9000}], True),
        ([{"access": "direct"}, {"access": "both", "port": 9000}], False),
        ([{"access": "tunnel"}], False),
        ([], False),
    ],
)
def test_tunnel_accounts_of_a_host_without_a_tunnel_are_refused(instances, refused):
    defaults = {**DEFAULTS, "tunnel_accounts": ["ipad"], "addresses": ["192.0.2.7"]}
    named = [{"name": f"lab{number}", **given} for number, given in enumerate(instances)]
    try:
        plan = resolve("web1", "system", defaults, named)
    except PlanError as error:
        assert (refused, "jupyter_tunnel_accounts: every instance" in str(error)) == (True, True)
    else:
        assert (refused, [item["tunnel_accounts"] for item in plan["instances"] if item["access"] == "direct"]) == (
            False,
            [[]] * sum(given["access"] == "direct" for given in instances),
        )


URL = "https://lab.example.org/ann/"


def test_a_server_behind_a_proxy_of_its_host():
    result = plan({"name": "lab", "access": "proxied", "public_url": "https://Lab.example.org:443/ann"})
    (lab,) = result["instances"]
    assert only({"name": "lab", "access": "proxied", "public_url": "https://a.b//x///y"})["public_url"] == (
        "https://a.b/x/y/"
    )
    assert (lab["public_url"], lab["public_name"], lab["public_origin"]) == (URL, "lab.example.org", URL[:-5])
    assert (lab["bind_address"], lab["tls"], lab["base_url"]) == ("localhost", "none", "/ann/")
    assert (lab["login_throttle"], lab["counts_logins"], lab["by_ssh"], lab["networked"]) == (False, True, False, False)
    assert (result["firewall_rules"], result["certificates"], result["tunnel_forwards"]) == ([], [], {})


def test_a_server_behind_a_proxy_elsewhere():
    proxy = ["192.0.2.7/32"]
    result = plan({"name": "lab", "access": "proxied", "public_url": URL, "allowed_sources": proxy})
    (lab,) = result["instances"]
    assert (lab["bind_address"], lab["tls"], lab["networked"]) == ("*", "private_ca", True)
    assert result["firewall_rules"] == [{"port": 8888, "protocol": "tcp", "sources": proxy, "state": "present"}]
    assert result["certificates"][0]["addresses"] == ["192.0.2.10", "web1"]


@pytest.mark.parametrize(
    ("url", "name", "origin"),
    [
        ("https://192.0.2.7:8443/", "", "https://192.0.2.7:8443"),
        ("https://[2001:db8::7]/a/b/", "", "https://[2001:db8::7]"),
        ("https://bröd.example.org/", "xn--brd-tna.example.org", "https://xn--brd-tna.example.org"),
        ("https://lab.example.org:444", "lab.example.org", "https://lab.example.org:444"),
    ],
)
def test_public_addresses(url, name, origin):
    lab = only({"name": "lab", "access": "proxied", "public_url": url})
    assert (lab["public_name"], lab["public_origin"]) == (name, origin)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "public_url: access 'proxied' needs the address that clients type, and '' is none."),
        ({"public_url": "lab.example.org"}, "and 'lab.example.org' is none. Write for example https://"),
        ({"public_url": "https://ann:pw@lab/"}, "is none."),
        ({"public_url": "https://lab/?x=1"}, "is none."),
        ({"public_url": "https://*.example.org/"}, "is none."),
        ({"public_url": "https://lab'.example.org/"}, "is none."),
        ({"public_url": "https://0.0.0.0/"}, "is none."),
        ({"public_url": "https://lab/a'b/"}, "holds characters that need quoting in a URL"),
        ({"public_url": "http://lab/"}, "public_url: http:// would send the password to the proxy in clear."),
        ({"public_url": URL, "base_url": "/bob"}, "base_url: '/bob' is another path than that of https://"),
        ({"public_url": URL, "tunnel_accounts": ["ipad"]}, "tunnel_accounts: access 'proxied' leads past SSH."),
        ({"public_url": URL, "bind_address": "*"}, "Name the proxy in allowed_sources, or leave it out."),
        ({"public_url": URL, "login_throttle": True}, "every packet has the proxy's address"),
        (
            {"public_url": URL, "tls": "provided", "certificate_file": "/c"},
            "the proxy on this host comes to the loopback",
        ),
        ({"access": "direct", "public_url": URL}, "public_url: is a proxy's address, and access is 'direct'."),
    ],
)
def test_a_proxy_that_cannot_be(given, said):
    with pytest.raises(PlanError) as raised:
        plan({"name": "lab", "access": "proxied", **given})
    assert said in str(raised.value)


def test_an_address_of_a_proxy_that_no_instance_has():
    with pytest.raises(PlanError, match="jupyter_public_url: no instance of this host has access 'proxied'"):
        plan({"name": "lab"}, public_url=URL)
