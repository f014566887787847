#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: firewall_netfilter
short_description: Open ports with nftables or iptables
description:
  - Brings the rules of one owner to the wanted state, in the kernel and for the next boot. Rules of another owner, or made by hand, are not touched.
  - >-
    With nftables the rules live in a table of their own, V(inet remote_notebooks_<owner>), and in files under C(/etc/remote-notebooks/firewall)
    that a systemd unit loads. Where a chain of the host would still drop the connection, an accept is put directly before the rule that drops it.
  - With iptables the same is done in chain C(INPUT) and in the file that the host loads at boot.
  - Everything is checked before it is loaded, and loaded in one transaction.
author:
  - The remote.notebooks founders (@remote-notebooks)
extends_documentation_fragment:
  - remote.notebooks.attributes.host
options:
  rules:
    description: The openings that are wanted, as O(remote.notebooks.firewall#role:main:firewall_rules) describes them.
    type: list
    elements: dict
    default: []
  owner:
    description: Whose rules these are.
    type: str
    required: true
  provider:
    description: The tool. An empty O(rules) takes away what this owner has there.
    type: str
    choices: [nftables, iptables]
    required: true
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows the files, and the transaction for the kernel.
    support: full
notes:
  - It needs root.
"""

EXAMPLES = r"""
- name: Open port 8888 for one network
  remote.notebooks.firewall_netfilter:
    provider: nftables
    owner: jupyter
    rules:
      - {port: 8888, sources: [192.0.2.0/24]}
"""

RETURN = r"""
difference:
  description: What differed before, as M(remote.notebooks.firewall_state) returns it.
  type: list
  elements: dict
  returned: always
transactions:
  description: The text given to C(nft -f) or C(iptables-restore), one for each call.
  type: list
  elements: str
  returned: always
"""

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import FirewallError
from ..module_utils._firewall import difference, normalise, resolve
from ..module_utils._firewall_filter import Record
from ..module_utils._firewall_host import read
from ..module_utils._firewall_rules import FOLDER, openings
from ..module_utils._firewall_steps import UNIT, iptables_restore, iptables_saved, nft_files, nft_script

ARGUMENTS = {
    "rules": {"type": "list", "elements": "dict", "default": []},
    "owner": {"type": "str", "required": True},
    "provider": {"type": "str", "choices": ["nftables", "iptables"], "required": True},
}


def write(module: AnsibleModule, path: str, text: str, mode: int) -> None:
    """Replace a file of the host in one rename."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".")
    with os.fdopen(handle, "w", errors="surrogateescape") as file:
        file.write(text)
    os.chmod(temporary, mode)
    module.atomic_move(temporary, path)


def plan(
    rules: list[Record], owner: str, provider: str, report: Record
) -> tuple[list[tuple[list[str], str]], dict[str, tuple[str | None, int | None]]]:
    """The transactions (command, text) and the files (path: text, None to remove it, mode)."""
    wanted = resolve(openings(rules), provider, report)
    files: dict[str, tuple[str | None, int | None]] = {}
    transactions = []
    if provider == "nftables":
        ours = nft_files(wanted, owner, report)
        files = {path: (ours.get(path), 0o644 if path == UNIT else 0o600) for path in [f"{FOLDER}/{owner}.nft", f"{FOLDER}/{owner}.hooks.sh", *ours]}
        transactions = [(["nft", "-f", "-"], nft_script(wanted, owner, report))]
    else:
        for of, tool in (("ip", "iptables-restore"), ("ip6", "ip6tables-restore")):
            transactions.append(([tool, "--noflush"], iptables_restore(wanted, owner, report, of)))
            saved = report["saved"].get(of)
            if saved:
                files[saved["path"]] = (iptables_saved(saved["text"], wanted, owner, report, of), None)
    return [(command, text) for command, text in transactions if text], files


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    owner, provider = module.params["owner"], module.params["provider"]
    module.run_command_environ_update = {"LC_ALL": "C"}
    report = read(module.run_command)
    try:
        rules = normalise(module.params["rules"])
        found = [entry for entry in difference(rules, owner, report, provider) if entry["provider"] == provider]
        transactions, files = plan(rules, owner, provider, report)
    except FirewallError as error:
        module.fail_json(msg=str(error))
    result: Record = {"changed": bool(found), "difference": found, "transactions": [text for _command, text in transactions]}
    if not found:
        module.exit_json(**result)

    for command, text in transactions:
        test = [command[0], "-c", *command[1:]] if command[0] == "nft" else [command[0], "--test", *command[1:]]
        rc, _out, err = module.run_command(test, data=text)
        if rc:
            module.fail_json(msg=f"{' '.join(test)} refuses the rules, so nothing was loaded: {err.strip()}", **result)
    changes = []
    for path, (content, mode) in files.items():
        before = _read(path)
        if before == content:
            continue
        changes.append({"before_header": path, "after_header": path, "before": before or "", "after": content or ""})
        if module.check_mode:
            continue
        if content is None:
            os.unlink(path)
        else:
            write(module, path, content, mode if mode is not None else os.stat(path).st_mode & 0o777)
    if not module.check_mode:
        for command, text in transactions:
            rc, _out, err = module.run_command(command, data=text)
            if rc:
                module.fail_json(msg=f"{' '.join(command)} failed: {err.strip()}", **result)
    module.exit_json(diff=changes, **result)


def _read(path: str) -> str | None:
    try:
        with open(path, errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    main()
