# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that are born on a host and never leave it: the request that goes out, and the certificate that comes back. Runs
on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pki_host_key
short_description: Generate private keys on a host, hand out requests, and join the certificates to them (internal)
description:
  - Generates a private key for each of O(certificates) on the host and returns a certificate signing request for it.
  - With C(content) given, writes key, certificate and chain into one file by one rename. A certificate of another key
    is refused.
  - Uses the C(openssl) command of the host, because its Python may have no C(cryptography).
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
requirements:
  - openssl >= 1.1.1 on the host
options:
  certificates:
    description: The addresses that this host serves.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the certificate, as in M(remote.notebooks.pki_certificates).
        type: str
        required: true
      path:
        description: The file that holds, or will hold, key, certificate and chain. Its folder must exist. As root,
          a folder that another account can change is refused.
        type: path
        required: true
      key_type:
        description: Type of a key that has to be created. A key of another type is replaced.
        type: str
        choices: [ecdsa_p256, ecdsa_p384, rsa_2048, rsa_3072, rsa_4096]
        default: ecdsa_p256
      content:
        description: Certificate and chain in PEM. Without it, only the key is created.
        type: str
      owner:
        description: Owner of the file.
        type: str
      group:
        description: Group of the file.
        type: str
      mode:
        description: Mode of the file.
        type: str
        default: "0600"
  new_keys:
    description: Create new keys although there are some.
    type: bool
    default: false
  directory:
    description:
      - Folder of the authority on the control node, as in M(remote.notebooks.pki_certificates).
      - With it, a file at the C(path) of a certificate that was never issued is somebody else's, and is refused before
        anything is written.
    type: path
  never_issued:
    description: Names of certificates that were never issued. The action finds them out in O(directory).
    type: list
    elements: str
    default: []
  replace_existing:
    description: Whether such a file is renamed to C(<path>.before-remote-notebooks-<day>) instead.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reports the keys to generate. A key that does not exist yet has no request.
    support: full
  diff_mode:
    description: A private key is never shown.
    support: none
  platform:
    description: The host.
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: Make the key on the host and ask for a certificate
  remote.notebooks.pki_host_key:
    certificates:
      - name: web1/lab
        path: /etc/ssl/private/lab.pem
  register: host_keys
"""

RETURN = r"""
requests:
  description: A PEM certificate signing request by the certificate's name. Left out in check mode for a key that is not
    yet made.
  type: dict
  returned: success
  sample:
    web1/lab: "-----BEGIN CERTIFICATE REQUEST-----..."
