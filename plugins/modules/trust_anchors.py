# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities among those that the system trusts. Runs on the client."""

from __future__ import annotations

DOCUMENTATION = r"""
module: trust_anchors
short_description: Add certificate authorities to the trust of a Linux system, and remove them
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Puts each certificate into a file of its own in O(directory), named C(<name>-<16 digits of its SHA-256>), and runs
    O(refresh).
  - Files of that name whose certificate is no longer wanted are removed, so a new authority takes the place of the old
    one.
  - The next run completes an interrupted one, because it tests only whether O(bundle) holds the certificates.
extends_documentation_fragment:
  - remote.notebooks.attributes.host
options:
  certificates:
    description: The authorities, PEM. Not needed with O(state=absent).
    type: str
    default: ""
  name:
    description: How the files' names begin.
    type: str
    default: remote-notebooks
  directory:
    description: Where the system looks for authorities of its administrator.
    type: path
    required: true
  suffix:
    description: How the names of files in there end.
    type: str
    default: .crt
  bundle:
    description: The file that O(refresh) generates for programs.
    type: path
    required: true
  refresh:
    description: The command that generates the system's lists anew.
    type: list
    elements: str
    required: true
  forget:
    description: The command after a file was removed, where it is another one. Debian's leaves links of removed files
      unless told C(--fresh).
    type: list
    elements: str
    default: []
  state:
    description: Whether they are trusted.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Reports the changes.
    support: full
  diff_mode:
    description: Shows the files' names.
    support: full
"""

EXAMPLES = r"""
- name: Debian trusts our authority
  remote.notebooks.trust_anchors:
    certificates: "{{ lookup('ansible.builtin.file', 'handoff/ca.pem') }}"
    directory: /usr/local/share/ca-certificates
    bundle: /etc/ssl/certs/ca-certificates.crt
    refresh: [update-ca-certificates]
    forget: [update-ca-certificates, --fresh]
"""

RETURN = r"""
anchors:
  description: The files that are there now.
  type: list
  elements: str
  returned: success
  sample: [/usr/local/share/ca-certificates/remote-notebooks-3f2a0c9e1b7d4455.crt]
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _trust
from ..module_utils._errors import PkiError

ARGUMENTS = {
    "certificates": {"type": "str", "default": ""},
    "name": {"type": "str", "default": "remote-notebooks"},
    "directory": {"type": "path", "required": True},
    "suffix": {"type": "str", "default": ".crt"},
    "bundle": {"type": "path", "required": True},
    "refresh": {"type": "list", "elements": "str", "required": True},
    "forget": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def read(path: str) -> str:
    """The text of a file, empty where there is none."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def write(module: AnsibleModule, path: str, text: str) -> None:
    """Write it beside and rename it: programs may be reading."""
    temporary = os.path.join(module.tmpdir, os.path.basename(path))
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(temporary, 0o644)
    module.atomic_move(temporary, path)


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    given = module.params
    try:
        wanted = _trust.certificates(given["certificates"], given["name"]) if given["state"] == "present" else {}
    except PkiError as error:
        module.fail_json(msg=str(error))
    suffix, folder = given["suffix"], given["directory"]
    names = os.listdir(folder) if os.path.isdir(folder) else []
    found = [
        name
        for name in names
        if name.endswith(suffix) and _trust.is_ours(name[: len(name) - len(suffix)], given["name"])
    ]
    files = {nickname + suffix: pem for nickname, pem in wanted.items()}

    write_names = [name for name, pem in files.items() if read(os.path.join(folder, name)) != pem]
    remove = [name for name in found if name not in files]
    bundle = read(given["bundle"])
    changed = bool(write_names or remove or not all(_trust.is_bundled(pem, bundle) for pem in files.values()))

    if changed and not module.check_mode:
        for name in write_names:
            write(module, os.path.join(folder, name), files[name])
        for name in remove:
            os.unlink(os.path.join(folder, name))
        program, *arguments = given["forget"] if remove and given["forget"] else given["refresh"]
        command = [module.get_bin_path(program, required=True), *arguments]
        code, out, said = module.run_command(command)
        if code:
            module.fail_json(msg=f"{' '.join(command)} failed: {(said or out).strip()}", rc=code)
    result = {"changed": changed, "anchors": [os.path.join(folder, name) for name in sorted(files)]}
    if module._diff:
        result["diff"] = {
            "before_header": folder,
            "after_header": folder,
            "before": _trust.lines(found),
            "after": _trust.lines(list(files)),
        }
    module.exit_json(**result)


if __name__ == "__main__":
    main()
