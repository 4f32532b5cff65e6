// SPDX-License-Identifier: BSD-3-Clause
// client.mjs http|fetch: the requests on stdin, one a line (see clients.py), with Node's http module and an agent that
// keeps the connection, or with its fetch (which is undici). Says each status.
import fs from "node:fs";
import http from "node:http";

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function withHttp(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function withFetch(method, url, headers, body) {
  const answer = await fetch(url, { method, headers, body });
  await answer.arrayBuffer();
  return answer.status;
}

const send = process.argv[2] === "fetch" ? withFetch : withHttp;
for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const [method, url, body, ...fields] = line.split("\t");
  const headers = {};
  for (let at = 0; at < fields.length; at += 2) headers[fields[at]] = fields[at + 1];
  console.log(await send(method, url, headers, body ? Buffer.from(body, "base64") : undefined));
}
agent.destroy();
