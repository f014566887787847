#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_state
short_description: Read the state of a Jupyter host in one round trip and compare it with the plan (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Reads everything that the R(remote.notebooks.jupyter role,ansible_collections.remote.notebooks.jupyter_role) manages
    on a host, in one module run, and compares it on the control node with the plan.
  - Changes nothing on the host. In check mode it reports C(changed) where the role would change something, and with
    C(--diff) shows the details.
  - Files whose content is secret (the password's hash, the private key) are compared by digest; their content never
    leaves the host.
options:
  plan:
    description: The plan of the host, as M(remote.notebooks.jupyter_plan) returns it.
    type: dict
    required: true
  credentials_dir:
    description:
      - The folder on the control node in which the passwords of the instances are kept, as
        M(remote.notebooks.jupyter_credentials) does it.
      - They are kept when the host has been read and nothing is refused. Without it no server has one.
    type: path
  rotate:
    description: Instances that get a new password, C(*) for all, as in M(remote.notebooks.jupyter_credentials).
    type: list
    elements: str
    default: []
  rotate_now:
    description: Whether instances with a new password restart in this run, independent of their restart policy.
    type: bool
    default: false
  pki:
    description: The result of the R(pki role,ansible_collections.remote.notebooks.pki_role). Empty if no server has
      a certificate.
    type: dict
    default: {}
  handoff:
    description: The folder of the pages to hand over, for RV(connect).
    type: path
    default: ""
  firewall:
    description: The user's rules for the R(firewall role,ansible_collections.remote.notebooks.firewall_role).
    type: dict
    suboptions:
      provider:
        description: Its C(firewall_provider).
        type: str
        default: auto
      enable:
        description: Its C(firewall_enable).
        type: bool
        default: false
  details:
    description:
      - Look closer, for a report - versions, uptime, kernels, the certificate on the port, the lines that differ - and
        return RV(overview).
      - Asks the kernels whether they compute, so it may take some seconds.
    type: bool
    default: false
  locks:
    description: Folder of the control node with the lock files of instances that have C(lock) on. One that is missing
      is created.
    type: path
  aim:
    description:
      - The request of the run for the environments, as C(do) with V(keep), V(new), V(previous) or
        V(back).
      - With it go C(stamp), the run's own, C(instances) it is about (empty means all), C(environments) to go back to,
        by instance, and C(same), those that turned out to hold nothing newer.
    type: dict
    default: {}
  tunnel:
    description: The targets for the R(tunnel role,ansible_collections.remote.notebooks.tunnel_role).
    type: dict
    suboptions:
      accounts:
        description: The accounts, as M(remote.notebooks.tunnel_keys) returns them.
        type: list
        elements: dict
        default: []
      config_file:
        description: The file of the control node that ssh finds these accounts in; O(tunnel.accounts) come with it.
        type: path
        default: ""
      override:
        description: Its C(tunnel_override).
        type: bool
        default: false
  look:
    description:
      - Only read, and refuse impossible requests - servers that the plan does not name and, for a verb, a host that
        differs from the plan in more than the verb is about. Nothing is kept on the control node, and nothing is
        returned.
    type: bool
    default: false
  probe:
    description: The resources to read. The action plugin computes it from O(plan), so there is no need to set it.
    type: dict
attributes:
  check_mode:
    description: Reads and compares as always, and reports the changes.
    support: full
  diff_mode:
    description: Shows each difference, with the text of files that are not secret.
    support: full
  platform:
    description: Linux with C(/proc).
    support: full
    platforms: linux
"""

EXAMPLES = r"""
- name: Compare the host with the plan
  remote.notebooks.jupyter_state:
    plan: "{{ __jupyter_plan.plan }}"
  register: __jupyter_state

- name: Name what differs
  ansible.builtin.debug:
    msg: "{{ __jupyter_state.changes | map(attribute='text') }}"
"""

RETURN = r"""
changes:
  description: The differences from the plan. Empty if there are none.
  returned: always
  type: list
  elements: dict
  contains:
    id: {description: Kind and name of the thing., type: str,
          sample: file /etc/remote-notebooks/lab/jupyter_server_config.py}
    stage: {description: Which stage of the role mends it., type: str, sample: configure}
    instance: {description: The instance it belongs to; empty where it serves several., type: str, sample: lab}
    what: {description: The kind of the difference., type: str, sample: mode}
    text: {description: The same as one sentence., type: str, sample: "file /etc/remote-notebooks: mode is 0777,
          wanted 0755"}
stages:
  description: The stages that have work to do.
  returned: always
  type: list
  elements: str
things:
  description: Everything the role manages on this host, as the plan defines it.
  returned: where there is something to do, and with O(details)
  type: list
  elements: dict
manifest:
  description: The same as a list to store on the host, by which a later run finds resources that are no longer wanted.
  returned: where there is something to do, and with O(details)
  type: list
  elements: dict
journal:
  description: RV(manifest) with RV(orphans), the content of the host's manifest until a run has finished.
  returned: where there is something to do, and with O(details)
  type: list
  elements: dict
instances:
  description: The instances, completed with facts of the host.
  returned: always
  type: list
  elements: dict
rotated:
  description: The instances that got a new password.
  returned: always
  type: list
  elements: str
steps:
  description: The steps that each service needs. C(step=restart) means that a restart is due.
  returned: always
  type: list
  elements: dict
  contains:
    instance: {description: The instance., type: str, sample: lab}
    step: {description: "C(start), C(restart) or C(enable).", type: str, sample: restart}
    pid: {description: "The server that would end, C(0) where none runs.", type: int, sample: 4711}
    when: {description: "C(now), C(idle) - when nothing is busy in it - or C(later), not in this run.", type: str,
          sample: idle}
    why: {description: The reason of the restart., type: str, sample: its environment or its settings have changed}
servers:
  description: How clients reach each instance; the records of M(remote.notebooks.jupyter_handoff), and under C(checks)
    how the control node tries it.
  returned: always
  type: list
  elements: dict
connect:
  description: The addresses to connect to, and remarks, as lines to show at the end of a run.
  returned: always
  type: list
  elements: str
  sample:
    - "lab on web1: http://localhost:8888/"
    - "from another machine first:"
    - "    ssh -N -L 8888:localhost:8888 admin@192.0.2.10"
lock:
  description: Where a run that changes the host leaves its name (C(path)), the name (C(mine)), and the one of a dead
    run that is there (C(stale)).
  returned: always
  type: dict
remarks:
  description: Facts that need attention although no change is needed.
  returned: always
  type: list
  elements: str
overview:
  description: The servers of this host and their differences. M(remote.notebooks.jupyter_report) shows it.
  returned: with O(details)
  type: dict
orphans:
  description: Resources of an earlier run that the plan no longer has.
  returned: always
  type: list
  elements: dict
standing_rules:
  description: The firewall's rules of ours for ports that the plan no longer names. They stay until the servers there
    have moved.
  returned: where there is something to do, and with O(details)
  type: list
  elements: dict
former_rules:
  description: The plan's rules of the firewall as far as they are in force already. Where a run fails later, it closes
    other ports that it opened.
  returned: where there is something to do, and with O(details)
  type: list
  elements: dict
was:
  description: The environment that each instance, and each Python kernel of one, was in before this run.
  returned: always
  type: dict
  sample: {lab: /opt/remote-notebooks/envs/0123456789ab}
pip:
  description: A wheel of pip on the control node, for a host whose Python comes without; empty where none is needed, or
    none fits.
  returned: always
  type: str
  sample: /usr/lib/python3.13/ensurepip/_bundled/pip-25.1.1-py3-none-any.whl
report:
  description:
    - The observation, without the texts of files.
    - Where there is nothing to do, C(paths), C(environments) and C(manifest) are left out as well, but with O(details).
  returned: always
  type: dict
"""

import functools

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._firewall.observation import report as firewall_report
from ..module_utils._jupyter.observation import report as observation
from ..module_utils._tunnel import host

FIREWALL = {"provider": {"type": "str", "default": "auto"}, "enable": {"type": "bool", "default": False}}
TUNNEL = {
    "accounts": {"type": "list", "elements": "dict", "default": []},
    "config_file": {"type": "path", "default": ""},
    "override": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(
        {
            "plan": {"type": "dict", "required": True},
            "credentials_dir": {"type": "path", "no_log": False},
            "rotate": {"type": "list", "elements": "str", "default": []},
            "rotate_now": {"type": "bool", "default": False},
            "pki": {"type": "dict", "default": {}},
            "handoff": {"type": "path", "default": ""},
            "firewall": {"type": "dict", "apply_defaults": True, "options": FIREWALL},
            "details": {"type": "bool", "default": False},
            "locks": {"type": "path"},
            "aim": {"type": "dict", "default": {}},
            "tunnel": {"type": "dict", "apply_defaults": True, "options": TUNNEL},
            "look": {"type": "bool", "default": False},
            "probe": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    if module.params["probe"] is None:
        module.fail_json(msg="jupyter_state works through its action plugin. Call it as a task, not as a bare module.")

    run = functools.partial(module.run_command, handle_exceptions=False)
    try:
        firewall = functools.partial(firewall_report.read, module.run_command)
        report = observation.report(module.params["probe"], run, firewall, lambda asked: host.read(**asked, run=run))
    except OSError as error:
        module.fail_json(msg=observation.trouble(error))
    module.exit_json(changed=False, report=report)


if __name__ == "__main__":
    main()
