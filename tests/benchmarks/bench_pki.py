# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the PKI is, compared with its usual alternatives: same run, same machine, ratios printed.

The slow rivals (openssl, community.crypto) do a part of the list and are scaled up in proportion; both are linear in
it.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.issue import ensure
from ansible_collections.remote.notebooks.plugins.plugin_utils._pki.settings import Settings
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from measure import TURNS, Sample, Table, interleaved, median, options

BIN = pathlib.Path(sys.executable).parent
ONE_DAY = datetime.timedelta(days=1)


def wanted(number, key_type="ecdsa_p256"):
    return [
        {
            "name": f"web{index}/lab",
            "addresses": [f"web{index}.lab.example", f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}"],
            "key_type": key_type,
        }
        for index in range(number)
    ]


@contextlib.contextmanager
def folder():
    """On the disk of the checkout, not on a /tmp that may be memory: fsync is part of the measurement."""
    with tempfile.TemporaryDirectory(dir=pathlib.Path(__file__).resolve().parents[2], prefix=".bench-") as path:
        yield pathlib.Path(path)


# The rivals


def bare_loop(path, certificates):
    """The manual way: a key file and a certificate file for each server, with fsync and rename, one after
    another.

    Two files for each, as we write two (the pair, and the authority's own record); no checks, no index, no folders.
    """

    def write(name, data):
        with open(path / f"{name}.new", "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(path / f"{name}.new", path / name)

    now = datetime.datetime.now(datetime.timezone.utc)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )

    def builder(name, key, days):
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + days * ONE_DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    ca = (
        builder(ca_name, ca_key, 7300)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    write("ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    for item in certificates:
        key = ec.generate_private_key(ec.SECP256R1())
        dns, ip = item["addresses"]
        certificate = (
            builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns)]), key, 397)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(dns), x509.IPAddress(ipaddress.ip_address(ip))]),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **usage), critical=True
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        name = item["name"].replace("/", "-")
        write(
            f"{name}.key",
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
        write(f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM))


def openssl_commands(path, certificates):
    """The usual procedure by hand: an RSA authority of 4096 bits, then for each server genrsa, req, ca."""

    def run(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=path)

    for name in ("newcerts", "private", "certs"):
        (path / name).mkdir()
    (path / "index.txt").touch()
    (path / "serial").write_text("1000\n")
    (path / "openssl.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndir=.\ndatabase=index.txt\nserial=serial\nnew_certs_dir=newcerts\nprivate_key=private/ca.key.pem\n"
        "certificate=certs/ca.cert.pem\ndefault_md=sha256\npolicy=p\ndefault_days=397\ncopy_extensions=copy\n[p]\ncommonName=supplied\n"
        "[req]\ndistinguished_name=n\n[n]\n[v3_ca]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
        "[server]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    run("genrsa", "-aes256", "-passout", "pass:secret", "-out", "private/ca.key.pem", 4096)
    run("req", "-config", "openssl.cnf", "-key", "private/ca.key.pem", "-passin", "pass:secret", "-new", "-x509",
        "-days", 7300, "-sha256",
        "-extensions", "v3_ca", "-subj", "/CN=CA", "-out", "certs/ca.cert.pem")  # fmt: skip
    start = time.perf_counter()
    for item in certificates:
        name = item["name"].replace("/", "-")
        dns, ip = item["addresses"]
        run("genrsa", "-out", f"private/{name}.key.pem", 2048)
        run("req", "-config", "openssl.cnf", "-key", f"private/{name}.key.pem", "-new", "-sha256", "-subj",
            f"/CN={dns}",
            "-addext", f"subjectAltName=DNS:{dns},IP:{ip}", "-out", f"{name}.csr")  # fmt: skip
        run(
            "ca",
            "-config",
            "openssl.cnf",
            "-passin",
            "pass:secret",
            "-batch",
            "-notext",
            "-extensions",
            "server",
            "-in",
            f"{name}.csr",
            "-out",
            f"certs/{name}.pem",
        )
    return time.perf_counter() - start


def bare_keys(number):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda _turn: rsa.generate_private_key(65537, 2048), range(number)))


COMMUNITY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - community.crypto.openssl_privatekey: {path: "{{ dir }}/ca.key", type: ECC, curve: secp256r1, passphrase: secret1}
    - community.crypto.openssl_csr: {path: "{{ dir }}/ca.csr", privatekey_path: "{{ dir }}/ca.key",
        privatekey_passphrase: secret1,
        common_name: CA, basic_constraints: ["CA:TRUE"], basic_constraints_critical: true, key_usage: [keyCertSign],
        use_common_name_for_san: false}
    - community.crypto.x509_certificate: {path: "{{ dir }}/ca.pem", privatekey_path: "{{ dir }}/ca.key",
        privatekey_passphrase: secret1,
        csr_path: "{{ dir }}/ca.csr", provider: selfsigned}
    - community.crypto.openssl_privatekey: {path: "{{ dir }}/{{ item.addresses[0] }}.key", type: ECC, curve: secp256r1}
      loop: "{{ list }}"
    - community.crypto.openssl_csr: {path: "{{ dir }}/{{ item.addresses[0] }}.csr",
        privatekey_path: "{{ dir }}/{{ item.addresses[0] }}.key",
        common_name: "{{ item.addresses[0] }}", subject_alt_name: ["DNS:{{ item.addresses[0] }}",
        "IP:{{ item.addresses[1] }}"],
        extended_key_usage: [serverAuth]}
      loop: "{{ list }}"
    - community.crypto.x509_certificate: {path: "{{ dir }}/{{ item.addresses[0] }}.pem",
        csr_path: "{{ dir }}/{{ item.addresses[0] }}.csr",
        provider: ownca, ownca_path: "{{ dir }}/ca.pem", ownca_privatekey_path: "{{ dir }}/ca.key",
        ownca_privatekey_passphrase: secret1,
        ownca_not_after: +397d}
      loop: "{{ list }}"
