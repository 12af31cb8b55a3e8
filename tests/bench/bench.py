#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of tests/bench against the real ones and prints the budgets of docs/performance.md.

  bench.py BUILD_DIR [--json] [NAME...]

Each figure is a ratio of two numbers from this run; nothing is compared with a number from another machine. Everything is on
the loopback, below a directory that is removed at the end. Servers run on CPU 0, their clients on CPU 1. scripts/bench.sh builds
first and then calls this.
"""
import base64
import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

SERVER_CPU, CLIENT_CPU = 0, 1
START_S = 20
FLEET = 64  # runners of beat-cost, a connection each
BEAT_ROUNDS, BEAT_REPEATS = 150, 3  # 150 * 64 requests, three times each server
BEATS = 200  # of agent-cpu, 100 ms apart
INTERVAL_MS = 100
JOINS = 5
ALLOCATORS = 10000


class Missing(Exception):
    """A figure cannot be measured here: says what is missing."""


def free_port():
    """Below the range from which the kernel takes the ports of clients."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def wait_until(what, seconds, condition, pause=0.02):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def cpu_ns(pid):
    """User and system time of all threads; the scheduler's own account, finer than the ticks of /proc/PID/stat."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        except FileNotFoundError:
            pass
    return total


def memory_kb(pid):
    """(private, PSS) in KB."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            fields = dict(line.split()[:2] for line in list(file)[1:])
    except PermissionError as error:
        raise Missing("root: the agent lets nobody else look at its memory") from error
    return int(fields["Private_Clean:"]) + int(fields["Private_Dirty:"]), int(fields["Pss:"])


class Processes:
    """What was started here, and ends with the run."""

    def __init__(self):
        self.started = []

    def start(self, args, log, cpu=None, **more):
        """`log` gets what it says; a pipe among `more` is the caller's."""
        pin = [] if cpu is None else ["taskset", "-c", str(cpu)]
        with open(log, "ab") as file:
            options = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file}
            process = subprocess.Popen(pin + [str(arg) for arg in args], **{**options, **more})
        self.started.append(process)
        return process

    def stop(self, process):
        self.started.remove(process)
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self):
        for process in list(self.started):
            self.stop(process)


