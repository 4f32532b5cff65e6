# SPDX-License-Identifier: BSD-3-Clause
"""What a SIEM gets: each member as the schema and the document say, and each line whole by way of a real rsyslog."""
import base64
import copy
import functools
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import textwrap
import types

import harness
from alert_schema import described, fault, members_of, parse, validator
from harness import (Pcap, alerts_of, bearertap, captures, get, is_alert, keys, scratch, tcp_of, test, tokens_of,
                     wait_until)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../property"))
import wire  # noqa: E402


def configuration(name):
    with open(os.path.join(harness.SOURCE, "config", name)) as file:
        return file.read()


# What `read` never writes: the unit tests do.
ONLY_LIVE = {"bearertap.lost", "bearertap.capture.clock"}

# Captures in which every member stands somewhere.


def conversation_capture(name, request, packets=lambda packets: packets):
    """One connection whose client says `request`."""
    connection = wire.Connection(random.Random(7), 1)
    said = packets(wire.in_order(types.SimpleNamespace(turns=[(0, request)], end="fin")))
    frames = connection.frames(said, [1000, 2000])
    wire.write_capture(scratch(name), connection.timed(frames, 20000))
    return scratch(name)


def pieces_of_client(packets):
    return [number for number, packet in enumerate(packets) if packet[0] == 0 and packet[3]]


def with_a_conflict(packets):
    """The client's third piece comes before the second, twice, and the second time it is another one."""
    _, second, third = pieces_of_client(packets)[:3]
    side, flags, place, payload, acknowledged = packets[third]
    other = (side, flags, place, payload[:-1] + bytes([payload[-1] ^ 1]), acknowledged)
    return [*packets[:second], packets[third], other, *packets[second:]]


def without_its_end(packets):
    return packets[: pieces_of_client(packets)[2]]


def odd_captures():
    """Joined late, with a hole, ending in a token, with bytes that differ."""
    whole = Pcap(scratch("keep-alive.pcap")).packets
    payload = [i for i, packet in enumerate(whole) if tcp_of(packet[3])[3] > 0]
    yield Pcap(packets=whole[payload[2] :]).write(scratch("siem-late.pcap"))
    yield Pcap(packets=[p for i, p in enumerate(whole) if i != payload[2]]).write(scratch("siem-gap.pcap"))
    token = unsigned({"alg": "none", "kid": "rsa-2021-stolen"}, {"sub": "x" * 4000})
    request = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token + b"\r\n\r\n"
    yield conversation_capture("siem-conflict.pcap", request, with_a_conflict)
    yield conversation_capture("siem-cut.pcap", request, without_its_end)


def unsigned(header, claims):
    return b".".join(base64.urlsafe_b64encode(json.dumps(part, ensure_ascii=False).encode()).rstrip(b"=")
                     for part in (header, claims)) + b".AAAA"


@functools.lru_cache(maxsize=None)
def lines_with_every_member():
    runs = [tokens_of(name) for name in captures()]
    runs += [bearertap("read", "-f", "ecs", "--tokens", *keys(), path) for path in odd_captures()]
    return [parse(line) for run in runs for line in run.stdout.splitlines()]


@test
def every_member_of_the_schema_is_written_and_no_other():
    written = {member for line in lines_with_every_member() for member in members_of(line)}
    members = set(described(harness.SOURCE)) - ONLY_LIVE
    assert written == members, f"never written: {members - written}; not in the schema: {written - members}"


@test
def what_the_schema_has_always_is_in_every_line():
    always = {member for member, (_, is_always) in described(harness.SOURCE).items() if is_always}
    assert len(always) > 20
    for line in lines_with_every_member():
        assert always <= members_of(line), f"{always - members_of(line)} is missing in {line}"


