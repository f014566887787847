# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One client stays, others vanish as a port scan does: ``vanish.py AUTHORITY HOST PORT``

The one that stays is a browser's WebSocket, or the connection that it keeps open: it has to live through the others'
goodbye.
"""

import http.client
import ssl
import sys
import time

AUTHORITY, HOST, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
stays = http.client.HTTPSConnection(HOST, PORT, timeout=20, context=ssl.create_default_context(cafile=AUTHORITY))
for _turn in range(3):
    stays.request("GET", "/api")
    answer = stays.getresponse()
    print(answer.status, answer.read()[:10].decode(), flush=True)
    ssl.get_server_certificate((HOST, PORT), timeout=20)  # closes at once, without TLS's own goodbye
    time.sleep(0.5)