class Site:
    """One coordinator, its API, and what agents need to join it."""

    def __init__(self, bench, name, interval_ms):
        self.bench, self.dir, self.port = bench, os.path.join(bench.dir, name), free_port()
        os.mkdir(self.dir)
        self.empty = os.path.join(self.dir, "empty.conf")
        with open(self.empty, "w", encoding="ascii"):
            pass
        self.state = os.path.join(self.dir, "coordinator")
        self.ca = os.path.join(self.state, "ca.pem")
        self.process = bench.processes.start(
            [bench.coordinator, "run", "--state-dir", self.state, "--listen", f"127.0.0.1:{self.port}",
             "--config", self.empty, "--heartbeat-interval", interval_ms, "--log-level", "warning"],
            os.path.join(self.dir, "coordinator.log"), cpu=SERVER_CPU)
        self.connection = None
        wait_until("the coordinator answers", START_S, self.is_ready)
        with open(os.path.join(self.state, "bootstrap-secrets.json"), encoding="utf-8") as file:
            password = json.load(file)["adminconsole_root_password"]
        self.credentials = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
        self.name = self.get("/agent/v1/ca")["installation_id"] + ".ece.internal"
        self.token = os.path.join(self.dir, "token")
        reply = self.request("POST", "/api/v1/platform/configuration/security/enrollment-tokens",
                             {"persistent": True, "roles": ["allocator"]})
        with open(self.token, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(json.loads(reply)["token"])

    def is_ready(self):
        try:
            context = ssl.create_default_context(cafile=self.ca)
            self.connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=START_S)
            self.connection.request("GET", "/readyz")
            return self.connection.getresponse().read() is not None
        except OSError:
            return False

    def request(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if path.startswith("/api"):
            headers["Authorization"] = self.credentials
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = self.connection.getresponse()
        text = reply.read()
        if reply.status not in (200, 404):
            raise RuntimeError(f"{method} {path}: {reply.status} {text[:300]}")
        return text

    def get(self, path):
        return json.loads(self.request("GET", path))

    def is_connected(self, runner):
        return self.get(f"/api/v1/platform/infrastructure/runners/{runner}").get("connected", False)

    def enroll(self, count):
        """Enrols runners through the protocol; the file of their access tokens."""
        fleet = os.path.join(self.dir, "fleet")
        with open(os.path.join(self.dir, "enroll.log"), "w+", encoding="utf-8") as log:
            done = subprocess.run(
                ["taskset", "-c", str(CLIENT_CPU), self.bench.tool("bench_fleet"), "enroll", str(self.port), self.name,
                 self.ca, self.token, str(count), fleet], stdout=log, stderr=log, timeout=60, check=False)
            log.seek(0)
            if done.returncode != 0:
                raise RuntimeError(log.read())
        return fleet

    def start_agent(self, name, cpu=None):
        directory = os.path.join(self.dir, name)
        os.mkdir(directory)
        return self.bench.processes.start(
            [self.bench.agent, "run", "--config", self.empty, "--coordinator-host", f"127.0.0.1:{self.port}",
             "--roles-token", "@" + self.token, "--roles", "allocator", "--host-ip", "127.0.0.1", "--runner-id", name,
             "--state-dir", directory + "/state", "--runtime-dir", os.path.join(self.bench.runtime, name)],
            directory + "/agent.log", cpu=cpu)


class Bench:
    def __init__(self, build, directory, runtime):
        self.dir, self.build, self.processes = directory, build, Processes()
        self.runtime = runtime  # a tmpfs, as /run is
        self.agent = os.path.join(build, "agent/ece-agent")
        self.coordinator = os.path.join(build, "coordinator/ece-coordinator")
        self.kept = None

    def tool(self, name):
        return os.path.join(self.build, "tests/bench", name)

    def agents_site(self):
        """The coordinator of the agent's figures, made when the first of them needs it."""
        if self.kept is None:
            self.kept = Site(self, "agents", INTERVAL_MS)
            self.kept.fleet = self.kept.enroll(1)
        return self.kept

    def start_minimal(self, site, beats):
        return self.processes.start(
            [self.tool("bench_minimal"), "beat", site.port, site.name, site.ca, site.fleet, beats, INTERVAL_MS],
            os.path.join(self.dir, "minimal.log"), cpu=CLIENT_CPU, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def accepted(process):
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a program of tests/bench failed; its message is in its log")
    return int(line)


def ended(process, processes):
    process.stdin.close()
    processes.stop(process)
    process.stdout.close()


def agent_memory(bench):
    """A connected agent that has joined and beaten for two seconds, against the minimal program after as many beats."""
    site = bench.agents_site()
    minimal = bench.start_minimal(site, 20)
    agent = site.start_agent("memory", cpu=CLIENT_CPU)
    accepted(minimal)
    wait_until("the agent is connected", START_S, lambda: site.is_connected("memory"))
    time.sleep(2)  # twenty beats: what is measured is the time, too
    ours, ours_pss = memory_kb(agent.pid)
    reference, reference_pss = memory_kb(minimal.pid)
    ended(minimal, bench.processes)
    bench.processes.stop(agent)
    return [figure("agent-memory", ours, reference, 1.25, "KB private, connected and idle"),
            figure("agent-memory-pss", ours_pss, reference_pss, None, "KB PSS")]


def join_time(bench):
    """From fork to `connected: true` in the API, which is asked every millisecond."""
    site = bench.agents_site()
    handshake = int(subprocess.run(
        ["taskset", "-c", str(CLIENT_CPU), bench.tool("bench_minimal"), "handshakes", str(site.port), site.name, site.ca,
         "30"], check=True, capture_output=True, timeout=30).stdout) / 1000
    times = []
    for number in range(JOINS):
        site.is_connected("none")  # the connection of the API and the password are known
        start = time.monotonic()
        agent = site.start_agent(f"join-{number}")
        wait_until("the agent is connected", START_S, lambda n=number: site.is_connected(f"join-{n}"), pause=0.001)
        times.append((time.monotonic() - start) * 1000)
        bench.processes.stop(agent)
    ours = statistics.median(times)
    return [figure("join-time", ours, 3 * handshake + 50, 1.0, f"ms, reference 3 handshakes of {handshake:.2f} ms + 50")]


NGINX = """
daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 60s; tcp_nodelay on;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl backlog=1024; server_name {name};
    ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; ssl_protocols TLSv1.3;
    location / {{ return 200; }}
  }}
}}
"""


def start_nginx(bench, name):
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        raise Missing("nginx (Debian: apt-get install nginx-light)")
    directory, port = os.path.join(bench.dir, "nginx"), free_port()
    os.mkdir(directory)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=bench", "-addext", f"subjectAltName=DNS:{name}", "-keyout", directory + "/key.pem", "-out",
         directory + "/cert.pem"], check=True, capture_output=True, timeout=30)
    with open(directory + "/nginx.conf", "w", encoding="ascii") as file:
        file.write(NGINX.format(dir=directory, port=port, name=name))
    process = bench.processes.start([program, "-p", directory, "-e", directory + "/error.log", "-c",
                                     directory + "/nginx.conf"], directory + "/log", cpu=SERVER_CPU)

    def answers():
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0
    wait_until("nginx listens", START_S, answers)
    return process, port, directory + "/cert.pem"


