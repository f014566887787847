# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the PKI is, against what people would use otherwise: same run, same machine, ratios printed.

Without ``--full`` the slow rivals (openssl, community.crypto) do a part of the list and are scaled up in proportion; both are linear in it.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.remote.notebooks.plugins.module_utils._pki import Settings, ensure
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from measure import Table, options

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
    """On the disk of the checkout, not on a /tmp that may be memory: fsync is part of what is measured."""
    with tempfile.TemporaryDirectory(dir=pathlib.Path(__file__).resolve().parents[2], prefix=".bench-") as path:
        yield pathlib.Path(path)


def timed(action, *arguments):
    before = time.perf_counter()
    action(*arguments)
    return time.perf_counter() - before


# The rivals


def bare_loop(path, certificates):
    """What one would write by hand: a key file and a certificate file for each server, with fsync and rename, one after another.

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
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False)

    def builder(name, key, days):
        return (
            x509.CertificateBuilder().subject_name(name).issuer_name(ca_name).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now).not_valid_after(now + days * ONE_DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )  # fmt: skip

    ca = builder(ca_name, ca_key, 7300).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(ca_key, hashes.SHA256())
    write("ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    for item in certificates:
        key = ec.generate_private_key(ec.SECP256R1())
        dns, ip = item["addresses"]
        certificate = (
            builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns)]), key, 397)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(dns), x509.IPAddress(ipaddress.ip_address(ip))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **usage), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        name = item["name"].replace("/", "-")
        write(f"{name}.key", key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
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
    run("req", "-config", "openssl.cnf", "-key", "private/ca.key.pem", "-passin", "pass:secret", "-new", "-x509", "-days", 7300, "-sha256",
        "-extensions", "v3_ca", "-subj", "/CN=CA", "-out", "certs/ca.cert.pem")  # fmt: skip
    start = time.perf_counter()
    for item in certificates:
        name = item["name"].replace("/", "-")
        dns, ip = item["addresses"]
        run("genrsa", "-out", f"private/{name}.key.pem", 2048)
        run("req", "-config", "openssl.cnf", "-key", f"private/{name}.key.pem", "-new", "-sha256", "-subj", f"/CN={dns}",
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
    - community.crypto.openssl_csr: {path: "{{ dir }}/ca.csr", privatekey_path: "{{ dir }}/ca.key", privatekey_passphrase: secret1,
        common_name: CA, basic_constraints: ["CA:TRUE"], basic_constraints_critical: true, key_usage: [keyCertSign], use_common_name_for_san: false}
    - community.crypto.x509_certificate: {path: "{{ dir }}/ca.pem", privatekey_path: "{{ dir }}/ca.key", privatekey_passphrase: secret1,
        csr_path: "{{ dir }}/ca.csr", provider: selfsigned}
    - community.crypto.openssl_privatekey: {path: "{{ dir }}/{{ item.addresses[0] }}.key", type: ECC, curve: secp256r1}
      loop: "{{ list }}"
    - community.crypto.openssl_csr: {path: "{{ dir }}/{{ item.addresses[0] }}.csr", privatekey_path: "{{ dir }}/{{ item.addresses[0] }}.key",
        common_name: "{{ item.addresses[0] }}", subject_alt_name: ["DNS:{{ item.addresses[0] }}", "IP:{{ item.addresses[1] }}"],
        extended_key_usage: [serverAuth]}
      loop: "{{ list }}"
    - community.crypto.x509_certificate: {path: "{{ dir }}/{{ item.addresses[0] }}.pem", csr_path: "{{ dir }}/{{ item.addresses[0] }}.csr",
        provider: ownca, ownca_path: "{{ dir }}/ca.pem", ownca_privatekey_path: "{{ dir }}/ca.key", ownca_privatekey_passphrase: secret1,
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
        [BIN / "ansible-playbook", "-i", "localhost,", path / "play.yml", "-e", f"@{path}/vars.json"], check=True, capture_output=True,
        env={**os.environ, "ANSIBLE_CONFIG": str(path / "none.cfg")},
    )  # fmt: skip


def main():
    given = options(__doc__)
    full = given.full
    table = Table("pki", given.record)

    certificates = wanted(1000)
    # In turns, so that what else the machine does meets both
    ours, bare = [], []
    for _turn in range(5):
        with folder() as path:
            ours.append(timed(ensure, Settings(directory=str(path / "pki"), certificates=certificates)))
        with folder() as path:
            bare.append(timed(bare_loop, path, certificates))
    table.row(
        "authority + 1,000 P-256 certificates",
        statistics.median(ours),
        "bare loop of cryptography calls, same number of files",
        statistics.median(bare),
        1.3,
    )
    part = openssl_part = 1000 if full else 15
    with folder() as path:
        loop = None

        def by_hand():
            nonlocal loop
            loop = openssl_commands(path, certificates[:part])

        setup = timed(by_hand) - loop
    by_openssl = setup + loop * 1000 / part
    table.row("authority + 1,000 P-256 certificates", statistics.median(ours), "openssl commands, RSA (a part, scaled)", by_openssl, 1 / 40)

    number = 1000 if full else 100
    with folder() as path:
        keys = timed(bare_keys, number)
        ours_rsa = timed(ensure, Settings(directory=str(path / "pki"), certificates=wanted(number, "rsa_2048")))
        again = timed(bare_keys, number)
    table.row("authority + RSA 2048 certificates", ours_rsa, f"bare RSA keys on all cores ({number})", (keys + again) / 2, 1.3)

    with folder() as path:
        settings = Settings(directory=str(path / "pki"), certificates=certificates)
        ensure(settings)
        check = min(timed(ensure, Settings(directory=settings.directory, certificates=certificates)) for _turn in range(3))
    table.row("1,000 unchanged certificates looked at", check, "one second", 1.0, 1.0)

    part = 100 if full else 10
    start = empty_play()

    def scaled(seconds):
        """The start of ansible-playbook comes once, however long the list."""
        return start + (seconds - start) * 100 / part

    with folder() as path:
        first = timed(playbook, path, OURS, certificates[:100])
        second = min(timed(playbook, path, OURS, certificates[:100]) for _turn in range(3))
    with folder() as path:
        rival_first = scaled(timed(playbook, path, COMMUNITY, certificates[:part]))
        rival_second = scaled(timed(playbook, path, COMMUNITY, certificates[:part]))
    rival = "community.crypto loop (a part, scaled)"
    table.row("100 certificates, first run, ansible's start included", first, rival, rival_first, 1 / 30)
    table.row("100 certificates, second run, ansible's start included", second, rival, rival_second, 1 / 100)
    table.note(f"of which {start:.2f} s are the start of ansible-playbook itself; openssl did {openssl_part}, community.crypto {part}, scaled up")
    return table.close()


def empty_play():
    with folder() as path:
        return min(
            timed(
                playbook, path, "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: [{ansible.builtin.debug: {msg: x}}]\n", []
            )
            for _turn in range(2)
        )


if __name__ == "__main__":
    sys.exit(main())
