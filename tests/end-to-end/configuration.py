# SPDX-License-Identifier: BSD-3-Clause
"""The configuration: what is taken and refused, by the program and by its schema; and what its policies leave out."""
import functools
import hashlib
import http.client
import io
import itertools
import json
import os
import random
import re

import jsonschema

import counters
import harness
from harness import (bearertap, captures, describe_difference, get, keys, manifest, scratch, sightings_in, summary, test,
                     tokens_of, weighed)

STORM = "storm-0558.pcap"


def write(value, name="configuration.json"):
    """A configuration's path; text and bytes are written as they are."""
    if not isinstance(value, (str, bytes)):
        value = json.dumps(value)
    with open(scratch(name), "wb") as file:
        file.write(value.encode() if isinstance(value, str) else value)
    return file.name


def read(value, *arguments, capture=STORM, **options):
    return bearertap("read", "-f", "ecs", "-c", write(value), *arguments, scratch(capture), **options)


def responses(value):
    return {"scan": {"responses": value}}


# The schema as the independent judge.


@functools.lru_cache(maxsize=None)
def schema():
    with open(os.path.join(harness.SOURCE, "config/bearertap.schema.json")) as file:
        return json.load(file)


@functools.lru_cache(maxsize=None)
def validator():
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


RULE = {"addresses": ["10.0.0.0/8", "2001:db8::/32"], "ports": [443, "8000-8999"]}


def filters(rule, which="include"):
    return {"filter": {which: [rule]}}


def ports(*elements):
    return {"ports": list(elements)}


def sinks(*elements):
    return {"alerts": {"sinks": list(elements)}}


