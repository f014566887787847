# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program by which a host renews its certificates. The scenario acme has the real client and a real authority; here
a client that is told its answer shows what becomes of each."""

from __future__ import annotations

import errno
import grp
import importlib.util
import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path("roles/jupyter/files/acme_renew.py").absolute()
#: Writes its arguments and environment, and ends as the file ``answer`` of its folder says.
CLIENT = """#!{python}
import json, os, pathlib, shutil, sys
here = pathlib.Path(__file__).parent
settings = next(word.split("=", 1)[1] for word in sys.argv if word.startswith("--config="))
said = {{"words": sys.argv[1:], "env": dict(os.environ), "settings": open(settings).read()}}
with open(here / "asked", "a") as file:
    file.write(json.dumps(said) + "\\n")
answers = json.loads((here / "answer").read_text())
code, text = answers.pop(0) if len(answers) > 1 else answers[0]
(here / "answer").write_text(json.dumps(answers or [[code, text]]))
if code == 0:
    config = next(word.split("=", 1)[1] for word in sys.argv if word.startswith("--config-dir="))
    live = pathlib.Path(config, "live", "lab")
    live.mkdir(parents=True, exist_ok=True)
    for name in ("privkey.pem", "fullchain.pem"):
        shutil.copy(here / name, live / name)
