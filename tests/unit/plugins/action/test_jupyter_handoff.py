# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action as a playbook calls it, on a real folder with a real authority."""

from __future__ import annotations

import base64
import json
import os
import plistlib
import re
import stat
import subprocess
import sys
import urllib.request
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LAB = {
    "host": "lab1",
    "instance": "lab",
    "url": "https://lab.example.org:8888/",
    "access": "both",
    "tls": {"mode": "private_ca", "ca_file": "ca.pem", "not_after": "2027-12-22T10:00:00Z"},
    "ssh": {"host": "lab.example.org", "user": "tunnel", "local_port": 8888, "remote_port": 8888},
    "password_file": "password",
    "service": "jupyter@lab.service",
    "clients": ["browser", "juno", "vscode"],
    "classic": "tree",
}
TUNNEL = {
    "host": "192.0.2.10",
    "instance": "gpu",
    "url": "http://localhost:8890/",
    "access": "tunnel",
    "ssh": {"host": "192.0.2.10", "local_port": 8890, "remote_port": 8888},
    "clients": ["juno"],
    "classic": "nbclassic/tree",
}
PASSWORD = "battery <staple> & horse"


def make_authority(path: Path, name: str) -> bytes:
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
    )
    certificate = builder.not_valid_before(now).not_valid_after(now + timedelta(days=9)).sign(key, hashes.SHA256())
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate.fingerprint(hashes.SHA256())


class Fleet:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sha256 = make_authority(folder / "ca.pem", "Our <CA> & sons").hex()
        (folder / "password").write_text(PASSWORD + "\n")

    def run(self, *servers: dict, flags: tuple[str, ...] = (), **arguments) -> dict:
        return self.call("jupyter_handoff", flags, directory="handoff", servers=list(servers), **arguments)

    def call(self, action: str, flags: tuple[str, ...] = (), **arguments) -> dict:
        task = {f"remote.notebooks.{action}": arguments, "register": "done"}
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]
        (self.folder / "play.yml").write_text(yaml.safe_dump(play))
        program = str(Path(sys.executable).parent / "ansible-playbook")
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            [program, "play.yml", *flags], check=False, cwd=self.folder, env=environment, capture_output=True, text=True
        )
        output = done.stdout[done.stdout.index("{") :]
        return json.loads(output)["plays"][0]["tasks"][0]["hosts"]["localhost"]

    def read(self, name: str) -> str:
        return (self.folder / "handoff" / name).read_text()

    @property
    def files(self) -> set[str]:
        root = self.folder / "handoff"
        return {
            str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")
        }


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path)


#: Elements without an end (HTML Living Standard, 13.1.2).
VOID = {"meta", "link", "br", "img", "input", "hr", "path"}