STDOUT = {"type": "stdout"}
GOOD = [
    {}, {"keys": []}, {"keys": ["id:a", "id:b"]}, {"workers": 1}, {"workers": 64}, {"workers": 2.0},
    {"alerts": {"format": "ecs"}}, {"alerts": {"format": "text"}}, {"scan": {}}, {"filter": {}}, *map(responses, ["all", "headers", "none", 0, 1, 4096.0, 1 << 30]),
    filters(RULE), filters(RULE, "exclude"), filters({"ports": [1]}), filters({"ports": [65535, "1-65535"]}),
    filters({"addresses": ["0.0.0.0/0", "255.255.255.255", "::/0", "::1", "::ffff:10.0.0.1", "fe80::/10", "1::/128"]}),
    {"filter": {"include": [RULE] * 16, "exclude": [RULE] * 16}}, filters({"ports": [1] * 16}),
    filters({"addresses": ["::"] * 16}), {"keys": ["id:a"] * 64},
    {"sensor": "a"}, {"sensor": "ü" * 127}, ports({"device": "0000:3b:00.0"}), {"workers": {"count": 1}},
    ports({"device": "a", "queues": 1, "descriptors": 64, "mtu": 68}, {"device": "b", "queues": 64, "descriptors": 32768,
                                                                      "mtu": 65535}),
    *(ports({"device": "a", "hardware_filter": word}) for word in ("off", "drop", "isolate")), {"workers": {"cpus": "0"}}, {"workers": {"cpus": "1023,2-5,8-8", "count": 6}}, {"flows": {}}, {"flows": {"max": 1024}},
    {"flows": {"max": 2e6, "idle_timeout_s": 1, "held_bytes_max": 1 << 20}}, {"flows": {"idle_timeout_s": 86400}},
    {"alerts": {}}, sinks(STDOUT), {"control": {}}, {"control": {"socket": "/" + "s" * 106, "group": "g" * 255}},
    {"memory": {}}, {"memory": {"hugepages": False, "mib": 64}}, {"memory": {"hugepages": True, "mib": 1 << 20}},
    {"eal": []}, {"eal": ["-a"] * 64}, {"eal": ["a" * 1024]},
]
BAD = [
    [], None, "x", 1, {"key": []}, {"Workers": 1}, {"": 1}, {"keys": "id:a"}, {"keys": [1]}, {"keys": [""]},
    {"keys": ["-"]}, {"keys": ["id:"]}, {"keys": [["id:a"]]}, {"keys": {}}, {"keys": ["id:a"] * 65}, {"workers": 0},
    {"workers": 65}, {"workers": -1}, {"workers": 1.5}, {"workers": "1"}, {"workers": None}, {"workers": True},
    {"workers": 1e300}, {"format": "ecs"}, *({"alerts": {"format": format}} for format in ("xml", "ECS", None, ["ecs"])),
    {"scan": []},
    {"scan": "all"}, {"scan": {"response": "all"}}, {"scan": {"responses": "all", "depth": 1}},
    *map(responses, ["", "All", "head", "0", -1, 0.5, (1 << 30) + 1, None, True, [], {}]), {"filter": []},
    {"filter": {"only": [RULE]}}, {"filter": {"include": []}}, {"filter": {"exclude": []}}, {"filter": {"include": RULE}},
    {"filter": {"include": [RULE] * 17}}, {"filter": {"exclude": [RULE] * 17}}, filters({}), filters([]),
    filters({"address": ["::1"]}), filters({"ports": []}), filters({"addresses": []}), filters({"ports": 80}),
    filters({"addresses": "::1"}), *(filters({"ports": [port]}, which) for which in ("include", "exclude") for port in
                                     (0, 65536, -1, 1.5, "80", "0-1", "1-65536", "1-", "-1", "a-b", "01-2", "1 - 2", None)),
    *(filters({"addresses": [address]}) for address in
      ("", "10.0.0", "10.0.0.256", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "host.example", "::/129", "::g", 10, None,
       " 10.0.0.1", "10.0.0.1/8/8", "010.0.0.1")),
    filters({"ports": [1] * 17}), filters({"addresses": ["::"] * 17}),
    {"sensor": ""}, {"sensor": 1}, {"sensor": "a" * 256}, {"ports": []}, {"ports": {}}, ports("eth0"), ports({}),
    ports({"queues": 1}), *(ports({"device": device}) for device in ("", "a" * 256, 1, None)),
    *(ports({"device": "a", name: value}) for name, values in (("queues", (0, 65)), ("descriptors", (63, 32769)),
                                                               ("mtu", (67, 65536, "1500")), ("queue", (1,)),
                                                               ("hardware_filter", ("", "on", "Drop", True, None, ["drop"]))) for value in values),
    ports(*({"device": str(i)} for i in range(17))), *({"workers": value} for value in ({}, [], "2-5", {"cpu": "1"})),
    *({"workers": {"count": count}} for count in (0, 65, "1", None)),
    *({"workers": {"cpus": cpus}} for cpus in ("", 1, [1], "1,", ",1", "1-", "-1", "1-2-3", "a", "01", "1024", "0-1024", "1, 2", "+1")),
    *({"flows": {name: value}} for name, values in (("max", (0, 1023, 100000001, "1024", 1024.5)), ("idle_timeout_s", (0, 86401)),
                                                    ("held_bytes_max", ((1 << 20) - 1, (1 << 36) + 1)), ("min", (1,))) for value in values),
    {"flows": []}, {"alerts": []}, {"alerts": {"sink": []}}, {"alerts": {"sinks": {}}}, sinks(), sinks({}), sinks("stdout"),
    sinks(STDOUT, STDOUT), sinks({"type": "syslog"}), sinks({"type": "file"}), sinks({"path": "a"}),
    sinks({**STDOUT, "path": "a"}), sinks({"type": "file", "path": ""}), sinks({"type": "file", "path": 1}),
    sinks({"type": "file", "path": "no-such-folder/a", "mode": 1}), {"control": "s"}, {"control": {"socket": ""}},
    {"control": {"socket": "/" + "s" * 107}}, {"control": {"group": ""}}, {"control": {"group": 1}}, {"control": {"port": 1}},
    {"memory": 2048}, *({"memory": value} for value in ({"mib": 63}, {"mib": (1 << 20) + 1}, {"hugepages": 1}, {"gib": 2})),
    {"eal": "-a"}, {"eal": [""]}, {"eal": [1]}, {"eal": ["-a"] * 65}, {"eal": ["a" * 1025]},
]
# What no schema can say, or Python's reader lets pass.
BEYOND_THE_SCHEMA = [filters({"ports": ["2-1"]}), filters({"addresses": ["1::2::3"]}), filters({"addresses": [":::"]}),
                     '{"workers":1,"workers":1}', b'{"keys":["\\ud800"]}', b'{"keys":["id:\\u0000"]}', {"sensor": "ü" * 128}, ports({"device": "a"}, {"device": "a", "queues": 2}),
                     {"workers": {"cpus": "5-2"}}, {"workers": {"cpus": "1-3,2"}}, {"workers": {"cpus": "0-64"}},
                     {"workers": {"cpus": "1-3", "count": 4}}]


