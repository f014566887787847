# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import plistlib

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._handoff import addresses, pages
from ansible_collections.remote.notebooks.plugins.plugin_utils._handoff import authority as handoff_authority

SSH = {"host": "192.0.2.10", "port": 22, "user": "tunnel", "local_port": 9000, "remote_port": 8888}
DIRECT = {
    "host": "lab1",
    "instance": "lab",
    "url": "https://lab.example.org:8888/team/",
    "access": "direct",
    "tls": {
        "mode": "private_ca",
        "ca_file": "/pki/ca.pem",
        "ca_sha256": "AB:" * 31 + "AB",
        "not_after": "2027-12-22T10:00:00Z",
    },
    "password_file": "/credentials/lab1/lab.password",
    "service": "jupyter@lab.service",
    "clients": ["browser", "juno"],
    "classic": "tree",
}
TUNNEL = {"host": "lab1", "instance": "lab", "url": "http://localhost:9000/", "access": "tunnel", "ssh": SSH}
AUTHORITY = {
    "name": "Our CA",
    "sha256": "ab" * 32,
    "der": b"\x30\x00",
    "pem": b"-----BEGIN CERTIFICATE-----\n",
    "others": [],
}


def changed(record, **more):
    return {**record, **more}


def test_a_record_is_complete_and_in_order():
    record = pages.complete(DIRECT)
    assert list(record) == [
        "host",
        "instance",
        "person",
        "url",
        "urls",
        "own",
        "api_url",
        "access",
        "tls",
        "ssh",
        "password_file",
        "service",
        "clients",
        "classic",
    ]
    assert record["person"] == "lab"
    assert record["api_url"] == "https://lab.example.org:8888/team/api"
    assert record["tls"]["ca_sha256"] == "ab" * 32
    assert record["ssh"] is None


def test_a_tunnel_needs_no_tls():
    record = pages.complete(TUNNEL)
    assert record["tls"] == {"mode": "none", "ca_file": None, "ca_sha256": None, "not_after": None}
    assert record["clients"] == ["browser"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(changed(DIRECT, host="../etc"), "host: '../etc' cannot name a file", id="a host that climbs"),
        pytest.param(changed(DIRECT, instance=".hidden"), "instance: '.hidden' cannot name a file", id="a hidden name"),
        pytest.param(changed(DIRECT, url="lab.example.org"), "is not an address", id="no address"),
        pytest.param(changed(DIRECT, person="../up"), "person: '../up' cannot name a file", id="a person that climbs"),
        pytest.param(changed(DIRECT, url="https://h/?token=x"), "nothing secret in it", id="a token"),
        pytest.param(changed(DIRECT, urls=["javascript:alert(1)"]), "urls: 'javascript", id="a script"),
        pytest.param(changed(DIRECT, url="http://lab.example.org:8888/"), "contradict each other", id="http with TLS"),
        pytest.param(changed(DIRECT, tls={"mode": "none"}), "contradict each other", id="https without"),
        pytest.param(changed(TUNNEL, ssh=None), "ssh: access 'tunnel' goes through a tunnel", id="a tunnel to nowhere"),
    ],
)
def test_records_that_cannot_be_true(given, words):
    with pytest.raises(PlanError, match=r"^servers: ") as raised:
        pages.complete(given)
    assert words in str(raised.value)


def test_json_comes_back_as_it_went():
    record = pages.complete(DIRECT)
    assert pages.from_json(pages.as_json(record), "x") == record
    assert json.loads(pages.as_json(record))["access"] == "direct"


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b'"x"'])
def test_a_file_that_holds_no_record_is_named(data):
    with pytest.raises(PlanError):
        pages.from_json(data, "/handoff/lab1/lab.json")


@pytest.mark.parametrize(
    ("record", "before", "words"),
    [
        pytest.param(DIRECT, {}, [], id="as it was"),
        pytest.param(
            DIRECT,
            {"url": "https://192.168.1.5:8888/team/"},
            [
                "lab on lab1 was at https://192.168.1.5:8888/team/ and is at https://lab.example.org:8888/team/ now."
                " Hand its page over again."
            ],
            id="another address",
        ),
        pytest.param(DIRECT, {"urls": [DIRECT["url"]], "password_file": None}, [], id="another password"),
        pytest.param(
            TUNNEL,
            {"ssh": {**SSH, "host": "192.168.1.5"}},
            ["lab on lab1 was at 192.168.1.5 and is at 192.0.2.10 now. Hand its page over again."],
            id="another SSH server",
        ),
        pytest.param(TUNNEL, {"host": "lab2"}, [], id="another host"),
    ],
)
def test_an_address_that_changed_since_the_last_run_is_named(record, before, words):
    assert pages.moved([pages.complete(record)], [pages.complete(changed(record, **before))]) == words


