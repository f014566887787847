#!/usr/bin/python
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: connection_check
short_description: See a Jupyter server as a client sees it
version_added: 1.0.0
author: The remote.notebooks founders (@remote-notebooks)
description:
  - Goes the way of a browser or an app - name, port, TLS, login, kernel, WebSocket - runs a line of code and reads its
    result back.
  - Returns V(unreachable), V(untrusted) or V(reachable), the cause, and the cure.
  - Normally delegated to the control node. The environment's proxies are not used.
  - A bad verdict is no failure of the module; use RV(verdict) in C(failed_when) or in C(assert). Only arguments that
    make no check possible fail.
  - Changes nothing. The kernel it starts is deleted again, the login is ended, the tunnel it opens is closed; so it
    does the same in check mode.
extends_documentation_fragment:
  - remote.notebooks.attributes.reads
options:
  url:
    description:
      - The address a person would open, as C(https://host:port/base) or C(http://host:port/base).
      - With O(tunnel), host and port are those that a client would open at the near end (mostly V(localhost)). The
        check itself opens no port here.
    type: str
    required: true
  ca_file:
    description: The authority to trust, a PEM file where the module runs. Without it, the system's store is trusted.
    type: path
  server_name:
    description: The name (or address) that the certificate must carry, where it differs from the host of O(url).
    type: str
  certificate_sha256:
    description:
      - The certificate that the server must show, as SHA-256 of its DER form in lower-case hexadecimal.
      - Beside others that are trusted for the same name, this one alone is taken. Nothing is sent to another.
    type: str
  password:
    description: The password of the login page.
    type: str
  password_file:
    description: A file that holds it, where the module runs. One newline at its end is not part of it.
    type: path
  token:
    description: The token of the server.
    type: str
  token_file:
    description: A file that holds it, where the module runs. One newline at its end is not part of it.
    type: path
  classic:
    description:
      - Path of the classic pages below O(url), as V(tree) or V(nbclassic/tree). The app Juno opens them.
      - The check opens the page after the login, and another page there is the cause V(not_classic).
    type: str
    default: ""
  upload:
    description:
      - Send a request of so many bytes after the login, 100000000 at most. It changes nothing, and a proxy that refuses
        it is the cause V(body_limit).
      - Jupyter itself takes 512 MB, and the default of nginx is 1 MB
        (U(https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size)).
    type: int
    default: 0
  durable:
    description:
      - After the result, leave in the middle of a cell without closing the connection, and ask as another session for
        the line that the cell printed afterwards. It takes half a second.
      - A server without C(jupyter_durable) has no answer, which is the cause V(not_durable).
    type: bool
    default: false
  tunnel:
    description:
      - Go through an SSH tunnel, opened with the C(ssh) of this machine for the length of the check.
      - No port of this machine is opened for it, so that no other account can listen there, or come along. It ends with
        the check, however that ends.
      - The host key must be known already; keys with a passphrase must be in an agent. C(~/.ssh/config) is obeyed.
    type: dict
    suboptions:
      host:
        description: Name, address or alias of the SSH server.
        type: str
        required: true
      port:
        description: Its SSH port. Default is the port in C(~/.ssh/config), or 22.
        type: int
      user:
        description: The account there.
        type: str
      private_key_file:
        description: The key to log in with. Given, no other is tried.
        type: path
      ssh_args:
        description: More arguments for C(ssh), one a list item. They win over the module's host key checking (V(yes))
          and time limit.
        type: list
        elements: str
        default: []
      remote_host:
        description: Where the server listens, seen from the SSH server. C(permitopen) compares it as text.
        type: str
        default: localhost
      remote_port:
        description: The port there. Without it, the port of O(url).
        type: int
  kernel:
    description: The name of the kernel to start, as C(jupyter kernelspec list) has it. Without it, the server's own
      choice.
    type: str
  kernels:
    description:
      - Names of more kernels, each tried like this one once the server is reachable, several at a time.
      - A fault of theirs does not change RV(verdict). RV(kernels) has it.
    type: list
    elements: str
    default: []
  code:
    description: One line of code to run.
    type: str
    default: 6*7
  expect:
    description: The expected result - the value of the last expression, or else the printed text. An empty string takes
      anything.
    type: str
    default: "42"
  timeout:
    description: Seconds for the whole check. Cleaning up may take 10 more.
    type: float
    default: 30
requirements:
  - websocket-client
  - cryptography (for https)
  - OpenSSH's client (for O(tunnel))
"""

EXAMPLES = r"""
- name: Run a cell the way a client on the network does
  remote.notebooks.connection_check:
    url: https://lab.example.org:8888/
    ca_file: pki/ca.pem
    password_file: credentials/lab.password
  delegate_to: localhost
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  register: client

- name: Stop with the cause where that did not work
  ansible.builtin.assert:
    that: client.verdict == 'reachable'
    fail_msg: "{{ client.message }} {{ client.cure }}"

- name: Run a cell through the tunnel that the iPad uses
  remote.notebooks.connection_check:
    url: http://localhost:8888/
    password_file: credentials/lab.password
    tunnel:
      host: 192.0.2.10
      user: tunnel
      private_key_file: keys/ipad
  delegate_to: localhost
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  register: client
"""

RETURN = r"""
verdict:
  description: V(unreachable), V(untrusted) or V(reachable).
  type: str
  returned: always
cause:
  description:
    - A short identifier that stays the same between releases.
    - V(ok), V(no_credentials) and V(open_to_all) go with V(reachable).
  type: str
  returned: always
  sample: name_not_in_certificate
message:
  description: One sentence about the state.
  type: str
  returned: always
cure:
  description: One sentence with the cure.
  type: str
  returned: always
checks:
  description:
    - The steps that passed, in order.
    - V(tunnel), or V(name) and V(port); then V(tls), V(api), V(login), V(classic), V(kernel), V(websocket), V(result),
      V(durable), V(cleanup).
  type: list
  elements: str
  returned: always
seconds:
  description: How long the check took.
  type: float
  returned: always
server_version:
  description: The version of Jupyter Server; null where none answered.
  type: str
  returned: always
result:
  description: The result of the code. Null if it did not run.
  type: str
  returned: always
kernel_seconds:
  description: Seconds from asking for a kernel to reading the result; null where there was none.
  type: float
  returned: always
kernels:
  description: The result for each of O(kernels), with RV(verdict), RV(cause), RV(message), RV(cure) and RV(seconds).
  type: dict
  returned: always
certificate:
  description: The certificate the server showed, trusted or not; null where it showed none.
  type: dict
  returned: always
  contains:
    serial:
      description: Serial number, lower-case hexadecimal.
      type: str
    sha256:
      description: SHA-256 of the certificate's DER form, lower-case hexadecimal.
      type: str
    not_after:
      description: Its last moment, ISO 8601 in UTC.
      type: str
    days:
      description: Its days from the first moment to the last, a part of a day counted as a whole.
      type: int
    names:
      description: DNS names and addresses of the subject alternative name.
      type: list
      elements: str
"""

import signal

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils._certificate.reader import CRYPTOGRAPHY_IMPORT_ERROR
from ..module_utils._check.causes import REACHABLE
from ..module_utils._check.client import check
from ..module_utils._check.kernel import WEBSOCKET_IMPORT_ERROR
from ..module_utils._check.more_kernels import check_kernels
from ..module_utils._check.request import ARGUMENTS, request_from
from ..module_utils._errors import CheckError


def main() -> None:
    module = AnsibleModule(
        ARGUMENTS,
        supports_check_mode=True,
        mutually_exclusive=[("password", "password_file", "token", "token_file")],
    )
    if WEBSOCKET_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("websocket-client"), exception=WEBSOCKET_IMPORT_ERROR)
    if CRYPTOGRAPHY_IMPORT_ERROR and module.params["url"].startswith("https:"):
        module.fail_json(msg=missing_required_lib("cryptography"), exception=CRYPTOGRAPHY_IMPORT_ERROR)
    # A check that is called off deletes its kernel and closes its tunnel, too.
    for kind in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(
            kind, lambda number, _frame: module.fail_json(msg=f"The check was called off by signal {number}.")
        )
    try:
        request = request_from(module.params)
        module.no_log_values.update(filter(None, [request.password, request.token]))
        result = check(request)
        reachable = result["verdict"] == REACHABLE
        result["kernels"] = check_kernels(request, module.params["kernels"] if reachable else [])
    except CheckError as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
