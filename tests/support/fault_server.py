#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A coordinator's bad day, on request.

Listens where an agent expects its coordinator and, between commands, either forwards
bytes (TCP faults) or ends TLS itself and answers HTTP (faults in replies). Needs only
Python's standard library.

  fault_server.py serve --listen HOST:PORT --control SOCKET
                        [--upstream HOST:PORT]
                        [--cert FILE --key FILE [--upstream-ca FILE --upstream-name NAME]]
  fault_server.py ctl SOCKET COMMAND...

Commands:
  mode pass           forward (or, with --cert, answer) every connection
  mode refuse         nobody listens
  mode deaf           SYNs are dropped: a full backlog
  mode reset          accept, then reset
  mode hang           accept, then neither read nor write
  mode plain          accept, then answer plain HTTP whatever comes
  mode blackhole      connections, old ones too, stay open and carry nothing
  mode delay MS       forward, every piece late by so much
  cut                 reset every connection now
  rule PATH ANSWER    for requests whose path begins with PATH, the newest rule first; ANSWER:
                        forward | html | half | short | drip | silent | close
                        status CODE [RETRY_AFTER_S] | body TEXT | redirect URL
                        swallow: forward, drop the reply, cut; once, then forward
                        huge BYTES
  rules clear
  requests            what was asked so far: "METHOD PATH bearer|anonymous", one a line
  connections         how many were accepted so far, and how many are open
"""
import argparse
import http.client
import json
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time

PIECE = 65536
HEAD_MAX = 65536


def split_address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def reset(sock):
    """Close with RST, so that the other side learns of it at once."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    except OSError:
        pass


class Peer:
    """One accepted connection and what belongs to it."""

    def __init__(self, sock):
        self.sock = sock
        self.others = []

    def end(self):
        for sock in [self.sock, *self.others]:
            reset(sock)


