"""Try each address:port of the command line at once; print those that accept a connection, sorted."""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor


def accepts(target: str) -> bool:
    address, port = target.rsplit(":", 1)
    try:
        socket.create_connection((address, int(port)), timeout=2).close()
    except OSError:
        return False
    return True


targets = sorted(sys.argv[1:])
with ThreadPoolExecutor(64) as pool:
    print("\n".join(target for target, open_ in zip(targets, pool.map(accepts, targets)) if open_))
