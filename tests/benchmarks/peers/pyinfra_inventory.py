# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's inventory in pyinfra's words; ``PEER_INVENTORY`` names the file that Ansible reads."""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

_inventory = json.loads(Path(os.environ["PEER_INVENTORY"]).read_text())["all"]
_index = _inventory["vars"]["jupyter_index_url"]
_login = {
    "ssh_user": _inventory["vars"]["ansible_user"],
    "ssh_key": _inventory["vars"]["ansible_ssh_private_key_file"],
    "ssh_known_hosts_file": os.environ["PEER_KNOWN_HOSTS"],
    "ssh_strict_host_key_checking": "yes",
    "ssh_allow_agent": False,
    "ssh_look_for_keys": False,
    "ssh_paramiko_connect_kwargs": {"timeout": 180, "banner_timeout": 180, "auth_timeout": 180},
    "password_hash": _inventory["vars"]["jupyter_password_hash"],
    "packages": _inventory["vars"]["peer_packages"],
    "pip": {"PIP_INDEX_URL": _index, "PIP_TRUSTED_HOST": urlsplit(_index).hostname},
}

everybody = [(host["ansible_host"], _login) for host in _inventory["hosts"].values()]