@test
def the_writer_knows_no_name_that_the_schema_does_not_have():
    """For what no test makes it write: all names that stand in the source."""
    with open(os.path.join(harness.SOURCE, "app/alert/ecs.c")) as file:
        found = set(re.findall(r'\b(?!line_text|line_json_word\(line, NULL)\w+\(line, "([@\w]+)"', file.read()))
    names = {name for member in described(harness.SOURCE) for name in member.split(".")}
    assert found == names, f"in the source alone: {found - names}; in the schema alone: {names - found}"


# The document and the template.


def documented():
    """{member: (type, when, example)} of the document's table."""
    cell = r" (.*?) (?<!\\)\|"
    rows = re.findall(rf"^\| `([^`]+)` \|{cell}{cell}{cell}", configuration("alert-fields.md"), re.MULTILINE)
    return {member: (kind, when, example.strip("`")) for member, kind, when, example in rows}


@test
def the_document_has_the_members_of_the_schema_with_their_types():
    said = {member: (kind, when == "always") for member, (kind, when, _) in documented().items()}
    wanted = described(harness.SOURCE)
    assert said == wanted, f"they differ in {set(said.items()) ^ set(wanted.items())}"


@test
def the_examples_of_the_document_are_a_line():
    """All of them put together, but for what excludes each other."""
    line = {}
    for member, (_, _, example) in documented().items():
        if member == "bearertap.token.truncated":
            continue
        place = line
        *way, last = member.split(".")
        for name in way:
            place = place.setdefault(name, {})
        is_text = isinstance(get(alerts_of("storm-0558.pcap").lines[0], member, True), str) or member == "network.vlan.id"
        place[last] = example if is_text else parse_example(example)
    problem = fault(harness.SOURCE, line)
    assert problem is None or problem.startswith("one sighting"), problem


def parse_example(example):
    try:
        return json.loads(example)
    except ValueError:
        return example


@test
def the_index_template_has_the_members_of_the_schema_with_their_types():
    found = {}

    def walk(properties, path):
        for name, node in properties.items():
            if "properties" in node:
                walk(node["properties"], [*path, name])
            else:
                found[".".join([*path, name])] = node["type"]

    walk(json.loads(configuration("elasticsearch-template.json"))["template"]["mappings"]["properties"], [])
    wanted = {member: kind for member, (kind, _) in described(harness.SOURCE).items()}
    assert found == wanted, f"they differ in {set(found.items()) ^ set(wanted.items())}"


# That the schema is strict.


def put(path, value):
    def change(line):
        *way, last = path.split(".")
        for name in way:
            line = line.setdefault(name, {})
        line[last] = value

    return change


def drop(path):
    def change(line):
        *way, last = path.split(".")
        for name in way:
            line = line[name]
        del line[last]

    return change


