# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and its actions through the real ansible-playbook: hosts that do not exist, since nothing here may connect
to one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PASSPHRASE = "correct horse battery staple"
EXPORT_PASSPHRASE = "for the pkcs12 file"

ROLE = """
- hosts: all
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.include_role:
        name: remote.notebooks.pki
        tasks_from: "{{ entry | default('main') }}"
    - ansible.builtin.copy:
        content: "{{ __pki_result | default({}) | to_json }}"
        dest: "{{ out }}"
        mode: "0600"
      delegate_to: localhost
      vars: {ansible_connection: local}
      become: false
      run_once: true
      check_mode: false
"""
CERTIFICATES = [
    {"name": "web1/lab", "addresses": ["web1.lab.example", "192.0.2.10"]},
    {"name": "web2/lab", "addresses": ["web2.lab.example"]},
]


@pytest.fixture
def play(tmp_path):
    """Run the role with these variables. Return the process and the registered result."""
    (tmp_path / "play.yml").write_text(ROLE)

    def run(*options, fails=False, **variables):
        values = {
            "pki_dir": str(tmp_path / "pki"),
            "pki_certificates": CERTIFICATES,
            "out": str(tmp_path / "result.json"),
            **variables,
        }
        (tmp_path / "vars.json").write_text(json.dumps(values))
        done = subprocess.run(
            [
                Path(sys.executable).parent / "ansible-playbook",
                "-i",
                "web1,web2",
                tmp_path / "play.yml",
                "-e",
                f"@{tmp_path}/vars.json",
                *options,
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "COLUMNS": "500"},
        )
        # A message in YAML has each quote twice.
        done.text = " ".join((done.stdout + done.stderr).replace("''", "'").split())
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        if not fails:
            done.result = json.loads((tmp_path / "result.json").read_text())
        return done

    return run


def test_unreachable_hosts_become_and_no_facts_do_not_matter(play):
    first = play()
    assert first.result["changed"] and set(first.result["certificates"]) == {"web1/lab", "web2/lab"}
    assert re.search(r"web1\s+: ok=\d+\s+changed=2", first.stdout)
    assert not play().result["changed"]


def test_check_mode_then_diff(play, tmp_path):
    told = play("--check", "--diff")
    assert told.result["changed"] and not (tmp_path / "pki").exists()
    assert "+web1/lab: missing" in told.text and "+authority made: Private CA" in told.text
    play()
    changed = play("--check", "--diff", pki_certificates=[{"name": "web1/lab", "addresses": ["web1.lab.example"]}])
    assert "+web1/lab: names changed: -192.0.2.10" in changed.text