class Server:
    def __init__(self, options):
        self.options = options
        self.address = split_address(options.listen)
        self.upstream = split_address(options.upstream) if options.upstream else None
        self.mode = "pass"
        self.delay_s = 0.0
        self.rules = []
        self.requests = []
        self.peers = set()
        self.accepted = 0
        self.fillers = []
        self.listener = None
        self.lock = threading.Lock()
        self.tls = None
        if options.cert:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(options.cert, options.key)

    # -- listening

    def open_listener(self, backlog=512):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self.address)
        listener.listen(backlog)
        with self.lock:
            self.listener = listener
        if backlog > 0:
            threading.Thread(target=self.accept_all, args=(listener,), daemon=True).start()

    def close_listener(self):
        with self.lock:
            listener, self.listener = self.listener, None
            fillers, self.fillers = self.fillers, []
        for sock in fillers:
            reset(sock)
        if listener is not None:
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()

    def go_deaf(self):
        """The kernel drops SYNs to a listener whose queue is full."""
        self.open_listener(backlog=0)
        for _ in range(4):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.connect_ex(self.address)
            self.fillers.append(sock)

    def accept_all(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    # -- one connection

    def serve(self, sock):
        peer = Peer(sock)
        with self.lock:
            self.accepted += 1
            self.peers.add(peer)
        try:
            self.serve_mode(peer)
        except (OSError, ValueError, http.client.HTTPException):
            pass
        finally:
            with self.lock:
                self.peers.discard(peer)
            peer.end()

    def serve_mode(self, peer):
        if self.mode == "reset":
            return
        if self.mode == "plain":
            peer.sock.recv(PIECE)
            peer.sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        while self.mode in ("hang", "blackhole"):
            # What waits here is cut, or served once the mode changes back.
            if peer.sock.fileno() < 0:
                return
            time.sleep(0.02)
        if self.tls is not None:
            self.serve_http(peer)
        else:
            self.forward(peer)

    def forward(self, peer):
        up = socket.create_connection(self.upstream, timeout=10)
        up.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.others.append(up)
        back = threading.Thread(target=self.pump, args=(up, peer.sock), daemon=True)
        back.start()
        self.pump(peer.sock, up)
        back.join()

    def pump(self, source, sink):
        """Until one side ends; then the other is told."""
        try:
            while True:
                readable, _, _ = select.select([source], [], [], 0.2)
                if not readable or self.mode == "blackhole":
                    time.sleep(0.02 if self.mode == "blackhole" else 0)
                    continue
                piece = source.recv(PIECE)
                if not piece:
                    break
                if self.delay_s:
                    time.sleep(self.delay_s)
                sink.sendall(piece)
        except (OSError, ValueError):
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # -- HTTP over a TLS that ends here

    def serve_http(self, peer):
        sock = self.tls.wrap_socket(peer.sock, server_side=True)
        peer.sock = sock
        reader = sock.makefile("rb")
        while True:
            request = self.read_request(reader)
            if request is None:
                return
            self.note(request)
            while self.mode == "blackhole":
                time.sleep(0.02)
            if not self.answer(peer, request):
                return

    @staticmethod
    def read_request(reader):
        line = reader.readline(HEAD_MAX)
        if not line.strip():
            return None
        method, path, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        while True:
            line = reader.readline(HEAD_MAX)
            if line in (b"\r\n", b"\n", b""):
                break
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", "0")))
        return {"method": method, "path": path, "headers": headers, "body": body}

    def note(self, request):
        who = "bearer" if "authorization" in request["headers"] else "anonymous"
        with self.lock:
            self.requests.append(f"{request['method']} {request['path']} {who}")

    def take_rule(self, path):
        with self.lock:
            for index in range(len(self.rules) - 1, -1, -1):
                prefix, words = self.rules[index]
                if path.startswith(prefix):
                    if words[0] == "swallow":
                        del self.rules[index]
                    return words
        return ["forward"]

    def answer(self, peer, request):
        """False when the connection is over."""
        words = self.take_rule(request["path"])
        kind, rest = words[0], words[1:]
        sock = peer.sock
        if kind in ("forward", "swallow"):
            reply = self.ask_upstream(peer, request)
            if kind == "swallow":
                return False
            sock.sendall(reply)
            return True
        if kind == "close":
            return False
        if kind == "silent":
            self.stay_until_closed(sock)
            return False
        if kind == "drip":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         b"Content-Length: 100000\r\n\r\n")
            self.stay_until_closed(sock, drip=b" ")
            return False
        if kind == "short":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         b"Content-Length: 5000\r\n\r\n{\"protocol\":1,")
            return False
        sock.sendall(self.scripted(kind, rest))
        return True

    @staticmethod
    def scripted(kind, rest):
        status, extra, content_type = "200 OK", "", "application/json"
        if kind == "html":
            content_type, body = "text/html", b"<html><body>Welcome to nginx!</body></html>"
        elif kind == "half":
            body = b'{"protocol":1,"installation_id":"7d5a0e8c-31f'
        elif kind == "body":
            body = " ".join(rest).encode()
        elif kind == "huge":
            body = b'{"x":"' + b"x" * int(rest[0]) + b'"}'
        elif kind == "redirect":
            status, extra, body = "307 Temporary Redirect", f"Location: {rest[0]}\r\n", b"{}"
        elif kind == "status":
            status = f"{rest[0]} Scripted"
            if len(rest) > 1:
                extra = f"Retry-After: {rest[1]}\r\n"
            body = json.dumps({"errors": [{"code": "root.scripted",
                                           "message": "a scripted refusal",
                                           "fields": []}]}).encode()
        else:
            raise ValueError(f"unknown answer {kind}")
        head = (f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{extra}"
                f"Content-Length: {len(body)}\r\n\r\n")
        return head.encode() + body

    @staticmethod
    def stay_until_closed(sock, drip=None):
        sock.settimeout(1.0)
        while True:
            try:
                if drip is not None:
                    sock.sendall(drip)
                if not sock.recv(PIECE):
                    return
            except TimeoutError:
                continue

    def ask_upstream(self, peer, request):
        """One kept connection to the real coordinator for each connection of a client."""
        if not peer.others:
            context = ssl.create_default_context(cafile=self.options.upstream_ca)
            raw = socket.create_connection(self.upstream, timeout=10)
            peer.others.append(
                context.wrap_socket(raw, server_hostname=self.options.upstream_name))
        up = peer.others[0]
        head = "".join(f"{name}: {value}\r\n" for name, value in request["headers"].items())
        up.sendall(f"{request['method']} {request['path']} HTTP/1.1\r\n{head}\r\n".encode()
                   + request["body"])
        reply = http.client.HTTPResponse(up, method=request["method"])
        reply.begin()
        body = reply.read()
        lines = "".join(f"{name}: {value}\r\n" for name, value in reply.getheaders()
                        if name.lower() not in ("content-length", "transfer-encoding"))
        return (f"HTTP/1.1 {reply.status} {reply.reason}\r\n{lines}"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    # -- commands

    def set_mode(self, words):
        mode = words[0]
        if mode not in ("pass", "refuse", "deaf", "reset", "hang", "plain", "blackhole", "delay"):
            raise ValueError(f"unknown mode {mode}")
        must_listen = mode not in ("refuse", "deaf")
        with self.lock:
            listens = self.listener is not None and self.mode != "deaf"
        self.delay_s = int(words[1]) / 1000 if mode == "delay" else 0.0
        if not must_listen or not listens:
            self.close_listener()
        self.mode = mode
        if mode == "deaf":
            self.go_deaf()
        elif must_listen and not listens:
            self.open_listener()
        return "ok"

    def cut(self):
        with self.lock:
            peers = list(self.peers)
        for peer in peers:
            for sock in [peer.sock, *peer.others]:
                try:
                    # A thread may be waiting on it: shutdown wakes it, close alone does not.
                    socket.socket.setsockopt(sock, socket.SOL_SOCKET, socket.SO_LINGER,
                                             struct.pack("ii", 1, 0))
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
                except OSError:
                    pass
            peer.end()
        return "ok"

    def command(self, words):
        if words[0] == "mode" and len(words) > 1:
            return self.set_mode(words[1:])
        if words[0] == "cut":
            return self.cut()
        if words[0] == "rule" and len(words) > 2:
            with self.lock:
                self.rules.append((words[1], words[2:]))
            return "ok"
        if words[0] == "rules":
            with self.lock:
                self.rules.clear()
            return "ok"
        if words[0] == "requests":
            with self.lock:
                return "\n".join(self.requests)
        if words[0] == "connections":
            with self.lock:
                return f"{self.accepted} {len(self.peers)}"
        raise ValueError("unknown command")

    def take_commands(self, control):
        while True:
            sock, _ = control.accept()
            with sock:
                words = json.loads(sock.makefile("r").readline())
                try:
                    reply = self.command(words)
                except (ValueError, IndexError, OSError) as why:
                    reply = f"error: {why}"
                sock.sendall(reply.encode())


def serve(options):
    server = Server(options)
    server.open_listener()
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.path.exists(options.control):
        os.unlink(options.control)
    control.bind(options.control)
    control.listen(16)
    server.take_commands(control)


def ctl(path, words):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(10)
    sock.connect(path)
    sock.sendall((json.dumps(words) + "\n").encode())
    reply = sock.makefile("r").read()
    print(reply)
    return 1 if reply.startswith("error:") else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    parse_serve = commands.add_parser("serve")
    parse_serve.add_argument("--listen", required=True)
    parse_serve.add_argument("--control", required=True)
    parse_serve.add_argument("--upstream")
    parse_serve.add_argument("--cert")
    parse_serve.add_argument("--key")
    parse_serve.add_argument("--upstream-ca")
    parse_serve.add_argument("--upstream-name")
    parse_ctl = commands.add_parser("ctl")
    parse_ctl.add_argument("socket")
    parse_ctl.add_argument("words", nargs="+")
    options = parser.parse_args()
    if options.command == "ctl":
        return ctl(options.socket, options.words)
    return serve(options)


if __name__ == "__main__":
    sys.exit(main())
