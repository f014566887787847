# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import socket
import string
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._certificate.values import Certificate
from ansible_collections.remote.notebooks.plugins.module_utils._check import trust
from ansible_collections.remote.notebooks.plugins.module_utils._check.address import (
    connect_cause,
    parse_url,
    weightiest,
)
from ansible_collections.remote.notebooks.plugins.module_utils._check.causes import CAUSES, Stop, conclude
from ansible_collections.remote.notebooks.plugins.module_utils._check.protocol import (
    Answer,
    absorb,
    base_in_policy,
    error_text,
    is_xsrf_refusal,
)
from ansible_collections.remote.notebooks.plugins.module_utils._check.ssh import (
    Forward,
    channel_argv,
    ssh_argv,
    ssh_cause,
)
from ansible_collections.remote.notebooks.plugins.module_utils._check.trust import refused_trust, unfit_for_clients
from ansible_collections.remote.notebooks.plugins.module_utils._errors import CheckError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)
LEAF = Certificate(
    serial="1f",
    sha256="ab" * 32,
    not_before=NOW - timedelta(days=1),
    not_after=NOW + timedelta(days=396),
    names=("lab.example.org", "192.0.2.10"),
    subject="CN=lab",
    issuer="CN=Our CA",
    self_issued=False,
    key_type="EC",
    key_bits=256,
    curve="secp256r1",
    signature_hash="sha256",
    extended_usages=("serverAuth",),
)
CA = replace(LEAF, serial="1", sha256="cd" * 32, subject="CN=Our CA", self_issued=True, names=(), extended_usages=None)


# --- the words
# -----------------------------------------------------------------------------------------------------------

#: Facts that the client gives with every cause.
COMMON = {"url", "at", "host", "path", "host_header", "credential", "credential_source", "seconds", "result", "expect"}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_is_two_sentences(cause):
    meaning = CAUSES[cause]
    assert meaning.verdict in {"unreachable", "untrusted", "reachable"}
    for sentence in (meaning.message, meaning.cure):
        assert sentence.endswith(".")
        assert sentence[0].isupper() or sentence[0] == "{" or sentence.startswith("ssh")


def test_facts_fill_the_sentences():
    facts = dict.fromkeys(COMMON, "?") | {"at": "lab.example.org:8888", "host_header": "lab.example.org:8888"}
    assert conclude("host_blocked", facts) == {
        "verdict": "unreachable",
        "cause": "host_blocked",
        "message": (
            "Jupyter at lab.example.org:8888 refuses the name lab.example.org:8888 in the Host header; it answers to"
            " localhost."
        ),
        "cure": (
            "Add the name to ServerApp.local_hostnames, or set ServerApp.allow_remote_access for a server that binds"
            " the network."
        ),
    }


def test_the_three_verdicts_divide_the_causes():
    by_verdict = {
        verdict: {cause for cause, meaning in CAUSES.items() if meaning.verdict == verdict}
        for verdict in ("reachable", "untrusted")
    }
    assert by_verdict["reachable"] == {"ok", "no_credentials", "open_to_all"}
    assert by_verdict["untrusted"] == {
        "unknown_ca",
        "name_not_in_certificate",
        "expired",
        "not_yet_valid",
        "ca_expired",
        "valid_too_long",
        "weak_key",
        "weak_signature",
        "no_server_auth",
        "name_constraint",
        "other_certificate",
        "not_trusted",
    }


def test_no_sentence_asks_for_a_fact_that_nobody_gives():
    """Facts beyond the common ones come from the Stop that names the cause; its tests with real parts fill them."""
    given = COMMON | set(Forward("h", 1).facts) | set(trust._certificate_facts(LEAF))
    given |= {
        "words",
        "detail",
        "step",
        "status",
        "origin",
        "trust",
        "name",
        "now",
        "sha256",
        "port",
        "instance",
        "who",
        "most",
    }
    for meaning in CAUSES.values():
        for sentence in (meaning.message, meaning.cure):
            assert {name for _text, name, _spec, _conversion in string.Formatter().parse(sentence) if name} <= given


