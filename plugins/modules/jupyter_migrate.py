#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_migrate
short_description: Turn a Jupyter configuration written by hand into variables of the role (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Reads C(jupyter_*config.py) and C(jupyter_*config.json) of one folder of the host, by old names (C(NotebookApp)) and
    new, and writes the variables that say the same to a file of the control node, mode 0600. Nothing of the files is
    executed; nothing on the host changes.
  - A program is followed statement by statement, within bounds. A setting of a file without a variable is a remark
    with its line. So are settings that only running the file would show, conditional settings, and dangerous ones.
  - On the host they are read with the rights of the account whose folder it is.
  - The password's hash is kept word for word, so the old password goes on to log in.
extends_documentation_fragment:
  - remote.notebooks.attributes.control_node
options:
  folder:
    description:
      - The folder on the host, for example C(~ann/.jupyter). The account that it is named by, else its owner, becomes
        C(jupyter_user), so that the server can read that account's notebooks.
    type: str
    required: true
  variables_file:
    description: Where to keep the variables, on the control node. Its folder gets mode 0700. Where nothing was found,
      nothing is written.
    type: path
    required: true
attributes:
  check_mode:
    description: Reads, and writes nothing.
    support: full
  diff_mode:
    description: The file may hold a hash, which is never shown.
    support: none
"""

EXAMPLES = r"""
- name: See what Ann's old server was told
  remote.notebooks.jupyter_migrate:
    folder: ~ann/.jupyter
    variables_file: "{{ inventory_dir }}/credentials/{{ inventory_hostname }}/migrated.yml"
"""

RETURN = r"""
files:
  description: The files that were read.
  returned: always
  type: list
  elements: str
variables:
  description: The resulting variables. A hash and a token are in the file only.
  returned: always
  type: dict
  sample: {jupyter_port: 9999}
variables_file:
  description: Where they are kept.
  returned: always
  type: str
remarks:
  description: Facts for the operator, and steps to do by hand.
  returned: always
  type: list
  elements: str
"""

import errno
import os
import pwd

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._host import other_account, ownership
from ..module_utils._jupyter import config_file

#: As _migration.py has them, which hosts do without.
FILES = tuple(
    f"jupyter_{kind}config.{ending}" for kind in ("server_", "", "lab_", "notebook_") for ending in ("json", "py")
)

#: How long the files of an account may take, in seconds; and how large one may be, in bytes. Nobody writes a larger
#: configuration by hand.
SECONDS = 30
LARGEST = 1_000_000


def main() -> None:
    module = AnsibleModule(
        {"folder": {"type": "str", "required": True}, "variables_file": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    folder = ownership.absolute(module.params["folder"])
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        module.exit_json(changed=False, texts={}, account="")
    except OSError as error:
        module.fail_json(msg=f"{folder} cannot be read: {error.strerror}.")
    try:
        account = _account(module.params["folder"], descriptor)
        owner = account or pwd.getpwuid(os.fstat(descriptor).st_uid).pw_name
        texts = other_account.call(account, lambda: _read(descriptor), seconds=SECONDS, limit=len(FILES) * 8 * LARGEST)
    except (OSError, KeyError) as error:
        module.fail_json(
            msg=(
                f"What is in {folder} cannot be read: {getattr(error, 'strerror', None) or error}. Correct that on the"
                " host."
            )
        )
    module.exit_json(changed=False, texts=texts, account=owner)


def _account(named: str, descriptor: int) -> str:
    """Return whose rights are enough to read in a folder: of the account it is named by, else of its owner. Empty for
    the account that we are."""
    name = named[1:].partition("/")[0] if named.startswith("~") else ""
    uid = os.fstat(descriptor).st_uid
    if os.geteuid() != 0 or (not name and (uid == 0 or named.startswith("~"))):
        return ""
    return name or pwd.getpwuid(uid).pw_name


def _read(descriptor: int) -> dict[str, str]:
    found = {}
    for name in FILES:
        try:
            found[name] = config_file.decode(other_account.content(f"/proc/self/fd/{descriptor}/{name}", LARGEST), name)
        except FileNotFoundError:
            continue
        except ValueError as error:
            raise OSError(errno.EILSEQ, f"{name}: {error}") from error
        except OSError as error:
            raise OSError(error.errno, f"{name}: {error.strerror}") from error
    return found


if __name__ == "__main__":
    main()
