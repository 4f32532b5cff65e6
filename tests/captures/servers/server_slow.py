# SPDX-License-Identifier: BSD-3-Clause
"""server_slow.py PORT LOG ANSWERS: http.server with the smallest receive buffer, which reads nothing until the client
has filled it, again and again: the window closes. Writes a line of JSON for each request into LOG."""
import http.server
import json
import socket
import sys
import time

port, log_path, answers_path = sys.argv[1:]
with open(answers_path) as file:
    answers = json.load(file)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rbufsize = 0  # nothing is read ahead

    def answer(self):
        left, body = int(self.headers.get("Content-Length", 0)), b""
        while left > len(body):
            time.sleep(0.3)  # longer than the buffer takes to fill
            body += self.rfile.read(min(16384, left - len(body)))
        path, _, query = self.path.partition("?")
        text = [self.headers.get("Authorization", ""), query, body.decode("latin1")]
        line = {"method": self.command, "path": path, "host": self.headers["Host"],
                "agent": self.headers.get("User-Agent"), "text": "\n".join(text)}
        with open(log_path, "a") as log:
            log.write(json.dumps(line) + "\n")
        content = answers.get(path, '{"ok":true}\n').encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)  # the accepted ones inherit it
        super().server_bind()


Server(("", int(port)), Handler).serve_forever()
