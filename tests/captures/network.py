# SPDX-License-Identifier: BSD-3-Clause
"""A network of two hosts that cannot be seen from outside and leaves nothing behind: a server on one, clients on the
other.

The process enters a mount and a network namespace of its own, so that whatever happens everything ends with it:

    network.enter_namespaces()
    with network.Network(directory, servers.Nginx(), mtu=1500, offload=False) as net:
        with net.capture("x.pcap"):
            net.curl([...])
"""
import contextlib
import ctypes
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

SERVER, CLIENT = "192.0.2.80", "192.0.2.7"
SERVER6, CLIENT6 = "2001:db8::80", "2001:db8::7"
PORT = 80

def enter_namespaces():
    """Starts this program again in namespaces of its own, once."""
    if os.environ.get("BEARERTAP_IN_NAMESPACE"):
        return
    if os.geteuid() != 0:
        sys.exit(f"{sys.argv[0]}: making captures needs root, for a network namespace of its own")
    os.environ["BEARERTAP_IN_NAMESPACE"] = "1"
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable]
    sys.exit(subprocess.call(command + sys.argv))


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def switch_offload_off(interface):
    """As `ethtool -K interface tx off tso off gso off gro off`, without needing ethtool."""
    siocethtool, commands = 0x8946, {"tso": 0x1F, "gso": 0x24, "gro": 0x2C, "tx": 0x17}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in commands.values():
            value = (ctypes.c_uint32 * 2)(command, 0)
            fcntl.ioctl(control, siocethtool, struct.pack("16sP16x", interface.encode(), ctypes.addressof(value)))


