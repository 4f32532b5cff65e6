# SPDX-License-Identifier: BSD-3-Clause
"""Clients of several languages, each with the HTTP of its own standard library or of the one that everybody uses.

Each gets its requests on stdin, one a line, fields separated by tabs: method, URL, body in base64, then names and values
of headers; and says the status of each answer. The programs are in clients/; here is how each is run.
"""
import base64
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# name: (the command, the package that it needs)
COMMANDS = {
    "python": (["/usr/bin/python3", f"{HERE}/clients/client.py"], "python3"),
    "python-paced": (["/usr/bin/python3", f"{HERE}/clients/client.py", "0.1"], "python3"),
    "python-slow": (["/usr/bin/python3", f"{HERE}/clients/client_slow.py"], "python3"),
    "perl": (["/usr/bin/perl", f"{HERE}/clients/client.pl"], "perl"),
    "aiohttp": (["/usr/bin/python3", f"{HERE}/clients/client_aiohttp.py"], "python3-aiohttp"),
    "node-http": (["node", f"{HERE}/clients/client.mjs", "http"], "nodejs"),
    "node-fetch": (["node", f"{HERE}/clients/client.mjs", "fetch"], "nodejs"),
    "go": (["go", "run", f"{HERE}/clients/client.go"], "golang-go"),
    "java": (["java", "-Djdk.httpclient.keepalive.timeout=5", f"{HERE}/clients/Client.java"], "openjdk-17-jdk-headless"),
    "ruby": (["ruby", f"{HERE}/clients/client.rb"], "ruby"),
}


class Request:
    """One request, and the tokens that stand in it: [(token, placement)]."""

    def __init__(self, method, host, path, query="", headers=None, body=b"", tokens=()):
        self.method, self.host, self.path, self.query = method, host, path, query
        self.headers, self.body, self.tokens = dict(headers or {}), body, list(tokens)

    @property
    def url(self):
        return f"http://{self.host}{self.path}{'?' + self.query if self.query else ''}"

    def line(self):
        fields = [self.method, self.url, base64.b64encode(self.body).decode()]
        for name, value in self.headers.items():
            fields += [name, value]
        assert not any("\t" in field or "\n" in field for field in fields)
        return "\t".join(fields) + "\n"


def run_client(inside, name, requests, directory):
    """Runs one client in `inside`, a command prefix, with all the requests."""
    if name == "wget":
        return run_wget(inside, requests)
    if name == "h2load":
        return run_h2load(inside, requests, directory)
    environment = {**os.environ, "HOME": directory, "GOCACHE": f"{directory}/go", "GO111MODULE": "off"}
    done = subprocess.run([*inside, *COMMANDS[name][0]], input="".join(map(Request.line, requests)), text=True,
                          stdout=subprocess.PIPE, env=environment)
    if done.returncode or done.stdout.split() != ["200"] * len(requests):
        sys.exit(f"{name}: status {done.returncode}, the server answered {done.stdout.split()}")
    return None


def run_wget(inside, requests):
    """wget has the same headers for all that it fetches."""
    headers = [f"--header={name}: {value}" for name, value in requests[0].headers.items()]
    subprocess.run([*inside, "wget", "-q", "-O", "/dev/null", *headers, *[each.url for each in requests]], check=True)


def run_h2load(inside, requests, directory):
    """HTTP/1.1 with up to eight requests under way on each of two connections: pipelining. The headers are the same for
    all, and each connection begins with the first of the URLs and goes through them in turn."""
    with open(f"{directory}/urls", "w") as file:
        file.writelines(each.url + "\n" for each in requests)
    headers = [f"--header={name}: {value}" for name, value in requests[0].headers.items()]
    done = subprocess.run([*inside, "h2load", "--h1", "-c", "1", "-m", "8", "-n", str(len(requests)), *headers,
                           "-i", f"{directory}/urls"], check=True, capture_output=True, text=True)
    if f"{len(requests)} succeeded" not in done.stdout:
        sys.exit(f"h2load: {done.stdout}")