def verdict_of_the_program(value):
    run = read(value, "-q", *keys(), status=None)
    assert run.status in (0, 1), run
    assert (run.status == 1) == (run.errors != "") and (run.status == 0 or not run.stdout), run
    return run.status == 0


# Their files are not to be made by chance.
FILES = [sinks({"type": "file", "path": "a.json"}), sinks(STDOUT, {"path": "b.json", "type": "file"})]


@test(each=["good", "bad"], only_if=not harness.SANITIZED)
def the_program_and_the_schema_agree(which):
    for value in GOOD + FILES if which == "good" else BAD:
        assert validator().is_valid(value) == (which == "good"), f"the schema finds otherwise: {value}"
        assert verdict_of_the_program(value) == (which == "good"), f"the program finds otherwise: {value}"


@test
def what_the_schema_cannot_say_the_program_refuses():
    for value in BEYOND_THE_SCHEMA:
        assert not verdict_of_the_program(value), value


@test(only_if=not harness.SANITIZED)  # which the fuzzer of configurations is, too
def random_configurations_are_judged_alike():
    """Members, values and whole branches of the good ones and the bad ones, put where they may not belong."""
    chance = random.Random(20231104)
    leaves = [1, 0, 64, 65, 443, "all", "none", "ecs", "80-90", "10.0.0.0/8", "::1", "id:a", None, True, [], {}, 1.5, "-"]

    def mutate(value):
        if isinstance(value, dict):
            result = {name: mutate(member) if chance.random() < 0.4 else member for name, member in value.items()}
            if chance.random() < 0.1:
                result[chance.choice(["keys", "workers", "scan", "filter", "ports", "x"])] = chance.choice(leaves)
            return result
        if isinstance(value, list) and chance.random() < 0.7:
            return [mutate(item) if chance.random() < 0.4 else item for item in value]
        return chance.choice(leaves)

    verdicts = set()
    for _ in range(40):
        value = mutate(chance.choice([{**chance.choice(GOOD), **chance.choice(GOOD)}, {**responses(4), **filters(RULE)}]))
        expected = validator().is_valid(value)
        verdicts.add(expected)
        assert verdict_of_the_program(value) == expected, f"the schema says {expected}: {json.dumps(value)}"
    assert verdicts == {True, False}


# The table of the program, the schema and the README.


def rows():
    """{path: row's text} of the program's own table."""
    with open(os.path.join(harness.SOURCE, "app/configuration/rows.c")) as file:
        text = file.read().replace("\\\n", "\n")
    body = re.search(r"configuration_rows\[\] = {(.*?)\n};", text, re.DOTALL).group(1)
    found = {}
    for row in re.split(r"(?=\.path = )", body)[1:]:
        path = re.match(r'\.path = ((?:"[^"]*"|\s|list)*)', row).group(1)
        for which in ("include", "exclude") if "list" in path else ("",):
            found["".join(re.findall(r'"([^"]*)"', path.replace("list", f'"{which}"')))] = row
    return found


def paths_of(node, path=""):
    if "$ref" in node:
        node = schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
    yield path
    for name, member in node.get("properties", {}).items():
        yield from paths_of(member, f"{path}/{name}")
    if "items" in node:
        yield from paths_of(node["items"], f"{path}/*")


