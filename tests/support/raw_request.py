#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends the bytes of standard input over TLS, as they are, and prints what comes back.

  raw_request.py HOST:PORT CA_FILE < bytes

Ends when the server closes or has been silent for a second after its last byte.
"""
import socket
import ssl
import sys


def main():
    host, _, port = sys.argv[1].rpartition(":")
    context = ssl.create_default_context(cafile=sys.argv[2])
    raw = socket.create_connection((host, int(port)), timeout=5)
    with context.wrap_socket(raw, server_hostname=host) as sock:
        sock.settimeout(1)
        try:
            sock.sendall(sys.stdin.buffer.read())
            while True:
                piece = sock.recv(65536)
                if not piece:
                    break
                sys.stdout.buffer.write(piece)
        except OSError:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