BAD = {
    "a member that nobody knows": put("bearertap.token.signature", "x"),
    "one at the top": put("host", {"name": "x"}),
    "one in an object of ECS": put("source.address", "192.0.2.7"),
    "no time": drop("@timestamp"),
    "no id": drop("event.id"),
    "no port": drop("source.port"),
    "no community id": drop("network.community_id"),
    "no rule in an alert": drop("rule"),
    "no key in an alert": drop("bearertap.key"),
    "no sightings in an alert": drop("bearertap.sightings"),
    "neither hash nor truncated": drop("bearertap.token.sha256"),
    "both hash and truncated": put("bearertap.token.truncated", True),
    "a false flag": put("bearertap.stream", {"gap": False}),
    "an empty object": put("bearertap.stream", {}),
    "an empty text": put("url.path", ""),
    "a null": put("url.path", None),
    "a query": put("url.path", "/a?access_token=b"),
    "a port that is text": put("source.port", "80"),
    "a port out of range": put("source.port", 65536),
    "a VLAN that is a number": put("network.vlan", {"id": 7}),
    "a severity off the scale": put("event.severity", 71),
    "a severity of nothing in an alert": put("event.severity", 0),
    "a category that is no array": put("event.category", "network"),
    "a category that ECS does not have": put("event.category", ["tokens"]),
    "a kind that ECS does not have": put("event.kind", "incident"),
    "an event with a finding": put("event.kind", "event"),
    "related addresses that are no array": put("related.ip", "192.0.2.7"),
    "an address that is none": put("source.ip", "192.0.2.256"),
    "an address of another": put("destination.ip", "192.0.2.81"),
    "a hash of another token": put("related.hash", ["0" * 64]),
    "a time without a zone": put("event.created", "2023-06-15T03:12:44.123456"),
    "a time in milliseconds": put("event.created", "2023-06-15T03:12:44.123Z"),
    "a day that no calendar has": put("event.created", "2023-02-29T03:12:44.123456Z"),
    "an end before the start": put("event.start", "2099-01-01T00:00:00.000000Z"),
    "a key id that is an array": put("bearertap.key.id", ["a"]),
    "an array of one key": lambda line: put("bearertap.key", [line["bearertap"]["key"]])(line),
    "a match of no kind": put("bearertap.key.match", ["thumbprint"]),
    "a match that is no array": put("bearertap.key.match", "kid"),
    "a placement that nobody knows": put("bearertap.token.placement", "trailer"),
    "a finding's id in capitals": put("bearertap.finding.id", "A" * 32),
    "a text longer than what is kept": put("bearertap.token.subject", "a" * 257),
}


@test(each=list(BAD))
def a_line_is_refused_that_has(what):
    line = copy.deepcopy(alerts_of("storm-0558.pcap").lines[0])
    assert fault(harness.SOURCE, line) is None
    BAD[what](line)
    assert fault(harness.SOURCE, line) is not None, line


@test
def each_member_of_the_wrong_type_is_refused():
    refused = 0
    for whole in lines_with_every_member():
        for member in members_of(whole) - {"bearertap.key"}:
            line = copy.deepcopy(whole)
            if isinstance(get(line, "bearertap.key"), list) and member.startswith("bearertap.key"):
                continue
            put(member, {"an": "object"})(line)
            assert not validator(harness.SOURCE).is_valid(line), f"{member} may be an object"
            refused += 1
        if refused > 200:
            return
    raise AssertionError("too little was tried")


# By way of rsyslog, as the document says.


def longest_capture():
    """The longest line that wire and list can make: texts as long as they may be, of bytes that JSON escapes."""
    names = [letter + '"' * 255 for letter in "abcd"]
    entries = [{"kid": name, "x5t": "A" * 27, "reason": '"' * 256, "revoked_at": "2023-06-16T00:00:00.123456789+00:00"}
               for name in names]
    with open(scratch("longest.keys.json"), "w") as file:
        json.dump({"keys": entries}, file)
    token = unsigned({"alg": "\x7f" * 256, "kid": "\x7f" * 256, "typ": "\x7f" * 256, "x5t": "A" * 27},
                     {claim: "\x7f" * 256 for claim in ("iss", "sub", "aud", "jti")})
    request = (b"M" * 32 + b" /" + b"\x7f" * 767 + b" HTTP/1.1\r\nHost: " + b"\x7f" * 256 + b"\r\nUser-Agent: " +
               b"\x7f" * 512 + b"\r\nAuthorization: Bearer " + token + b"\r\n\r\n")
    return conversation_capture("longest.pcap", request)


@functools.lru_cache(maxsize=None)
def lines_to_ship():
    """Ordinary ones, one with every kind of character, and the longest; each once."""
    storm = Pcap(scratch("storm-0558.pcap"))
    odd = "/€/\U0001f511/'\"\\%25%m%/".encode()
    changed = [(s, us, wire_length, data.replace(b"/api/v2.0/me/messages", odd)) for s, us, wire_length, data in storm.packets]
    path = Pcap(packets=changed).write(scratch("siem-characters.pcap"))
    longest = bearertap("read", "-q", "-k", scratch("longest.keys.json"), longest_capture())
    lines = [*bearertap("read", "-q", *keys(), path, scratch("placements.pcap")).stdout.splitlines(keepends=True),
             *longest.stdout.splitlines(keepends=True)]
    assert "€/\U0001f511/'\"\\" in "".join(get(parse(line), "url.path", "") for line in lines)
    assert len(longest.stdout.splitlines()) == 1 and len(longest.stdout) > 20000, f"{len(longest.stdout)} bytes: {longest}"
    assert len(get(parse(longest.stdout), "bearertap.key")) == 4 and fault(harness.SOURCE, parse(longest.stdout)) is None
    return lines


