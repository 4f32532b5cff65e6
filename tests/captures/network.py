# SPDX-License-Identifier: BSD-3-Clause
"""A network of two hosts that cannot be seen from outside and leaves nothing behind: nginx on one, curl on the other.

The process enters a mount and a network namespace of its own, so that whatever happens everything ends with it:

    network.enter_namespaces()
    with network.Network(directory, mtu=1500, offload=False) as net:
        with net.capture("x.pcap"):
            net.curl([...])
"""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import time

SERVER, CLIENT = "192.0.2.80", "192.0.2.7"
SERVER6, CLIENT6 = "2001:db8::80", "2001:db8::7"
PORT = 80

NGINX_CONFIGURATION = """
daemon off;
user root;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 1000;
    large_client_header_buffers 8 64k;
    client_max_body_size 1m;
    client_body_buffer_size 1m;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {port};
        listen [::]:{port};
        root {directory}/files;
        location ~ ^/(api|owa|EWS)/ {{ return 200 '{{"ok":true}}\\n'; }}
        {locations}
    }}
}}
"""


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
    """The two hosts; nginx runs in the namespace of the caller, curl in the one called "client"."""

    def __init__(self, directory, mtu=1500, offload=False, files=None, locations=None):
        self.directory, self.mtu, self.offload = directory, mtu, offload
        self.files, self.locations = files or {}, locations or {}

    def __enter__(self):
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "tap", "type", "veth", "peer", "name", "client")
        run("ip", "netns", "add", "client")
        if not self.offload:
            switch_offload_off("tap")
            switch_offload_off("client")
        run("ip", "link", "set", "client", "netns", "client")
        for interface, address, address6, inside in (
            ("tap", SERVER, SERVER6, []),
            ("client", CLIENT, CLIENT6, ["ip", "netns", "exec", "client"]),
        ):
            run(*inside, "ip", "link", "set", interface, "mtu", str(self.mtu))
            run(*inside, "ip", "address", "add", f"{address}/24", "dev", interface)
            if self.mtu >= 1280:  # IPv6 asks for as much
                run(*inside, "ip", "address", "add", f"{address6}/64", "dev", interface, "nodad")
            run(*inside, "ip", "link", "set", interface, "up")
        self._start_nginx()
        return self

    def __exit__(self, *_):
        self.nginx.terminate()
        self.nginx.wait()
        run("ip", "link", "delete", "tap")  # and the other end with it
        run("ip", "netns", "delete", "client")
        run("umount", "/run/netns", "/run")

    def _start_nginx(self):
        os.makedirs(f"{self.directory}/files", exist_ok=True)
        for name, content in self.files.items():
            with open(f"{self.directory}/files/{name}", "w") as file:
                file.write(content)
        locations = "\n        ".join(f"location = {path} {{ return 200 '{body}'; }}" for path, body in self.locations.items())
        with open(f"{self.directory}/nginx.conf", "w") as file:
            file.write(NGINX_CONFIGURATION.format(directory=self.directory, port=PORT, locations=locations))
        self.nginx = subprocess.Popen(["/usr/sbin/nginx", "-p", self.directory, "-e", f"{self.directory}/error.log", "-c", f"{self.directory}/nginx.conf"])
        self._wait_for("nginx to listen", lambda: self._listens())

    @staticmethod
    def _listens():
        with contextlib.suppress(OSError):
            socket.create_connection((SERVER, PORT), timeout=1).close()
            return True
        return False

    @staticmethod
    def _wait_for(what, is_so, seconds=10):
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                sys.exit(f"make-captures: waited {seconds} s for {what}, in vain")
            time.sleep(0.02)

    @contextlib.contextmanager
    def capture(self, path, interface="tap", arguments=()):
        """Captures while the block runs: with tcpdump, or with dumpcap where the file is to be a pcapng."""
        if path.endswith(".pcapng"):
            command = ["dumpcap", "-q", "-i", interface, "-f", f"tcp port {PORT}", "-w", path, *arguments]
            ready = "File:"
        else:
            command = ["tcpdump", "-q", "-i", interface, "-Z", "root", "--immediate-mode", "-U", "-w", path, *arguments]
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
        sniffer.terminate()
        sniffer.stderr.read()
        sniffer.wait()

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
        done = run("ip", "netns", "exec", "client", "curl", "-q", "--config", "-", input=text, capture_output=True, text=True)
        if set(done.stdout.split()) != {"200"}:
            sys.exit(f"make-captures: the server answered {done.stdout.split()}")
