// SPDX-License-Identifier: BSD-3-Clause
// server.mjs PORT LOG ANSWERS: Node's http server. Writes a line of JSON for each request into LOG; answers with what
// the JSON file ANSWERS has for the path.
import fs from "node:fs";
import http from "node:http";

const [port, log, answersPath] = process.argv.slice(2);
const answers = JSON.parse(fs.readFileSync(answersPath));
const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const url = new URL(request.url, "http://x");
    const { host, "user-agent": agent, authorization, cookie } = request.headers;
    const text = [authorization, cookie, url.search, Buffer.concat(parts).toString("latin1")];
    const line = { method: request.method, path: url.pathname, host, agent: agent ?? null, text: text.join("\n") };
    fs.appendFileSync(log, JSON.stringify(line) + "\n");
    response.setHeader("Content-Type", "application/json");
    response.end(answers[url.pathname] ?? '{"ok":true}\n');
  });
});
server.listen(Number(port), "::");
