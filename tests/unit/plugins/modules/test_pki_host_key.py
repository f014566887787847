# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that are born on hosts: the module runs for real, through Ansible, on this machine as two hosts."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.remote.notebooks.plugins.filter.pki_host_keys import pki_host_keys

ROOT = Path(__file__).parents[4]
PLAY = """
- hosts: all
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - ansible.builtin.include_role: {name: remote.notebooks.pki}
    - ansible.builtin.copy:
        content: "{{ __pki_result | to_json }}"
        dest: "{{ out }}"
        mode: "0600"
      run_once: true
      check_mode: false
"""


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def play(tmp_path):
    (tmp_path / "play.yml").write_text(PLAY)
    for host in ("web1", "web2"):
        (tmp_path / host).mkdir()

    def run(*options, fails=False, key_type="ecdsa_p256", hosts="web1,web2", **variables):
        certificates = [
            {
                "name": f"{host}/lab",
                "addresses": [f"{host}.lab.example"],
                "key_type": key_type,
                "host": {"path": f"{tmp_path}/{host}/lab.pem", "mode": "0640"},
            }
            for host in ("web1", "web2")
        ]
        values = {
            "pki_dir": f"{tmp_path}/pki",
            "pki_certificates": certificates,
            "pki_key_location": "host",
            "out": f"{tmp_path}/result.json",
            **variables,
        }
        (tmp_path / "vars.json").write_text(json.dumps(values))
        done = subprocess.run(
            [
                Path(sys.executable).parent / "ansible-playbook",
                "-i",
                f"{hosts},",
                tmp_path / "play.yml",
                "-e",
                f"@{tmp_path}/vars.json",
                *options,
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        )
        # A message in YAML has each quote twice.
        done.text = " ".join((done.stdout + done.stderr).replace("''", "'").split())
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        done.changed = sum(map(int, re.findall(r"changed=(\d+)", done.stdout)))
        return done

    return run


def test_a_file_that_no_run_has_made_is_refused_or_kept(play, tmp_path):
    theirs = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    (tmp_path / "web2/lab.pem").write_text(theirs)
    for options in (["--check"], []):
        told = play(*options, fails=True)
        assert (
            f"There are files here that no run has created: {tmp_path}/web2/lab.pem (of 'web2/lab'). Nothing was"
            " changed." in told.text
        )
        assert "pki_replace_existing: true" in told.text
        assert [path.name for path in (tmp_path / "web2").iterdir()] == ["lab.pem"]
        assert (tmp_path / "web2/lab.pem").read_text() == theirs
    play(pki_replace_existing=True)
    (kept,) = (tmp_path / "web2").glob("lab.pem.before-remote-notebooks-20*")
    assert kept.read_text() == theirs
    assert theirs not in (tmp_path / "web2/lab.pem").read_text()
    made = (tmp_path / "web2/lab.pem").read_text()
    play(pki_replace_existing=True)
    assert play().changed == 0
    assert ((tmp_path / "web2/lab.pem").read_text(), kept.read_text(), len(list((tmp_path / "web2").iterdir()))) == (
        made,
        theirs,
        2,
    )


def test_keys_stay_on_their_hosts(play, tmp_path):
    told = play("--check")
    assert "web1/lab" in told.text or told.changed
    assert list((tmp_path / "web1").iterdir()) == []
    shown = play("-vvvv").text
    for host in ("web1", "web2"):
        pem = tmp_path / host / "lab.pem"
        assert [path.name for path in (tmp_path / host).iterdir()] == ["lab.pem"]
        assert stat.S_IMODE(pem.stat().st_mode) == 0o640
        openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", tmp_path / "pki/ca-bundle.pem", pem)
        assert openssl("pkey", "-in", pem, "-pubout") == openssl("x509", "-in", pem, "-noout", "-pubkey")
        key = pem.read_text().split("-----END")[0].splitlines()[1]
        assert key not in shown
    assert not any("PRIVATE" in path.read_text() for path in (tmp_path / "pki/certificates").rglob("*.pem"))
    again = play()
    assert re.findall(r"changed=(\d+)", again.stdout)[0] in ("0", "1")
    assert again.changed <= 1  # the copy of the result, which may differ in its reasons
    assert play().changed == 0


def test_renewal_keeps_the_key_and_new_keys_are_new(play, tmp_path):
    play()
    pem = tmp_path / "web1/lab.pem"
    key, serial = openssl("pkey", "-in", pem, "-pubout"), openssl("x509", "-in", pem, "-noout", "-serial")
    play(pki_renew=["web1/lab"])
    assert (
        openssl("pkey", "-in", pem, "-pubout") == key,
        openssl("x509", "-in", pem, "-noout", "-serial") == serial,
    ) == (True, False)
    play(pki_renew=["*"], pki_renew_keys=True)
    assert openssl("pkey", "-in", pem, "-pubout") != key
    openssl("verify", "-CAfile", tmp_path / "pki/ca-bundle.pem", pem)


def test_another_key_type_makes_another_key(play, tmp_path):
    play()
    play(key_type="rsa_2048")
    assert "2048 bit" in openssl("x509", "-in", tmp_path / "web1/lab.pem", "-noout", "-text")


def test_a_run_cut_off_between_key_and_certificate_goes_on_with_the_key(play, tmp_path):
    waiting = tmp_path / "web1/lab.pem.key"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", waiting)
    key = openssl("pkey", "-in", waiting, "-pubout")
    play()
    assert openssl("pkey", "-in", tmp_path / "web1/lab.pem", "-pubout") == key
    assert not waiting.exists()


def test_a_damaged_file_on_the_host_is_made_again(play, tmp_path):
    play()
    (tmp_path / "web1/lab.pem").write_text("garbage")
    play()
    pem = tmp_path / "web1/lab.pem"
    assert openssl("verify", "-CAfile", tmp_path / "pki/ca-bundle.pem", pem) == f"{pem}: OK\n"


def test_a_limited_run_leaves_the_others_alone(play, tmp_path):
    play()
    before = (tmp_path / "web2/lab.pem").read_bytes()
    play(hosts="web1", pki_renew=["web1/lab"])
    assert (tmp_path / "web2/lab.pem").read_bytes() == before


def test_a_missing_folder_is_named(play, tmp_path):
    (tmp_path / "web1").rmdir()
    assert f"the folder of {tmp_path}/web1/lab.pem does not exist" in play(fails=True).text


def call(certificate, fails=False, **arguments):
    """Run the module alone, for one certificate."""
    given = {"certificates": [{"name": "web1/lab", "owner": "nobody", **certificate}], **arguments}
    command = [sys.executable, "-m", "ansible_collections.remote.notebooks.plugins.modules.pki_host_key"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command,
        check=False,
        input=json.dumps({"ANSIBLE_MODULE_ARGS": given}),
        capture_output=True,
        text=True,
        env=environment,
    )
    said = json.loads(done.stdout)
    assert bool(said.get("failed")) is fails, said
    return said


@pytest.fixture
def ground():
    """Create a folder that every account can reach: a folder of nobody's, one of root's, and a key of root's."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        here = Path(name)
        here.chmod(0o755)
        for folder, owner in (("home", 65534), ("etc", 0), ("srv", 0), ("secret", 0)):
            (here / folder).mkdir()
            os.chown(here / folder, owner, owner)
        key, certificate = here / "secret/tls.key", here / "secret/tls.crt"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=lab"]
        openssl("req", "-x509", *curve, "-keyout", key, "-out", certificate)
        key.chmod(0o600)
        yield here


def listed(folder):
    """Each name below a folder, with its owner, its mode and its content."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_uid,
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() and not path.is_symlink() else None,
        )
        for path in (folder, *folder.rglob("*"))
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be led astray")
@pytest.mark.parametrize("name", ["server.pem", "server.pem.key"])
def test_a_link_to_a_key_of_root_is_neither_read_nor_copied(ground, name):
    """A link may be left from the time when the folder was another account's."""
    (ground / f"srv/{name}").symlink_to(ground / "secret/tls.key")
    before = listed(ground)
    for content in (None, (ground / "secret/tls.crt").read_text()):
        for check in (True, False):
            said = call({"path": f"{ground}/srv/server.pem", "content": content}, fails=True, _ansible_check_mode=check)
            assert said["msg"] == (
                f"web1/lab: {ground}/srv/{name} is no regular file. Nothing was changed. Look, and move it away."
            )
            assert "requests" not in said
    assert listed(ground) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be led astray")