def test_only_a_private_authority_is_the_fleets():
    own = changed(DIRECT, tls={"mode": "self_signed", "ca_file": "/own.pem"})
    assert pages.shared_authority([own]) is None
    assert pages.shared_authority([own, DIRECT]) == "/pki/ca.pem"


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        pytest.param("CN=Our CA", "Our CA", id="alone"),
        pytest.param("CN=Our CA,O=Lab", "Our CA", id="first"),
        pytest.param("O=Lab,CN=Our CA", "Our CA", id="last"),
        pytest.param("CN=Lab\\, Our CA,O=x", "Lab, Our CA", id="with a comma"),
        pytest.param("O=Lab", "O=Lab", id="none"),
        pytest.param("O=MyCN=x", "O=MyCN=x", id="inside another value"),
        pytest.param("CN=a\x01b\x1b[2Jc\nd\u202e", "a\ufffdb\ufffd[2Jc\ufffdd\ufffd", id="with what no screen shows"),
    ],
)
def test_the_name_that_devices_show(subject, name):
    assert handoff_authority.common_name(subject) == name


def test_a_fingerprint_in_lines_to_compare():
    assert (
        handoff_authority.fingerprint("00112233445566778899aabbccddeeff" * 2)
        == ["00:11:22:33:44:55:66:77", "88:99:AA:BB:CC:DD:EE:FF"] * 2
    )


def test_the_profile_is_one_that_apple_documents():
    profile = plistlib.loads(handoff_authority.mobileconfig(AUTHORITY))
    assert profile["PayloadType"] == "Configuration"
    assert profile["PayloadIdentifier"] == "notebooks.remote.ca.abababababababab"
    (certificate,) = profile["PayloadContent"]
    assert certificate["PayloadType"] == "com.apple.security.root"
    assert certificate["PayloadContent"] == b"\x30\x00"
    assert {profile["PayloadVersion"], certificate["PayloadVersion"]} == {1}


def test_the_same_certificate_gives_the_same_profile_and_another_another():
    def uuids(authority):
        profile = plistlib.loads(handoff_authority.mobileconfig(authority))
        return [profile["PayloadUUID"], profile["PayloadContent"][0]["PayloadUUID"]]

    # Written down once: an update of this collection must replace the profile on a device, not add a second.
    assert uuids(AUTHORITY) == ["EF1E17F6-C749-5315-89D4-6BEFAD1687D4", "AC408ECF-A3D1-5AEC-BDAF-58AF610E1752"]
    assert handoff_authority.mobileconfig(AUTHORITY) == handoff_authority.mobileconfig(dict(AUTHORITY))
    assert not set(uuids(AUTHORITY)) & set(uuids({**AUTHORITY, "sha256": "cd" * 32}))


def test_while_one_authority_takes_over_from_another_devices_get_both():
    old = {"name": "Old CA", "sha256": "cd" * 32, "der": b"\x30\x01\x00", "pem": b"old\n"}
    both = {**AUTHORITY, "others": [old]}
    profile = plistlib.loads(handoff_authority.mobileconfig(both))
    assert [payload["PayloadContent"] for payload in profile["PayloadContent"]] == [AUTHORITY["der"], old["der"]]
    assert len({payload["PayloadUUID"] for payload in profile["PayloadContent"]} | {profile["PayloadUUID"]}) == 3
    # The same identity as before and after the rotation: the device replaces the profile instead of collecting them.
    assert (
        profile["PayloadIdentifier"] == plistlib.loads(handoff_authority.mobileconfig(AUTHORITY))["PayloadIdentifier"]
    )
    assert handoff_authority.authority_files(both, "ca")["ca.pem"] == AUTHORITY["pem"] + old["pem"]


def test_the_direct_fields():
    page = pages.view(pages.complete(DIRECT), AUTHORITY, "../ca", {})
    assert page["tunnel"] is None
    assert page["scan"] == "https://lab.example.org:8888/team/"
    direct = page["direct"]
    assert (direct["app_address"], direct["port"], direct["https"]) == ("lab.example.org/team", 8888, True)
    assert direct["classic"] == "https://lab.example.org:8888/team/tree"
    assert page["authority"]["profile"] == "../remote-notebooks.mobileconfig"
    assert page["not_after"] == "2027-12-22"


