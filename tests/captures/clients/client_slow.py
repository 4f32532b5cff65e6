# SPDX-License-Identifier: BSD-3-Clause
"""The requests on stdin, one a line (see clients.py), sent over a socket with the smallest receive buffer, from which
nothing is read until the server has filled it. Says each status."""
import base64
import http.client
import socket
import sys
import time
import urllib.parse

connection = None
for line in sys.stdin:
    method, url, body, *headers = line.rstrip("\n").split("\t")
    parts = urllib.parse.urlsplit(url)
    if not connection:
        connection = http.client.HTTPConnection(parts.netloc)
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.sock.connect((parts.hostname, 80))
    target = parts.path + ("?" + parts.query if parts.query else "")
    connection.request(method, target, base64.b64decode(body) or None, dict(zip(headers[::2], headers[1::2])))
    answer = connection.getresponse()
    while not answer.isclosed():
        time.sleep(0.3)  # longer than the buffer takes to fill
        answer.read(16384)
    print(answer.status)