@pytest.mark.parametrize(
    ("path", "whose"),
    [
        pytest.param("home/server.pem", "home belongs to 'nobody'", id="its folder"),
        pytest.param("home/tls/server.pem", "home belongs to 'nobody'", id="a folder above, behind a link"),
        pytest.param("home/own/server.pem", "home belongs to 'nobody'", id="a folder above"),
        pytest.param("open/server.pem", "other accounts may add names to ", id="as in /tmp"),
    ],
)
def test_a_folder_that_another_account_can_change_is_refused(ground, path, whose):
    (ground / "home/tls").symlink_to(ground / "etc")
    (ground / "home/own").mkdir()
    (ground / "home/server.pem.key").symlink_to(ground / "secret/tls.key")
    (ground / "open").mkdir()
    (ground / "open").chmod(0o1777)
    before = listed(ground)
    for never in ([], ["web1/lab"]):
        said = call({"path": f"{ground}/{path}"}, fails=True, never_issued=never, replace_existing=True)
        assert said["msg"].startswith(f"web1/lab: {ground}/{path} cannot hold a key: ")
        assert whose in said["msg"]
        assert said["msg"].endswith(
            "Nothing was changed. Choose a folder that only root can change, and give the file its owner, group and"
            " mode there."
        )
    assert listed(ground) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be led astray")