# --- addresses
# -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "at", "netloc", "base"),
    [
        pytest.param(
            "http://lab.example.org:8888", "lab.example.org:8888", "lab.example.org:8888", "", id="host and port"
        ),
        pytest.param(
            "https://lab.example.org/",
            "lab.example.org:443",
            "lab.example.org",
            "",
            id="the port of https stays unsaid",
        ),
        pytest.param(
            "http://lab.example.org", "lab.example.org:80", "lab.example.org", "", id="the port of http stays unsaid"
        ),
        pytest.param(
            "https://lab.example.org:80/",
            "lab.example.org:80",
            "lab.example.org:80",
            "",
            id="the port of the other scheme is said",
        ),
        pytest.param(
            "https://[2001:db8::1]:8888/team/lab/",
            "[2001:db8::1]:8888",
            "[2001:db8::1]:8888",
            "/team/lab",
            id="IPv6 and a base path",
        ),
        pytest.param(
            "HTTPS://LAB.example.org:8888/Team",
            "lab.example.org:8888",
            "lab.example.org:8888",
            "/Team",
            id="names fold, paths do not",
        ),
    ],
)
def test_urls(url, at, netloc, base):
    address = parse_url(url)
    assert (address.at, address.netloc, address.base) == (at, netloc, base)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "lab.example.org:8888",
        "ftp://lab.example.org",
        "http://",
        "http://h:x",
        "http://h:70000",
        "http://u:pw@h",
        "http://h/?token=pw",
        "http://h/#x",
    ],
)
def test_what_is_no_address(url):
    with pytest.raises(CheckError, match=r"^url: ") as raised:
        parse_url(url)
    assert "pw" not in str(raised.value)


# --- the network
# ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        pytest.param(ConnectionRefusedError(errno.ECONNREFUSED, ""), "refused", id="reset by the other side"),
        pytest.param(socket.timeout(), "timed_out", id="our own limit"),
        pytest.param(TimeoutError(errno.ETIMEDOUT, ""), "timed_out", id="the kernel's limit"),
        pytest.param(OSError(errno.EHOSTUNREACH, ""), "no_route", id="no route to the host"),
        pytest.param(OSError(errno.ENETUNREACH, ""), "no_route", id="no route to the network"),
        pytest.param(PermissionError(errno.EPERM, ""), "no_route", id="this machine's own firewall"),
        pytest.param(ConnectionResetError(errno.ECONNRESET, ""), "connection_closed", id="closed"),
    ],
)
def test_a_connection_that_fails(error, cause):
    assert connect_cause(error) == cause


@pytest.mark.parametrize(
    ("causes", "cause"),
    [
        pytest.param(["no_route", "timed_out"], "timed_out", id="no IPv6 here says nothing about the server"),
        pytest.param(["timed_out", "refused"], "refused", id="who refuses is there"),
    ],
)
def test_several_addresses(causes, cause):
    assert weightiest(causes) == cause


@pytest.mark.parametrize(
    ("words", "cause", "line"),
    [
        pytest.param(
            "root@h: Permission denied (publickey).\n",
            "tunnel_authentication_failed",
            "root@h: Permission denied (publickey)",
            id="key refused",
        ),
        pytest.param(
            "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification"
            " failed.\n",
            "tunnel_host_key_unknown",
            "No ED25519 host key is known for h and you have requested strict checking",
            id="host key unknown",
        ),
        pytest.param(
            "@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@\nOffending ECDSA key in /k:1\nHost key"
            " verification failed.\n",
            "tunnel_host_key_changed",
            "Offending ECDSA key in /k:1",
            id="host key changed",
        ),
        pytest.param(
            "channel 1: open failed: administratively prohibited: open failed\n",
            "tunnel_forwarding_prohibited",
            "channel 1: open failed: administratively prohibited: open failed",
            id="forwarding prohibited",
        ),
        pytest.param(
            "channel 1: open failed: connect failed: Connection refused\n",
            "tunnel_target_refused",
            "channel 1: open failed: connect failed: Connection refused",
            id="refused behind the tunnel is not refused by sshd",
        ),
        pytest.param(
            "ssh: connect to host h port 22: Connection timed out\n",
            "tunnel_timed_out",
            "ssh: connect to host h port 22: Connection timed out",
            id="dropped",
        ),
        pytest.param("Warning: something\nfoo bar.\n", "tunnel_failed", "foo bar", id="words nobody foresaw"),
        pytest.param("", "tunnel_failed", "ssh said nothing", id="no words"),
    ],
)
def test_words_of_ssh(words, cause, line):
    assert ssh_cause(words) == (cause, line)


def test_the_command_of_the_tunnel():
    argv = ssh_argv(
        "/usr/bin/ssh",
        Forward("192.0.2.10", 8888, port=2222, user="tunnel", private_key_file="/k/a b", ssh_args=("-J", "jump")),
        "/t/%h/s",
        10,
    )
    assert argv[:3] == ["/usr/bin/ssh", "-N", "-T"]
    assert argv.index("BatchMode=yes") < argv.index("-J") < argv.index("StrictHostKeyChecking=yes")
    assert argv[-8:] == ["-S", "/t/%%h/s", "-p", "2222", "-l", "tunnel", "--", "192.0.2.10"]
    assert 'IdentityFile="/k/a b"' in argv
    assert "-L" not in argv