class Network:
    """The two hosts; the server (one of servers.py) runs in the namespace of the caller, clients in `INSIDE` another."""

    INSIDE = ["ip", "netns", "exec", "client"]

    def __init__(self, directory, server, mtu=1500, offload=False, loss=0):
        """`loss`: percent of the packets that are lost on the link, before the tap sees them and after."""
        self.directory, self.server, self.mtu, self.offload, self.loss = directory, server, mtu, offload, loss
        self.mounts = []

    def __enter__(self):
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "name", "tap", "type", "veth", "peer", "name", "far" if self.loss else "client")
        if self.loss:
            self._lay_lossy_link()
        run("ip", "netns", "add", "client")
        if not self.offload:
            switch_offload_off("tap")
            switch_offload_off("client")
        run("ip", "link", "set", "client", "netns", "client")
        for interface, address, address6, inside in (
            ("tap", SERVER, SERVER6, []),
            ("client", CLIENT, CLIENT6, self.INSIDE),
        ):
            run(*inside, "ip", "link", "set", interface, "mtu", str(self.mtu))
            run(*inside, "ip", "address", "add", f"{address}/24", "dev", interface)
            if self.mtu >= 1280:  # IPv6 asks for as much
                run(*inside, "ip", "address", "add", f"{address6}/64", "dev", interface, "nodad")
            run(*inside, "ip", "link", "set", interface, "up")
        run(*self.INSIDE, "ip", "link", "set", "lo", "up")
        self.process = subprocess.Popen(self.server.command(self.directory, PORT))
        self._wait_for("the server to listen", lambda: self._listens())
        return self

    def _lay_lossy_link(self):
        """client - near [bridge] far - tap. netfilter drops at random where packets enter `near` (the tap never sees
        them), `tap` and `far` (it has seen them, the server and the client do not). The bridge itself must not answer
        for the server, whose address is on the same host."""
        run("ip", "link", "add", "name", "near", "type", "veth", "peer", "name", "client")
        run("ip", "link", "add", "name", "wire", "type", "bridge")
        for port in ("near", "far"):
            switch_offload_off(port)
            run("ip", "link", "set", port, "mtu", str(self.mtu), "master", "wire", "up")
        run("ip", "link", "set", "wire", "mtu", str(self.mtu), "arp", "off", "up")
        chains = "".join(
            f'chain {port} {{ type filter hook ingress device "{port}" priority 0;'
            f" tcp {end} {PORT} numgen random mod 100 < {self.loss} drop; }}\n"
            for port, end in (("near", "dport"), ("tap", "dport"), ("far", "sport"))
        )
        run("nft", "-f", "-", input=f"table netdev loss {{\n{chains}}}\n", text=True)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        if self.loss:
            run("nft", "delete", "table", "netdev", "loss")  # or it would wait for the next interface of the same name
        for interface in ("tap", *(("near", "wire") if self.loss else ())):
            run("ip", "link", "delete", interface)  # and the other end with it
        run("ip", "netns", "delete", "client")
        run("umount", *self.mounts, "/run/netns", "/run")

    @staticmethod
    def _listens(inside=()):
        """Asked of the kernel, not by connecting: the server's log is to hold nothing of ours."""
        return bool(run(*inside, "ss", "-Hltn", f"sport = :{PORT}", capture_output=True).stdout)

    @staticmethod
    def _wait_for(what, is_so, seconds=10):
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                sys.exit(f"make-captures: waited {seconds} s for {what}, in vain")
            time.sleep(0.02)

    def name_hosts(self, names, address):
        """For every program in the namespaces, `names` are at `address`."""
        with open(f"{self.directory}/hosts", "w") as file:
            file.write("".join(f"{address} {name}\n" for name in names))
        run("mount", "--bind", f"{self.directory}/hosts", "/etc/hosts")
        self.mounts.append("/etc/hosts")

    @contextlib.contextmanager
    def beside_the_clients(self, command):
        """Runs a proxy on the clients' host while the block runs."""
        process = subprocess.Popen([*self.INSIDE, *command])
        self._wait_for("the proxy to listen", lambda: self._listens(self.INSIDE))
        yield
        process.terminate()
        process.wait()

    @contextlib.contextmanager
    def capture(self, path, interface="tap", arguments=()):
        """Captures while the block runs: with tcpdump, or with dumpcap where the file is to be a pcapng."""
        if path.endswith(".pcapng"):
            command = ["dumpcap", "-q", "-i", interface, "-f", f"tcp port {PORT}", "-w", path, *arguments]
            ready = "File:"
        else:
            command = ["tcpdump", "-q", "-B", "65536", "-i", interface, "-Z", "root", "--immediate-mode", "-U", "-w", path, *arguments]
            command.append(f"tcp port {PORT}")
            ready = "listening on"
        sniffer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in sniffer.stderr:
            if ready in line:
                break
        else:
            sys.exit(f"make-captures: {command[0]} did not start")
        time.sleep(0.2)
        yield
        time.sleep(0.3)  # the last FIN and its acknowledgement
        if command[0] == "tcpdump":
            self._wait_for("tcpdump to write all", lambda: self._wrote_all(sniffer), seconds=60)
        sniffer.terminate()
        sniffer.stderr.read()
        sniffer.wait()

    @staticmethod
    def _wrote_all(sniffer):
        """Asks tcpdump how far it is: `5 packets captured, 7 packets received by filter, 0 packets dropped by kernel`."""
        sniffer.send_signal(signal.SIGUSR1)
        captured, received, dropped = map(int, re.findall(r"(\d+) packet", sniffer.stderr.readline()))
        if dropped:
            sys.exit(f"make-captures: tcpdump was too slow and lost {dropped} packets")
        return captured == received

    def curl(self, sections):
        """One curl, so one connection as long as it can be kept; each section is a dict of curl's options."""
        text = ""
        for number, section in enumerate(sections):
            if number:
                text += "next\n"
            for option, values in section.items():
                for value in values if isinstance(values, list) else [values]:
                    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
                    text += f'{option} = "{escaped}"\n'
            text += 'output = "/dev/null"\nwrite-out = "%{http_code}\\n"\nsilent\nshow-error\nmax-time = 20\n'
        done = run(*self.INSIDE, "curl", "-q", "--config", "-", input=text, capture_output=True, text=True)
        if set(done.stdout.split()) != {"200"}:
            sys.exit(f"make-captures: the server answered {done.stdout.split()}")