def documented_configuration(number, changes):
    """The number-th configuration in the document's part about rsyslog, with paths of our own."""
    part = configuration("alert-fields.md").split("\n## rsyslog\n")[1].split("\n## ")[0]
    text = textwrap.dedent(re.findall(r"(?:^    .*\n)+", part, re.MULTILINE)[number])
    for old, new in changes.items():
        assert old in text, f"{old} is not in {text}"
        text = text.replace(old, new)
    return text


class Rsyslog:
    """A rsyslogd of our own, which touches nothing of the system's."""

    def __init__(self, *parts):
        self.folder = scratch("rsyslog")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder)
        daemon = os.path.join(self.folder, "rsyslogd")  # a copy: the system's may be confined to the system's paths
        shutil.copy("/usr/sbin/rsyslogd", daemon)
        with open(os.path.join(self.folder, "rsyslog.conf"), "w") as file:
            file.write("".join(parts) + f'global(workDirectory="{self.folder}")\n')
        self.process = subprocess.Popen([daemon, "-n", "-i", "NONE", "-f", file.name], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        said = self.process.communicate(timeout=harness.TIMEOUT_S)[0].decode(errors="replace")
        assert "error" not in said, said

    def runs(self):
        assert self.process.poll() is None, self.process.stdout.read().decode(errors="replace")
        return True


RAISED = 'global(maxMessageSize="64k")\n'


@test
def lines_arrive_by_logger_and_rsyslog_as_they_left():
    folder = scratch("rsyslog")
    log, output = f"{folder}/log", f"{folder}/bearertap.json"
    text = documented_configuration(0, {'load="imuxsock"': f'load="imuxsock" SysSock.Name="{log}"',
                                        "/var/log/bearertap.json": output})
    assert text.startswith(RAISED)
    sent = b"".join(lines_to_ship())
    with Rsyslog(text) as rsyslog:
        wait_until("rsyslog's socket", lambda: rsyslog.runs() and os.path.exists(log), seconds=30)
        subprocess.run(["logger", "--socket", log, "--tag", "bearertap", "--size", "64KiB", "--priority", "auth.alert"],
                       input=sent, check=True, timeout=harness.TIMEOUT_S)
        wait_until("the lines", lambda: rsyslog.runs() and os.path.exists(output) and os.path.getsize(output) >= len(sent),
                   seconds=30)
    assert harness.read_bytes(output) == sent


@test
def lines_arrive_from_a_file_by_rsyslog_as_they_left():
    folder = scratch("rsyslog")
    alerts = f"{folder}/alerts.json"
    lines = lines_to_ship()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        text = documented_configuration(1, {"/var/log/bearertap/*.json": f"{folder}/*.json", "siem.example": "127.0.0.1",
                                            '"514"': f'"{listener.getsockname()[1]}"'})
        with Rsyslog(RAISED, text):
            with open(alerts, "ab", buffering=0) as file:
                file.write(lines[0])
                with listener.accept()[0] as peer:  # it was seen: now more, as it is written
                    file.writelines(lines[1:])
                    peer.settimeout(30)
                    received = b""
                    while received.count(b"\n") < len(lines):
                        more = peer.recv(1 << 20)
                        assert more, "rsyslog hung up"
                        received += more
                    # Closed hard, so that rsyslog's end does not wait.
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert received == b"".join(lines)
