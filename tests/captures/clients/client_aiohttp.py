# SPDX-License-Identifier: BSD-3-Clause
"""The requests on stdin, one a line (see clients.py), with aiohttp, four at a time. Says each status."""
import asyncio
import base64
import sys

import aiohttp


async def send(session, line):
    method, url, body, *headers = line.rstrip("\n").split("\t")
    headers = dict(zip(headers[::2], headers[1::2]))
    async with session.request(method, url, data=base64.b64decode(body) or None, headers=headers) as answer:
        await answer.read()
        print(answer.status)


async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=4)) as session:
        await asyncio.gather(*[send(session, line) for line in sys.stdin])


asyncio.run(main())