def test_no_secret_is_ever_shown(play, tmp_path):
    """Neither a passphrase, given or generated, nor a line of a key, however much Ansible is asked to tell; also not
    where it fails."""
    exported = [{**CERTIFICATES[0], "exports": ["pkcs12"]}]
    shown = play(
        "-vvvvv",
        "--diff",
        pki_passphrase=PASSPHRASE,
        pki_export_passphrase=EXPORT_PASSPHRASE,
        pki_certificates=exported,
    ).text
    # Only a run that signs something opens the key of the authority.
    signed = [*exported, CERTIFICATES[1]]
    shown += play(
        "-vvvvv",
        "--diff",
        fails=True,
        pki_passphrase="another passphrase",
        pki_certificates=signed,
        pki_export_passphrase=EXPORT_PASSPHRASE,
    ).text
    shown += play("-vvvvv", "--diff", fails=True, pki_passphrase=PASSPHRASE, pki_certificates=exported).text
    shown += play("-vvvvv", "--diff", entry="backup", pki_backup_passphrase="archive passphrase").text
    shown += play("-vvvvv", "--diff", pki_dir=str(tmp_path / "generated")).text
    kept = (tmp_path / "generated/passphrase").read_text().strip()
    files = [path.read_text() for path in tmp_path.rglob("certificates/**/*.pem")]
    keys = [line for text in files for line in text.split("-----END PRIVATE KEY")[0].splitlines()[1:]]
    assert keys
    for secret in (
        PASSPHRASE,
        EXPORT_PASSPHRASE,
        "another passphrase",
        "archive passphrase",
        kept,
        "PRIVATE KEY",
        *keys,
    ):
        assert secret not in shown, secret
    result = (tmp_path / "result.json").read_text()
    assert kept not in result and "PRIVATE" not in result


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param(
            {"pki_certificates": [{**CERTIFICATES[0], "days": 826}]},
            ["'web1/lab'", "days is 826", "825"],
            id="more than 825 days",
        ),
        pytest.param(
            {"pki_certificates": [{"name": "web1/lab", "addresses": ["a b"]}]},
            ["'web1/lab'", "the address 'a b'"],
            id="a bad address",
        ),
        pytest.param(
            {"pki_certificates": [{**CERTIFICATES[0], "colour": "red"}]},
            ["colour", "pki_certificates"],
            id="an unknown key",
        ),
        pytest.param(
            {"pki_authority": {"key_type": "dsa"}}, ["pki_authority", "key_type is 'dsa'"], id="an unknown key type"
        ),
        pytest.param({"pki_key_location": "moon"}, ["pki_key_location", "host"], id="an unknown place for keys"),
        pytest.param(
            {"entry": "revoke", "pki_revoke": ["web9/lab"]},
            ["ca.cert.pem does not exist"],
            id="revoking without an authority",
        ),
        pytest.param({"entry": "backup"}, ["pki_backup_passphrase"], id="a backup without a passphrase"),
        pytest.param(
            {"entry": "lint", "pki_lint_files": ["/nowhere.pem"]}, ["/nowhere.pem does not exist"], id="lint of nothing"
        ),
    ],
)
def test_refusals_are_one_message_before_anything_is_written(play, tmp_path, variables, words):
    refused = play(fails=True, **variables)
    assert all(word in refused.text for word in words), refused.text
    assert "Traceback" not in refused.text
    assert not (tmp_path / "pki/ca").exists()


def test_advice_is_shown_as_a_warning(play):
    play()
    assert "[WARNING]: pki_authority: common_name is 'Other', but" in play(pki_authority={"common_name": "Other"}).text


def test_a_lint_that_fails_says_why(play, tmp_path):
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            tmp_path / "k",
            "-out",
            tmp_path / "bad.pem",
            "-days",
            "3650",
            "-subj",
            "/CN=x",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "subjectAltName=DNS:x.example",
            "-addext",
            "extendedKeyUsage=serverAuth",
        ],
        check=True,
        capture_output=True,
    )
    refused = play(fails=True, entry="lint", pki_lint_files=[str(tmp_path / "bad.pem")])
    assert "it is valid for 3650 days, more than 825 (apple: 825-days)" in refused.text


def test_backup_and_restore_bring_the_same_authority_back(play, tmp_path):
    before = play().result["authority"]["sha256"]
    archive = {"pki_backup_file": str(tmp_path / "archive"), "pki_backup_passphrase": "archive passphrase"}
    play(entry="backup", **archive)
    (tmp_path / "pki").rename(tmp_path / "lost")
    play(entry="restore", **archive)
    after = play().result
    assert after["authority"]["sha256"] == before and not after["changed"]


@pytest.mark.parametrize("name", ["revoke", "pki_backup", "pki_restore", "pki_lint"])
def test_playbooks_answer_to_both_names(name):
    for reference in (f"playbooks/{name}.yml", f"remote.notebooks.{name}"):
        program = Path(sys.executable).parent / "ansible-playbook"
        done = subprocess.run(
            [program, "-i", "web1,", reference, "--list-tasks"], check=True, capture_output=True, text=True, cwd=ROOT
        )
        assert done.stdout.splitlines()[1].endswith(f"playbooks/{name}.yml") and "    tasks:\n" in done.stdout