def test_ports_accounts_and_keys_that_are_not_said_are_left_to_the_ssh_configuration():
    argv = ssh_argv("ssh", Forward("lab", 8888, remote_host="::1"), "/t/s", 10)
    assert argv[-4:] == ["-S", "/t/s", "--", "lab"]
    assert not {"-p", "-l"} & set(argv)
    assert not any(argument.startswith("Identit") for argument in argv)


def test_the_command_of_one_connection_knows_nothing_of_the_users_configuration():
    argv = channel_argv("ssh", Forward("lab", 8888, remote_host="::1", user="tunnel", ssh_args=("-J", "jump")), "/t/s")
    assert argv[:3] == ["ssh", "-F", "none"]
    assert argv[-6:] == ["-S", "/t/s", "-W", "[::1]:8888", "--", "target"]
    assert "ProxyCommand=false" in argv
    assert not {"-J", "-l"} & set(argv)


# --- trust
# ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaf", "authority", "cause"),
    [
        pytest.param({}, {}, None, id="P-256, 397 days"),
        pytest.param({"key_type": "RSA", "key_bits": 2048, "curve": ""}, {}, None, id="RSA 2048"),
        pytest.param({"key_type": "RSA", "key_bits": 2047, "curve": ""}, {}, "weak_key", id="RSA 2047"),
        pytest.param({"curve": "secp384r1", "key_bits": 384}, {}, None, id="P-384"),
        pytest.param({"curve": "secp256k1"}, {}, "weak_key", id="Bitcoin's curve"),
        pytest.param({"key_type": "Ed25519", "curve": ""}, {}, "weak_key", id="Ed25519"),
        pytest.param(
            {}, {"key_type": "RSA", "key_bits": 1024, "curve": ""}, "weak_key", id="an authority with RSA 1024"
        ),
        pytest.param(
            {}, {"subject": "CN=Other", "key_type": "RSA", "key_bits": 1024}, None, id="another authority's weakness"
        ),
        pytest.param({"signature_hash": "sha1"}, {}, "weak_signature", id="SHA-1"),
        pytest.param({"signature_hash": ""}, {}, None, id="a signature without a hash of its own"),
        pytest.param({"extended_usages": ("1.3.6.1.5.5.7.3.2",)}, {}, "no_server_auth", id="no serverAuth"),
        pytest.param({"not_after": LEAF.not_before + timedelta(days=825)}, {}, None, id="825 days"),
        pytest.param(
            {"not_after": LEAF.not_before + timedelta(days=825, seconds=1)},
            {},
            "valid_too_long",
            id="825 days and a second",
        ),
        pytest.param(
            {"not_before": datetime(2019, 6, 30, tzinfo=timezone.utc)}, {}, None, id="long, but older than Apple's rule"
        ),
    ],
)
def test_what_clients_refuse_though_openssl_does_not(leaf, authority, cause):
    stop = unfit_for_clients(replace(LEAF, **leaf), [replace(CA, **authority)], NOW)
    assert (stop and stop.cause) == cause


@pytest.mark.parametrize(
    ("code", "leaf", "cause", "origin"),
    [
        pytest.param(
            20,
            {},
            "unknown_ca",
            "signed by another authority with the name CN=Our CA than the one at hand",
            id="same name, other key",
        ),
        pytest.param(20, {"issuer": "CN=X"}, "unknown_ca", "signed by CN=X", id="unknown issuer"),
        pytest.param(18, {"issuer": "CN=lab", "self_issued": True}, "unknown_ca", "signed by itself", id="self-signed"),
        pytest.param(62, {}, "name_not_in_certificate", None, id="name"),
        pytest.param(64, {}, "name_not_in_certificate", None, id="address"),
        pytest.param(10, {"not_after": NOW - timedelta(seconds=1)}, "expired", None, id="expired"),
        pytest.param(10, {}, "ca_expired", None, id="not the certificate but its authority expired"),
        pytest.param(9, {"not_before": NOW + timedelta(seconds=1)}, "not_yet_valid", None, id="not yet valid"),
        pytest.param(26, {}, "no_server_auth", None, id="purpose"),
        pytest.param(66, {}, "weak_key", None, id="key too small"),
        pytest.param(47, {}, "name_constraint", None, id="outside the authority's names"),
        pytest.param(999, {}, "not_trusted", None, id="a code nobody foresaw"),
    ],
)
def test_openssls_answers(code, leaf, cause, origin):
    stop = refused_trust(
        replace(LEAF, **leaf), [CA], NOW, code=code, words="OpenSSL's words", name="lab", trust="/ca.pem"
    )
    assert stop.cause == cause
    assert origin is None or stop.facts["origin"] == origin