@test
def the_schema_has_the_members_of_the_table_and_no_others():
    assert len(rows()) > 10
    assert set(rows()) == set(paths_of(schema())), set(rows()) ^ set(paths_of(schema()))


@test
def the_readme_has_a_row_for_each_member_as_the_table_says_it():
    with open(os.path.join(harness.SOURCE, "README.md")) as file:
        readme = re.sub(r"\s+", " ", file.read())
    for path, row in rows().items():
        meaning = re.search(r'\.meaning = "((?:[^"\\]|\\.)*)"', row)
        default = re.search(r'\.default_value = "((?:[^"\\]|\\.)*)"', row)
        if meaning and "/exclude/*/" not in path:  # rules are the same in both
            name = path[1:].replace("/*", "[]").replace("/", ".")
            line = f"| `{name}` | {meaning[1]} |".replace('\\"', '"')
            assert line in readme, f"no row {line}"
            assert f'| {default[1]} |'.replace('\\"', '"') in readme[readme.index(line):][:400], f"{path}: not its default"


@test
def the_formats_of_the_schema_are_those_there_are():
    errors = bearertap("read", "-f", "no-such-format", "x", status=2).errors
    assert errors.split("there are: ")[1].strip().split(", ") == schema()["properties"]["alerts"]["properties"]["format"]["enum"], errors


@test
def the_example_is_a_configuration():
    with open(os.path.join(harness.SOURCE, "config/bearertap.example.json")) as file:
        assert validator().is_valid(json.load(file))
    run = bearertap("read", "-q", "-c", "config/bearertap.example.json", scratch(STORM), cwd=harness.SOURCE)
    assert run.stderr == b"", run


# -c on the command line.


@test
def what_the_configuration_says_is_done():
    run = read({"keys": [scratch("revoked.jwks.json")], "alerts": {"format": "text"}}, capture=STORM)
    assert [line["message"] for line in read({}, *keys()).lines]
    said = bearertap("read", "-c", write({"keys": [scratch("revoked.jwks.json")], "alerts": {"format": "text"}}), scratch(STORM))
    assert said.stdout and not said.stdout.startswith(b"{"), said
    assert len(run.lines) == len(harness.alerts_of(STORM).lines), run


@test
def the_command_line_wins_and_keys_add_up():
    both = read({"keys": ["id:nobody-has-this-key"], "alerts": {"format": "text"}, "workers": 2}, "-w", "1", *keys())
    assert len(both.lines) == len(harness.alerts_of(STORM).lines), both
    one, two = (int(re.search(r"revoked keys (\d+)", read({"keys": names}, *keys()).errors)[1])
                for names in ([], ["id:nobody-has-this-key"]))
    assert two == one + 1


@test(each=["missing", "directory", "unreadable", "empty", "blank", "huge", "endless", "binary", "cut", "deep", "a list"])
def what_is_no_configuration_is_refused_with_its_name(what):
    path = {"missing": scratch("no-such-configuration.json"), "directory": harness.SCRATCH, "endless": "/dev/zero",
            "unreadable": "/proc/self/mem"}.get(what)
    path = path or write({"empty": "", "blank": " \n\n", "huge": "{" + " " * (1 << 20) + "}", "binary": bytes(range(256)),
                          "cut": '{"workers": 1', "deep": "[" * 100000, "a list": "id-of-a-key\n"}[what])
    run = bearertap("read", "-c", path, scratch(STORM), status=1)
    assert path in run.errors and len(run.errors.splitlines()) == 1 and not run.stdout, run
    if what in ("cut", "binary"):
        assert re.search(re.escape(path) + r":\d+:\d+: ", run.errors), f"no line and column: {run}"


@test(each=[["-c"], ["-c", "a", "-c", "b", "x"], ["-c", "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2lnbmF0dXJl", "x"]])
def wrong_use_of_c_is_status_2(arguments):
    run = bearertap("read", *arguments, status=2)
    assert run.errors and "eyJ" not in run.errors, run


