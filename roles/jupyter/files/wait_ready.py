# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until a Jupyter server on this machine answers: ``wait_ready.py URL PID [SECONDS]``.

Ends with 0 when it answers, with 1 when the process is gone or the time is over. Asks the loopback and trusts any
certificate: whether clients can trust it is for the check from the client's side to say.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
import urllib.error
import urllib.request


def main() -> int:
    url, pid = sys.argv[1], int(sys.argv[2])
    deadline = time.monotonic() + (float(sys.argv[3]) if len(sys.argv) > 3 else 80)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    reason = "no answer yet"
    while time.monotonic() < deadline:
        try:
            with opener.open(url, timeout=5):
                return 0
        except (OSError, urllib.error.URLError) as error:
            reason = str(error)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            print(f"{url}: the server (process {pid}) ended before it answered; its own messages stand above.", file=sys.stderr)
            return 1
        except PermissionError:
            pass  # alive, and another account's
        time.sleep(0.05)
    print(f"{url}: no answer in time ({reason}).", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
