# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._jupyter import endpoints
from ansible_collections.remote.notebooks.plugins.plugin_utils._state import instances as state_instances

from .._state.test_state import bare, plan

SSH = {
    "connection": "ssh",
    "host": "192.0.2.10",
    "address": "192.0.2.10",
    "port": None,
    "user": "admin",
    "private_key_file": "/k",
    "ssh_args": ["-o", "X=y"],
}
ROUTE = {"host": "192.0.2.10", "port": 22, "user": "admin", "hops": [], "command": ""}
PKI = {
    "authority": {"bundle": "/pki/ca-bundle.pem", "sha256": "ab" * 32},
    "certificates": {
        "web1/lab": {
            "not_after": "2027-12-01T00:00:00Z",
            "sha256": "cd" * 32,
            "exports": {"chain": "/pki/exports/web1/lab.chain.pem"},
        }
    },
}


def resolved(**given):
    return plan({"name": "lab", "addresses": ["192.0.2.10"], **given})["instances"][0]


def only(contact=None, route=None, guessed=None, **given):
    the_plan = {
        **plan({"name": "lab", **given}),
        "contact": contact or SSH,
        "route": {**ROUTE, **(route or {})},
        "guessed": guessed or [],
    }
    instances = state_instances.complete(the_plan, bare())
    (server,) = endpoints.servers(the_plan, instances, {"lab": {"password_file": "/c/lab.password"}}, PKI)
    return server


@pytest.mark.parametrize(
    ("given", "person"),
    [
        pytest.param({"user": "ann"}, "ann", id="the account of a person"),
        pytest.param({}, "lab", id="the account that servers share"),
        pytest.param({"user": "ann@example.org"}, "lab", id="an account that names no file"),
    ],
)
def test_whose_server_it_is(given, person):
    assert only(**given)["person"] == person


def test_a_tunnel_is_checked_through_a_tunnel():
    server = only()
    assert server["url"] == "http://localhost:8888/"
    assert server["checks"][0]["tunnel"] == {
        "host": "192.0.2.10",
        "user": "admin",
        "private_key_file": "/k",
        "ssh_args": ["-o", "X=y"],
        "remote_port": 8888,
    }
    assert server["ssh"] == {**ROUTE, "command": None, "local_port": 8888, "remote_port": 8888}
    assert server["urls"] == []
    assert server["tls"] == {"mode": "none", "ca_file": None, "ca_sha256": None, "not_after": None}


def test_direct_is_checked_the_way_a_client_comes():
    server = only(access="direct", base_url="/books", addresses=["lab.example.org"])
    assert server["url"] == "https://lab.example.org:8888/books/"
    assert server["api_url"] == "https://lab.example.org:8888/books/api"
    assert server["checks"][0]["tunnel"] is None
    assert server["checks"][0]["sha256"] == "cd" * 32
    assert server["tls"]["ca_file"] == "/pki/ca-bundle.pem"


def test_a_port_that_the_scheme_implies_is_not_written():
    server = only(access="direct", addresses=["lab.example.org"], port=443)
    assert (server["url"], server["api_url"]) == ("https://lab.example.org/", "https://lab.example.org/api")
    assert server["checks"][0]["url"] == "https://lab.example.org/"
    assert only(access="direct", addresses=["lab.example.org"], port=80)["url"] == "https://lab.example.org:80/"
    assert only(port=443, tls="none")["url"] == "http://localhost:8443/"


def test_an_ipv6_address_is_written_in_brackets():
    assert only(access="direct", addresses=["2001:db8::10"])["url"] == "https://[2001:db8::10]:8888/"


@pytest.mark.parametrize(
    ("connection", "access", "possible"),
    [
        ("ssh", "tunnel", True),
        ("local", "tunnel", True),
        ("community.docker.docker", "tunnel", False),
        ("community.docker.docker", "direct", True),
    ],
)
def test_what_a_connection_lets_the_control_node_prove(connection, access, possible):
    assert only(contact={**SSH, "connection": connection}, access=access)["checks"][0]["possible"] is possible


def test_this_very_machine_is_tried_on_its_loopback_and_named_for_others():
    here = {**SSH, "connection": "local", "host": "localhost", "address": "localhost"}
    server = only(contact=here, route={"host": "localhost"}, addresses=["192.0.2.7", "vm"])
    assert server["checks"][0]["url"] == "http://127.0.0.1:8888/"
    assert server["ssh"]["host"] == "192.0.2.7"


@pytest.mark.parametrize(
    ("credential", "file", "given"),
    [
        pytest.param({"password_file": "/c/lab.password", "given": ""}, "/c/lab.password", "", id="nothing given"),
        pytest.param(
            {"password_file": "/c/lab.password", "given": "token"},
            "/c/lab.password",
            "",
            id="a token for programs alone",
        ),
        pytest.param({"password_file": None, "given": "password"}, None, "password", id="a password"),
        pytest.param({"password_file": None, "given": "token"}, None, "token", id="a token and the hash of a password"),
        pytest.param({}, None, "", id="a hash alone"),
    ],
)
def test_a_login_is_tried_with_one_secret(credential, file, given):
    the_plan = {**plan({"name": "lab"}), "contact": SSH}
    (target,) = endpoints.targets(the_plan, the_plan["instances"][0], None, credential)
    assert (target["password_file"], target["given"]) == (file, given)


