# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that the host gets by itself: the options, and the order that comes of them."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.remote.notebooks.plugins.module_utils._errors import PlanError
from ansible_collections.remote.notebooks.plugins.plugin_utils._acme import options as acme
from ansible_collections.remote.notebooks.plugins.plugin_utils._input.options import INSTANCE_KEYS
from ansible_collections.remote.notebooks.plugins.plugin_utils._plan.plan import resolve

with open("roles/jupyter/defaults/main.yml", encoding="utf-8") as _file:
    _ROLE = yaml.safe_load(_file)
DEFAULTS = {key: _ROLE[f"jupyter_{key}"] for key in INSTANCE_KEYS}
NAMES = ["8.8.8.8", "lab.example.org"]


def plan(scope="system", host=None, **given):
    lab = {"name": "lab", "access": "direct", "tls": "acme", "addresses": NAMES, **given}
    return resolve("web1", scope, {**DEFAULTS, **(host or {})}, [lab])


def test_nothing_is_issued_on_the_control_node():
    found = plan()
    assert found["certificates"] == []
    (lab,) = found["instances"]
    assert lab["scheme"] == "https"
    assert acme.order(lab) == {
        "name": "lab",
        "id": acme.order(lab)["id"],
        "directory": "https://acme-v02.api.letsencrypt.org/directory",
        "addresses": NAMES,
        "profile": "shortlived",
        "profile_required": False,
        "key_type": "ecdsa_p256",
        "email": "",
        "challenge": "http-01",
        "webroot": "",
        "dns_hook": "",
        "dns_server": ["", "53"],
    }


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"acme_email": "ann@example.org"}, True),
        ({"acme_webroot": "/var/www"}, True),
        ({"addresses": ["lab.example.org"]}, False),
        ({"acme_directory": "https://acme.example.org/directory"}, False),
        ({"acme_profile": "tlsserver"}, False),
        ({"certificate_key_type": "rsa_3072"}, False),
    ],
)
def test_another_certificate_is_another_order(other, same):
    orders = [acme.order(found["instances"][0])["id"] for found in (plan(), plan(**other))]
    assert (orders[0] == orders[1]) is same


def test_names_alone_get_the_usual_profile():
    (lab,) = plan(addresses=["lab.example.org"])["instances"]
    assert acme.order(lab)["profile"] == ""
    (lab,) = plan(acme_profile="tlsserver")["instances"]
    assert (acme.order(lab)["profile"], acme.order(lab)["profile_required"]) == ("tlsserver", True)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", ["192.0.2.53", "53"]),
        ("ns.example.org:5353", ["ns.example.org", "5353"]),
        ("2001:db8::53", ["2001:db8::53", "53"]),
        ("[2001:db8::53]:5353", ["2001:db8::53", "5353"]),
    ],
)
def test_the_server_of_a_zone(text, server):
    given = {"acme_challenge": "dns-01", "acme_dns_hook": "nsupdate", "acme_dns_key_file": "/key"}
    (lab,) = plan(addresses=["lab.example.org"], acme_dns_server=text, **given)["instances"]
    assert acme.order(lab)["dns_server"] == server


DNS = {"acme_challenge": "dns-01", "addresses": ["lab.example.org"]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"access": "tunnel"}, "tls: 'acme' with access 'tunnel': nobody comes by the names of such a certificate."),
        ({"certificate_file": "/c.pem"}, "certificate_file: contradicts tls 'acme'"),
        ({"certificate_days": 90}, "certificate_days: is for a certificate that is issued here, and tls is 'acme'"),
        ({"acme_directory": "http://acme.example.org/"}, "acme_directory: 'http://acme.example.org/' is no address"),
        ({"acme_directory": "https://acme.example.org/\n"}, "is no address of a directory"),
        ({"acme_profile": "a b"}, "acme_profile: 'a b' is no name of a profile"),
        ({"acme_email": "ann"}, "acme_email: 'ann' is no address of e-mail"),
        ({"addresses": ["192.168.1.5"]}, "addresses: no public authority issues a certificate for '192.168.1.5'"),
        ({"addresses": ["lab.local"]}, "addresses: no public authority issues a certificate for 'lab.local'"),
        ({"addresses": ["lab"]}, "addresses: no public authority issues a certificate for 'lab'"),
        ({"acme_dns_hook": "/usr/bin/hook"}, "acme_dns_hook: is for acme_challenge 'dns-01'"),
        ({"acme_webroot": "www"}, "acme_webroot: 'www' is no absolute path"),
        ({**DNS, "addresses": NAMES, "acme_dns_hook": "/h"}, "addresses: 8.8.8.8 has no record in a zone"),
        (DNS, "acme_dns_hook: acme_challenge 'dns-01' needs nsupdate, or the absolute path of a program"),
        ({**DNS, "acme_dns_hook": "nsupdate"}, "acme_dns_server: nsupdate needs the address of the DNS server"),
        ({**DNS, "acme_dns_hook": "/h", "acme_dns_server": "192.0.2.1"}, "acme_dns_server: is for acme_dns_hook"),
        ({**DNS, "acme_dns_hook": "/h", "acme_webroot": "/w"}, "acme_webroot: is for acme_challenge 'http-01'"),
        ({"tls": "private_ca", "acme_email": "ann@example.org"}, "acme_email: is for tls 'acme', and tls is"),
        ({"scope": "user"}, "tls: 'acme' needs root, and scope 'user' has none"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(given, words):
    with pytest.raises(PlanError) as raised:
        plan(**given)
    assert words in str(raised.value)


def test_an_authority_of_a_company_may_issue_for_its_own_names():
    given = {"acme_directory": "https://ca.corp.internal/acme/directory", "addresses": ["192.168.1.5", "lab.local"]}
    assert plan(**given)["instances"][0]["tls"] == "acme"


def test_an_option_of_the_host_that_no_instance_obeys_is_refused():
    with pytest.raises(PlanError, match="jupyter_acme_profile: no instance of this host has tls 'acme'"):
        plan(tls="private_ca", host={"acme_profile": "tlsserver"})
    plan(tls="private_ca", host={"acme_email": "ann@example.org"})  # one line for a fleet of which some hosts have it
