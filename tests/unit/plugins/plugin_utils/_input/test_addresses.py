# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as people write them. The A-labels are the registries' own (denic.de, nic.at) and those of RFC 5891's
examples."""

from __future__ import annotations

import pytest
from ansible_collections.remote.notebooks.plugins.plugin_utils._input import addresses
from ansible_collections.remote.notebooks.plugins.plugin_utils._input.addresses import address
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan import access


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Lab.Example.ORG", "lab.example.org"),
        ("büro.example.org", "xn--bro-hoa.example.org"),
        ("Büro.example.org", "xn--bro-hoa.example.org"),
        pytest.param("straße.de", "xn--strae-oqa.de", id="IDNA 2008, where that of 2003 says strasse.de"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("xn--bro-hoa.example.org", "xn--bro-hoa.example.org"),
        ("*.büro.example.org", "*.xn--bro-hoa.example.org"),
        ("192.0.2.10", "192.0.2.10"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("under_score.lan", "under_score.lan"),
    ],
)
def test_an_address_in_the_form_that_certificates_carry(written, expected):
    assert address(written) == expected


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("0.0.0.0", "no client can type it"),
        ("::", "no client can type it"),
        ("[::]", "no client can type it"),
        ("224.0.0.251", "a group"),
        ("255.255.255.255", "a group"),
        ("fe80::1%eth0", "a zone"),
        ("[192.0.2.1]", "brackets are for IPv6"),
        ("[2001:db8::1]:8888", "leave out the port"),
        ("lab.example.org:8888", "leave out the port"),
        ("https://lab", "leave out the scheme"),
        ("192.0.2.999", "mistyped IP address"),
        ("lab.example.org.", "without a dot at the end"),
        ("a b", "letters, digits and hyphens"),
        ("bü ro.example", "no form that DNS knows"),
        ("☃️‍.example", "no form that DNS knows"),
        ("", "letters, digits and hyphens"),
        ("*.org", "at least two labels"),
    ],
)
def test_what_no_client_can_type_is_refused_with_its_reason(written, said):
    with pytest.raises(ValueError, match=said):
        address(written)


def test_a_control_node_without_the_library_says_so(monkeypatch):
    monkeypatch.setattr(addresses, "idna", None)
    assert address("lab.example.org") == "lab.example.org"
    with pytest.raises(ValueError, match=r"library idna is missing.*xn--"):
        address("büro.example.org")


def test_what_ansible_connects_to_becomes_an_address_in_the_same_form():
    assert access.default_addresses("büro.example.org", "buero", []) == ["xn--bro-hoa.example.org", "buero"]
    assert access.default_addresses("0.0.0.0", "lab", []) == ["lab"]