@pytest.mark.parametrize(
    ("url", "classic", "address", "opens"),
    [
        pytest.param("https://h:8888/", "tree", "h", "https://h:8888/tree", id="Lab with the classic pages beside it"),
        pytest.param(
            "https://h:8888/",
            "nbclassic/tree",
            "h/nbclassic",
            "https://h:8888/nbclassic/tree",
            id="Notebook 7 has taken /tree",
        ),
        pytest.param(
            "https://h/a/", "nbclassic/tree", "h/a/nbclassic", "https://h/a/nbclassic/tree", id="below a path as well"
        ),
        pytest.param("https://h:8888/", "", "h", None, id="no classic pages"),
        pytest.param(
            "https://[2001:db8::1]:8888/a/",
            "tree",
            "[2001:db8::1]/a",
            "https://[2001:db8::1]:8888/a/tree",
            id="an IPv6 address",
        ),
    ],
)
def test_the_address_that_juno_needs(url, classic, address, opens):
    page = pages.view(pages.complete(changed(DIRECT, url=url, classic=classic)), AUTHORITY, "../ca", {})
    assert (page["direct"]["app_address"], page["direct"]["classic"]) == (address, opens)


def test_the_fields_of_the_tunnel():
    page = pages.view(pages.complete(TUNNEL), None, "../ca", {})
    assert page["direct"] is None
    assert page["authority"] is None
    assert page["scan"] == "ssh://tunnel@192.0.2.10:22"
    tunnel = page["tunnel"]
    assert (tunnel["url"], tunnel["https"]) == ("http://localhost:9000/", False)
    assert (tunnel["ssh_host"], tunnel["ssh_port"], tunnel["ssh_user"], tunnel["remote_port"]) == (
        "192.0.2.10",
        22,
        "tunnel",
        8888,
    )
    assert tunnel["command"] == "ssh -N -L 9000:localhost:8888 tunnel@192.0.2.10"
    assert tunnel["alias_command"] == "ssh -N jupyter-lab1-lab"
    assert tunnel["block"].splitlines() == [
        "Host jupyter-lab1-lab",
        "    HostName 192.0.2.10",
        "    User tunnel",
        "    LocalForward 9000 localhost:8888",
        "    ExitOnForwardFailure yes",
        "    ServerAliveInterval 30",
    ]


def test_another_ssh_port_and_no_user():
    record = pages.complete(changed(TUNNEL, ssh={**SSH, "port": 2222, "user": None}))
    tunnel = pages.view(record, None, "../ca", {})["tunnel"]
    assert tunnel["command"] == "ssh -N -p 2222 -L 9000:localhost:8888 192.0.2.10"
    assert "    Port 2222" in tunnel["block"].splitlines()
    assert "User" not in tunnel["block"]


HOP = {"host": "203.0.113.5", "port": 2222, "user": "ann"}
KEYED = {"host": "203.0.113.5", "user": "ipad", "alias": "bastion-ipad", "private_key_file": "/t/bastion/ipad"}


def through(*hops, **more):
    return pages.view(pages.complete(changed(TUNNEL, ssh={**SSH, "hops": list(hops), **more})), None, "../ca", {})


@pytest.mark.parametrize(
    ("hops", "more", "command", "line"),
    [
        pytest.param(
            [HOP],
            {},
            "ssh -N -J ann@203.0.113.5:2222 -L 9000:localhost:8888 tunnel@192.0.2.10",
            "ProxyJump ann@203.0.113.5:2222",
            id="one",
        ),
        pytest.param(
            [HOP, {"host": "2001:db8::5"}],
            {"port": 22},
            "ssh -N -J ann@203.0.113.5:2222,[2001:db8::5] -L 9000:localhost:8888 tunnel@192.0.2.10",
            "ProxyJump ann@203.0.113.5:2222,[2001:db8::5]",
            id="two",
        ),
        pytest.param(
            [],
            {"command": "nc -X 5 %h %p"},
            "ssh -N -o 'ProxyCommand=nc -X 5 %h %p' -L 9000:localhost:8888 tunnel@192.0.2.10",
            "ProxyCommand nc -X 5 %h %p",
            id="a command",
        ),
    ],
)
def test_a_jump_host_is_in_the_command_and_in_the_lines(hops, more, command, line):
    page = through(*hops, **more)
    assert page["tunnel"]["command"] == command
    assert f"    {line}" in page["tunnel"]["block"].splitlines()
    assert page["scan"] == "", "no app on a phone goes through a jump host"