class Page(HTMLParser):
    """The loads, links and text of a page. Fails if an element does not end inside the one it began
    in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.inside: list[str] = []
        self.feed(text)
        self.close()
        assert self.inside == []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        assert len(values) == len(attrs), f"<{tag}> says something twice at {self.getpos()}"
        self.inside += [] if tag in VOID else [tag]
        self.ids += [values["id"]] if "id" in values else []
        if tag == "a":
            self.links.append(values["href"])
        else:
            self.loads += [
                value
                for name, value in attrs
                if name in {"src", "href", "srcset", "action", "data"} and value != "data:,"
            ]

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID

    def handle_endtag(self, tag):
        assert tag not in VOID
        assert self.inside.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        self.text += data


def words_of(text):
    """The words that a page shows, without those of its buttons."""
    return " ".join(Page(text).text.split()).replace("Copy ", "").replace("Copy", "")


def test_everything_is_written_once(fleet):
    predicted = fleet.run(LAB, TUNNEL, flags=("--check",))
    assert predicted["changed"] is True
    assert not (fleet.folder / "handoff").exists()

    first = fleet.run(LAB, TUNNEL)
    assert first["changed"] is True
    assert first["files"] == sorted(fleet.files)
    assert fleet.files == {
        "index.html",
        "ca.crt",
        "ca.pem",
        "remote-notebooks.mobileconfig",
        "lab1/lab.json",
        "lab1/lab.html",
        "192.0.2.10/gpu.json",
        "192.0.2.10/gpu.html",
    }
    assert fleet.run(LAB, TUNNEL)["changed"] is False
    assert fleet.run(LAB, TUNNEL, flags=("--check",))["changed"] is False
    assert {stat.S_IMODE(path.stat().st_mode) for path in (fleet.folder / "handoff").rglob("*") if path.is_file()} == {
        0o600
    }


def test_a_damaged_page_is_written_again_and_the_difference_told(fleet):
    fleet.run(LAB)
    page = fleet.folder / "handoff/lab1/lab.json"
    good = page.read_bytes()
    page.write_text("{}\n")
    again = fleet.run(LAB, flags=("--diff",))
    assert [change["before_header"] for change in again["diff"]] == ["handoff/lab1/lab.json"]
    assert page.read_bytes() == good


@pytest.mark.parametrize("name", ["lab1/lab.html", "index.html"])
@pytest.mark.parametrize(
    "damage", [lambda text: text.replace("lab", "lob", 1), lambda text: text[: len(text) // 2], lambda text: ""]
)
def test_a_page_that_somebody_changed_is_made_again(fleet, name, damage):
    fleet.run(LAB)
    page = fleet.folder / "handoff" / name
    good = page.read_text()
    page.write_text(damage(good))
    assert fleet.run(LAB)["changed"] is True
    assert page.read_text() == good


def test_pages_that_are_as_they_were_made_are_not_made_again(fleet, monkeypatch):
    first = fleet.run(LAB, TUNNEL)
    library = fleet.folder / "library"
    library.mkdir()
    (library / "segno.py").write_text("raise RuntimeError('a code is drawn')\n")
    monkeypatch.setenv("PYTHONPATH", str(library))
    again = fleet.run(LAB, TUNNEL)
    assert (first["changed"], again["changed"], again.get("failed", False)) == (True, False, False)
    assert "a code is drawn" in json.dumps(fleet.run({**LAB, "url": "https://other.example.org:8888/"}, TUNNEL))


def test_with_limit_the_other_servers_stay_in_the_index(fleet):
    fleet.run(LAB, TUNNEL)
    before = fleet.read("index.html")
    assert fleet.run(LAB)["changed"] is False
    assert fleet.run(TUNNEL)["changed"] is False
    assert fleet.read("index.html") == before
    assert {"lab1/lab.html", "192.0.2.10/gpu.html"} <= set(Page(before).links)


DEVICE = {"user": "ipad", "private_key_file": "t/devices/ipad", "pem_file": "t/devices/ipad.pem"}
OF_ANN = [
    {**LAB, "instance": "ann", "person": "ann", "ssh": {**LAB["ssh"], **DEVICE, "alias": "lab1-ipad"}},
    {
        **{**LAB, "host": "lab2", "instance": "gpu", "person": "ann", "clients": ["juno", "vscode"]},
        "url": "https://lab2.local:8888/",
        "urls": ["https://lab2.local:8888/", "https://192.168.1.5:8888/"],
        "ssh": {**LAB["ssh"], **DEVICE, "host": "lab2.example.org", "alias": "lab2-ipad", "local_port": 20017},
    },
]


def test_a_person_has_one_page_over_all_servers(fleet):
    done = fleet.run(*OF_ANN, TUNNEL, include_password=True)
    assert done["people"] == {"ann": "handoff/people/ann.html"}
    text = fleet.read("people/ann.html")
    shown = words_of(text)
    for words in (
        "Your 2 Jupyter servers",
        "ann on lab1",
        "gpu on lab2",
        "Direct connection",
        "Local port forwarding",
        "Disconnect SSH Tunnel",
        "Reachable",
        "Untrusted",
        "Unreachable",
        "https://lab2.local:8888/",
        "https://192.168.1.5:8888/",
        "ssh -N lab1-ipad",
        "ssh -N lab2-ipad",
        "Select Kernel",
    ):
        assert words in shown, words
    for once in ("Compare this fingerprint", "install -m 600 ipad ~/.ssh/jupyter-ipad", "Host lab2-ipad"):
        assert shown.count(once) == 1, once
    codes = ("https://lab.example.org:8888/", "https://192.168.1.5:8888/", "ssh://ipad@lab2.example.org:22")
    assert [text.count(f"QR code of {each}") for each in codes] == [1, 1, 1]
    assert "staple" not in text, "no password, also where the pages of the servers show theirs"
    assert "t/devices" not in text, "no path of the control node"
    assert "people/ann.html" in Page(fleet.read("index.html")).links


def test_an_account_of_ones_own_may_log_in_with_a_password(fleet):
    plain = [{**each, "ssh": {**each["ssh"], "private_key_file": None, "pem_file": None}} for each in OF_ANN]
    fleet.run(*plain)
    text = " ".join(Page(fleet.read("people/ann.html")).text.split())
    assert text.count("With a password, choose password authentication.") == 2
    assert "which came with this page" not in text


def test_a_run_for_one_host_keeps_the_other_servers_of_a_person(fleet):
    fleet.run(*OF_ANN)
    before = fleet.read("people/ann.html")
    for each in OF_ANN:
        again = fleet.run(each, hosts=[each["host"]])
        assert (again["changed"], again["people"]) == (False, {"ann": "handoff/people/ann.html"})
    assert fleet.run(TUNNEL)["people"] == {}, "no server of that person was in the run"
    assert fleet.read("people/ann.html") == before
    assert fleet.call("jupyter_handoff", directory="handoff")["changed"] is False


def test_the_page_of_a_person_goes_with_the_second_server(fleet):
    fleet.run(*OF_ANN)
    other = {**LAB, "host": "lab2"}
    predicted = fleet.run(other, hosts=["lab2"], flags=("--check", "--diff"))
    assert "people/ann.html" in fleet.files
    done = fleet.run(other, hosts=["lab2"], flags=("--diff",))
    assert done["diff"] == predicted["diff"]
    assert done["people"] == {}
    assert not {"people/ann.html", "lab2/gpu.html"} & fleet.files
    assert fleet.run(other, hosts=["lab2"])["changed"] is False


def test_records_of_earlier_releases_count_and_their_text_stays_text(fleet):
    fleet.run(*OF_ANN)
    path = fleet.folder / "handoff/lab1/ann.json"
    record = json.loads(path.read_text())
    del record["person"]
    record["ssh"]["host"] = "<script>alert(1)</script>"
    path.write_text(json.dumps(record))
    fleet.run(OF_ANN[1])
    text = fleet.read("people/ann.html")
    assert "<script>alert" not in text
    assert "<script>alert(1)</script>" in Page(text).text


def test_each_authority_has_its_steps_on_the_page_of_a_person(fleet, signer):
    make_authority(fleet.folder / "own.pem", "Own")
    own = {**OF_ANN[1], "tls": {"mode": "self_signed", "ca_file": "own.pem"}}
    fleet.run(OF_ANN[0], own, signer=signer)
    page = Page(fleet.read("people/ann.html"))
    assert len(page.ids) == len(set(page.ids))
    assert "Trust ann on lab1, once per device" in page.text
    assert "Trust gpu on lab2, once per device" in page.text
    assert {"../ca.crt", "../lab2/gpu.crt", "../lab2/gpu.mobileconfig"} <= set(page.links)
    assert fleet.run(OF_ANN[0], own, signer=signer)["changed"] is False
    assert fleet.run(OF_ANN[0], signer=signer)["changed"] is False
    (fleet.folder / "own.pem").unlink()
    assert fleet.run(OF_ANN[0], signer=signer).get("failed", False) is False, "another's authority may be gone"


def test_an_address_that_a_host_has_lost_is_said_until_the_inventory_names_it_no_more(fleet):
    urls, old = [LAB["url"], "https://192.168.1.5:8888/"], {"own": ["192.168.1.5"]}
    now = {"now": {"addresses": ["192.168.1.77"], "variable": "jupyter_addresses"}}
    first = {**LAB, "urls": urls, **old, "now": {**now["now"], "addresses": ["192.168.1.5"]}}
    assert "warnings" not in fleet.run(first)
    second = {"instance": "second", "url": "https://lab.example.org:8889/"}
    for _run in range(2):
        (warning,) = fleet.run({**first, **now, "own": []}, {**first, **second})["warnings"]
        assert "Write 192.168.1.77 instead of 192.168.1.5 in jupyter_addresses" in warning
    assert json.loads(fleet.read("lab1/lab.json"))["own"] == ["192.168.1.5"]
    assert "now" not in json.loads(fleet.read("lab1/lab.json"))
    corrected = {**LAB, "urls": [LAB["url"], "https://192.168.1.77:8888/"], "own": ["192.168.1.77"], **now}
    (warning,) = fleet.run(corrected)["warnings"]
    assert "was at https://192.168.1.5:8888/" in warning
    assert "warnings" not in fleet.run(corrected)


def test_a_name_that_two_hosts_have_is_said(fleet):
    near = {**LAB, "urls": [LAB["url"], "https://lab.local:8888/"]}
    assert "warnings" not in fleet.run(near)
    other = {**near, "host": "lab2", "url": "https://lab2.example.org:8888/", "urls": ["https://lab.local:9999/"]}
    (warning,) = fleet.run(other)["warnings"]
    assert warning.startswith("lab.local is the address of lab1 and lab2,")


def test_what_a_host_no_longer_runs_is_removed(fleet):
    make_authority(fleet.folder / "own.pem", "Own")
    old = {**LAB, "instance": "old", "tls": {"mode": "self_signed", "ca_file": "own.pem"}}
    fleet.run(LAB, old, TUNNEL)
    everything = fleet.files
    assert fleet.run(LAB, TUNNEL)["changed"] is False, "nobody said that this was all of the host"
    predicted = fleet.run(LAB, hosts=["lab1"], flags=("--check", "--diff"))
    assert fleet.files == everything
    done = fleet.run(LAB, hosts=["lab1"], flags=("--diff",))
    assert done["diff"] == predicted["diff"]
    assert everything - fleet.files == {
        f"lab1/old.{ending}" for ending in ("json", "html", "crt", "pem", "mobileconfig")
    }
    assert fleet.read("index.html").count("lab1/") == 1
    assert fleet.run(LAB, hosts=["lab1"])["changed"] is False


def test_a_server_that_goes_over_to_the_tunnel_takes_its_certificate_along(fleet):
    fleet.run(LAB)
    fleet.run({**LAB, "url": "http://localhost:8888/", "access": "tunnel", "tls": {"mode": "none"}})
    assert fleet.files == {"index.html", "lab1/lab.json", "lab1/lab.html"}


def test_a_check_before_there_is_an_authority_predicts_the_change(fleet):
    (fleet.folder / "ca.pem").unlink()
    assert fleet.run(LAB, flags=("--check",))["changed"] is True
    assert "there is no ca.pem" in fleet.run(LAB)["msg"]


def test_the_authority_in_each_form(fleet):
    fleet.run(LAB)
    folder = fleet.folder / "handoff"
    for name, form in (("ca.crt", "DER"), ("ca.pem", "PEM")):
        command = ["openssl", "x509", "-inform", form, "-in", str(folder / name), "-noout", "-fingerprint", "-sha256"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert said.strip().split("=")[1].replace(":", "").lower() == fleet.sha256
    profile = plistlib.loads((folder / "remote-notebooks.mobileconfig").read_bytes())
    assert profile["PayloadContent"][0]["PayloadContent"] == (folder / "ca.crt").read_bytes()
    assert json.loads(fleet.read("lab1/lab.json"))["tls"]["ca_sha256"] == fleet.sha256


def test_an_authority_of_one_server_lies_beside_its_page(fleet):
    make_authority(fleet.folder / "own.pem", "Own")
    fleet.run(LAB, {**LAB, "instance": "own", "tls": {"mode": "self_signed", "ca_file": "own.pem"}})
    assert {"lab1/own.crt", "lab1/own.pem", "lab1/own.mobileconfig", "ca.crt"} <= fleet.files
    assert {"own.crt", "own.pem", "own.mobileconfig"} <= set(Page(fleet.read("lab1/own.html")).links)
    assert {"../ca.crt", "../ca.pem", "../remote-notebooks.mobileconfig"} <= set(
        Page(fleet.read("lab1/lab.html")).links
    )


@pytest.mark.parametrize("name", ["lab1/lab.html", "192.0.2.10/gpu.html", "index.html", "people/ann.html"])
def test_a_page_needs_nothing_but_itself(fleet, name):
    fleet.run(LAB, TUNNEL, *OF_ANN)
    text = fleet.read(name)
    page = Page(text)
    assert page.loads == []
    assert "url(" not in text
    assert "@import" not in text
    assert re.findall(r"&(?!#?\w+;)", re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL)) == []
    assert "default-src 'none'" in text
    assert len(page.ids) == len(set(page.ids))
    folder, carried = (fleet.folder / "handoff" / name).parent, []
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif link.startswith("data:"):
            carried.append(base64.b64decode(link.partition(";base64,")[2]))
        elif not link.startswith("http"):
            assert (folder / link).is_file(), link
    # A page with certificates works without the files beside it.
    files = ("ca.crt", "ca.pem", "remote-notebooks.mobileconfig")
    assert carried in ([], [(fleet.folder / "handoff" / file).read_bytes() for file in files])
    assert bool(carried) == ("Trust the server" in text)
    assert "Our <CA> & sons" in page.text or name.startswith("192")


def test_the_page_has_every_field_of_the_screens(fleet):
    fleet.run(LAB, TUNNEL)
    text = " ".join(Page(fleet.read("lab1/lab.html")).text.split())
    for words in (
        "Address lab.example.org",
        "Port 8888",
        "HTTPS On",
        "SSH host lab.example.org",
        "SSH port 22",
        "User name tunnel",
        "Forward host localhost",
        "Forward port 8888",
        "https://lab.example.org:8888/tree",
        "ssh -N -L 8888:localhost:8888 tunnel@lab.example.org",
        "Certificate Trust Settings",
        "VPN & Device Management",
        "jupyter@lab.service",
        "2027-12-22",
    ):
        assert words in text.replace("Copy ", "").replace("Copy", ""), words
    tunnel = " ".join(Page(fleet.read("192.0.2.10/gpu.html")).text.split())
    assert "HTTPS Off" in tunnel
    assert "HTTPS On" not in tunnel
    assert "Certificate Trust Settings" not in tunnel


def test_the_page_has_the_way_of_every_tunnel_account(fleet):
    ssh = {
        **LAB["ssh"],
        "user": "ipad",
        "private_key_file": "/t/ipad",
        "others": [{"user": "mac", "private_key_file": "/t/mac", "alias": "lab-mac"}],
    }
    fleet.run({**LAB, "ssh": ssh, "access": "both"})
    shown = " ".join(Page(fleet.read("lab1/lab.html")).text.split())
    for words in (
        "As ipad",
        "ssh -N -i ~/.ssh/jupyter-lab1-lab -L 8888:localhost:8888 ipad@lab.example.org",
        "As mac",
        "ssh -N -i ~/.ssh/lab-mac -L 8888:localhost:8888 mac@lab.example.org",
        "ssh -N lab-mac",
        "User name ipad",
        "Or user name mac",
        "may not log in as ipad or mac on",
    ):
        assert words in shown


def test_every_address_has_a_block_and_a_code_and_a_jump_host_no_fields_of_the_app(fleet):
    urls = [LAB["url"], "https://192.168.1.5:8888/"]
    ssh = {**LAB["ssh"], "hops": [{"host": "gate.example.org", "user": "ann"}]}
    fleet.run({**LAB, "urls": urls, "ssh": ssh})
    text = fleet.read("lab1/lab.html")
    shown = words_of(text)
    for words in (
        "From anywhere https://lab.example.org:8888/",
        "In the network of the server, or its VPN https://192.168.1.5:8888/",
        "Or address 192.168.1.5",
        "ssh -N -J ann@gate.example.org -L 8888:localhost:8888 tunnel@lab.example.org",
        "ProxyJump ann@gate.example.org",
        "the jump host ann@gate.example.org , and the app has no field for one. Use the direct connection .",
    ):
        assert words.replace(" ,", ",").replace(" .", ".") in shown, words
    assert "Forward host" not in shown
    assert [text.count(f"QR code of {url}") for url in urls] == [2, 1]
    assert json.loads(fleet.read("lab1/lab.json"))["ssh"]["hops"][0]["host"] == "gate.example.org"


def test_the_page_uses_the_words_of_the_app(fleet):
    fleet.run(LAB, TUNNEL)
    text = " ".join(Page(fleet.read("lab1/lab.html")).text.split())
    for words in (
        "Direct connection",
        "Local port forwarding",
        "Disconnect SSH Tunnel",
        "Reachable",
        "Untrusted",
        "Unreachable",
        "choose password authentication",
    ):
        assert words in text, words
    assert "Untrusted" not in Page(fleet.read("192.0.2.10/gpu.html")).text, "plain HTTP has no certificate"


def test_the_password_is_shown_only_when_asked_for(fleet):
    fleet.run(LAB)
    written = b"".join(path.read_bytes() for path in (fleet.folder / "handoff").rglob("*") if path.is_file())
    assert b"staple" not in written

    told = fleet.run(LAB, include_password=True, flags=("--diff",))
    assert PASSWORD in Page(fleet.read("lab1/lab.html")).text
    assert told["diff"]
    back = fleet.run(LAB, flags=("--diff",))
    assert back["diff"]
    assert "staple" not in json.dumps([told, back])
    assert "staple" not in fleet.read("lab1/lab.html")
    fleet.run(LAB, include_password=True)
    assert "staple" not in fleet.read("lab1/lab.json") + fleet.read("index.html")


@pytest.mark.parametrize(
    ("server", "words"),
    [
        pytest.param({**LAB, "tls": {"mode": "private_ca", "ca_file": "none.pem"}}, "there is no", id="no authority"),
        pytest.param(
            {**LAB, "tls": {"mode": "private_ca", "ca_file": "password"}}, "holds no certificate", id="no certificate"
        ),
        pytest.param({**LAB, "host": "../up"}, "cannot name a file", id="a host that climbs out of the folder"),
        pytest.param({**LAB, "access": "direkt"}, "value of access must be one of", id="an unknown access"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is(fleet, server, words):
    failed = fleet.run(server)
    assert failed["failed"] is True
    assert words in failed["msg"]
    assert not (fleet.folder / "handoff").exists()


def openssl(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(["openssl", *arguments], check=False, cwd=folder, capture_output=True)


@pytest.fixture(params=["rsa", "ec"])
def signer(request, fleet):
    """A signer below a root of its own, as openssl creates them."""
    kind = (
        ["-newkey", "rsa:2048"] if request.param == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    )
    for name in ("root", "sign"):
        above = [] if name == "root" else ["-CA", "root.pem", "-CAkey", "root.key"]
        files = [
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
            "-subj",
            f"/CN={name}.example.org",
            "-days",
            "9",
        ]
        assert openssl("req", "-x509", *kind, *above, *files, folder=fleet.folder).returncode == 0
    (fleet.folder / "chain.pem").write_bytes(
        (fleet.folder / "sign.pem").read_bytes() + (fleet.folder / "root.pem").read_bytes()
    )
    return {"certificate": "chain.pem", "key": "sign.key"}


def test_openssl_verifies_the_signed_profile_and_a_second_run_signs_nothing(fleet, signer):
    profile = "handoff/remote-notebooks.mobileconfig"
    fleet.run(LAB)
    plain = (fleet.folder / profile).read_bytes()
    assert fleet.run(LAB, signer=signer)["changed"] is True
    verify = ("cms", "-verify", "-inform", "DER", "-in", profile, "-purpose", "any")
    good = openssl(*verify, "-CAfile", "root.pem", folder=fleet.folder)
    assert (good.returncode, good.stdout) == (0, plain), good.stderr
    assert openssl(*verify, "-CAfile", "ca.pem", folder=fleet.folder).returncode != 0, "any root would do"

    signed = (fleet.folder / profile).read_bytes()
    assert fleet.run(LAB, signer=signer)["changed"] is False
    assert fleet.run(LAB, signer=signer, flags=("--check",))["changed"] is False
    assert (fleet.folder / profile).read_bytes() == signed
    (fleet.folder / profile).write_bytes(signed[:-9] + bytes([signed[-9] ^ 1]) + signed[-8:])
    assert fleet.run(LAB, signer=signer)["changed"] is True
    assert openssl(*verify, "-CAfile", "root.pem", folder=fleet.folder).returncode == 0
    assert fleet.run(LAB)["changed"] is True, "without a signer it is the plain profile again"
    assert (fleet.folder / profile).read_bytes() == plain


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"certificate": "none.pem", "key": "ca.pem"}, "there is no none.pem", id="no file"),
        pytest.param(
            {"certificate": "password", "key": "password"}, "certificate: no certificate", id="no certificate"
        ),
        pytest.param({"certificate": "ca.pem", "key": "ca.pem"}, "key: it cannot be read", id="no key"),
        pytest.param(
            {"certificate": "ca.pem", "key": "other.key"}, "not that of the first certificate", id="another's key"
        ),
        pytest.param({"certificate": "ca.pem", "key": "locked.key"}, "key: it cannot be read", id="an encrypted key"),
        pytest.param({"certificate": "ca.pem", "key": "ed.key"}, "only RSA and ECDSA", id="a key of another kind"),
    ],
)
def test_who_cannot_sign(fleet, given, words):
    openssl(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "other.key", folder=fleet.folder
    )
    openssl("pkey", "-in", "other.key", "-aes256", "-passout", "pass:secret", "-out", "locked.key", folder=fleet.folder)
    openssl("genpkey", "-algorithm", "ED25519", "-out", "ed.key", folder=fleet.folder)
    failed = fleet.run(LAB, signer=given)
    assert words in failed["msg"]
    assert not (fleet.folder / "handoff").exists()


def test_the_pages_are_written_again_from_their_records(fleet):
    assert "Run site.yml first" in fleet.call("jupyter_handoff", directory="handoff")["msg"]
    fleet.run(LAB, TUNNEL)
    before = {name: fleet.read(name) for name in fleet.files if not name.endswith(".crt")}
    for name in ("lab1/lab.html", "index.html", "ca.crt"):
        (fleet.folder / "handoff" / name).unlink()
    assert fleet.call("jupyter_handoff", directory="handoff")["changed"] is True
    assert {name: fleet.read(name) for name in before} == before
    assert fleet.call("jupyter_handoff", directory="handoff")["changed"] is False


def test_the_profile_is_well_formed_and_has_apples_document_type(fleet):
    fleet.run(LAB)
    text = fleet.read("remote-notebooks.mobileconfig")
    assert ElementTree.fromstring(text).tag == "plist"
    assert '"-//Apple//DTD PLIST 1.0//EN"' in text or '"-//Apple Computer//DTD PLIST 1.0//EN"' in text


def test_the_kit_holds_no_password_and_no_key_unless_asked(fleet):
    assert "Run site.yml first" in fleet.call("jupyter_kit", directory="handoff", address="127.0.0.1")["msg"]
    fleet.run(LAB, TUNNEL, include_password=True)
    listed = fleet.call("jupyter_kit", ("--check",), directory="handoff", address="127.0.0.1")
    kit = ["192.0.2.10/gpu.html", "ca.crt", "ca.pem", "index.html", "lab1/lab.html", "remote-notebooks.mobileconfig"]
    assert listed["files"] == kit
    asked = fleet.call("jupyter_kit", ("--check",), directory="handoff", address="127.0.0.1", files=["password"])
    assert asked["files"] == sorted([*kit, "password"])
    for arguments, words in (
        ({"minutes": 61}, "60 at most"),
        ({"minutes": 0}, "60 at most"),
        ({"requests": 0}, "serve nothing"),
        ({"files": ["none"]}, "there is no none"),
        ({"files": ["password", "../" + fleet.folder.name + "/password"]}, "two of them are called password"),
    ):
        assert (
            words
            in fleet.call("jupyter_kit", ("--check",), directory="handoff", address="127.0.0.1", **arguments)["msg"]
        )


def test_the_kit_is_served_as_a_device_asks_for_it(fleet):
    fleet.run(LAB, include_password=True)
    task = {
        "remote.notebooks.jupyter_kit": {"directory": "handoff", "address": "127.0.0.1", "minutes": 2, "requests": 3}
    }
    (fleet.folder / "kit.yml").write_text(
        yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    )
    program = str(Path(sys.executable).parent / "ansible-playbook")
    said: list[str] = []
    # On a terminal each line is seen at once; through a pipe Python keeps them until it ends, unless it is told not to.
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [program, "kit.yml"], cwd=fleet.folder, stdout=subprocess.PIPE, text=True, env=environment
    ) as run:
        for line in run.stdout:
            said.append(line)
            found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{16}/", line)
            if found:
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                with opener.open(f"{found[0]}lab1/lab.html") as answer:
                    page = answer.read().decode()
                with opener.open(f"{found[0]}remote-notebooks.mobileconfig") as answer:
                    assert answer.headers["Content-Type"] == "application/x-apple-aspen-config"
                    assert answer.read() == (fleet.folder / "handoff/remote-notebooks.mobileconfig").read_bytes()
                with opener.open(f"{found[0]}ca.crt") as answer:
                    assert answer.headers["Content-Type"] == "application/x-x509-ca-cert"
    assert run.returncode == 0
    assert "staple" not in page, "the page on the disk shows the password; the kit's must not"
    assert "127.0.0.1 took ca.crt\n" in said
    rows = [line for line in said if line.count("█") > 20]
    assert rows and all(re.fullmatch("\033\\[38;5;231;48;5;16m[ █▀▄]+\033\\[0m\n", line) for line in rows), (
        "a QR code, white on black anywhere"
    )
    assert f"  {':'.join(re.findall('..', fleet.sha256.upper())[:8])}\n" in said


def test_the_classic_pages_are_where_the_running_server_has_them(fleet):
    """The record was computed before the environment was built, and a package brought Notebook 7 along."""
    newer = [{"host": "lab1", "instance": "lab", "classic": "nbclassic/tree"}, {**TUNNEL, "classic": "tree"}]
    fleet.run(LAB, targets=newer)
    assert json.loads(fleet.read("lab1/lab.json"))["classic"] == "nbclassic/tree"
    assert "https://lab.example.org:8888/nbclassic/tree" in fleet.read("lab1/lab.html")
