# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_handoff
short_description: Write the pages that people need to connect (internal)
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Writes, for each server, C(<host>/<instance>.html), a page with every field that a browser, an app or a terminal
    asks for, and C(<host>/<instance>.json), the same for programs.
  - Writes, for each person with several servers, C(people/<person>.html), a page about all of them. It holds no
    password.
  - Writes, for the fleet, C(index.html), and for the devices C(ca.crt) (DER), C(ca.pem) and
    C(remote-notebooks.mobileconfig), a profile for Apple's devices. An authority that belongs to one server alone lies
    beside its page, as C(<instance>.crt) and so on.
  - The pages load nothing from anywhere and hold no password unless asked.
  - Runs on the control node alone; no host is contacted. The folder gets mode 0700 and is ignored by git.
options:
  directory:
    description: The folder to write to.
    type: path
    required: true
  servers:
    description: One record for each server. Left out, the records of earlier runs, so that their pages are written
      again.
    type: list
    elements: dict
    suboptions:
      host:
        description: Name of the host in the inventory.
        type: str
        required: true
      instance:
        description: Name of the instance.
        type: str
        required: true
      person:
        description: Whose server it is. Several servers of one person have a common page. Left out, the name of the
          instance.
        type: str
      url:
        description: The address for browsers, with the base path. For V(tunnel), the near end of the tunnel.
        type: str
        required: true
      urls:
        description: Every address of that kind, O(servers[].url) first. Each has a block and a QR code on the page.
        type: list
        elements: str
      own:
        description: The addresses in O(servers[].urls) and O(servers[].ssh) that the host has itself.
        type: list
        elements: str
      now:
        description: The C(addresses) of the host, and the C(variable) of the inventory that names one. It stands in no
          file.
        type: dict
      api_url:
        description: Where the REST API is. Without it, C(api) below O(servers[].url).
        type: str
      access:
        description: How clients get there.
        type: str
        choices: [tunnel, direct, both]
        required: true
      tls:
        description: How the server's certificate is created. Without it, the server speaks plain HTTP.
        type: dict
        suboptions:
          mode:
            description: As the C(tls) key of an instance.
            type: str
            choices: [private_ca, self_signed, provided, acme, none]
            required: true
          ca_file:
            description: The authority's certificate on the control node, PEM. Null for one that devices trust already.
            type: path
          ca_sha256:
            description: SHA-256 of its DER form, hexadecimal. Taken from O(servers[].tls.ca_file) when left out.
            type: str
          not_after:
            description: The end of the server's certificate, ISO 8601.
            type: str
      ssh:
        description: The tunnel; needed unless O(servers[].access=direct).
        type: dict
        suboptions:
          host:
            description: Name or address of the SSH server.
            type: str
            required: true
          port:
            description: Its port.
            type: int
            default: 22
          user:
            description: The account that may forward.
            type: str
          local_port:
            description: The port at the near end.
            type: int
            required: true
          remote_port:
            description: The port where Jupyter listens on the host.
            type: int
            required: true
          hops:
            description: The jump hosts on the way, the first to connect to first.
            type: list
            elements: dict
            suboptions:
              host:
                description: Name or address.
                type: str
                required: true
              port:
                description: Its SSH port.
                type: int
                default: 22
              user:
                description: The account there.
                type: str
              alias:
                description: The name in ssh's configuration, where the account can forward and do nothing else.
                type: str
              private_key_file:
                description: The private key of that account on the control node.
                type: path
          command:
            description: A C(ProxyCommand) of ssh, instead of O(servers[].ssh.hops).
            type: str
          private_key_file:
            description: The private key of O(servers[].ssh.user) on the control node, where that is an account which
              can forward and do nothing else.
            type: path
          pem_file:
            description: The same key in PEM, for apps that take nothing else.
            type: path
          alias:
            description: The name of that account in ssh's configuration on the control node.
            type: str
          others:
            description: Further accounts that can forward to this server and do nothing else.
            type: list
            elements: dict
            suboptions:
              user:
                description: As O(servers[].ssh.user).
                type: str
              private_key_file:
                description: As O(servers[].ssh.private_key_file).
                type: path
              pem_file:
                description: As O(servers[].ssh.pem_file).
                type: path
              alias:
                description: As O(servers[].ssh.alias).
                type: str
      password_file:
        description: The file of the control node that holds the password. Only its path is written.
        type: path
      service:
        description: The unit or session that runs the server.
        type: str
      clients:
        description: The clients that people connect with.
        type: list
        elements: str
        choices: [browser, juno, vscode]
        default: [browser]
      classic:
        description: Path of the classic pages below O(servers[].url), which the app Juno needs; empty where there are
          none.
        type: str
        default: ""
      checks:
        description: How the control node tries it, as M(remote.notebooks.jupyter_state) says it beside the record. It
          stands in no file.
        type: list
        elements: dict
  targets:
    description: Ways to the servers, read from the host after O(servers), as M(remote.notebooks.jupyter_check) returns
      them. Their C(classic) replaces that of O(servers).
    type: list
    elements: dict
    default: []
  hosts:
    description:
      - Hosts whose servers are all in O(servers). The files of other servers of these hosts are removed.
      - Servers of hosts that are not named here stay in the index, so C(--limit) loses none.
    type: list
    elements: str
    default: []
  include_password:
    description: Whether the pages show the password. Who has such a page can run programs on the server.
    type: bool
    default: false
  signer:
    description: Who signs the profiles, as CMS. Without it they are not signed. A device says C(Verified) where it
      trusts the signer already.
    type: dict
    suboptions:
      certificate:
        description: The signer's certificate and the chain after it, PEM, on the control node.
        type: path
        required: true
      key:
        description: Its RSA or ECDSA key, PEM, on the control node.
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
    description: Reports the changes and writes nothing.
    support: full
  diff_mode:
    description: Shows the records before and after; of pages, which may hold a password, and of certificates the
      digest.
    support: full
"""

EXAMPLES = r"""
- name: Write the hand-off of one server
  remote.notebooks.jupyter_handoff:
    directory: "{{ inventory_dir }}/handoff"
    servers:
      - host: lab.example.org
        instance: lab
        url: https://lab.example.org:8888/
        access: direct
        tls:
          mode: private_ca
          ca_file: "{{ inventory_dir }}/pki/ca.pem"
        password_file: "{{ inventory_dir }}/credentials/lab.example.org/lab.password"
        service: jupyter@lab.service
        clients: [browser, juno]
        classic: tree
  run_once: true
"""

RETURN = r"""
files:
  description: The files of the hand-off, below O(directory).
  type: list
  elements: str
  returned: always
  sample: [ca.crt, ca.pem, index.html, lab.example.org/lab.html, lab.example.org/lab.json]
people:
  description: The pages of people over several servers, for those of O(servers), by the person.
  type: dict
  returned: always
  sample: {ann: inventory/handoff/people/ann.html}
"""
