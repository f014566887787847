#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: firewall_netfilter
short_description: Open ports with the firewall of a host (internal)
description:
  - Brings the rules of one owner to the wanted state, in the kernel and for the next boot. Rules of another owner, or
    created by hand, are not touched.
  - >-
    With nftables the rules live in a table of their own, V(inet remote_notebooks_<owner>), and in files under
    C(/etc/remote-notebooks/firewall) that a systemd unit loads. Where a chain of the host would still drop the
    connection, an accept is put directly before the rule that drops it.
  - With iptables the same is done in chain C(INPUT) and in the file that the host loads at boot.
  - With both everything is checked before it is loaded, and loaded in one transaction.
  - With ufw and firewalld each rule that differs is added or taken by the tool itself, for now and for the next boot.
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
    description: The tool. An empty O(rules) removes the rules of this owner there.
    type: str
    choices: [ufw, firewalld, nftables, iptables]
    required: true
  enable:
    description: Whether ufw may be turned on; SSH is allowed first. With firewalld, whether SSH is allowed before its
      service is started.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reports the changes without making them.
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
  description: The differences before, as M(remote.notebooks.firewall_state) returns them.
  type: list
  elements: dict
  returned: always
transactions:
  description: The text given to C(nft -f) or C(iptables-restore), or the command of ufw or firewalld; one for each
    call.
  type: list
  elements: str
  returned: always
"""

import contextlib
import os
import shlex
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import FirewallError
from ..module_utils._firewall.compare import compared
from ..module_utils._firewall.managers import commands
from ..module_utils._firewall.observation.report import read
from ..module_utils._firewall.packet_filter import Record
from ..module_utils._firewall.rules import FOLDER, comment, normalise
from ..module_utils._firewall.transactions import transactions

ARGUMENTS = {
    "rules": {"type": "list", "elements": "dict", "default": []},
    "owner": {"type": "str", "required": True},
    "provider": {"type": "str", "choices": ["ufw", "firewalld", "nftables", "iptables"], "required": True},
    "enable": {"type": "bool", "default": False},
}


def write(module: AnsibleModule, path: str, text: str, mode: int) -> None:
    """Replace a file of the host in one rename."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".")
    with os.fdopen(handle, "w", errors="surrogateescape") as file:
        file.write(text)
    os.chmod(temporary, mode)
    module.atomic_move(temporary, path)


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    owner, provider = module.params["owner"], module.params["provider"]
    module.run_command_environ_update = {"LC_ALL": "C"}
    report = read(module.run_command)
    try:
        rules = normalise(module.params["rules"])
        asked = {"requested": provider, "enable": module.params["enable"]}
        seen, entries = compared(rules, owner, report, **asked)
        found = [entry for entry in entries if entry["provider"] == provider]
        if provider in ("ufw", "firewalld"):
            _by_tool(module, found, report)
        texts, files = transactions(seen, provider)
    except FirewallError as error:
        module.fail_json(msg=str(error))
    result: Record = {
        "changed": bool(found),
        "difference": found,
        "transactions": [text for _command, text in texts],
    }
    if not found:
        module.exit_json(**result)
    _by_kernel(module, texts, files, result)


def _by_tool(module: AnsibleModule, found: list[Record], report: Record) -> None:
    """Have ufw or firewalld change rule by rule."""
    for entry in found:
        if entry["opening"]:
            entry["comment"] = comment(entry["opening"], module.params["owner"])
    lines = commands(found, module.params["provider"], report)
    result: Record = {"changed": bool(lines), "difference": found, "transactions": [shlex.join(line) for line in lines]}
    for line in [] if module.check_mode else lines:
        rc, out, err = module.run_command(line)
        if rc:
            module.fail_json(msg=f"{shlex.join(line)} failed: {err.strip() or out.strip()}", **result)
    module.exit_json(**result)


def _by_kernel(module: AnsibleModule, texts: list[Any], files: dict[str, Any], result: Record) -> None:
    """Load the transactions of nftables or iptables, and write the files for the next boot."""
    for command, text in texts:
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
            with contextlib.suppress(OSError):  # it holds something else
                os.removedirs(FOLDER)
        else:
            write(module, path, content, mode if mode is not None else os.stat(path).st_mode & 0o777)
    if not module.check_mode:
        for command, text in texts:
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