def test_nothing_is_written_while_links_are_swapped(ground):
    before, link, stop = listed(ground / "etc"), ground / "home/tls", threading.Event()
    (ground / "home/own").mkdir()
    link.symlink_to("own")

    def swap():
        while not stop.is_set():
            for target in (ground / "etc", "own"):
                (ground / "home/next").symlink_to(target)
                (ground / "home/next").rename(link)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for _time in range(5):
            call({"path": f"{link}/server.pem"}, fails=True)
    finally:
        stop.set()
        swapping.join()
    assert listed(ground / "etc") == before
    assert list((ground / "home/own").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_an_account_in_a_folder_of_root_s(ground):
    (ground / "way").symlink_to("srv")
    call({"path": f"{ground}/way/server.pem"})
    waiting = ground / "srv/server.pem.key"
    assert (waiting.stat().st_uid, stat.S_IMODE(waiting.stat().st_mode)) == (0, 0o600)
    content = openssl("req", "-x509", "-key", waiting, "-subj", "/CN=web1")
    for changed in (True, False):
        assert call({"path": f"{ground}/way/server.pem", "content": content})["changed"] is changed
        (pem,) = (ground / "srv").iterdir()
        assert (pem.name, pem.stat().st_uid, stat.S_IMODE(pem.stat().st_mode)) == ("server.pem", 65534, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another account")
def test_an_ordinary_account_works_in_its_own_folder(ground):
    """Its folder lies below one of root's, and its Python sees the collection by the path of this one."""
    script = f"""
    import io, json, os, sys
    from ansible_collections.remote.notebooks.plugins.modules import pki_host_key
    os.setgid(65534), os.setuid(65534)
    certificates = [{{"name": "web1/lab", "path": "{ground}/home/server.pem"}}]
    given = {{"ANSIBLE_MODULE_ARGS": {{"certificates": certificates, "_ansible_remote_tmp": "/tmp"}}}}
    sys.stdin = io.TextIOWrapper(io.BytesIO(json.dumps(given).encode()))
    pki_host_key.main()
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], check=False, capture_output=True, text=True, env=environment
    )
    assert list(json.loads(done.stdout)["requests"]) == ["web1/lab"], done.stdout + done.stderr
    assert [(path.name, path.stat().st_uid) for path in (ground / "home").iterdir()] == [("server.pem.key", 65534)]


@pytest.mark.parametrize("host", [{"mode": "0600"}, {"path": "/x", "colour": "red"}, "path"])
def test_the_filter_refuses_what_is_no_place(host):
    with pytest.raises(AnsibleFilterError, match="'web1/lab': host must be a dict with path"):
        pki_host_keys([{"name": "web1/lab", "host": host}], "web1")


def test_the_filter_picks_this_hosts_own():
    certificates = [
        {"name": "web1/lab", "host": {"path": "/a", "group": "jupyter"}, "key_type": "rsa_2048"},
        {"name": "web10/lab", "host": {"path": "/b"}},
        {"name": "web1/other"},
    ]
    assert pki_host_keys(certificates, "web1") == [
        {"name": "web1/lab", "path": "/a", "group": "jupyter", "key_type": "rsa_2048"}
    ]
    assert pki_host_keys(certificates, "web1", {"web1/lab": {"content": "PEM"}})[0]["content"] == "PEM"
    assert pki_host_keys(certificates, "web1", {"web1/lab": {"content": None}}) == []
