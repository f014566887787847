#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_notebooks
short_description: Pack a folder of notebooks, or unpack one (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Packs and unpacks with the rights of the account whose notebooks they are. Neither a link in its folder nor the
    content of an archive leads further than the account gets by itself.
  - Regular files, folders and links within pass, with the plain bits of their mode. All omitted files are listed.
options:
  root:
    description: The folder, an absolute path, taken as it is called, also with C($HOME) in it. It may be a link of its
      account.
    type: str
    required: true
  account:
    description: Whose notebooks they are; empty for the account that runs this.
    type: str
    default: ""
  archive:
    description: The archive to unpack, in the form of RV(archive). Without it the folder is packed.
    type: str
  limit:
    description: How much the folder may hold, in MB.
    type: float
    default: 100
extends_documentation_fragment:
  - remote.notebooks.attributes.host
attributes:
  check_mode:
    description: Packs as always; unpacks nothing, and says whether it would.
    support: full
  diff_mode:
    description: Notebooks are nobody else's to read.
    support: none
"""

EXAMPLES = r"""
- name: The notebooks of a server
  remote.notebooks.jupyter_notebooks:
    root: /home/jupyter/notebooks
    account: jupyter
  no_log: true
  register: packed
"""

RETURN = r"""
archive:
  description: The folder, as C(tar) and C(gzip) read it, in base64.
  type: str
  returned: success
there:
  description: Whether something lies in the folder already; then nothing is unpacked.
  type: bool
  returned: success
problem:
  description: Why it could not be done, with the cure; empty where it was. It is no failure, of which C(no_log) would
    hide the reason.
  type: str
  returned: success
left_out:
  description: The omitted files, with reasons, at most twenty names.
  type: list
  elements: str
  returned: success
"""

import base64
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import BackupError
from ..module_utils._host import other_account
from ..module_utils._jupyter import notebooks

#: How long a folder may take, in seconds. The account can stop any process with its rights.
SECONDS = 1800
#: Begins the message of the account's process about a folder that is too large.
TOO_MUCH = "too much: "


def main() -> None:
    module = AnsibleModule(
        {
            "root": {"type": "str", "required": True},
            "account": {"type": "str", "default": ""},
            "archive": {"type": "str", "no_log": True},
            "limit": {"type": "float", "default": 100},
        },
        supports_check_mode=True,
    )
    root, account, text = module.params["root"], module.params["account"], module.params["archive"]
    limit = int(module.params["limit"] * 1_000_000)
    try:
        if text is None:
            said = other_account.call(account, lambda: _pack(root, limit), seconds=SECONDS, limit=2 * limit + (1 << 20))
        else:
            said = other_account.call(
                account, lambda: _unpack(root, text, limit, module.check_mode), seconds=SECONDS, limit=1 << 20
            )
    except (OSError, KeyError) as error:
        whose = f"the account '{account}'" if account else "this account"
        said = {
            "problem": (
                f"{root}: {whose} cannot do that: {getattr(error, 'strerror', None) or error}. Correct it on the host,"
                " and run again."
            )
        }
    if said["problem"].startswith(TOO_MUCH):
        said["problem"] = (
            f"{root} {said['problem'][len(TOO_MUCH) :]}, and this goes through memory: it takes at most"
            f" {module.params['limit']:g} MB a server. Raise backup_limit where both machines have four times as much"
            " memory to spare, or save that folder with a tool for large files (rsync, restic)."
        )
    # Not as a failure: the message of a failed task with no_log is hidden.
    module.exit_json(**{"changed": False, "archive": "", "there": False, "left_out": [], **said})


def _pack(root: str, limit: int) -> dict[str, Any]:
    try:
        archive = notebooks.collect(root, limit)
    except BackupError as error:
        return {"problem": f"{TOO_MUCH}{error}"}
    return {
        "problem": "",
        "archive": base64.b64encode(archive.data()).decode(),
        "left_out": notebooks.named(archive.left_out),
    }


def _unpack(root: str, text: str, limit: int, check_mode: bool) -> dict[str, Any]:
    if os.listdir(root):
        return {"problem": "", "there": True}
    try:
        archive = notebooks.parse(base64.b64decode(text), limit)
    except BackupError as error:
        return {"problem": f"{TOO_MUCH}cannot be filled from the archive: {error}"}
    if not check_mode:
        notebooks.write(root, archive)
    return {"problem": "", "changed": bool(archive.made), "left_out": notebooks.named(archive.left_out)}


if __name__ == "__main__":
    main()
