"""Stand-ins for servers: accept on the ports of the command line, in both families."""

import select
import socket
import sys

servers = [
    socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True) for port in sys.argv[1:]
]
while True:
    for server in select.select(servers, [], [])[0]:
        server.accept()[0].close()
