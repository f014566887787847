# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts and numbers of which the answers of a host are created."""

from __future__ import annotations

from ...module_utils._tunnel import names as tunnel_names
from .._plan.plan import NAME as INSTANCE
from .shapes import line, many, number

#: The report of a host with dozens of servers has some hundred kilobytes; one of 100,000 rules that block an address
#: each, 25 million.
MOST = 32_000_000
#: Of rules, and of addresses in one: countries are blocked that way.
MOST_RULES = 500_000

#: Resources that a report names by their path. Parts such as ``..`` concern the host only: no path of the control node
#: is built from one.
PATH = line(4096, r"/[^\0]*")
#: A directory service has accounts such as O'Brien, and groups such as R&D (EU).
ACCOUNT_PATTERN = r"(?![-~. ])[\w.@\\+ '&()#%!,-]*[\w$)-]"
ACCOUNT = line(256, ACCOUNT_PATTERN)
INSTANCE_NAME = line(32, INSTANCE.pattern)
TUNNEL_NAME = line(32, tunnel_names.NAME.pattern)
DIGITS = r"[0-9a-f]{64}"
DIGEST = line(64, DIGITS)
MODE = line(4, r"[0-7]{4}")
PROCESS = number(1, 2**31)
PORT = number(1, 65535)
PORT_TEXT = line(5, r"[0-9]{1,5}")
WORDS = many(line(), 1000)
HOST_KEY = line(4096, tunnel_names.HOST_KEY.pattern)
#: An interpreter that Ansible may run there again: it becomes a fact, and the fact a command.
PYTHON = line(200, r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9_.+-]+)+")