@test
def the_sensor_is_the_observer_of_every_alert():
    run = read({"sensor": "tap-ü"}, *keys())
    assert {get(line, "observer.name") for line in run.lines} == {"tap-ü"}, run


@test
def keys_are_looked_for_beside_the_configuration():
    """And those of the command line in the working directory."""
    os.makedirs(scratch("beside"), exist_ok=True)
    with open(scratch("beside/other.txt"), "w") as file:
        file.write("nobody-has-this-key\n")
    path = write({"keys": ["other.txt", "../revoked.jwks.json", "id:a/b"]}, "beside/bearertap.json")
    run = bearertap("read", "-f", "ecs", "-c", path, "-k", "placements.keys", scratch(STORM), cwd=harness.SCRATCH, status=1)
    assert " placements.keys: No such file" in run.errors, run
    run = bearertap("read", "-f", "ecs", "-c", "beside/bearertap.json", "-k", "beside/other.txt", STORM, cwd=harness.SCRATCH)
    assert len(run.lines) == len(harness.alerts_of(STORM).lines), run
    os.unlink(scratch("beside/other.txt"))
    run = bearertap("read", "-c", "beside/bearertap.json", STORM, cwd=harness.SCRATCH, status=1)
    assert "beside/other.txt" in run.errors, run


@test
def a_table_of_flows_that_is_too_small_is_said():
    """The bound is what the configuration says, and each connection without room is counted."""
    tape = counters.Tape()
    for _ in range(1100):
        tape.connection().client(counters.head())
    tape.write(scratch("crowd.pcap"))
    small, large = (read({"flows": {"max": most}}, "-w", "1", capture="crowd.pcap") for most in (1024, 2048))
    assert small.errors != large.errors and "flow" in small.errors, small


@test(each=["keys", "ports", "sinks", "eal", "sensor", "socket", "group"])
def a_token_in_a_names_place_is_not_repeated(where):
    token = "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2lnbmF0dXJl"
    value = {"keys": {"keys": [token]}, "ports": ports({"device": token}), "sinks": sinks({"type": "file", "path": token}),
             "eal": {"eal": [token]}, "sensor": {"sensor": token}, "socket": {"control": {"socket": token}},
             "group": {"control": {"group": token}}}[where]
    run = read(value, *keys(), status=1)
    assert "looks like a token" in run.errors and "eyJ" not in run.errors and not run.stdout, run


@test
def a_configuration_may_come_through_a_pipe():
    run = bearertap("read", "-q", "-c", "/dev/stdin", *keys(), scratch(STORM), input=b'{"alerts":{"format":"ecs"}}')
    assert len(run.lines) == len(harness.alerts_of(STORM).lines), run


@test
def a_token_among_the_keys_is_not_repeated():
    run = read({"keys": ["id:a", counters.token()]}, status=1)
    assert "/keys/1 looks like a token" in run.errors and "eyJ" not in run.errors, run


@test
def a_list_of_keys_that_cannot_be_read_is_named():
    run = read({"keys": [scratch("no-such-list.json")]}, status=1)
    assert "no-such-list.json" in run.errors, run


# Policies. What is left out is compared with what Python's HTTP client takes for bodies.


class Kept(io.BytesIO):
    """What a server sent, as a connection that http.client reads from; stays open for more."""

    def close(self):
        pass

    def makefile(self, _mode):
        return self


def streams_of(path):
    """[(client's bytes, server's bytes)] of the connections, put in order by tshark."""
    number = len(set(harness.tshark(path, "-Y", "tcp", "-T", "fields", "-e", "tcp.stream").split()))
    for stream in range(number):
        text = harness.tshark(path, "-q", "-z", f"follow,tcp,raw,{stream}")
        lines = re.findall(r"^(\t?)([0-9a-f]+)$", text, re.MULTILINE)
        client = b"".join(bytes.fromhex(data) for tab, data in lines if not tab)
        server = b"".join(bytes.fromhex(data) for tab, data in lines if tab)
        yield client, server


