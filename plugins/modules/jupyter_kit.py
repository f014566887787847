# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_kit
short_description: Serve the files that a device needs to trust and to connect, for a few minutes (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Serves, from the control node, the index, the servers' pages, the authority's certificate and the profile for
    Apple's devices, each with the media type that makes a device offer to install it.
  - Generates them from the records that M(remote.notebooks.jupyter_handoff) wrote, in memory; passwords and keys are
    not among them unless asked for.
  - Shows the address, with a random part that nobody guesses, as a QR code, and the fingerprint to compare. Plain HTTP,
    because the device trusts no certificate of ours yet. The fingerprint distinguishes it from a forgery.
  - Ends by itself when the time or the number of requests is used up, or with Ctrl-C.
options:
  directory:
    description: The folder of the hand-off.
    type: path
    required: true
  address:
    description: The one IP address of the control node to listen on. Without it, the one this machine sends from.
    type: str
  port:
    description: The port; V(0) takes any free one.
    type: int
    default: 0
  minutes:
    description: How long, 60 at most.
    type: float
    default: 5
  requests:
    description: The maximum number of requests. Requests for unknown files do not count, so that nobody ends it
      who does not know the address.
    type: int
    default: 200
  include_password:
    description: Whether the pages show the passwords. They then cross the network in clear.
    type: bool
    default: false
  files:
    description: Further files of the control node to serve under their own names, such as a key. They cross the network
      in clear.
    type: list
    elements: path
    default: []
  signer:
    description: Who signs the profiles, as for M(remote.notebooks.jupyter_handoff).
    type: dict
    suboptions:
      certificate:
        description: The signer's certificate and the chain after it, PEM.
        type: path
        required: true
      key:
        description: Its RSA or ECDSA key, PEM.
        type: path
        required: true
      passphrase:
        description: The passphrase of the key.
        type: str
requirements:
  - cryptography
  - segno
attributes:
  check_mode:
    description: Lists the files and serves nothing.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference.
    support: none
"""

EXAMPLES = r"""
- name: Let the tablets of the room fetch the kit
  remote.notebooks.jupyter_kit:
    directory: "{{ inventory_dir }}/handoff"
    address: 192.0.2.5
    minutes: 10
  run_once: true
"""

RETURN = r"""
url:
  description: Where the kit was.
  type: str
  returned: when it was served
  sample: http://192.0.2.5:40123/3vPZ0mWbq1rT9kHs/
files:
  description: The served files, below the address.
  type: list
  elements: str
  returned: always
served:
  description: Every request that was served, with C(client), C(status) and C(file).
  type: list
  elements: dict
  returned: always
  sample: [{client: 192.0.2.40, status: 200, file: ca.crt}]
refused:
  description: The number of requests for unknown files. They end nothing.
  type: int
  returned: when it was served
ended:
  description: The reason of its end, C(time) or C(requests).
  type: str
  returned: when it was served
"""