"""

import contextlib
import datetime
import os
import re
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._host import own_paths

GENERATE = {
    "ecdsa_p256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"],
    "ecdsa_p384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-pkeyopt", "ec_param_enc:named_curve"],
    "rsa_2048": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa_3072": ["RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    "rsa_4096": ["RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
}
#: The output of `openssl pkey -text_pub` for each type
RECOGNIZE = {
    "ecdsa_p256": r"ASN1 OID: prime256v1",
    "ecdsa_p384": r"ASN1 OID: secp384r1",
    "rsa_2048": r"\(2048 bit",
    "rsa_3072": r"\(3072 bit",
    "rsa_4096": r"\(4096 bit",
}
KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n.*?\n-----END [A-Z ]*PRIVATE KEY-----\n", re.DOTALL)


class HostKey:
    """One key on its way into one file. A key without a certificate waits beside the file, as ``<path>.key``."""

    def __init__(self, module: AnsibleModule, openssl: str, certificate: dict[str, Any]) -> None:
        self.module = module
        self.openssl = openssl
        self.certificate = certificate
        self.path = certificate["path"]
        self.waiting = self.path + ".key"

    def ensure(self, new_key: bool) -> bool:
        """Return whether a key was (or would be) generated."""
        if not new_key and self.source():
            return False
        if not self.module.check_mode:
            self._write(self.waiting, self._generate())
            self.module.set_mode_if_different(self.waiting, "0600", False)
        return True

    def source(self) -> str | None:
        """The file with the key to use, or None: first one that waits, then the one in use, if it has the wanted
        type."""
        for path in (self.waiting, self.path):
            code, out, _err = self.module.run_command(
                [self.openssl, "pkey", "-in", path, "-noout", "-text_pub", "-passin", "pass:"]
            )
            if code == 0 and re.search(RECOGNIZE[self.certificate["key_type"]], out):
                return str(path)
        return None

    def request(self) -> str:
        """A request proves that its sender holds the key; the names in the certificate are the authority's business."""
        return self._run("req", "-new", "-sha256", "-config", os.devnull, "-subj", "/CN=request", "-key", self.source())

    def install(self) -> bool:
        """Join key and certificate in one file; return whether it changed."""
        content = self.certificate["content"].strip() + "\n"
        source = self.source()
        if source is None and self.module.check_mode:
            return True
        if self._run("pkey", "-in", source, "-pubout") != self._public_key_of(content):
            self.module.fail_json(
                msg=(
                    f"{self.certificate['name']}: the certificate belongs to another key than the one in {source}. "
                    "Run the play again from its start, so that a new request is made."
                )
            )
        with open(source or self.path) as file:
            found = KEY.search(file.read())
        wanted = (found.group() if found else "") + content
        changed: bool = self._read(self.path) != wanted
        if not self.module.check_mode:
            if changed:
                self._write(self.path, wanted)
            with contextlib.suppress(OSError):
                os.unlink(self.waiting)
        return changed

    def attributes(self, changed: bool) -> bool:
        if not os.path.exists(self.path):
            return changed
        changed = self.module.set_owner_if_different(self.path, self.certificate["owner"], changed)
        changed = self.module.set_group_if_different(self.path, self.certificate["group"], changed)
        return bool(self.module.set_mode_if_different(self.path, self.certificate["mode"], changed))

    def _generate(self) -> str:
        return self._run("genpkey", "-algorithm", *GENERATE[self.certificate["key_type"]])

    def _public_key_of(self, content: str) -> str:
        return self._run("x509", "-noout", "-pubkey", data=content)

    def _read(self, path: str) -> str | None:
        try:
            with open(path) as file:
                return file.read()
        except OSError:
            return None

    def _write(self, path: str, content: str) -> None:
        """Beside the target and by one rename; the owner and mode that the file had stay until `attributes` sets
        them."""
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".new-")
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
        if path == self.path:
            for key, setter in (
                ("owner", self.module.set_owner_if_different),
                ("group", self.module.set_group_if_different),
            ):
                setter(temporary, self.certificate[key], False)
            self.module.set_mode_if_different(temporary, self.certificate["mode"], False)
        self.module.atomic_move(temporary, path, keep_dest_attrs=False)

    def _run(self, *arguments: str | None, data: str | None = None) -> str:
        code, out, err = self.module.run_command([self.openssl, *arguments], data=data)
        if code:
            self.module.fail_json(msg=f"{self.certificate['name']}: openssl {arguments[0]} failed: {err.strip()}")
        return str(out)


def set_strangers_aside(module: AnsibleModule) -> bool:
    """Refuse files that no run has created, all in one message, or rename them where that was asked for. Return whether
    there were some."""
    never = module.params["never_issued"]
    there = [item for item in module.params["certificates"] if item["name"] in never and os.path.lexists(item["path"])]
    day = f"{datetime.date.today():%Y-%m-%d}"
    aside = {item["path"]: f"{item['path']}.before-remote-notebooks-{day}" for item in there}
    taken = [path for path in aside.values() if os.path.lexists(path)]
    if there and (taken or not module.params["replace_existing"]):
        named = ", ".join(f"{item['path']} (of '{item['name']}')" for item in there)
        cure = "pki_replace_existing: true renames each to <path>.before-remote-notebooks-<day>, and goes on."
        module.fail_json(
            msg=(
                f"There are files here that no run has created: {named}. Nothing was changed. Move them away, or name"
                " other paths. "
            )
            + (f"{', '.join(taken)} exists as well." if taken else cure)
        )
    if not module.check_mode:
        for path, name in aside.items():
            os.rename(path, name)
    return bool(there)


def main() -> None:
    module = AnsibleModule(
        {
            "certificates": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "path": {"type": "path", "required": True},
                    "key_type": {"type": "str", "choices": sorted(GENERATE), "default": "ecdsa_p256"},
                    "content": {"type": "str"},
                    "owner": {"type": "str"},
                    "group": {"type": "str"},
                    "mode": {"type": "str", "default": "0600"},
                },
            },
            "new_keys": {"type": "bool", "default": False},
            "directory": {"type": "path"},
            "never_issued": {"type": "list", "elements": "str", "default": []},
            "replace_existing": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    openssl = module.get_bin_path("openssl", required=True)
    refused = own_paths.settle(module.params["certificates"], module.params["never_issued"], module.check_mode)
    if refused:
        module.fail_json(msg=refused)
    changed = set_strangers_aside(module)
    requests: dict[str, str] = {}
    for certificate in module.params["certificates"]:
        key = HostKey(module, openssl, certificate)
        joins = certificate["content"] is not None
        changed = (key.attributes(key.install()) if joins else key.ensure(module.params["new_keys"])) or changed
        if key.source():
            requests[certificate["name"]] = key.request()
    module.exit_json(changed=changed, requests=requests)


if __name__ == "__main__":
    main()