def test_both_ways_are_named_the_networks_first():
    found = endpoints.ways(
        {**plan({"name": "lab", "access": "both", "addresses": ["192.0.2.10"]}), "contact": SSH},
        resolved(access="both"),
    )
    assert [(way["way"], way["url"]) for way in found] == [
        ("network", "https://192.0.2.10:8888/"),
        ("tunnel", "https://localhost:8888/"),
    ]


@pytest.mark.parametrize(
    ("given", "ca_file", "digest"),
    [
        pytest.param({}, "/pki/ca-bundle.pem", "ab" * 32, id="the fleet's authority"),
        pytest.param(
            {"tls": "self_signed"},
            "/pki/exports/web1/lab.chain.pem",
            "cd" * 32,
            id="a certificate that stands for itself, without its key",
        ),
        pytest.param({"certificate_file": "/c.pem"}, None, None, id="an authority that the system knows"),
        pytest.param(
            {"certificate_file": "/c.pem", "ca_file": "/root.pem"},
            "/root.pem",
            None,
            id="an authority of somebody else",
        ),
        pytest.param({"plain_http": True, "allowed_sources": ["192.168.1.0/24"]}, None, None, id="nothing to trust"),
    ],
)
def test_what_clients_have_to_trust(given, ca_file, digest):
    tls = only(access="direct", **given)["tls"]
    assert (tls["ca_file"], tls["ca_sha256"]) == (ca_file, digest)
    assert endpoints.authority_file("web1", resolved(access="direct", **given), "/pki") == ca_file


ACCOUNT = {"name": "ipad", "identity_file": "/t/web1/ipad", "pem_file": "/t/web1/ipad.pem", "locked": False}


def with_account(**given):
    the_plan = {
        **plan({"name": "lab", "tunnel_accounts": ["ipad"]}),
        "contact": SSH,
        "route": ROUTE,
        "tunnel": {"accounts": [{**ACCOUNT, **given}], "override": False},
    }
    (server,) = endpoints.servers(the_plan, state_instances.complete(the_plan, bare()), {}, PKI)
    return server


def test_an_account_that_can_only_forward_is_handed_over_and_tried():
    server = with_account()
    assert {key: server["ssh"][key] for key in ("user", "private_key_file", "pem_file", "alias")} == {
        "user": "ipad",
        "private_key_file": "/t/web1/ipad",
        "pem_file": "/t/web1/ipad.pem",
        "alias": "web1-ipad",
    }
    assert (server["checks"][0]["tunnel"]["user"], server["checks"][0]["tunnel"]["private_key_file"]) == (
        "ipad",
        "/t/web1/ipad",
    )


def test_a_near_port_of_its_own_is_in_every_address_of_the_tunnel():
    server = only(local_port=20017)
    assert server["url"] == server["checks"][0]["url"] == "http://localhost:20017/"
    assert (server["ssh"]["local_port"], server["ssh"]["remote_port"]) == (20017, 8888)
    here = {**SSH, "connection": "local", "host": "localhost", "address": "localhost"}
    assert only(contact=here, local_port=20017)["url"] == "http://localhost:8888/", "on this machine it is not at it"


def test_a_key_with_a_passphrase_is_handed_over_and_the_way_is_tried_as_ansible_comes():
    server = with_account(locked=True)
    assert server["ssh"]["user"] == "ipad"
    assert server["checks"][0]["tunnel"]["user"] == "admin"


def test_every_account_is_handed_over_and_the_first_without_a_passphrase_is_tried():
    accounts = [
        {**ACCOUNT, "locked": True},
        {"name": "mac", "identity_file": "/t/web1/mac", "locked": False},
        {**ACCOUNT, "name": "another"},
    ]
    the_plan = {
        **plan({"name": "lab", "tunnel_accounts": ["ipad", "mac"]}),
        "contact": SSH,
        "route": ROUTE,
        "tunnel": {"accounts": accounts, "override": False},
    }
    (server,) = endpoints.servers(the_plan, state_instances.complete(the_plan, bare()), {}, PKI)

    assert server["ssh"]["user"] == "ipad"
    assert server["ssh"]["others"] == [
        {"user": "mac", "private_key_file": "/t/web1/mac", "pem_file": None, "alias": "web1-mac"}
    ]
    assert (server["checks"][0]["tunnel"]["user"], server["checks"][0]["tunnel"]["private_key_file"]) == (
        "mac",
        "/t/web1/mac",
    )


