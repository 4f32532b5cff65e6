# SPDX-License-Identifier: BSD-3-Clause
"""A tap, what is on its two sides, and a running bearertap on it: set-up, waiting and clean-up of the live tests.

    client -- near [ hub ] far -- server          with Tap() as tap, tap.run({}) as live:
                     |                                tap.ask_with_curl("/api/", token)
                   mirror -- tap0, bearertap           live.wait_for_tokens(1)

Every host is a network namespace without a name: it lives as long as this process holds its descriptor, and all that
runs in it is killed with this process. So nothing is left behind, whatever happens, and taps side by side do not meet.
"""
import contextlib
import ctypes
import functools
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import harness
from harness import Run, can_make_namespaces, environment, get, sightings_in, summary, wait_until

CAPTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../captures")
sys.path.append(CAPTURES)
from network import CLIENT, CLIENT6, PORT, SERVER, SERVER6, switch_offload_off  # noqa: E402
from servers import Nginx  # noqa: E402

IS_ROOT = os.geteuid() == 0
CAN_TAP = IS_ROOT and can_make_namespaces()

CLONE_NEWNET, CLONE_NEWNS, PR_SET_PDEATHSIG = 0x40000000, 0x00020000, 1
libc = ctypes.CDLL(None, use_errno=True)


