#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_environment
short_description: Build a Python environment beside the others, try it, and seal it (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Creates a virtual environment, installs packages into it and compiles them, starts a kernel in it that imports
    them, and stores the list of its files. Only then is it I(sealed), and only a sealed one is ever used.
  - Where any of that fails, nothing of the environment stays, and the module says why in one sentence with its cure.
  - One builder at a time works on a host. A second one waits, and uses the environment of the first one.
  - Settings of the installers, such as an index, a proxy or an authority to trust, are given as environment variables
    of the task.
options:
  name:
    description: The purpose of the environment, the beginning of messages.
    type: str
    required: true
  path:
    description:
      - Folder of the environment, an absolute path.
      - A complete and sealed environment stays as it is. A damaged one is rebuilt with the same content.
    type: str
    required: true
  prefix:
    description: Folder, an absolute path, that holds C(envs), C(libexec) with the scripts of the role, and
      C(installer).
    type: str
    required: true
  python:
    description: The interpreter it is built on, an absolute path.
    type: str
    required: true
  download:
    description:
      - The version of a Python that uv installs into C(pythons) below O(prefix), for example V(3.12), if it is not
        there yet. Empty if O(python) is one of the host. uv compares the SHA-256 of the download with its own list.
    type: str
    default: ""
  renew:
    description: Whether a newer patch release of O(download) is wanted, if this uv knows one.
    type: bool
    default: false
  packages:
    description: Requirements. Their modules are imported before the environment is sealed.
    type: list
    elements: str
    required: true
  lock:
    description: The text of a lock file, every version with its hashes, to install from instead of O(packages).
    type: str
    default: ""
  installer:
    description:
      - V(uv) is fetched once a host, in the wheel whose digest (SHA-256) this collection knows. Where it cannot be had,
        V(pip) does its work.
    type: str
    choices: [uv, pip]
    default: uv
  pip:
    description:
      - A wheel of pip on the control node, for a host whose Python comes without. The action plugin brings it; the
        environment is then created without the host's C(ensurepip), which Debian keeps in a package of its own.
    type: path
  wheelhouse:
    description:
      - Which wheels of O(lock) the control node brings, and where it keeps them, as M(remote.notebooks.jupyter_state)
        says it. Those that it does not have yet are downloaded there. The host asks nothing of the network then.
    type: dict
    default: {}
  wheels:
    description: An archive (tar) of wheels on the host. The action plugin sets it; there is no need to.
    type: str
  account:
    description: The account that tries it. Without it, the one that the module runs as.
    type: str
  before:
    description: The environment in use until now. The seal names it, so that a rollback leads there.
    type: str
  instead_of:
    description:
      - The environment that this one is to take the place of. If it holds the very same versions, the new one goes
        again, and RV(same) says so.
    type: str
  variables:
    description: The environment variables of the task, as JSON. The action plugin sets it; there is no need to.
    type: str
    default: "{}"
  progress:
    description:
      - Name of a file beside the environments, for the step of the build and its counts. The action plugin sets it if a
        person watches.
    type: str
    default: ""
attributes:
  check_mode:
    description: Says whether it would build.
    support: full
  diff_mode:
    description: An environment has no text to compare.
    support: none
  platform:
    description: The host.
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: An environment with pandas
  remote.notebooks.jupyter_environment:
    name: analysis
    path: /opt/remote-notebooks/envs/0123456789ab
    prefix: /opt/remote-notebooks
    python: /usr/bin/python3
    packages: [jupyterlab, pandas]
    account: jupyter
  environment:
    SSL_CERT_FILE: /etc/ssl/company.pem
"""

RETURN = r"""
same:
  description: Nothing is newer than in O(instead_of); there is no environment at O(path).
  type: bool
  returned: success
remark:
  description: Facts for the operator, such as the reason why uv was not used. Usually empty.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._jupyter import build
from ..module_utils._jupyter.observation import environments


def main() -> None:
    module = AnsibleModule(build.ARGUMENTS, supports_check_mode=True)
    if module.check_mode:
        found = environments.environment(module.params["path"])
        module.exit_json(changed=not found["sealed"] or bool(found["missing"]), same=False, remark="")
    result = build.attempt(module.params)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