def test_what_is_said_about_a_certificate():
    assert LEAF.summary() == {
        "serial": "1f",
        "sha256": "ab" * 32,
        "not_after": "2027-12-21T12:00:00Z",
        "names": ["lab.example.org", "192.0.2.10"],
    }


# --- Jupyter
# -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(
            b'{"message": "Kernel does not exist: 1", "reason": null}', "Kernel does not exist: 1", id="Jupyter's JSON"
        ),
        pytest.param(b"<html><head><title>502 Bad\n Gateway</title></head>", "502 Bad Gateway", id="a proxy's page"),
        pytest.param(b"<p>no</p>", "no", id="a page without a title"),
        pytest.param(b'{"message": ""}', "without a reason", id="an empty message"),
        pytest.param(b"[]", "without a reason", id="JSON of another shape"),
        pytest.param(b"", "without a reason", id="nothing"),
        pytest.param(b"\xff" * 1000, "\ufffd" * 200, id="bytes"),
    ],
)
def test_the_text_of_an_error(body, text):
    assert error_text(body) == text


@pytest.mark.parametrize(
    ("policy", "base"),
    [
        pytest.param("frame-ancestors 'self'; report-uri /team/b/api/security/csp-report", "/team/b", id="a base"),
        pytest.param(
            "frame-ancestors 'self'; report-uri /api/security/csp-report; default-src 'none'", "", id="the root"
        ),
        pytest.param("default-src 'self'", None, id="another program's policy"),
        pytest.param("", None, id="none"),
    ],
)
def test_where_jupyter_says_it_is(policy, base):
    assert base_in_policy(policy) == base


def test_only_a_403_about_xsrf_is_one():
    assert is_xsrf_refusal(403, b"'_xsrf' argument missing from POST")
    assert not is_xsrf_refusal(403, b"Forbidden")
    assert not is_xsrf_refusal(200, b"_xsrf")


def message(kind, parent="m", **content):
    return {"msg_type": kind, "parent_header": {"msg_id": parent}, "content": content}


IDLE = message("status", execution_state="idle")


@pytest.mark.parametrize(
    ("messages", "text", "done"),
    [
        pytest.param([message("execute_result", data={"text/plain": "42"}), IDLE], "42", True, id="a value"),
        pytest.param(
            [message("stream", name="stdout", text="4"), message("stream", name="stdout", text="2\n"), IDLE],
            "42",
            True,
            id="printed in parts",
        ),
        pytest.param(
            [message("stream", name="stderr", text="w"), message("execute_result", data={"text/plain": "42"}), IDLE],
            "42",
            True,
            id="a warning",
        ),
        pytest.param(
            [
                message("execute_result", "other", data={"text/plain": "1"}),
                message("status", "other", execution_state="idle"),
            ],
            "",
            False,
            id="others",
        ),
        pytest.param([{}], "", False, id="an empty message"),
    ],
)
def test_messages_of_the_kernel(messages, text, done):
    answer = Answer("m")
    for one in messages:
        absorb(answer, one)
    assert (answer.text, answer.done) == (text, done)


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        pytest.param(
            message("error", ename="ZeroDivisionError", evalue="division by zero"), "code_failed", id="an exception"
        ),
        pytest.param(message("status", "", execution_state="dead"), "kernel_died", id="dead"),
        pytest.param(
            message("status", "", execution_state="restarting"), "kernel_died", id="started again by the server"
        ),
    ],
)
def test_messages_that_end_the_check(bad, cause):
    with pytest.raises(Stop) as raised:
        absorb(Answer("m"), bad)
    assert raised.value.cause == cause


def test_every_cause_is_provoked_for_real():
    """By a test with real parts, in the folder tests/connection."""
    folder = Path(__file__).parents[4] / "connection"
    tests = "".join(path.read_text() for path in folder.glob("test_*.py"))
    assert [cause for cause in CAUSES if f'"{cause}"' not in tests] == []


@pytest.mark.parametrize("cause", CAUSES)
def test_no_cure_names_what_nobody_can_give(cause):
    """The playbooks run the check: an option of the module alone is no cure for somebody who typed `make up`."""
    assert "timeout" not in CAUSES[cause].cure.replace("jupyter_timeout", "")
    assert not CAUSES[cause].cure.startswith(("Correct expect", "Correct the code"))