def check_call(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


# Tokens.


REVOKED, CLEAN = "ec-2021-stolen", "ec-2025-a"  # the first one's key is in the list that a run has unless told otherwise
SPARE, OTHER_SPARE = "ec-spare-1", "ec-spare-2"  # in no list until a test puts them in one


@functools.lru_cache(maxsize=None)
def minter():
    """By its path: there are two files called tokens.py."""
    spec = importlib.util.spec_from_file_location("minting", f"{CAPTURES}/tokens.py")
    minting = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(minting)
    minting.Minter.KEYS.update({kid: (dict(kty="EC", crv="P-256"), "ES256", True) for kid in (SPARE, OTHER_SPARE)})
    return minting.Minter()


def token(kid=REVOKED):
    """A new one, signed; what bearertap writes is searched for it by the tests that come last."""
    made = minter().sign(kid)
    harness.SECRETS.append(made.text)
    return made


# Hosts.


class Host:
    """A network namespace, and what runs in it."""

    def __init__(self):
        with open("/proc/thread-self/ns/net") as home:
            check_call(libc.unshare(CLONE_NEWNET))
            try:
                self.namespace = open("/proc/thread-self/ns/net")
            finally:
                check_call(libc.setns(home.fileno(), CLONE_NEWNET))
        self.path = f"/proc/{os.getpid()}/fd/{self.namespace.fileno()}"  # as `ip` takes one

    def close(self):
        self.namespace.close()

    @contextlib.contextmanager
    def entered(self):
        """This thread, for the block: a socket made in it stays there."""
        with open("/proc/thread-self/ns/net") as home:
            check_call(libc.setns(self.namespace.fileno(), CLONE_NEWNET))
            try:
                yield
            finally:
                check_call(libc.setns(home.fileno(), CLONE_NEWNET))

    def _enter_for_good(self, more=None):
        check_call(libc.setns(self.namespace.fileno(), CLONE_NEWNET))
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if more:
            more()

    def start(self, *command, preexec=None, **options):
        return subprocess.Popen(command, preexec_fn=lambda: self._enter_for_good(preexec), **options)

    def call(self, *command, **options):
        options = {"capture_output": True, "text": True, "timeout": harness.TIMEOUT_S, **options}
        done = subprocess.run(command, preexec_fn=self._enter_for_good, **options)
        assert done.returncode == 0, f"{' '.join(command)}: status {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def ip(self, *lines):
        """Each line is what would stand behind `ip`."""
        self.call("ip", "-batch", "-", input="".join(line + "\n" for line in lines))

    def switch_ipv6_off(self):
        """An interface made from here on says nothing of its own."""
        with self.entered(), open("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w") as file:
            file.write("1")

    def connect(self, address=SERVER, port=PORT):
        with self.entered():
            return socket.create_connection((address, port), timeout=harness.TIMEOUT_S)


# The tap.


class Tap:
    """Two hosts on a hub, with nginx on one of them, and a third on which tap0 sees all that passes. With `directions`,
    tap0 sees what the client sends and tap1 what the server does, as optical splitters give it."""

    def __init__(self, mtu=1500, offloads=False, directions=False, serves=True, queues=1):
        self.mtu, self.offloads, self.directions, self.serves, self.queues = mtu, offloads, directions, serves, queues
        self.clean_up = contextlib.ExitStack()

    def __enter__(self):
        with self.clean_up:
            self.folder = self.clean_up.enter_context(tempfile.TemporaryDirectory(dir=harness.SCRATCH))
            os.chmod(self.folder, 0o755)
            self.client, self.server, self.middle = (self._host() for _ in range(3))
            self._lay_cables()
            self._set_addresses()
            if self.serves:
                self._start_server()
            self.clean_up = self.clean_up.pop_all()  # all went well: from here on it is ours to call
        return self

    def __exit__(self, *_):
        self.clean_up.close()

    def _host(self):
        host = Host()
        self.clean_up.callback(host.close)
        return host

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def interfaces(self):
        return ["tap0", "tap1"] if self.directions else ["tap0"]

    def packets_come(self):
        """To the interfaces, as the kernel counts."""
        links = json.loads(self.middle.call("ip", "-json", "-s", "link"))
        return sum(link["stats64"]["rx"]["packets"] for link in links if link["ifname"] in self.interfaces)

    def _lay_cables(self):
        middle, mtu = self.middle, self.mtu
        middle.switch_ipv6_off()
        # ageing_time 0: the bridge learns no addresses, so that everything goes to all its ports
        lines = [f"link add hub mtu {mtu} type bridge ageing_time 0 mcast_snooping 0", "link set hub arp off up"]
        for name, host in (("near", self.client), ("far", self.server)):
            lines += [f"link add {name} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {host.path}",
                      f"link set {name} master hub up"]
        for number, interface in enumerate(self.interfaces):
            lines += [f"link add {interface} mtu {mtu} numrxqueues {self.queues} numtxqueues {self.queues} type veth "
                      f"peer name mirror{number} mtu {mtu} numrxqueues {self.queues} numtxqueues {self.queues}",
                      f"link set mirror{number} arp off {'' if self.directions else 'master hub '}up",
                      f"link set {interface} arp off up"]
        middle.ip(*lines)
        if self.directions:
            for number, port in enumerate(("near", "far")):
                middle.call("tc", "qdisc", "add", "dev", port, "ingress")
                middle.call("tc", "filter", "add", "dev", port, "parent", "ffff:", "protocol", "all", "u32", "match", "u32",
                            "0", "0", "action", "mirred", "egress", "mirror", "dev", f"mirror{number}")

    def _set_addresses(self):
        for host, address, address6 in ((self.client, CLIENT, CLIENT6), (self.server, SERVER, SERVER6)):
            if not self.offloads:
                with host.entered():
                    switch_offload_off("eth0")
            host.ip("link set lo up", f"address add {address}/24 dev eth0", f"address add {address6}/64 dev eth0 nodad",
                    "link set eth0 up")

    def _start_server(self):
        command = Nginx().command(self.folder, PORT)  # in one process, which goes when this one is killed
        nginx = self.server.start(*command, "-g", "master_process off;", stdin=subprocess.DEVNULL)
        self.clean_up.callback(end_process, nginx)
        wait_until("nginx to listen", lambda: nginx.poll() is not None or listens(nginx.pid, PORT))
        assert nginx.poll() is None, harness.read_bytes(self.path("error.log")).decode()

    def run(self, configuration=None, *arguments, **options):
        """A bearertap on this tap, to be entered."""
        return Live(self, configuration or {}, arguments, **options)

    # Clients.

    def ask_with_curl(self, path, *tokens, address=SERVER, times=1):
        """Real requests, each token's on a connection that is kept; `times` of each."""
        host = f"[{address}]" if ":" in address else address
        for each in tokens:
            query = f"[1-{times}]" if times > 1 else ""
            said = self.client.call("curl", "-q", "-sS", "-o", "/dev/null", "-w", "%{http_code}\n", "-H", "@-",
                                    f"http://{host}{path}{query}", input=f"Authorization: Bearer {each.text}\n")
            assert said.split() == ["200"] * times, said

    def open_connection(self, address=SERVER):
        return Connection(self.client.connect(address))


def listens(pid, port):
    with open(f"/proc/{pid}/net/tcp") as file:
        return any(re.match(rf"\s*\d+: 0+:{port:04X} \S+ 0A ", line) for line in file)


def end_process(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Connection:
    """One that is kept open, and asked on again and again."""

    def __init__(self, sock):
        self.socket = sock
        self.file = sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def ask(self, *tokens, path="/api/"):
        """A request for each, one after another."""
        for each in tokens:
            self.socket.sendall(request(each, path))
            self.read_answer()

    def read_answer(self):
        status = self.file.readline()
        assert b" 200 " in status, status
        length = None
        while (line := self.file.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.file.read(length)


def request(made, path="/api/"):
    return (f"GET {path} HTTP/1.1\r\nHost: api.example\r\nUser-Agent: live-test\r\n"
            f"Authorization: Bearer {made.text}\r\n\r\n").encode()


class Load:
    """Clients that ask without end, each on connections of its own, in a thread: the block runs while they do. Afterwards
    `sent` has how often each token was sent. They do not run far ahead of bearertap: on a busy machine its threads may
    sleep for longer than any ring has room, and these tests are not about that."""

    AHEAD_MAX = 100

    def __init__(self, live, *tokens, clients=2):
        self.live = live
        self.sent = {each: 0 for each in tokens}
        self.lock, self.is_over, self.failure = threading.Lock(), threading.Event(), None
        self.threads = [threading.Thread(target=self._go_on) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        assert self.failure is None, self.failure

    @property
    def requests(self):
        return sum(self.sent.values())

    def wait_for(self, more):
        until = self.requests + more
        wait_until(f"{more} more requests", lambda: self.failure or self.requests >= until, seconds=harness.TIMEOUT_S)

    def _go_on(self):
        try:
            while not self.is_over.is_set():
                with self.live.tap.open_connection() as connection:
                    for _ in range(20):
                        self._ask_all(connection)
                self._let_it_catch_up()
        except Exception as error:  # is told where the threads are waited for
            self.failure = error

    def _ask_all(self, connection):
        for each in self.sent:
            if self.is_over.is_set():
                return
            connection.ask(each)
            with self.lock:
                self.sent[each] += 1

    def _let_it_catch_up(self):
        wanted = self.requests - self.AHEAD_MAX
        try:
            wait_until("bearertap to catch up", lambda: self.is_over.is_set() or self.live.stats()["tokens"] >= wanted,
                       seconds=harness.TIMEOUT_S)
        except (OSError, ValueError):
            pass  # it has ended


# bearertap on it.

SMALL_FRAMES = "framesz=2048"  # more of them fit the kernel's ring; only for taps whose hosts make no long ones
PACKET = {"ports": [{"device": f"net_af_packet0,iface=tap0,{SMALL_FRAMES}"}]}


class Live:
    """A `bearertap run`: started by entering it, stopped by leaving it, if it still runs. What must always be so is
    checked whenever it is stopped."""

    def __init__(self, tap, configuration, arguments=(), stdout=None, ready=True, wrapper=(), mode=0o755):
        """`wrapper` is a command that bearertap is started by; `ready`: it is waited for until it runs. `mode` is of its
        folder."""
        self.tap, self.arguments, self.is_to_be_ready, self.wrapper = tap, arguments, ready, wrapper
        self.folder = tempfile.mkdtemp(dir=tap.folder)
        os.chmod(self.folder, mode)
        self.socket = self.path("control")
        self.alerts_path, self.errors_path = self.path("alerts"), self.path("errors")
        self.stdout = stdout
        self.configuration = {
            "ports": [{"device": f"net_af_packet{number},iface={name}"} for number, name in enumerate(tap.interfaces)],
            "workers": 1, "keys": ["revoked.txt"], "flows": {"max": 4096, "held_bytes_max": 1 << 24},
            "control": {"socket": "control"}, "memory": {"hugepages": False}, **configuration}
        self.write("revoked.txt", REVOKED + "\n")
        self.write("configuration.json", json.dumps(self.configuration))
        self.process, self.ended = None, None

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    # Its life.

    def __enter__(self):
        self.came_before = self.tap.packets_come()
        with open(self.alerts_path, "wb") as alerts, open(self.errors_path, "wb") as errors:
            self.process = self.tap.middle.start(
                *self.wrapper, harness.BINARY, "run", "-c", self.path("configuration.json"), *self.arguments,
                env=environment(), stdin=subprocess.DEVNULL, stdout=self.stdout or alerts, stderr=errors)
        if self.is_to_be_ready:
            try:
                self.wait_for_words("bearertap: running")
            except AssertionError as error:
                self.kill()
                raise AssertionError(f"{error}: {self.ended}") from None
        self.came_when_running = self.tap.packets_come()
        return self

    def __exit__(self, kind, *_):
        if self.ended is None and kind is None:
            self.stop()
        elif self.ended is None:
            self.kill()
            print(f"what it said before: {self.errors}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.ended = self._result()

    def _result(self):
        return Run(["run"], self.process.returncode, harness.read_bytes(self.alerts_path), harness.read_bytes(self.errors_path))

    def stop(self, how=signal.SIGTERM, status=0):
        self.process.send_signal(how)
        return self.wait_for_the_end(status)

    def wait_for_the_end(self, status=0):
        try:
            self.process.wait(timeout=harness.TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not end: {self.ended}") from None
        self.ended = self._result()
        assert self.ended.status == status, f"expected status {status}: {self.ended}"
        if "packets" in summary(self.ended):
            check_summary(self.ended)
        return self.ended

    # What it says.

    @property
    def errors(self):
        return harness.read_bytes(self.errors_path).decode(errors="replace")

    def wait_for_words(self, words):
        wait_until(f"the words {words!r}", lambda: words in self.errors or self.process.poll() is not None,
                   seconds=harness.TIMEOUT_S)
        assert words in self.errors, f"{words!r} is not in\n{self.errors}"

    def alerts(self, path=None):
        """The whole lines that were written so far."""
        text = harness.read_bytes(path or self.alerts_path)
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    def ask(self, command, *arguments):
        """As a program would ask, by what include/bearertap/control.h says; `ctl` itself has tests of its own."""
        answer = self.answer(command, *arguments)
        while "all connections are in use" in answer.get("error", ""):  # others crowd in: it is told so, and asks again
            answer = self.answer(command, *arguments)
        assert "result" in answer, f"{command}: {answer}"
        return answer["result"]

    def answer(self, command, *arguments):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.socket)  # which waits for its turn; with a time-out it would not
            connection.settimeout(harness.TIMEOUT_S)
            connection.sendall(json.dumps({"version": 1, "command": command, "arguments": arguments}).encode() + b"\n")
            with connection.makefile("rb") as file:
                while "part" in (answer := json.loads(file.readline())):
                    pass
        return answer

    def ctl(self, *arguments, status=0):
        return harness.bearertap("ctl", "-s", self.socket, *arguments, status=status)

    def start_ctl(self, *arguments):
        """One that is not waited for."""
        return subprocess.Popen([harness.BINARY, "ctl", "-s", self.socket, *arguments], env=environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def stats(self):
        """All counters; the law holds whenever one asks."""
        stats = self.ask("stats")
        check_law(stats)
        return stats

    def wait_for(self, what, is_so):
        """Until is_so(stats); gives those."""
        seen = []

        def look():
            assert self.process.poll() is None, f"it ended: {self.errors}"
            seen[:] = [self.stats()]
            return is_so(seen[0])

        try:
            wait_until(what, look, seconds=harness.TIMEOUT_S)
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(seen[0])[:4000]}") from None
        return seen[0]

    def wait_for_tokens(self, tokens, sightings=None):
        """Workers count tokens, and those with a finding are sightings when the alert side has them."""
        expected = (tokens, tokens if sightings is None else sightings)
        stats = self.wait_for(f"{expected[0]} tokens and {expected[1]} sightings",
                              lambda stats: stats["tokens"] >= expected[0] and stats["sightings"] >= expected[1])
        assert (stats["tokens"], stats["sightings"]) == expected, stats
        return stats

    def wait_for_all_packets(self):
        """What the kernel brought to the interfaces since the start is what was received, and what was lost on the way."""
        seen = []

        def is_all(stats):
            came, lost = self.tap.packets_come(), sum(port.get("missed_estimate", 0) for port in stats["ports"])
            seen[:] = came - self.came_when_running, stats["received"], lost, came - self.came_before
            return seen[0] <= stats["received"] + lost <= seen[3]

        try:
            return self.wait_for("all packets", is_all)
        except AssertionError as error:
            raise AssertionError(f"came, received, lost, came at most: {seen}: {error}") from None


def check_law(stats):
    """received = sum of outcomes, payload bytes likewise: in total, and of each thread."""
    for part in (stats, *stats["workers"]):
        assert part["received"] == sum(part["outcomes"].values()), part
        assert part["bytes"]["payload"] == sum(part["bytes"]["outcomes"].values()), part


def check_summary(run):
    sections = summary(run)
    for heading in ("packets", "payload"):
        total, rows = sections[heading]
        assert total == sum(rows.values()), (heading, sections)
    assert "THEY ARE NOT" not in run.errors and "do not add up" not in run.errors, run


def sightings_of(lines):
    """{sha256 of a token: how often it was seen}, of alerts."""
    result = {}
    for line in lines:
        if get(line, "event.kind") == "alert":
            sha256 = get(line, "bearertap.token.sha256")
            result[sha256] = result.get(sha256, 0) + sightings_in(line)
    return result


def expected_sightings(sent):
    """The same, of [(token, times)]."""
    result = {}
    for each, times in sent:
        if each.revoked and times:
            result[each.sha256] = result.get(each.sha256, 0) + times
    return result