def test_a_jump_host_with_a_key_of_its_own_has_its_own_lines():
    tunnel = through(KEYED, private_key_file="/t/lab1/ipad", alias="lab1-ipad")["tunnel"]
    assert tunnel["command"] is None, "-i is for the last host alone"
    assert tunnel["files"] == ["ipad", "bastion/ipad"]
    assert tunnel["keep"].endswith(
        "install -m 600 ipad ~/.ssh/lab1-ipad && install -m 600 bastion/ipad ~/.ssh/bastion-ipad"
    )
    assert tunnel["block"].splitlines()[:11] == [
        "Host bastion-ipad",
        "    HostName 203.0.113.5",
        "    User ipad",
        "    IdentityFile ~/.ssh/bastion-ipad",
        "    IdentitiesOnly yes",
        "Host lab1-ipad",
        "    HostName 192.0.2.10",
        "    User tunnel",
        "    IdentityFile ~/.ssh/lab1-ipad",
        "    IdentitiesOnly yes",
        "    ProxyJump bastion-ipad",
    ]


def test_every_address_is_on_the_page_with_the_network_that_reaches_it():
    urls = ["https://lab.local:8888/", "https://192.168.1.5:8888/", "https://lab.example.org:8888/"]
    page = pages.view(pages.complete(changed(DIRECT, url=urls[0], urls=urls)), AUTHORITY, "../ca", {})
    assert page["direct"]["url"] == urls[0]
    assert [(way["url"], way["place"]) for way in page["directs"]] == [
        ("https://lab.local:8888/", "In the network of the server, not through a VPN"),
        ("https://192.168.1.5:8888/", "In the network of the server, or its VPN"),
        ("https://lab.example.org:8888/", "From anywhere"),
    ]


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("192.168.1.5", True),
        ("100.100.1.2", True),
        ("fd00::1", True),
        ("fe80::1%eth0", True),
        ("lab", True),
        ("lab.local", True),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("lab.example.org", False),
    ],
)
def test_an_address_of_one_network_alone(host, near):
    assert addresses.is_near(host) is near


def test_both_ways_on_one_page():
    record = pages.complete(changed(DIRECT, access="both", ssh=SSH))
    page = pages.view(record, AUTHORITY, "../ca", {})
    assert page["direct"]["url"] == "https://lab.example.org:8888/team/"
    assert page["tunnel"]["url"] == "https://localhost:9000/team/"
    assert page["near"] is page["direct"]


@pytest.mark.parametrize(
    ("ca_path", "profile"),
    [("../ca", "../remote-notebooks.mobileconfig"), ("lab", "lab.mobileconfig"), ("alpaca", "alpaca.mobileconfig")],
)
def test_where_the_profile_lies(ca_path, profile):
    assert handoff_authority.profile_path(ca_path) == profile


def test_every_tunnel_account_has_its_command_and_its_key():
    own = {"private_key_file": "/t/ipad", "pem_file": "/t/ipad.pem", "alias": "lab1-ipad"}
    other = {"user": "mac", "private_key_file": "/t/mac", "alias": "lab1-mac"}
    record = pages.complete(changed(TUNNEL, ssh={**SSH, "user": "ipad", **own, "others": [other]}))
    assert record["ssh"]["others"] == [
        {"user": "mac", "private_key_file": "/t/mac", "pem_file": None, "alias": "lab1-mac"}
    ]
    tunnels = pages.view(record, None, "../ca", {})["tunnels"]
    assert [(tunnel["command"], tunnel["alias_command"], tunnel["key"], tunnel["pem"]) for tunnel in tunnels] == [
        ("ssh -N -i ~/.ssh/lab1-ipad -L 9000:localhost:8888 ipad@192.0.2.10", "ssh -N lab1-ipad", "ipad", "ipad.pem"),
        ("ssh -N -i ~/.ssh/lab1-mac -L 9000:localhost:8888 mac@192.0.2.10", "ssh -N lab1-mac", "mac", None),
    ]
    # The folder of the keys is the operator's: the page goes to others.
    assert "/t/" not in repr(tunnels)
    assert tunnels[0]["keep"] == "mkdir -p -m 700 ~/.ssh && install -m 600 ipad ~/.ssh/lab1-ipad"


def test_a_page_that_travels_alone_holds_the_certificates():
    carried = {"ca.crt": b"der", "ca.pem": b"pem", "remote-notebooks.mobileconfig": b"profile"}
    assert pages.view(pages.complete(DIRECT), AUTHORITY, "../ca", carried)["authority"]["carried"] == [
        {"name": "ca.crt", "url": "data:application/x-x509-ca-cert;base64,ZGVy"},
        {"name": "ca.pem", "url": "data:application/x-pem-file;base64,cGVt"},
        {
            "name": "remote-notebooks.mobileconfig",
            "url": "data:application/x-apple-aspen-config;base64,cHJvZmlsZQ==",
        },
    ]
