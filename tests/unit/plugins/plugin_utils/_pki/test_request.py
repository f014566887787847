# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory's settings of an authority and its certificates, and the consequences for a certificate that
exists."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PkiError
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.decision import Found, Verdict, decide
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.name_constraints import constraints_for
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.request import (
    Wanted,
    address,
    authority,
    certificates,
    is_safe_name,
)

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
WANTED = Wanted("web1/lab", ("web1.lab.example", "192.0.2.10"))


def found(**differently):
    """A certificate as we would have issued it 100 days ago."""
    measured = {
        "key_type": "ecdsa_p256",
        "addresses": frozenset(WANTED.addresses),
        "start": NOW - 100 * DAY,
        "end": NOW + 297 * DAY,
    }
    return Found(**{**measured, **differently})


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        pytest.param(found(), Verdict(False, "valid until 2027-09-13"), id="what fits stays"),
        pytest.param(None, Verdict(True, "missing"), id="what is missing is issued"),
        pytest.param(
            found(damage="no PEM"), Verdict(True, "damaged: no PEM"), id="a damaged file is replaced, key and all"
        ),
        pytest.param(
            found(key_matches=False), Verdict(True, "key and certificate do not match"), id="a torn pair is replaced"
        ),
        pytest.param(found(revoked=True), Verdict(True, "revoked"), id="a revoked key never comes back"),
        pytest.param(
            found(key_type="rsa_2048"),
            Verdict(True, "key type changed: rsa_2048 to ecdsa_p256"),
            id="another key type needs another key",
        ),
        pytest.param(
            found(ours=False),
            Verdict(True, "signed by another authority", keep_key=True),
            id="another authority signed it",
        ),
        pytest.param(
            found(addresses=frozenset({"web1.lab.example", "192.0.2.11"})),
            Verdict(True, "names changed: +192.0.2.10 -192.0.2.11", keep_key=True),
            id="an address moved",
        ),
        pytest.param(found(end=NOW - DAY), Verdict(True, "expired on 2026-11-19", keep_key=True), id="it expired"),
        pytest.param(
            found(end=NOW + 29 * DAY),
            Verdict(True, "expires on 2026-12-19, in 29 days", keep_key=True),
            id="the last day before the window closes",
        ),
        pytest.param(
            found(end=NOW + 30 * DAY), Verdict(False, "valid until 2026-12-20"), id="the window is not open yet"
        ),
        pytest.param(
            found(chain_is_current=False),
            Verdict(False, "chain changed", rewrite=True),
            id="the chain changed: same certificate, new file",
        ),
    ],
)
def test_what_a_certificate_lacks(existing, expected):
    assert decide(WANTED, existing, now=NOW, renew_before_days=30, latest_end=NOW + 7000 * DAY) == expected


def test_a_certificate_cut_to_its_issuers_end_is_not_issued_again_at_every_run():
    end = NOW + 5 * DAY
    assert decide(WANTED, found(end=end), now=NOW, renew_before_days=30, latest_end=end) == Verdict(
        False, "valid until 2026-11-25"
    )


def test_renewal_on_request_keeps_the_key():
    verdict = decide(WANTED, found(), now=NOW, renew_before_days=30, latest_end=NOW + 7000 * DAY, asked=True)
    assert verdict == Verdict(True, "renewal was asked for", keep_key=True)


def test_the_type_of_a_key_born_on_a_host_is_the_hosts_business():
    verdict = decide(
        WANTED,
        found(key_type="rsa_3072"),
        now=NOW,
        renew_before_days=30,
        latest_end=NOW + 7000 * DAY,
        key_is_elsewhere=True,
    )
    assert not verdict.issue


def test_a_complete_entry_is_read_and_completed():
    (wanted,) = certificates(
        [{"name": "web1/lab", "addresses": ["WEB1.Lab.Example", "192.0.2.10", "web1.lab.example", "2001:DB8:0::1"]}], 30
    )
    assert wanted == Wanted(
        "web1/lab",
        ("web1.lab.example", "192.0.2.10", "2001:db8::1"),
        days=397,
        key_type="ecdsa_p256",
        source="authority",
    )