"""

OURS = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - remote.notebooks.pki_certificates: {directory: "{{ dir }}/pki", certificates: "{{ list }}"}
"""


def playbook(path, text, certificates):
    (path / "play.yml").write_text(text)
    (path / "vars.json").write_text(json.dumps({"dir": str(path), "list": certificates}))
    subprocess.run(
        [BIN / "ansible-playbook", "-i", "localhost,", path / "play.yml", "-e", f"@{path}/vars.json"],
        check=True,
        capture_output=True,
        env={**os.environ, "ANSIBLE_CONFIG": str(path / "none.cfg")},
    )


def clocked(action, *arguments):
    before = time.perf_counter()
    action(*arguments)
    return Sample(time.perf_counter() - before, 0)


def in_folder(action, *arguments):
    with folder() as path:
        return clocked(action, path, *arguments)


def issue(path, certificates):
    ensure(Settings(directory=str(path / "pki"), certificates=certificates))


def issued_again(certificates):
    with folder() as path:
        issue(path, certificates)
        return clocked(issue, path, certificates)


def openssl_scaled(certificates, part):
    """The authority once, then a part of the list, in proportion."""
    with folder() as path:
        before = time.perf_counter()
        loop = openssl_commands(path, certificates[:part])
        return Sample(time.perf_counter() - before - loop + loop * len(certificates) / part, 0)


def main():
    given = options(__doc__)
    table = Table("pki", given)
    number, few, part, turns = (20, 4, 2, 1) if given.quick else (1000, 100, 4, TURNS)
    certificates, keys = wanted(number), wanted(few, "rsa_2048")
    found = interleaved(
        {
            "ours": lambda: in_folder(issue, certificates),
            "bare": lambda: in_folder(bare_loop, certificates),
            "openssl": lambda: openssl_scaled(certificates, few // 4),
            "rsa": lambda: in_folder(issue, keys),
            "bare rsa": lambda: clocked(bare_keys, few),
            "again": lambda: issued_again(certificates),
        },
        turns,
    )
    seconds = {way: median(samples) for way, samples in found.items()}
    many = f"authority + {number} P-256 certificates"
    table.row(many, seconds["ours"], "bare loop of cryptography calls", seconds["bare"], 1.3)
    table.row(many, seconds["ours"], "openssl commands, RSA (a part, scaled)", seconds["openssl"], 1 / 40)
    table.row(
        f"authority + {few} RSA 2048 certificates",
        seconds["rsa"],
        "bare RSA keys on all cores",
        seconds["bare rsa"],
        1.3,
    )
    table.row(f"{number} unchanged certificates looked at", seconds["again"], "one second", 1.0, 1.0)
    playbooks(table, certificates[:few], part, turns)
    return table.close()


def playbooks(table, certificates, part, turns):
    """The same through ansible-playbook, whose start is not scaled up."""
    empty = (
        "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: [{ansible.builtin.debug: {msg: x}}]\n"
    )
    with contextlib.ExitStack() as later:
        used = {name: later.enter_context(folder()) for name in ("ours", "community")}

        playbook(used["ours"], OURS, certificates)
        playbook(used["community"], COMMUNITY, certificates[:part])
        found = interleaved(
            {
                "start": lambda: in_folder(playbook, empty, []),
                "first": lambda: in_folder(playbook, OURS, certificates),
                "second": lambda: clocked(playbook, used["ours"], OURS, certificates),
                "their first": lambda: in_folder(playbook, COMMUNITY, certificates[:part]),
                "their second": lambda: clocked(playbook, used["community"], COMMUNITY, certificates[:part]),
            },
            turns,
        )
    seconds = {way: median(samples) for way, samples in found.items()}
    start, rival = seconds["start"], "community.crypto loop (a part, scaled)"
    for what, name, theirs, target in (
        ("first", "first", "their first", 1 / 30),
        ("second", "second", "their second", 1 / 100),
    ):
        scaled = start + (seconds[theirs] - start) * len(certificates) / part
        table.row(f"{len(certificates)} certificates, {what} run of a playbook", seconds[name], rival, scaled, target)
    table.note(
        f"of which {start:.2f} s are the start of ansible-playbook itself; openssl did {len(certificates) // 4},"
        f" community.crypto {part}, scaled up"
    )


if __name__ == "__main__":
    sys.exit(main())