def beat_cost(bench):
    """Microseconds of the server for a heartbeat; both servers get the same requests from the same client, in turns."""
    site = Site(bench, "beats", 10000)
    fleet = site.enroll(FLEET)
    nginx, nginx_port, nginx_ca = start_nginx(bench, site.name)
    costs = {}
    loads = {}
    for server, port, ca in ((site.process, site.port, site.ca), (nginx, nginx_port, nginx_ca)):
        loads[server] = bench.processes.start(
            [bench.tool("bench_fleet"), "beat", port, site.name, ca, fleet], os.path.join(bench.dir, "load.log"),
            cpu=CLIENT_CPU, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        accepted(loads[server])
        costs[server] = []
    for _ in range(BEAT_REPEATS):
        for server, load in loads.items():
            before = cpu_ns(server.pid)
            load.stdin.write(f"{BEAT_ROUNDS}\n".encode())
            load.stdin.flush()
            requests = accepted(load)
            costs[server].append((cpu_ns(server.pid) - before) / requests / 1000)
    for load in loads.values():
        ended(load, bench.processes)
    ours, reference = statistics.median(costs[site.process]), statistics.median(costs[nginx])
    bench.processes.stop(nginx)
    bench.processes.stop(site.process)
    return [figure("beat-cost", ours, reference, 2.0, f"us of server CPU per request, {FLEET} kept TLS connections")]


def list_10000(bench):
    """GET allocators over a kept connection against writing the same document once with jansson."""
    site = Site(bench, "list", 10000)
    site.enroll(ALLOCATORS)
    done = subprocess.run(
        ["taskset", "-c", str(CLIENT_CPU), bench.tool("bench_list"), str(site.port), site.name, site.ca,
         f"/api/v1/platform/infrastructure/allocators?size={ALLOCATORS}", "5"], input=site.credentials.encode(),
        check=True, capture_output=True, timeout=60)
    get, dump, size = (int(word) for word in done.stdout.split())
    bench.processes.stop(site.process)
    return [figure("list-10000", get / 1000, dump / 1000, 3.0, f"ms, {ALLOCATORS} allocators, {size / 1e6:.1f} MB of JSON")]


def segments_out(pid, port):
    """Data segments that the process has sent to the coordinator: one for each beat."""
    text = subprocess.run(["ss", "-tinpHO", "state", "established", f"( dport = :{port} )"], check=True,
                          capture_output=True, timeout=10, text=True).stdout
    for line in text.splitlines():
        if f"pid={pid}," in line:
            return int(next(word for word in line.split() if word.startswith("data_segs_out:")).split(":")[1])
    raise RuntimeError(f"process {pid} has no connection")


def agent_cpu(bench):
    """User and system time for a beat every 100 ms: agent and minimal program at the same time, on the same CPU."""
    site = bench.agents_site()
    agent = site.start_agent("cpu", cpu=CLIENT_CPU)
    wait_until("the agent is connected", START_S, lambda: site.is_connected("cpu"))
    site.fleet = site.enroll(1)
    minimal = bench.start_minimal(site, BEATS + 5)
    time.sleep(0.5)
    before = [(cpu_ns(process.pid), segments_out(process.pid, site.port)) for process in (agent, minimal)]
    time.sleep(BEATS * INTERVAL_MS / 1000 - 1)
    after = [(cpu_ns(process.pid), segments_out(process.pid, site.port)) for process in (agent, minimal)]
    costs = [(end[0] - start[0]) / (end[1] - start[1]) / 1000 for start, end in zip(before, after)]
    beats = [end[1] - start[1] for start, end in zip(before, after)]
    ended(minimal, bench.processes)
    bench.processes.stop(agent)
    return [figure("agent-cpu", costs[0], costs[1], 1.5, f"us for a beat, over {beats[0]} and {beats[1]} beats")]


FIGURES = {"agent-memory": agent_memory, "join-time": join_time, "beat-cost": beat_cost, "list-10000": list_10000,
           "agent-cpu": agent_cpu}


def figure(name, ours, reference, budget, unit):
    ratio = ours / reference
    verdict = "-" if budget is None else "ok" if ratio <= budget else "MISSED"
    return {"name": name, "ours": round(ours, 2), "reference": round(reference, 2), "ratio": round(ratio, 2),
            "budget": budget, "verdict": verdict, "unit": unit}


def failure(name, why, verdict):
    return {"name": name, "ours": None, "reference": None, "ratio": None, "budget": None, "verdict": verdict, "unit": why}


def show(result):
    cells = ["-" if result[key] is None else f"{result[key]:g}" for key in ("ours", "reference", "ratio", "budget")]
    print(f"{result['name']:<17}" + "".join(f"{cell:>11}" for cell in cells) + f"  {result['verdict']:<7} {result['unit']}",
          flush=True)


def tell_logs(directory):
    for root, _, files in os.walk(directory):
        for name in files:
            if name.endswith((".log", "log")):
                with open(os.path.join(root, name), encoding="utf-8", errors="replace") as file:
                    lines = file.readlines()[-8:]
                if lines:
                    print(f"--- {name}:", *[line.rstrip() for line in lines], sep="\n", file=sys.stderr)


def measure(bench, name):
    try:
        return FIGURES[name](bench)
    except Missing as missing:
        return [failure(name, f"needs {missing}", "SKIPPED")]
    except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
        tell_logs(bench.dir)
        return [failure(name, " ".join(str(error).split())[:200], "FAILED")]


def main():
    args = [arg for arg in sys.argv[2:] if arg != "--json"]
    as_json = "--json" in sys.argv[2:]
    unknown = [name for name in args if name not in FIGURES]
    if unknown:
        print(f"bench.sh: there is no figure \"{unknown[0]}\"; there are: {' '.join(FIGURES)}", file=sys.stderr)
        return 64
    results = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="ece-bench.") as directory, \
            tempfile.TemporaryDirectory(prefix="ece-bench.", dir=memory) as runtime:
        bench = Bench(os.path.abspath(sys.argv[1]), directory, runtime)
        try:
            if not as_json:
                print(f"{'name':<17}{'ours':>11}{'reference':>11}{'ratio':>11}{'budget':>11}  verdict unit")
            for name in args or FIGURES:
                for result in measure(bench, name):
                    results.append(result)
                    if not as_json:
                        show(result)
        finally:
            bench.processes.stop_all()
    if as_json:
        print(json.dumps(results, indent=2))
    return 0 if all(result["verdict"] in ("ok", "-") for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