def entry(**differently):
    return {"name": "web1/lab", "addresses": ["web1.lab.example"], **differently}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        pytest.param(["web1"], ["entry 1", "dict"], id="not a dict"),
        pytest.param([{"addresses": ["a.example"]}], ["entry 1", "name"], id="no name"),
        pytest.param([entry(name="../web1")], ["entry 1", "'../web1'"], id="a name that climbs out of the folder"),
        pytest.param([entry(name="web1/")], ["'web1/'"], id="a name that is a folder"),
        pytest.param([entry(name="web1.pem/lab")], ["'web1.pem/lab'"], id="a folder that could be a file"),
        pytest.param(
            [entry(), entry(name="WEB1/lab")],
            ["'web1/lab'", "'WEB1/lab'", "one file"],
            id="two names that some file systems do not tell apart",
        ),
        pytest.param([entry(), entry()], ["'web1/lab'", "one file"], id="a name twice"),
        pytest.param(
            [entry(adresses=["x"])], ["'web1/lab'", "adresses", "Did you mean 'addresses'?"], id="a misspelt key"
        ),
        pytest.param([entry(colour="red")], ["'colour'", "Known keys: name, addresses"], id="an unknown key"),
        pytest.param([entry(addresses=[])], ["'web1/lab'", "addresses"], id="no address"),
        pytest.param(
            [entry(addresses="web1.lab.example")], ["addresses must be a list"], id="a text instead of a list"
        ),
        pytest.param(
            [entry(days=826)],
            ["'web1/lab'", "826", "825", "support.apple.com/en-us/103769"],
            id="longer than Apple accepts",
        ),
        pytest.param([entry(days=0)], ["days is 0"], id="no day at all"),
        pytest.param([entry(days="long")], ["days is 'long'", "whole number"], id="days that are no number"),
        pytest.param([entry(days=True)], ["days is True"], id="days that are a boolean"),
        pytest.param(
            [entry(days=30)], ["days is 30", "pki_renew_before_days is 30"], id="shorter than the renewal window"
        ),
        pytest.param(
            [entry(key_type="dsa")], ["'web1/lab'", "key_type is 'dsa'", "rsa_2048"], id="an unknown key type"
        ),
        pytest.param([entry(source="acme")], ["source is 'acme'", "self_signed"], id="an unknown source"),
        pytest.param([entry(source="provided")], ["certificate_file"], id="provided, but not what"),
        pytest.param(
            [entry(certificate_file="/x")], ["certificate_file", "source: provided"], id="a file that would not be read"
        ),
        pytest.param([entry(exports=["jks"])], ["exports is ['jks']", "pkcs12"], id="an unknown export"),
    ],
)
def test_refused_entries(entries, words):
    with pytest.raises(PkiError) as refused:
        certificates(entries, 30)
    assert all(word in str(refused.value) for word in words), str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Web1.LAB.example", "web1.lab.example", id="names in lower case"),
        pytest.param("web1", "web1", id="a short name of a home network"),
        pytest.param("my_host.lab.example", "my_host.lab.example", id="an underscore, as real hosts have"),
        pytest.param("*.lab.example", "*.lab.example", id="a wildcard"),
        pytest.param("bücher.example", "xn--bcher-kva.example", id="an international name"),
        pytest.param("192.0.2.10", "192.0.2.10", id="IPv4"),
        pytest.param("2001:0DB8::0001", "2001:db8::1", id="IPv6 in its shortest form"),
    ],
)
def test_addresses(text, expected):
    assert address("here", text) == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param("https://web1.example", "scheme", id="an URL"),
        pytest.param("192.0.2.0/24", "length", id="a network"),
        pytest.param("web1.example:8888", "port", id="a port"),
        pytest.param("192.0.2.256", "mistyped IP address", id="almost an IP address"),
        pytest.param("web 1.example", "labels", id="a space"),
        pytest.param("web1.example.", "dot at the end", id="a trailing dot"),
        pytest.param("-web1.example", "labels", id="a hyphen in front"),
        pytest.param("", "labels", id="nothing"),
        pytest.param("*.example", "two labels", id="a wildcard over a top-level domain"),
        pytest.param("web.*.example", "labels", id="a wildcard inside"),
        pytest.param("fe80::1%eth0", "zone", id="an address with a zone"),
        pytest.param("a" * 64 + ".example", "labels", id="a label too long"),
    ],
)
def test_refused_addresses(text, word):
    with pytest.raises(PkiError, match=word):
        address("here", text)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("web1/lab", True),
        ("2001:db8::1/lab", True),
        ("me@web1/lab_2", True),
        ("/etc/x", False),
        ("a//b", False),
        (".ssh/x", False),
        ("a/..", False),
        ("a\n", False),
    ],
)
def test_names_become_paths(name, safe):
    assert is_safe_name(name) is safe


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"commonname": "x"}, ["pki_authority", "Did you mean 'common_name'?"], id="a misspelt key"),
        pytest.param({"days": 40000}, ["days is 40000", "36500"], id="too long"),
        pytest.param({"key_type": "rsa"}, ["key_type is 'rsa'", "rsa_4096"], id="an unknown key type"),
        pytest.param({"intermediate": "perhaps"}, ["intermediate is 'perhaps'"], id="neither true nor false"),
        pytest.param({"common_name": ""}, ["common_name is ''"], id="an empty name"),
        pytest.param({"crl_url": "https://lab.example/ca.crl"}, ["http://"], id="a revocation list behind TLS"),
        pytest.param(
            {"name_constraints": "lab.example"},
            ["name_constraints is 'lab.example'", "inventory"],
            id="constraints that are no list",
        ),
        pytest.param(
            {"name_constraints": ["192.0.2.1/24"]}, ["192.0.2.1/24", "no network"], id="a network with host bits"
        ),
        pytest.param({"name_constraints": "inventory"}, ["no address"], id="constraints from nothing"),
    ],
)
def test_refused_authorities(options, words):
    with pytest.raises(PkiError) as refused:
        authority(options)
    assert all(word in str(refused.value) for word in words), str(refused.value)


@pytest.mark.parametrize(
    ("addresses", "permitted"),
    [
        pytest.param(
            ["web1.lab.example", "web2.lab.example"], ("lab.example",), id="names stand for their parent domain"
        ),
        pytest.param(["web1", "lab.example"], ("web1", "lab.example"), id="short names stand for themselves"),
        pytest.param(["*.lab.example"], ("lab.example",), id="a wildcard stands for its domain"),
        pytest.param(
            ["10.1.2.3", "10.9.9.9", "192.168.1.4"],
            ("10.0.0.0/8", "192.168.0.0/16"),
            id="private addresses stand for their network",
        ),
        pytest.param(
            ["192.0.2.10", "2001:db8::1"],
            ("192.0.2.10/32", "2001:db8::1/128"),
            id="public addresses stand for themselves",
        ),
    ],
)
def test_constraints_derived_from_addresses(addresses, permitted):
    assert constraints_for(addresses) == permitted
