#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_verdicts
short_description: Conclude the results of the checks of a host's servers (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Turns the answers of M(remote.notebooks.connection_check) into one record for each way to each server.
  - Where a client is kept out and the host may know why, it asks the host in one round trip - does the server run, who
    holds the port, does the firewall there let the client in - and so tells the host's own fault from a cloud's or a
    router's. Otherwise it asks nothing.
  - Changes nothing.
extends_documentation_fragment:
  - remote.notebooks.attributes.host
  - remote.notebooks.attributes.reads
options:
  plan:
    description: The plan of the host, as M(remote.notebooks.jupyter_plan) returns it.
    type: dict
  targets:
    description: The targets to check, as M(remote.notebooks.jupyter_check) returns them.
    type: list
    elements: dict
    default: []
  answers:
    description: The results of the loop over those that could be tried; the loop variable is C(__jupyter_target).
    type: list
    elements: dict
    default: []
  instances:
    description: The instances as M(remote.notebooks.jupyter_state) completed them; a failure then says where the log of
      each is.
    type: list
    elements: dict
    default: []
  refused:
    description: Why there is no plan for this host, where there is none.
    type: str
    default: ""
  devices:
    description: The devices of the host, as the report of M(remote.notebooks.jupyter_state) has them.
    type: dict
  fail:
    description: Whether the task fails if a server is not reachable. Its message then names the servers, the causes,
      and the
      do.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Conclude
  remote.notebooks.jupyter_verdicts:
    plan: "{{ __jupyter_plan.plan }}"
    targets: "{{ __jupyter_targets.targets }}"
    answers: "{{ __jupyter_verdicts.results }}"
  register: __jupyter_check
"""

RETURN = r"""
servers:
  description: One for each target.
  returned: always
  type: list
  elements: dict
  contains:
    host: {description: Name of the host in the inventory., type: str, sample: web1}
    instance: {description: Name of the instance., type: str, sample: lab}
    way: {description: 'V(network), V(tunnel) or V(loopback).', type: str, sample: network}
    url: {description: The address that a client types., type: str, sample: "https://lab.example.org:8888/"}
    verdict: {description: 'V(reachable), V(untrusted), V(unreachable),
          or V(unknown) where the check could not be created.', type: str}
    cause: {description: A short identifier that stays the same between releases., type: str, sample: timed_out}
    message: {description: The state., type: str}
    cure: {description: The cure., type: str}
    host_says: {description: The facts from the host itself. Empty if it was not asked., type: str}
    certificate_days: {description: Whole days that the certificate has left; null where none was shown., type: int}
    certificate_valid: {description: Days of its whole validity; null where none was shown., type: int}
    certificate_sha256: {description: Its fingerprint., type: str}
    milliseconds: {description: How long the check took; null where there was none., type: int}
    server_version: {description: The version of Jupyter Server., type: str}
remarks:
  description: The sentences about GPUs, and whether a kernel has opened them.
  returned: always
  type: list
  elements: str
"""
