#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients that connect and then say nothing, or half of something.

  silent_clients.py HOST:PORT COUNT STATUS_FILE [--half-hello | --half-request CA_FILE]

Writes "COUNT OPEN" to the status file, over and over, while it holds them.
"""
import os
import resource
import select
import socket
import ssl
import sys
import time

# The head of a TLS record whose rest never comes.
HALF_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
HALF_REQUEST = b"GET /api/v1/platform HTTP/1.1\r\nHost: x\r\nX-Slow: "


def connect(address, kind, context):
    sock = socket.create_connection(address, timeout=10)
    if kind == "--half-hello":
        sock.sendall(HALF_HELLO)
    elif kind == "--half-request":
        sock = context.wrap_socket(sock, server_hostname=address[0])
        sock.sendall(HALF_REQUEST)
    sock.setblocking(False)
    return sock


def main():
    host, _, port = sys.argv[1].rpartition(":")
    count, status = int(sys.argv[2]), sys.argv[3]
    kind = sys.argv[4] if len(sys.argv) > 4 else ""
    context = ssl.create_default_context(cafile=sys.argv[5]) if len(sys.argv) > 5 else None
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    poller = select.poll()
    clients = {}
    for _ in range(count):
        sock = connect((host, int(port)), kind, context)
        clients[sock.fileno()] = sock
        poller.register(sock, select.POLLIN)
    while True:
        for number, _ in poller.poll(100):
            try:
                gone = not clients[number].recv(4096)
            except (BlockingIOError, ssl.SSLWantReadError):
                gone = False
            except OSError:
                gone = True
            if gone:
                poller.unregister(number)
                clients.pop(number).close()
        with open(status + ".new", "w", encoding="ascii") as file:
            file.write(f"{count} {len(clients)}\n")
        os.replace(status + ".new", status)
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
