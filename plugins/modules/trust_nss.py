# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities in the stores of Chromium and Firefox. Runs on the client, as the account whose browsers they are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: trust_nss
short_description: Add certificate authorities to the trust of Chromium and Firefox, and remove them
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Puts each certificate into the NSS stores of the account that runs the module, as C(<name>-<16 digits of its
    SHA-256>), trusted for websites.
  - One of that name that is no longer wanted is removed, so a new authority takes the place of the old one.
  - A store that had to be created is removed again with its last certificate.
options:
  certificates:
    description: The authorities, PEM. Not needed with O(state=absent).
    type: str
    default: ""
  name:
    description: How the nicknames begin.
    type: str
    default: remote-notebooks
  stores:
    description: Folders with a C(cert9.db), as patterns; a leading C(~) is the account's home. Those that do not exist
      are passed over.
    type: list
    elements: str
    required: true
  make:
    description: A store to create where it does not exist and none of O(unless) does, such as Chromium's; a leading
      C(~) is the account's home.
    type: str
  unless:
    description: Stores that serve instead of O(make) where they exist.
    type: list
    elements: str
    default: []
  state:
    description: Whether they are trusted.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - certutil (Debian libnss3-tools, Fedora nss-tools, SUSE mozilla-nss-tools) on the client
attributes:
  check_mode:
    description: Reports the changes. Without C(certutil), which is installed first, it predicts all of them.
    support: full
  diff_mode:
    description: Shows the nicknames in each store.
    support: full
  platform:
    description: Where NSS is.
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: My browsers trust our authority
  remote.notebooks.trust_nss:
    certificates: "{{ lookup('ansible.builtin.file', 'handoff/ca.pem') }}"
    stores: [~/.pki/nssdb, ~/.mozilla/firefox/*]
    make: ~/.pki/nssdb
"""

RETURN = r"""
stores:
  description: The stores that were looked at.
  type: list
  elements: str
  returned: success
  sample: [/home/ann/.pki/nssdb]
"""

import glob
import json
import os
import pwd

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _trust
from ..module_utils._errors import PkiError

ARGUMENTS = {
    "certificates": {"type": "str", "default": ""},
    "name": {"type": "str", "default": "remote-notebooks"},
    "stores": {"type": "list", "elements": "str", "required": True},
    "make": {"type": "str"},
    "unless": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
#: In a store that we created: the folders that were not there before, outermost first.
MARK = ".made-by-remote-notebooks.json"
#: The files of an NSS store.
FILES = ("cert9.db", "key4.db", "pkcs11.txt")


def at_home(path: str) -> str:
    """Return the home of the account that runs this, also if HOME is different after a change of account."""
    return pwd.getpwuid(os.geteuid()).pw_dir + path[1:] if path.startswith("~") else path


class Store:
    """One NSS store."""

    def __init__(self, module: AnsibleModule, certutil: str, folder: str) -> None:
        self.module, self.certutil, self.folder = module, certutil, folder

    def run(self, *arguments: str, text: str = "") -> str:
        """Run certutil on the store. Fail with its output."""
        code, out, error = self.module.run_command(
            [self.certutil, *arguments, "-d", f"sql:{self.folder}"], data=text, binary_data=True
        )
        if code:
            self.module.fail_json(
                msg=(
                    f"{self.folder}: certutil says: {(error or out).strip()} Close the browser; where a primary"
                    " password protects the store, import the certificate in the browser's settings instead."
                )
            )
        return str(out)

    def make(self) -> None:
        """Create the folder and an empty store in it, and record the missing parts."""
        made: list[str] = []
        missing = self.folder
        while not os.path.isdir(missing):
            made.insert(0, missing)
            missing = os.path.dirname(missing)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        with open(os.path.join(self.folder, MARK), "w", encoding="utf-8") as file:
            json.dump(made, file)
        self.run("-N", "--empty-password")

    def stored(self) -> dict[str, tuple[str, str]]:
        """Every certificate of the store: nickname -> (flags, SHA-256)."""
        return {
            nickname: (flags, _trust.sha256(self.run("-L", "-a", "-n", nickname)))
            for nickname, flags in _trust.rows(self.run("-L")).items()
        }

    def remove_if_ours_and_empty(self) -> None:
        """Leave nothing of a store that we created and nobody else used."""
        mark = os.path.join(self.folder, MARK)
        if (
            not os.path.exists(mark)
            or self.stored()
            or self.module.run_command([self.certutil, "-K", "-d", f"sql:{self.folder}"])[0] == 0
        ):
            return
        with open(mark, encoding="utf-8") as file:
            made = json.load(file)
        for name in (*FILES, MARK):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                os.unlink(path)
        for folder in reversed(made):
            if os.listdir(folder):
                return
            os.rmdir(folder)


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    given = module.params
    present = given["state"] == "present"
    try:
        wanted = _trust.certificates(given["certificates"], given["name"]) if present else {}
    except PkiError as error:
        module.fail_json(msg=str(error))
    folders = sorted(
        {
            folder
            for pattern in given["stores"]
            for folder in glob.glob(at_home(pattern))
            if os.path.exists(f"{folder}/cert9.db")
        }
    )
    serving = [at_home(path) for path in (given["make"], *given["unless"]) if path]
    new = (
        at_home(given["make"])
        if given["make"] and present and not any(os.path.exists(f"{path}/cert9.db") for path in serving)
        else None
    )

    certutil = module.get_bin_path("certutil", required=not module.check_mode and bool(folders or new))
    before: list[str] = []
    after: list[str] = []
    changed = new is not None
    for folder in [*folders, *([new] if new else [])]:
        store = Store(module, certutil, folder)
        if folder == new and not module.check_mode:
            store.make()
        stored = store.stored() if certutil and (folder != new or not module.check_mode) else {}
        add, remove = _trust.nss_changes(stored, wanted, given["name"])
        before += [f"{folder}: {nickname}" for nickname in stored]
        after += [f"{folder}: {nickname}" for nickname in {*stored, *add} - {*remove}]
        changed = changed or bool(add or remove)
        if not module.check_mode:
            for nickname in remove:
                store.run("-D", "-n", nickname)
            for nickname in add:
                store.run("-A", "-n", nickname, "-t", "C,,", "-a", text=wanted[nickname])
            if not present:
                store.remove_if_ours_and_empty()
    result = {"changed": changed, "stores": [*folders, *([new] if new else [])]}
    if module._diff:
        result["diff"] = {
            "before_header": "NSS stores",
            "after_header": "NSS stores",
            "before": _trust.lines(before),
            "after": _trust.lines(after),
        }
    module.exit_json(**result)


if __name__ == "__main__":
    main()