def bodies_in(client, server):
    """How many bytes of the server's are bodies, as they stand on the wire. Every method here has a body in its answer."""
    file, total = Kept(server), 0
    methods = re.findall(rb"^([A-Z]+) \S+ HTTP/1\.[01]\r$", client, re.MULTILINE)
    assert not {b"HEAD", b"CONNECT"} & set(methods), methods
    while file.tell() < len(server):
        response = http.client.HTTPResponse(file)
        response.begin()
        begin = file.tell()
        response.read()
        total += file.tell() - begin
    return total


# Whole connections with their handshakes, of servers that frame by length, by chunks and by the end.
FRAMED = ["storm-0558.pcap", "placements.pcap", "keep-alive.pcap", "uploads.pcap", "apache.pcap", "aiohttp.pcapng",
          "slow-readers.pcap", "node-ipv6.pcap", "small-segments.pcap", "single-bytes.pcap", "shuffled.pcap"]


@test(each=FRAMED, only_if=not harness.SANITIZED)  # the program does nothing then that it does not do below
def what_is_left_out_is_what_an_http_client_takes_for_bodies(name):
    run = read(responses("headers"), *keys(), capture=name)
    expected = sum(itertools.starmap(bodies_in, streams_of(scratch(name))))
    told = summary(run)["payload"][1]
    assert expected > 0 and told.get("skipped_body") == expected, f"{expected} bytes of bodies: {run.errors}"


def from_client(lines):
    return weighed(((get(line, "bearertap.token.sha256"), get(line, "bearertap.token.placement"), get(line, "event.id")),
                    sightings_in(line)) for line in lines if get(line, "bearertap.token.placement"))


@test(each=captures)
def no_policy_touches_what_clients_send(name):
    """Sightings in requests are all there, with their ids; and what is found with a policy is found without."""
    truth = weighed((each["sha256"], 1) for each in manifest(name)["sightings"] if each["direction"] == "client")
    everything = from_client(tokens_of(name).lines)
    for value in ("headers", "none", 100):
        run = read(responses(value), "--tokens", *keys(), capture=name)
        found = from_client(run.lines)
        extra = found - everything
        assert not extra, f"{value}: {extra}"
        by_token = weighed((each[0], times) for each, times in found.items())
        known = weighed((each[0], times) for each, times in everything.items())
        assert not (truth & known) - by_token, f"{value}: {(truth & known) - by_token}\n{run.errors}"


def secret(number):
    return counters.token(alg="RS256", kid=f"key-{number}")


class Conversation:
    """Responses with tokens in head and body, pipelined or not, framed in any way; and what is to be found of them."""

    def __init__(self, chance, heads_only):
        self.chance, self.heads_only = chance, heads_only
        self.expected, self.number = [], 0

    def token(self, is_found):
        self.number += 1
        text = secret(f"{self.chance.random()}")
        if is_found:
            self.expected.append(hashlib.sha256(text.encode()).hexdigest())
        return text

    def chunks(self, body):
        parts, at = [], 0
        while at < len(body):
            size = self.chance.randrange(1, 3000)
            part = body[at : at + size]
            parts.append(f"{len(part):x}{self.chance.choice(['', ';a=b'])}\r\n{part}\r\n")
            at += size
        return "".join(parts) + "0\r\n"

    def response(self):
        chance = self.chance
        way = chance.choice(["length", "length", "chunks", "none", "continue"])
        filling = "lorem ipsum " * chance.choice([0, 1, 20, 2000])
        if way == "none":
            return f"HTTP/1.1 304 Not Modified\r\nX-Token: {self.token(True)}\r\nContent-Length: 77\r\n\r\n"
        if way == "continue":
            return "HTTP/1.1 100 Continue\r\n\r\n"
        head = f"HTTP/1.1 200 OK\r\nSet-Cookie: session={self.token(True)}; Path=/\r\n"
        if way == "chunks":
            body = filling + "no token is cut here"
            trailer = f"X-Last: {self.token(True)}\r\n" if chance.random() < 0.3 else ""
            return f"{head}Transfer-Encoding: chunked\r\n\r\n{self.chunks(body)}{trailer}\r\n"
        body = f'{filling}{{"t":"{self.token(not self.heads_only)}"}}'
        return f"{head}Content-Length: {len(body)}\r\n\r\n{body}"


