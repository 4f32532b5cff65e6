# SPDX-License-Identifier: BSD-3-Clause
"""client.py [PAUSE]: the requests on stdin, one a line (see clients.py), with Python's http.client, on one connection,
PAUSE seconds between them. Says each status."""
import base64
import http.client
import sys
import time
import urllib.parse

connection = None
for line in sys.stdin:
    method, url, body, *headers = line.rstrip("\n").split("\t")
    parts = urllib.parse.urlsplit(url)
    connection = connection or http.client.HTTPConnection(parts.netloc)
    target = parts.path + ("?" + parts.query if parts.query else "")
    connection.request(method, target, base64.b64decode(body) or None, dict(zip(headers[::2], headers[1::2])))
    answer = connection.getresponse()
    answer.read()
    print(answer.status)
    time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 0)
