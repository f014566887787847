# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action as a playbook calls it, on a real folder with a real authority."""

from __future__ import annotations

import json
import os
import plistlib
import stat
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

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
}
TUNNEL = {
    "host": "192.0.2.10",
    "instance": "gpu",
    "url": "http://localhost:8890/",
    "access": "tunnel",
    "ssh": {"host": "192.0.2.10", "local_port": 8890, "remote_port": 8888},
    "clients": ["juno"],
}
PASSWORD = "battery <staple> & horse"


def make_authority(path: Path, name: str) -> bytes:
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
    certificate = builder.not_valid_before(now).not_valid_after(now + timedelta(days=9)).sign(key, hashes.SHA256())
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate.fingerprint(hashes.SHA256())


class Fleet:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sha256 = make_authority(folder / "ca.pem", "Our <CA> & sons").hex()
        (folder / "password").write_text(PASSWORD + "\n")

    def run(self, *servers: dict, flags: tuple[str, ...] = (), **arguments) -> dict:
        task = {"remote.notebooks.jupyter_handoff": {"directory": "handoff", "servers": list(servers), **arguments}, "register": "done"}
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]
        (self.folder / "play.yml").write_text(yaml.safe_dump(play))
        program = str(Path(sys.executable).parent / "ansible-playbook")
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run([program, "play.yml", *flags], check=False, cwd=self.folder, env=environment, capture_output=True, text=True)
        output = done.stdout[done.stdout.index("{") :]
        return json.loads(output)["plays"][0]["tasks"][0]["hosts"]["localhost"]

    def read(self, name: str) -> str:
        return (self.folder / "handoff" / name).read_text()

    @property
    def files(self) -> set[str]:
        root = self.folder / "handoff"
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")}


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path)


class Page(HTMLParser):
    """What a page would load, where it leads, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        if tag == "a":
            self.links.append(values["href"])
        else:
            self.loads += [value for name, value in attrs if name in {"src", "href", "srcset", "action", "data"} and value != "data:,"]

    def handle_data(self, data):
        self.text += data


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
    assert {stat.S_IMODE(path.stat().st_mode) for path in (fleet.folder / "handoff").rglob("*") if path.is_file()} == {0o600}


def test_a_damaged_page_is_written_again_and_the_difference_told(fleet):
    fleet.run(LAB)
    page = fleet.folder / "handoff/lab1/lab.json"
    good = page.read_bytes()
    page.write_text("{}\n")
    again = fleet.run(LAB, flags=("--diff",))
    assert [change["before_header"] for change in again["diff"]] == ["handoff/lab1/lab.json"]
    assert page.read_bytes() == good


def test_with_limit_the_other_servers_stay_in_the_index(fleet):
    fleet.run(LAB, TUNNEL)
    before = fleet.read("index.html")
    assert fleet.run(LAB)["changed"] is False
    assert fleet.run(TUNNEL)["changed"] is False
    assert fleet.read("index.html") == before
    assert {"lab1/lab.html", "192.0.2.10/gpu.html"} <= set(Page(before).links)


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
    assert {"../ca.crt", "../ca.pem", "../remote-notebooks.mobileconfig"} <= set(Page(fleet.read("lab1/lab.html")).links)


@pytest.mark.parametrize("name", ["lab1/lab.html", "192.0.2.10/gpu.html", "index.html"])
def test_a_page_needs_nothing_but_itself(fleet, name):
    fleet.run(LAB, TUNNEL)
    text = fleet.read(name)
    page = Page(text)
    assert page.loads == []
    assert "url(" not in text
    assert "default-src 'none'" in text
    assert len(page.ids) == len(set(page.ids))
    folder = (fleet.folder / "handoff" / name).parent
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif not link.startswith("http"):
            assert (folder / link).is_file(), link
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


def test_the_password_is_shown_only_when_asked_for(fleet):
    fleet.run(LAB)
    written = b"".join(path.read_bytes() for path in (fleet.folder / "handoff").rglob("*") if path.is_file())
    assert b"staple" not in written

    told = fleet.run(LAB, include_password=True, flags=("--diff",))
    assert PASSWORD in Page(fleet.read("lab1/lab.html")).text
    assert "staple" not in json.dumps(told)
    assert "staple" not in fleet.read("lab1/lab.json") + fleet.read("index.html")


@pytest.mark.parametrize(
    ("server", "words"),
    [
        pytest.param({**LAB, "tls": {"mode": "private_ca", "ca_file": "none.pem"}}, "there is no", id="no authority"),
        pytest.param({**LAB, "tls": {"mode": "private_ca", "ca_file": "password"}}, "holds no certificate", id="no certificate"),
        pytest.param({**LAB, "host": "../up"}, "cannot name a file", id="a host that climbs out of the folder"),
        pytest.param({**LAB, "access": "direkt"}, "value of access must be one of", id="an unknown access"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is(fleet, server, words):
    failed = fleet.run(server)
    assert failed["failed"] is True
    assert words in failed["msg"]
    assert not (fleet.folder / "handoff").exists()