@test(each=["headers", "all"])
def tokens_in_heads_are_found_and_those_in_bodies_as_the_policy_says(policy):
    chance = random.Random(4711)
    tape, expected = counters.Tape(), []
    for _ in range(40):
        talk, connection = Conversation(chance, policy == "headers"), tape.connection()
        for _ in range(chance.randrange(1, 5)):
            connection.client(counters.head("Host: x"))
        stream = "".join(talk.response() for _ in range(chance.randrange(1, 6)))
        most = chance.choice([1, 7, 100, 1460, 60000]) if len(stream) < 5000 else chance.choice([1460, 60000])
        for at in range(0, len(stream), most):
            connection.server(stream[at : at + most])
        expected += talk.expected
    tape.write(scratch("talk.pcap"))
    run = read(responses(policy), "--tokens", "-w", "1", capture="talk.pcap")
    found = weighed((get(line, "bearertap.token.sha256"), sightings_in(line)) for line in run.lines)
    expected = weighed((each, 1) for each in expected)
    assert expected == found, describe_difference(expected, found)
    assert ("skipped_body" in summary(run)["payload"][1]) == (policy == "headers"), run.errors


def told_of(tape, value, name="policy.pcap"):
    tape.write(scratch(name))
    run = read(value, "--tokens", "-w", "1", capture=name)
    return summary(run)["payload"][1], run.lines


BODY = f'{{"token":"{secret(1)}"}}'
WITH_BODY = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"