print(text)
sys.exit(code)
"""
ORDER = {
    "name": "lab",
    "id": "1" * 16,
    "directory": "https://acme.example.org/dir",
    "addresses": ["192.0.2.1", "2001:db8::1", "lab.example.org"],
    "profile": "shortlived",
    "profile_required": False,
    "key_type": "ecdsa_p256",
    "email": "ann@example.org",
    "challenge": "http-01",
    "webroot": "",
    "dns_hook": "",
    "dns_server": ["", "53"],
    "served": ["127.0.0.1", 9],
    "eab_file": False,
    "ca_file": False,
    "ca_bundle": "",
    "variables": "",
    "mode": "0640",
}


def load(path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def renew():
    return load(SCRIPT)


@pytest.fixture(scope="module")
def hooks():
    return load(SCRIPT.with_name("acme_hooks.py"))


@pytest.fixture
def host(tmp_path, renew, monkeypatch):
    """A host with one order, whose firewall needs no opening."""
    monkeypatch.setattr(renew, "close_port", lambda folder: None)
    home, programs, served = tmp_path / "acme", tmp_path / "client" / "bin", tmp_path / "lab"
    for folder in (home, programs, served):
        folder.mkdir(parents=True)
    client = programs / "certbot"
    client.write_text(CLIENT.format(python=sys.executable))
    client.chmod(0o755)
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=lab -days 6"
    subprocess.run(
        [*make.split(), "-keyout", programs / "privkey.pem", "-out", programs / "fullchain.pem"],
        check=True,
        capture_output=True,
    )
    names = {"user": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}
    order = {**ORDER, **names, "file": str(served / "tls.pem")}
    (home / "orders.json").write_text(
        json.dumps({"environment": str(tmp_path / "client"), "firewall": True, "orders": [order]})
    )
    (programs / "answer").write_text('[[0, ""]]')
    return tmp_path


def say(host, *answers):
    (host / "client/bin/answer").write_text(json.dumps(answers))


def asked(host):
    path = host / "client/bin/asked"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def status(host):
    return json.loads((host / "acme/status.json").read_text())["lab"]


def order(host):
    return json.loads((host / "acme/orders.json").read_text())["orders"][0]


def change(host, **fields):
    path = host / "acme/orders.json"
    orders = json.loads(path.read_text())
    orders["orders"][0].update(fields)
    path.write_text(json.dumps(orders))


def bring(renew, host, patient=False):
    return renew.bring_all(str(host / "acme"), patient)


def test_a_first_certificate(renew, host, capsys):
    assert bring(renew, host) == 0
    pem = (host / "lab/tls.pem").read_text()
    assert pem.startswith("-----BEGIN PRIVATE KEY-----") and "-----BEGIN CERTIFICATE-----" in pem
    assert (host / "lab/tls.pem").stat().st_mode & 0o7777 == 0o640
    found = status(host)
    assert (found["id"], found["failures"], found["served"]) == ("1" * 16, 0, None)
    assert abs(found["not_after"] - time.time() - 6 * 86400) < 3600
    assert capsys.readouterr().out.startswith("lab: the certificate ends 20")
    (said,) = asked(host)
    words = said["words"]
    assert {"--standalone", "--ip-address=192.0.2.1", "--ip-address=2001:db8::1", "--domain=lab.example.org"} <= {
        *words
    }
    assert {"--preferred-profile=shortlived", "--keep-until-expiring", "--email=ann@example.org"} <= {*words}
    assert "--elliptic-curve=secp256r1" in words


def test_another_order_is_issued_anew(renew, host):
    bring(renew, host)
    change(host, id="2" * 16, profile_required=True, email="")
    assert bring(renew, host, patient=True) == 0
    words = asked(host)[1]["words"]
    assert "--force-renewal" in words and "--keep-until-expiring" not in words
    assert "--required-profile=shortlived" in words and "--register-unsafely-without-email" in words
    assert status(host)["id"] == "2" * 16


def test_a_refusal_keeps_the_certificate_in_use(renew, host, capsys):
    bring(renew, host)
    before = (host / "lab/tls.pem").read_bytes()
    say(host, [1, "Some challenges have failed.\n  Domain: lab.example.org\n  Detail: 192.0.2.1: Connection refused\n"])
    assert bring(renew, host) == 1
    assert (host / "lab/tls.pem").read_bytes() == before
    found = status(host)
    assert (found["failures"], found["error"], found["id"]) == (1, "192.0.2.1: Connection refused", "1" * 16)
    said = capsys.readouterr().err
    assert "lab: no certificate was issued: 192.0.2.1: Connection refused The one in use ends" in said


def test_without_any_certificate_the_exit_code_says_so(renew, host):
    say(host, [1, "Detail: no"])
    assert bring(renew, host) == 2


def test_the_timer_is_patient_and_a_run_is_not(renew, host, monkeypatch):
    say(host, [1, "Detail: no"])
    pauses = []
    for _turn in range(5):
        bring(renew, host)
        pauses.append(round((status(host)["next"] - status(host)["tried"]) / 3600))
    assert pauses == [4, 8, 16, 24, 24]
    bring(renew, host, patient=True)
    assert len(asked(host)) == 5, "it is not the time yet"
    now = time.time()
    monkeypatch.setattr(renew.time, "time", lambda: now + 25 * 3600)
    say(host, [0, ""])
    assert bring(renew, host, patient=True) == 0
    assert (status(host)["failures"], status(host)["error"]) == (0, "")


def test_a_full_disk_leaves_the_old_certificate_and_nothing_else(renew, host, monkeypatch):
    bring(renew, host)
    before = (host / "lab/tls.pem").read_bytes()
    (host / "client/bin/fullchain.pem").write_bytes((host / "client/bin/fullchain.pem").read_bytes() * 2)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(renew.os, "fsync", full)
    assert bring(renew, host) == 1
    assert (host / "lab/tls.pem").read_bytes() == before
    assert os.listdir(host / "lab") == ["tls.pem"]
    assert status(host)["error"] == "No space left on device"


def test_an_account_that_the_authority_has_forgotten_is_registered_again(renew, host):
    accounts = host / "acme/certbot/config/accounts"
    accounts.mkdir(parents=True)
    say(host, [1, "urn:ietf:params:acme:error:accountDoesNotExist :: the account is unknown"], [0, ""])
    assert bring(renew, host) == 0
    assert len(asked(host)) == 2
    (kept,) = accounts.parent.glob("accounts.*Z")
    assert not accounts.exists() and kept.is_dir()


def test_a_refused_nonce_is_no_refused_certificate(renew, host):
    refused = [1, "Error returned by the ACME server: JWS has an invalid anti-replay nonce: ESO0jKA04cRRq"]
    say(host, refused, refused, refused, [0, ""])
    assert bring(renew, host) == 0
    assert len(asked(host)) == 4 and status(host)["failures"] == 0


def test_an_authority_that_refuses_each_nonce_is_told(renew, host, capsys):
    say(host, [1, "JWS has an invalid anti-replay nonce: ESO0jKA04cRRq"])
    assert bring(renew, host) == 2
    assert len(asked(host)) == 4 and "invalid anti-replay nonce" in capsys.readouterr().err


def test_the_key_of_an_account_is_on_no_command_line(renew, host):
    (host / "acme/lab.eab").write_text("kid-1\nhmac-secret\n")
    change(host, eab_file=True, ca_file=True)
    bring(renew, host)
    (said,) = asked(host)
    assert said["settings"] == "eab-kid = kid-1\neab-hmac-key = hmac-secret\n"
    assert "hmac-secret" not in json.dumps([said["words"], said["env"]])
    assert said["env"]["REQUESTS_CA_BUNDLE"] == str(host / "acme/lab.ca.pem")
    assert not list((host / "acme").glob(".acme-*"))


def test_an_account_file_of_another_form_is_told(renew, host):
    (host / "acme/lab.eab").write_text("only-one\n")
    change(host, eab_file=True)
    assert bring(renew, host) == 2
    assert status(host)["error"].startswith("acme_eab_file needs two lines")


def test_a_server_that_is_gone_leaves_no_key(renew, host):
    config = host / "acme/certbot/config"
    for folder in ("live/old", "archive/old", "renewal"):
        (config / folder).mkdir(parents=True)
    (config / "renewal/old.conf").write_text("")
    (config / "archive/old/privkey1.pem").write_text("a key")
    bring(renew, host)
    assert not list(config.rglob("*old*"))


@pytest.mark.parametrize("verb", ["add", "remove"])
def test_a_hook_is_told_the_record(hooks, host, monkeypatch, verb):
    hook = host / "hook"
    hook.write_text(f'#!/bin/sh\necho "$@" > {host}/told\nexit 3\n')
    hook.chmod(0o755)
    change(host, dns_hook=str(hook), challenge="dns-01")
    monkeypatch.setenv("CERTBOT_DOMAIN", "lab.example.org")
    monkeypatch.setenv("CERTBOT_VALIDATION", "token-1")
    assert hooks.set_record(str(host / "acme"), order(host), verb) == 3
    assert (host / "told").read_text() == f"{verb} _acme-challenge.lab.example.org token-1\n"


def test_an_authority_cannot_put_lines_into_an_update(hooks, host, monkeypatch):
    change(host, dns_hook="nsupdate", challenge="dns-01")
    monkeypatch.setenv("CERTBOT_DOMAIN", "lab.example.org")
    monkeypatch.setenv("CERTBOT_VALIDATION", 'x"\nupdate delete example.org. A')
    with pytest.raises(hooks.Refused):
        hooks.set_record(str(host / "acme"), order(host), "add")


@pytest.mark.parametrize(
    ("challenge", "webroot", "expected"),
    [
        ("http-01", "", {"--standalone", "--preferred-challenges=http"}),
        ("http-01", "/var/www", {"--webroot", "--webroot-path=/var/www", "--preferred-challenges=http"}),
        ("dns-01", "", {"--manual", "--preferred-challenges=dns"}),
    ],
)
def test_each_challenge_has_its_way(renew, challenge, webroot, expected):
    words = renew.words("/opt/acme", {**ORDER, "challenge": challenge, "webroot": webroot})
    assert expected <= {*words}
    assert ("--standalone" in words) == (expected == {"--standalone", "--preferred-challenges=http"})
    hooks = [word for word in words if "-hook=" in word]
    assert len(hooks) == 2 and all("acme_hooks.py" in hook for hook in hooks)


@pytest.mark.skipif(os.geteuid() != 0, reason="another account owns all files of an ordinary one, and that is refused")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("true", ""),
        ("chmod o+w www", "www can be changed by another account than root"),
        ("chown nobody www", "www can be changed by another account than root"),
        ("mv www www2 && ln -s www2 www", "www is a link"),
        ("mkdir www/.well-known && chown nobody www/.well-known", ".well-known can be changed by another account"),
    ],
)
def test_root_writes_into_no_folder_of_another_account(renew, host, spoil, words):
    (host / "www").mkdir(mode=0o755)
    subprocess.run(["sh", "-c", spoil], check=True, cwd=host)
    change(host, webroot=str(host / "www"))
    assert bring(renew, host) == (2 if words else 0)
    assert words in status(host)["error"]


def test_an_end_by_force_leaves_no_key(renew, host):
    for place in ("acme/.acme-x.ini", "lab/.acme-y"):
        (host / place).write_text("a key")
    assert bring(renew, host) == 0
    assert not list(host.rglob(".acme-*"))


def test_the_client_has_the_proxy_and_the_authorities_of_the_server(renew, host):
    (host / "lab/environment").write_text('{"https_proxy": "http://ann:secret@proxy:3128"}')
    change(host, variables=str(host / "lab/environment"), ca_bundle="/etc/ssl/company.pem")
    bring(renew, host)
    (said,) = asked(host)
    assert said["env"]["https_proxy"] == "http://ann:secret@proxy:3128"
    assert said["env"]["REQUESTS_CA_BUNDLE"] == "/etc/ssl/company.pem"
    assert "secret" not in json.dumps(said["words"])
