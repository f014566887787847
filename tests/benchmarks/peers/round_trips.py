# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a cell takes on each kind of channel: ``round_trips.py LIBEXEC TURNS``, with an environment's Python. Prints
the medians, in seconds."""

import json
import statistics
import sys
import time

sys.path.append(sys.argv[1])
import kernel_channels
from jupyter_client.manager import KernelManager
from traitlets.config import Config

WAYS = {"encrypted": {}, "sockets": {"transport": "ipc"}, "in clear": {"transport_encryption": "disabled"}}
CELLS = {"cell": "pass", "megabyte": "print('x' * 1_000_000)"}


def main() -> None:
    kernel_channels.protect()
    started = {}
    for way, said in WAYS.items():
        manager = KernelManager(config=Config({"KernelManager": said}))
        manager.start_kernel()
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        started[way] = manager, client
    taken: dict[str, dict[str, list[float]]] = {cell: {way: [] for way in WAYS} for cell in CELLS}
    for turn in range(int(sys.argv[2]) + 10):
        for cell, code in CELLS.items():
            for way, (_manager, client) in started.items():
                begun = time.perf_counter()
                # Ends when the kernel is idle again: all output has come through.
                client.execute_interactive(
                    code, store_history=False, allow_stdin=False, output_hook=lambda _message: None
                )
                if turn >= 10:  # the first ones find caches cold
                    taken[cell][way].append(time.perf_counter() - begun)
    for manager, client in started.values():
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(
        json.dumps(
            {cell: {way: statistics.median(found) for way, found in ways.items()} for cell, ways in taken.items()}
        )
    )


if __name__ == "__main__":
    main()