@test
def behind_the_answer_to_head_every_byte_is_scanned():
    tape = counters.Tape()
    connection = tape.connection()
    connection.client("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    connection.server("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    connection.client(counters.head())
    connection.server(f"HTTP/1.1 200 OK\r\nSet-Cookie: t={secret(2)}\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}")
    bytes_of, lines = told_of(tape, responses("headers"))
    assert "skipped_body" not in bytes_of and len(lines) == 2, (bytes_of, lines)


@test(each=["half a tap", "joined late", "the server's SYN alone", "a client that says it is the server"])
def where_the_client_is_not_known_nothing_is_left_out(how):
    tape = counters.Tape()
    connection = tape.connection(shaken=False)
    if how == "the server's SYN alone":
        connection.sequences[0] += 1
        connection.server(flags=counters.SYN | counters.ACK)
    if how == "a client that says it is the server":
        connection.client(flags=counters.SYN | counters.ACK)
    if how != "half a tap":
        connection.client(counters.head(f"Authorization: Bearer {secret(3)}"))
    connection.server(WITH_BODY)
    for value in ("headers", "none"):
        bytes_of, lines = told_of(tape, responses(value))
        assert not {"skipped_body", "skipped_response"} & set(bytes_of), bytes_of
        assert len(lines) == (1 if how == "half a tap" else 2), lines


@test(each=["upgrade", "connect", "not http", "two lengths"])
def what_is_no_response_is_scanned(how):
    tape = counters.Tape()
    connection = tape.connection()
    connection.client("CONNECT x:1 HTTP/1.1\r\n\r\n" if how == "connect" else counters.head())
    connection.server({"upgrade": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
                       "connect": "HTTP/1.0 200 Connection established\r\n\r\n", "not http": "hello\r\n",
                       "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\nContent-Length: 1\r\n\r\n"}[how])
    connection.server(WITH_BODY)
    bytes_of, lines = told_of(tape, responses("headers"))
    assert "skipped_body" not in bytes_of and len(lines) == 1, (bytes_of, lines)


@test
def a_head_of_which_two_copies_differ_is_not_believed():
    tape = counters.Tape()
    connection = tape.connection()
    connection.client(counters.head())
    one, other = ("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % length for length in ("9999", "0000"))
    connection.server(one[1:], ahead=1)
    connection.server(other[1:], ahead=1)
    connection.server(one[:1])
    connection.sequences[1] += len(one) - 1
    connection.server(WITH_BODY)
    bytes_of, lines = told_of(tape, responses("headers"))
    assert "skipped_body" not in bytes_of and len(lines) == 1, (bytes_of, lines)


@test
def a_body_is_followed_over_a_gap_in_it():
    tape = counters.Tape()
    connection = tape.connection()
    connection.client(counters.head())
    connection.server("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + "x" * 1000)
    connection.sequences[1] += 1000
    connection.server("x" * 1000 + f"HTTP/1.1 200 OK\r\nSet-Cookie: t={secret(4)}\r\nContent-Length: 4\r\n\r\nbody")
    connection.client()
    bytes_of, lines = told_of(tape, responses("headers"))
    assert bytes_of["skipped_body"] == 2004 and len(lines) == 1, (bytes_of, lines)


@test(each=["headers", "none", 100])
def bodies_in_frames_of_two_mbufs_are_left_out(policy):
    """A frame above 65,535 bytes lies in two: what nobody looks at isn't put together, and what is looked at is."""
    tape = counters.Tape()
    connection = tape.connection()
    most = 65535 - 40
    body = "x" * (3 * most)
    last = f"HTTP/1.1 200 OK\r\nSet-Cookie: t={secret(5)}\r\nContent-Length: 4\r\n\r\nbody"
    connection.client(counters.head(f"Authorization: Bearer {secret(6)}"))
    connection.server(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n")
    stream = body + last
    for at in range(0, len(stream), most):
        connection.server(stream[at : at + most])
        connection.client()
    connection.client(f"POST / HTTP/1.1\r\nContent-Length: {most}\r\nX-Token: {secret(7)}\r\n\r\n".ljust(most, "y"))
    bytes_of, lines = told_of(tape, responses(policy))
    if policy == "none":
        assert bytes_of["skipped_response"] == connection.sequences[1] - 5001 and len(lines) == 2, (bytes_of, lines)
    else:
        depth = 0 if policy == "headers" else policy
        left_out = len(body) - depth + max(4 - depth, 0)
        assert bytes_of["skipped_body"] == left_out and len(lines) == 3, (bytes_of, lines)


@test
def a_token_cut_by_the_depth_is_told_as_cut():
    tape = counters.Tape()
    connection = tape.connection()
    connection.client(counters.head())
    connection.server(WITH_BODY)
    bytes_of, lines = told_of(tape, responses(len(BODY) - 30))
    assert bytes_of["skipped_body"] == 30, bytes_of
    assert [get(line, "bearertap.token.truncated") for line in lines] == [True], lines


@test(each=[1, 2])
def a_filter_leaves_out_other_connections(workers):
    """What tshark's filter selects is what is inspected."""
    name = "keep-alive.pcap"
    port = harness.tshark(scratch(name), "-Y", "tcp.flags.syn==1 && tcp.flags.ack==0", "-T", "fields", "-e", "tcp.srcport")
    port = int(port.split()[0])
    for which in ("include", "exclude"):
        run = read(filters({"ports": [port]}, which), *keys(), "-w", str(workers), capture=name)
        chosen = f"tcp.port=={port}" if which == "include" else f"tcp && !(tcp.port=={port})"
        expected = len(harness.tshark(scratch(name), "-Y", chosen, "-T", "fields", "-e", "frame.number").split())
        packets = summary(run)["packets"]
        passed = packets[1].get("inspected", 0) + packets[1].get("no_payload", 0)
        assert passed == expected and packets[0] == passed + packets[1].get("filtered", 0), run.errors


@test
def two_workers_leave_out_what_one_does():
    for name in ("placements.pcap", "shuffled.pcap", "lossy-tap.pcap"):
        runs = [read(responses("headers"), "--tokens", *keys(), "-w", str(workers), capture=name) for workers in (1, 2)]
        assert summary(runs[0])["payload"] == summary(runs[1])["payload"], name
        assert sorted(get(line, "event.id") for line in runs[0].lines) == sorted(get(line, "event.id") for line in runs[1].lines)