@pytest.mark.parametrize(
    ("given", "urls"),
    [
        pytest.param({"access": "tunnel"}, [("tunnel", "http://localhost:8888/")], id="tunnel"),
        pytest.param({"access": "direct"}, [("network", "https://192.0.2.10:8888/")], id="direct"),
        pytest.param(
            {"access": "both"},
            [("network", "https://192.0.2.10:8888/"), ("tunnel", "https://localhost:8888/")],
            id="both",
        ),
        pytest.param(
            {"access": "both", "tls": "provided", "certificate_file": "/c.pem"},
            [("network", "https://192.0.2.10:8888/")],
            id="both, with a certificate that does not name localhost",
        ),
    ],
)
def test_each_way_that_clients_come_has_to_work(given, urls):
    server = only(addresses=["192.0.2.10"], **given)
    assert [(way["way"], way["url"]) for way in server["checks"]] == urls
    assert {way["sha256"] for way in server["checks"]} == {None if server["tls"]["mode"] == "none" else "cd" * 32}


def said(ssh_config="", route=None, **given):
    the_plan = {
        **plan({"name": "lab", **given}),
        "contact": SSH,
        "route": {**ROUTE, **(route or {})},
        "tunnel": {"accounts": [ACCOUNT], "override": False},
    }
    instances = state_instances.complete(the_plan, bare())
    return endpoints.connect(
        endpoints.servers(the_plan, instances, {"lab": {"password_file": "/c/lab.password"}}, PKI),
        instances,
        "/h",
        ssh_config,
    )


def test_a_run_ends_with_where_to_connect():
    assert said() == [
        "lab on web1: http://localhost:8888/",
        "from another machine first:",
        "    ssh -N -L 8888:localhost:8888 admin@192.0.2.10",
        "password: in /c/lab.password",
        "the page to hand over: /h/web1/lab.html",
    ]


def test_through_tls_there_is_something_to_trust_and_no_tunnel():
    assert said(access="direct", addresses=["192.0.2.10"])[:2] == [
        "lab on web1: https://192.0.2.10:8888/",
        "trust once on each device: /pki/ca-bundle.pem",
    ]


def test_an_account_that_can_only_forward_has_a_command_of_its_own():
    assert said("/t/config", tunnel_accounts=["ipad"])[1:3] == [
        "as ipad, which can forward and do nothing else:",
        "    ssh -F /t/config -N web1-ipad",
    ]


def test_a_server_in_tmux_can_be_attached_to():
    line = said(service_manager="tmux")[-1]
    assert line.startswith("    sudo -u jupyter tmux ")
    assert line.endswith(" attach")


def test_a_jump_host_and_another_address_are_in_the_last_lines_and_in_the_record():
    hop = {"host": "203.0.113.5", "port": 22, "user": "ann", "alias": None, "private_key_file": None}
    route = {"host": "10.0.0.5", "port": 2222, "hops": [hop]}
    words = "ssh -N -p 2222 -J ann@203.0.113.5 -L 8888:localhost:8888 admin@10.0.0.5"
    assert said(route=route)[1:3] == ["from another machine first:", f"    {words}"]
    assert only(route=route)["ssh"]["hops"] == [hop]


def test_tunnel_address_names_this_very_machine_as_well():
    here = {**SSH, "connection": "local", "host": "localhost", "address": "localhost"}
    assert only(contact=here, route={"host": "lab.example.org"}, addresses=["192.0.2.7"])["ssh"]["host"] == (
        "lab.example.org"
    )


@pytest.mark.parametrize(
    ("guessed", "urls"),
    [
        pytest.param(False, ["https://192.0.2.10:8888/", "https://web1:8888/", "https://a.b:8888/"], id="listed"),
        pytest.param(True, ["https://192.0.2.10:8888/", "https://a.b:8888/"], id="a short name of the inventory alone"),
    ],
)
def test_every_address_is_handed_over_that_clients_can_know(guessed, urls):
    names = ["192.0.2.10", "web1", "a.b"]
    server = only(access="direct", addresses=names, guessed=names if guessed else [])
    assert (server["url"], server["urls"]) == (urls[0], urls)
    lines = said(access="direct", addresses=names)[:3]
    assert lines == ["lab on web1: https://192.0.2.10:8888/", "    or https://web1:8888/", "    or https://a.b:8888/"]


def test_for_a_client_a_proxy_is_the_server():
    server = only(access="proxied", public_url="https://lab.example.org/ann/", ca_file="/company.pem")
    assert (server["url"], server["urls"]) == ("https://lab.example.org/ann/", ["https://lab.example.org/ann/"])
    assert (server["access"], server["tls"]["mode"], server["tls"]["ca_file"]) == ("direct", "provided", "/company.pem")
    (check,) = server["checks"]
    assert (check["way"], check["url"], check["tunnel"]) == ("proxy", "https://lab.example.org/ann/", None)
    assert (check["ca_file"], check["sha256"], check["upload"]) == ("/company.pem", None, 5_000_000)
    assert only(access="proxied", public_url="http://lab/", plain_http=True)["tls"]["mode"] == "none"
