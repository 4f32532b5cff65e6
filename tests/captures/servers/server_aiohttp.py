# SPDX-License-Identifier: BSD-3-Clause
"""server_aiohttp.py PORT LOG ANSWERS: aiohttp's server. Writes a line of JSON for each request into LOG; answers with
what the JSON file ANSWERS has for the path."""
import json
import sys

from aiohttp import web

port, log_path, answers_path = sys.argv[1:]
with open(answers_path) as file:
    answers = json.load(file)


async def answer(request):
    names = ("Authorization", "Cookie")
    text = [request.headers.get(name, "") for name in names] + [request.query_string, (await request.read()).decode("latin1")]
    line = {"method": request.method, "path": request.path, "host": request.headers["Host"],
            "agent": request.headers.get("User-Agent"), "text": "\n".join(text)}
    with open(log_path, "a") as log:
        log.write(json.dumps(line) + "\n")
    return web.Response(text=answers.get(request.path, '{"ok":true}\n'), content_type="application/json")


application = web.Application(client_max_size=1 << 24)
application.router.add_route("*", "/{path:.*}", answer)
web.run_app(application, host=["0.0.0.0", "::"], port=int(port), print=None, access_log=None)
