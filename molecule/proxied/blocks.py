# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the blocks of docs/proxies.md as files: ``blocks.py PAGE FOLDER ADDRESS``. Each proxy has a port of its own
here, and Caddy is told the address, because there is no name."""

from __future__ import annotations

import re
import sys
from pathlib import Path

#: The block's language, the file, and the port in the place of 443.
BLOCKS = (("nginx", "nginx.conf", "443"), ("caddy", "Caddyfile", "8442"), ("apache", "apache.conf", "8441"))
BLOCKS += (("haproxy", "haproxy.cfg", "8443"),)


def main() -> None:
    page, folder, address = Path(sys.argv[1]).read_text(), Path(sys.argv[2]), sys.argv[3]
    for language, name, port in BLOCKS:
        block = re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)[1]
        block = re.sub(r"\b443\b", port, block)
        if language == "caddy":
            block = block.replace("lab.example.org {", f"https://{address}:{port} {{")
        (folder / name).write_text(block)


if __name__ == "__main__":
    main()
