# SPDX-License-Identifier: BSD-3-Clause
"""Servers that stand at the other end of the captures. Each says what it received in a log of its own; the manifests
are checked against it.

A server has `command(directory, port)`, which writes its configuration and gives the command that runs it in the
foreground, and `requests(directory)`, its log: [{method, path, host, agent, text}], where `text` holds all the places
where a token can stand.
"""
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))

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

APACHE_CONFIGURATION = """
ServerRoot {directory}
ServerName localhost
PidFile {directory}/apache.pid
DefaultRuntimeDir {directory}
ErrorLog {directory}/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so
Listen {port}
User www-data
Group www-data
DocumentRoot {directory}
KeepAlive On
MaxKeepAliveRequests 0
LimitRequestFieldSize 65536
LimitRequestLine 65536
RewriteEngine On
RewriteRule ^ - [R=200,L]
LogFormat "%m\\t%U\\t%{{Host}}i\\t%{{User-Agent}}i\\t%{{Authorization}}i %{{Cookie}}i %q" truth
CustomLog {directory}/requests.log truth
"""

HAPROXY_CONFIGURATION = """
global
    log stderr local0 err
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
    http-reuse always
    option forwardfor
frontend clients
    bind 127.0.0.1:{port}
    default_backend servers
backend servers
    server one {server}:{port}
"""


class Nginx:
    """Which keeps no log: its captures are told by what curl was asked to send."""

    def __init__(self, files=None, locations=None):
        self.files, self.locations = files or {}, locations or {}

    def command(self, directory, port):
        os.makedirs(f"{directory}/files", exist_ok=True)
        for name, content in self.files.items():
            with open(f"{directory}/files/{name}", "w") as file:
                file.write(content)
        locations = "\n        ".join(f"location = {path} {{ return 200 '{body}'; }}" for path, body in self.locations.items())
        with open(f"{directory}/nginx.conf", "w") as file:
            file.write(NGINX_CONFIGURATION.format(directory=directory, port=port, locations=locations))
        return ["/usr/sbin/nginx", "-p", directory, "-e", f"{directory}/error.log", "-c", f"{directory}/nginx.conf"]


class Apache:
    """httpd with its event MPM. It logs headers and queries, no bodies."""

    logs_bodies = False

    def command(self, directory, port):
        os.chmod(directory, 0o755)
        with open(f"{directory}/apache.conf", "w") as file:
            file.write(APACHE_CONFIGURATION.format(directory=directory, port=port))
        return ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", f"{directory}/apache.conf"]

    def requests(self, directory):
        with open(f"{directory}/requests.log") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        return [{"method": method, "path": path, "host": host, "agent": None if agent == "-" else agent, "text": text}
                for method, path, host, agent, text in rows]


class Script:
    """One of the small servers in servers/, which log in JSON; `answers` is what they say for a path."""

    logs_bodies = True

    def __init__(self, *command, answers=None):
        self.interpreter, self.answers = command, answers or {}

    def command(self, directory, port):
        with open(f"{directory}/answers.json", "w") as file:
            json.dump(self.answers, file)
        return [*self.interpreter, str(port), f"{directory}/requests.log", f"{directory}/answers.json"]

    def requests(self, directory):
        with open(f"{directory}/requests.log") as file:
            return [json.loads(line) for line in file]


def node(answers=None):
    return Script("node", f"{HERE}/servers/server.mjs", answers=answers)


def aiohttp(answers=None):
    return Script("/usr/bin/python3", f"{HERE}/servers/server_aiohttp.py", answers=answers)


def slow(answers=None):
    return Script("/usr/bin/python3", f"{HERE}/servers/server_slow.py", answers=answers)


def haproxy_command(directory, server, port):
    """haproxy on the clients' side: many of their connections become a few to the server."""
    with open(f"{directory}/haproxy.cfg", "w") as file:
        file.write(HAPROXY_CONFIGURATION.format(server=server, port=port))
    return ["/usr/sbin/haproxy", "-db", "-q", "-f", f"{directory}/haproxy.cfg"]
