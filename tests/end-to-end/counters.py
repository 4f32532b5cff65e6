#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The law, everywhere: every counter that the program knows has a capture here that makes it count.

What the program knows is read from its own tables; what a capture must count stands beside it, worked out by hand. A
counter that no capture counts fails the first test here, and `scripts/lint counters` too, which runs this file alone.
"""
import base64
import json
import os
import re
import struct
import sys
from collections import Counter

import harness
from harness import bearertap, scratch, summary, test

FIN, SYN, RST, ACK, URG = 1, 2, 4, 16, 32
MILLISECOND, SECOND = 1000, 1000000
KEY = "a-key-for-counting"

# What is never counted where all is well, and what no capture can bring about: (file, the line that asserts it).
NEVER = {("packets", "pending")}
BY_UNIT_TEST = {  # whatever is read, workers wait for room and for chunks to come back, and enough always do
    ("packets", "ring_full"): ("tests/unit/worker_live.c",
                               "assert_true(stopped.totals.outcomes[OUTCOME_RING_FULL] > 0);"),
    ("payload", "ring_full"): ("tests/unit/worker_live.c",
                               "assert_true(stopped.totals.bytes[BYTES_RING_FULL] > 0);"),
    ("events", "records_lost"): ("tests/unit/worker_live.c",
                                 "assert_true(stopped.totals.events[EVENT_RECORDS_LOST] > 0);"),
    ("events", "chunks_exhausted"): ("tests/unit/scan.c",
                                     "assert_true(bench->counters.events[EVENT_CHUNKS_EXHAUSTED] > 0);"),
}

# What the program knows: headings of the summary, and the table behind each with its enum.
TABLES = [
    ("packets", "app/base/counters.c", "outcome_rows", "include/bearertap/counters.h", "outcome"),
    ("payload", "app/base/counters.c", "byte_outcome_rows", "include/bearertap/counters.h", "byte_outcome"),
    ("events", "app/base/counters.c", "event_rows", "include/bearertap/counters.h", "event"),
    ("tokens", "app/scan/placements.c", "placement_names", "include/bearertap/scan.h", "placement"),
    ("algorithms", "app/token/jose.c", "token_algorithm_names", "include/bearertap/token.h", "token_algorithm"),
]


def without_comments(path):
    with open(path) as file:
        return re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)


def known_counters(source):
    """{(heading, name)}; each table has as many rows as its enum has values, or this does not read it right."""
    known = {("algorithms", "opaque")}
    for heading, path, table, header, enum in TABLES:
        rows = re.search(rf"\b{table}\[\w+\] = {{(.*?)\n}};", without_comments(f"{source}/{path}"), re.DOTALL)
        values = re.search(rf"\benum {enum} {{(.*?)}};", without_comments(f"{source}/{header}"), re.DOTALL)
        assert rows and values, f"{table} of {path}, or enum {enum} of {header}, is not where it was"
        names = dict(re.findall(r'\[(\w+)\] = {?"([^"]*)"', rows.group(1)))
        wanted = re.findall(r"\w+", values.group(1))[:-1]  # the last one is their number
        assert set(names) == set(wanted), f"{table} of {path} and enum {enum}: {set(names) ^ set(wanted)}"
        known |= {(heading, name) for name in names.values()}
    return known


CAPTURES = []  # (function that gives a Tape, {(heading, name): number}, configuration)


def counts(configuration=None, **numbers):
    """Before a function that gives a tape: what must be counted, `heading__name=number`."""
    def register(function):
        expected = {tuple(name.split("__")): number for name, number in numbers.items()}
        CAPTURES.append((function, expected, configuration or {}))
        return function
    return register


def counted():
    """Counters that some capture makes count, or a unit test whose assertion is there."""
    result = {counter for _, numbers, _ in CAPTURES for counter, number in numbers.items() if number > 0}
    for counter, (path, assertion) in BY_UNIT_TEST.items():
        if assertion in without_comments(f"{harness.SOURCE}/{path}"):
            result.add(counter)
    return result | NEVER


def missing():
    """A sentence for each counter that nothing makes count, and for each that is not one any more."""
    known = known_counters(harness.SOURCE)
    return ([f"{heading} {name}: nothing makes it count; tests/end-to-end/counters.py wants a capture"
             for heading, name in sorted(known - counted())] +
            [f"{heading} {name}: tests/end-to-end/counters.py counts it, and the program knows no such counter"
             for heading, name in sorted(counted() - known)])


# Packets. Checksums are right, so that this stays true when they are looked at.


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ethernet(payload, kind=0x0800):
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01" + struct.pack("!H", kind) + payload


def ipv4(payload, source=b"\x0a\0\0\x01", destination=b"\x0a\0\0\x02", protocol=6, first=0x45, length=None, fragment=0):
    length = 20 + len(payload) if length is None else length
    header = struct.pack("!BBHHHBBH", first, 0, length, 1, fragment, 64, protocol, 0) + source + destination
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(payload, next_header):
    ends = bytes(15) + b"\1" + bytes(15) + b"\2"
    return struct.pack("!IHBB", 0x60000000, len(payload), next_header, 64) + ends + payload


def tcp(source, destination, ports, sequence, acknowledgement, flags, payload=b"", options=b"", window=65535, urgent=0):
    data_offset = (20 + len(options)) << 2
    header = struct.pack("!HHIIBBHHH", *ports, sequence & 0xFFFFFFFF, acknowledgement & 0xFFFFFFFF, data_offset, flags,
                         window, 0, urgent) + options
    whole = header + payload
    pseudo = source + destination + struct.pack("!HH", 6, len(whole))
    return whole[:16] + struct.pack("!H", checksum(pseudo + whole)) + whole[18:]


class Tape:
    """A capture: packets in time, a millisecond after each other where nothing else is said."""

    def __init__(self):
        self.records, self.now_us, self.connections = [], 1_700_000_000 * SECOND, 0

    def add(self, frame, wire=None, after_us=MILLISECOND):
        self.now_us += after_us
        self.records.append(struct.pack("<IIII", self.now_us // SECOND, self.now_us % SECOND, len(frame),
                                        wire or len(frame)) + frame)

    def write(self, path):
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            file.writelines(self.records)

    def connection(self, shaken=True, options=b""):
        return Connection(self, shaken, options)

    def request(self, text):
        """A connection of its own with one request, which the client ends."""
        connection = self.connection()
        connection.client(text)
        connection.client(flags=ACK | FIN)
        return connection


class Connection:
    """A client, who begins at 1000, and a server, who begins at 5000; `shaken`: with their handshake."""

    def __init__(self, tape, shaken, options):
        tape.connections += 1
        self.tape = tape
        self.ends = [(bytes([10, 1]) + struct.pack("!H", tape.connections), 40000), (b"\x0a\x02\0\x01", 80)]
        self.sequences = [1000, 5000]
        if shaken:
            self.client(flags=SYN, options=options)
            self.server(flags=SYN | ACK, options=options)
            self.client()

    def send(self, side, data, flags, ahead, cut=0, after_us=MILLISECOND, **fields):
        """`ahead`: how far from where the side is; where that is 0 it moves on."""
        data = data.encode() if isinstance(data, str) else data
        source, destination = self.ends[side], self.ends[1 - side]
        acknowledgement = self.sequences[1 - side] if flags & ACK else 0
        segment = tcp(source[0], destination[0], (source[1], destination[1]), self.sequences[side] + ahead,
                      acknowledgement, flags, data, **fields)
        frame = ethernet(ipv4(segment, source[0], destination[0]))
        self.tape.add(frame[: len(frame) - cut], len(frame), after_us)
        if ahead == 0:
            self.sequences[side] += len(data) + bool(flags & SYN) + bool(flags & FIN)

    def client(self, data=b"", flags=ACK, ahead=0, **fields):
        self.send(0, data, flags, ahead, **fields)

    def server(self, data=b"", flags=ACK, ahead=0, **fields):
        self.send(1, data, flags, ahead, **fields)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(payload=b'{"sub":"nobody"}', **header):
    """As bearertap takes one; a signature would change nothing."""
    header = header or {"alg": "RS256", "kid": "another-key"}
    return ".".join(map(base64url, (json.dumps(header).encode(), payload, b"signature of " * 5)))


def head(*lines):
    return "\r\n".join(("GET / HTTP/1.1", *lines, "", ""))


def post(kind, body):
    return f"POST / HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}"


# The captures.


@counts(packets__not_ip=1, packets__not_tcp=1, packets__ip_fragment=1, packets__header_cut=1,
        packets__bad_link_header=1, packets__too_many_tags=1, packets__bad_ip_header=1, packets__bad_ip_length=1,
        packets__too_many_extensions=1, packets__bad_tcp_header=1)
def frames_that_are_no_segments():
    tape = Tape()
    segment = tcp(b"\x0a\0\0\x01", b"\x0a\0\0\x02", (1, 2), 1, 0, SYN)
    tape.add(ethernet(bytes(46), 0x0806))  # ARP
    tape.add(ethernet(ipv4(bytes(26), protocol=17)))
    tape.add(ethernet(ipv4(segment, fragment=0x2000)))
    tape.add(ethernet(ipv4(segment))[:40], wire=54)
    tape.add(bytes(13))
    tape.add(ethernet(b"\0\x01\x81\0" * 8 + b"\0\x01\x08\0" + ipv4(segment), 0x8100))
    tape.add(ethernet(ipv4(segment, first=0x44)))
    tape.add(ethernet(ipv4(segment, length=41)))
    tape.add(ethernet(ipv6(b"".join(struct.pack("!BBIH", 0, 0, 0, 0) for _ in range(9)) + segment, 0), 0x86DD))
    tape.add(ethernet(ipv4(segment[:12] + b"\x40" + segment[13:])))
    return tape


@counts(packets__inspected=2, packets__no_payload=3, payload__scanned=18, payload__retransmitted=18,
        events__connections=1)
def a_request_sent_twice():
    tape = Tape()
    connection = tape.connection()
    connection.client(head())
    connection.client(head(), ahead=-18)
    return tape


@counts(payload__urgent=1, events__urgent=1, payload__scanned=4)
def an_urgent_byte():
    tape = Tape()
    tape.connection().client("abXcd", flags=ACK | URG, urgent=3)
    return tape


@counts(payload__out_of_window=5, events__fin_out_of_window=1, events__reset_out_of_window=1,
        events__syn_out_of_window=1, events__reset=1)
def numbers_that_nobody_believes():
    """Five connections; windows are of 64 KiB, and no tap takes less than 1 MiB for one."""
    tape = Tape()
    tape.connection().client("12345", ahead=2 << 20)
    tape.connection().client(flags=ACK | FIN, ahead=2 << 20)
    tape.connection().client(flags=RST, ahead=1000)
    tape.connection().client(flags=SYN, ahead=1000)
    tape.connection().server(flags=RST)
    return tape


@counts(events__connections=4, events__midstream=1, events__port_reused=1, events__flow_expired=2)
def connections_that_come_and_go():
    tape = Tape()
    tape.connection(shaken=False).client("from the middle")
    again = tape.connection(shaken=False)
    again.client(flags=SYN)
    again.client(flags=SYN, ahead=7777)  # the same ends, another number: another connection
    tape.connection(shaken=False).client(flags=SYN, after_us=40 * SECOND)  # one packet is waited on for 30 s
    return tape


@counts(events__cut_packets=1, events__cut_bytes=8, events__gaps=1, events__gap_bytes=0, events__gap_connections=1)
def a_packet_captured_short():
    tape = Tape()
    tape.connection().client("eight of these bytes are cut", cut=8)
    return tape


@counts(events__out_of_order=2, events__conflicts=1, payload__retransmitted=5)
def segments_in_disorder():
    tape = Tape()
    connection = tape.connection()
    connection.client("world", ahead=6)
    connection.client("there", ahead=6)
    connection.client("hello ")
    return tape


@counts(events__gaps=1, events__gap_bytes=10, events__gap_connections=1)
def ten_bytes_that_never_came():
    tape = Tape()
    tape.connection().client("what comes behind them", ahead=10)
    return tape


@counts(events__held_bound=1, events__gaps=1, events__gap_bytes=1)
def more_behind_a_hole_than_is_held():
    """Of 4 MiB that a direction may hold."""
    tape = Tape()
    connection = tape.connection(options=b"\x01\x03\x03\x0e")  # a window of a GiB
    for number in range(80):
        connection.client(bytes(60000), ahead=1 + number * 60000, window=65535)
    return tape


@counts(events__captures=6, events__captures_full=2, events__header_cut=4)
def more_tokens_at_once_than_a_direction_may_have():
    tape = Tape()
    tape.connection().client("GET /?" + "access_token=" * 6)
    return tape


@counts(events__captures=1, events__capture_cut=1)
def a_scheme_that_is_cut():
    tape = Tape()
    tape.request("GET / HTTP/1.1\r\nAuthorization: Bear")
    return tape


@counts(events__not_a_token=1, events__other_scheme=1, events__captures=2)
def what_begins_like_a_token():
    tape = Tape()
    tape.request(head("X: eyJust looks"))
    tape.request(head("Authorization: Basic bm9ib2R5OnNlY3JldA=="))
    return tape


@counts(events__header_cut=1, events__header_too_long=1, events__token_junk=1)
def headers_that_are_hard_to_read():
    tape = Tape()
    tape.request("GET / HTTP/1.1\r\nAuthorization: Bearer eyJhbGciOiJSU")
    long = tape.connection()
    text = "GET / HTTP/1.1\r\nAuthorization: Bearer eyJhbGciOi" + "J" * 30000
    for at in range(0, len(text), 10000):
        long.client(text[at : at + 10000])
    tape.request(head("Authorization: Bearer " + token()[:9] + "*" + token()[9:]))
    return tape


@counts(events__references_left_out=1, events__possible_findings=1)
def a_header_that_names_twenty_keys():
    """Four are read where they come, and the last one: of the others in between nothing is known."""
    tape = Tape()
    kids = ",".join(f'"kid":"{number}"' for number in range(19))
    many = base64url(f'{{"alg":"RS256",{kids},"kid":"{KEY}"}}'.encode())
    tape.request(head(f"Authorization: Bearer {many}.e30.c2ln"))
    return tape


@counts(events__possible_findings=2, events__token_too_long=1)
def revoked_keys():
    tape = Tape()
    tape.request(head("Authorization: Bearer " + token(alg="RS256", kid=KEY)))
    long = tape.connection()
    text = "GET / HTTP/1.1\r\nAuthorization: Bearer " + token(alg="RS256", kid=KEY, payload=b"\0" * 60000) + "\r\n\r\n"
    for at in range(0, len(text), 10000):
        long.client(text[at : at + 10000])
    return tape


@counts(events__possible_findings=10000, events__chunks_exhausted=0, tokens__authorization=10000)
def more_sightings_than_there_are_chunks():
    """Each takes two of 8,192: they come back, and are waited for."""
    tape = Tape()
    connection = tape.connection()
    for _ in range(100):
        connection.client(head("Authorization: Bearer " + token(alg="RS256", kid=KEY)) * 100)
    return tape


@counts(events__context_unknown=1, tokens__other=1)
def a_token_whose_request_was_not_seen():
    tape = Tape()
    connection = tape.connection()
    connection.client(f"<this is no request, with {token()} in it>")
    connection.client(flags=ACK | FIN)
    return tape


PLACES = [head(f"Authorization: Bearer {token()}"), head(f"Proxy-Authorization: Bearer {token()}"),
          head(f"Cookie: session={token()}"), head(f"X-Token: {token()}"), f"GET /?t={token()} HTTP/1.1\r\n\r\n",
          post("application/x-www-form-urlencoded", f"t={token()}"), post("application/json", f'{{"t":"{token()}"}}'),
          post("text/plain", f"here: {token()} it is")]


@counts(tokens__authorization=1, **{"tokens__proxy-authorization": 1}, tokens__cookie=1, tokens__header=1,
        tokens__query=1, **{"tokens__form-body": 1, "tokens__json-body": 1}, tokens__other=1)
def a_token_in_each_place():
    tape = Tape()
    for place in PLACES:
        tape.request(place)
    return tape


# RFC 7518 sections 3.1 and 4.1, RFC 8037 and RFC 8812; and what is none of theirs.
ALGORITHMS = ("none HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 ES256K EdDSA RSA1_5 "
              "RSA-OAEP RSA-OAEP-256 dir ECDH-ES").split()


@counts(**{f"algorithms__{name}": 1 for name in ALGORITHMS}, algorithms__missing=1, algorithms__other=1,
        algorithms__opaque=1)
def a_token_of_each_algorithm():
    tape = Tape()
    for algorithm in [*ALGORITHMS, "invented"]:
        tape.request(head("Authorization: Bearer " + token(alg=algorithm, kid="another-key")))
    tape.request(head("Authorization: Bearer " + token(kid="another-key")))
    tape.request(head("Authorization: Bearer an-opaque-string"))
    return tape


ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"


def a_request_and_its_answer():
    tape = Tape()
    connection = tape.connection()
    connection.client(head())
    connection.server(ANSWER + "twenty bytes of body")
    connection.client(flags=ACK | FIN)
    connection.server(flags=ACK | FIN)
    return tape


@counts(payload__skipped_body=20, payload__scanned=18 + len(ANSWER), packets__inspected=2,
        configuration={"scan": {"responses": "headers"}})
def bodies_that_are_left_out():
    return a_request_and_its_answer()


@counts(payload__skipped_body=15, payload__scanned=18 + len(ANSWER) + 5, configuration={"scan": {"responses": 5}})
def bodies_scanned_to_a_depth():
    return a_request_and_its_answer()


@counts(payload__skipped_response=len(ANSWER) + 20, payload__scanned=18, packets__inspected=2,
        configuration={"scan": {"responses": "none"}})
def responses_that_are_left_out():
    return a_request_and_its_answer()


@counts(packets__filtered=7, payload__filtered=18 + len(ANSWER) + 20, payload__scanned=0, packets__inspected=0,
        events__connections=0, configuration={"filter": {"exclude": [{"ports": [80]}]}})
def a_connection_that_is_filtered_out():
    return a_request_and_its_answer()


# A full flow table, for all that happens only then.

FLOWS = 1 << 20  # as many as there are extras; contexts are fewer. All of them of app/worker/pipeline.c.
CONTEXTS = 1 << 15


def add_packet_of_each(tape, flags, data, sequence, skip=0):
    """A packet of each of as many connections as there is room for, but for the first few."""
    server = b"\x0a\x63\0\1"
    for block in range(FLOWS >> 16):
        client = bytes([10, 50, 0, block])
        segment = tcp(client, server, (0, 80), sequence, 0, flags, data)
        tape.add(ethernet(ipv4(segment, client, server)), after_us=0)
        record = tape.records.pop()
        many = bytearray(record * 65536)
        port_at, checksum_at = 16 + 34, 16 + 34 + 16
        many[port_at :: len(record)] = b"".join(bytes([high]) * 256 for high in range(256))
        many[port_at + 1 :: len(record)] = bytes(range(256)) * 256
        # as offload leaves it: the sum of the pseudo-header, in which ports are not
        pseudo = checksum(client + server + struct.pack("!HH", 6, len(segment))) ^ 0xFFFF
        many[checksum_at :: len(record)] = bytes([pseudo >> 8]) * 65536
        many[checksum_at + 1 :: len(record)] = bytes([pseudo & 0xFF]) * 65536
        tape.records.append(bytes(many[skip * len(record) :]))
        skip = 0


def let_a_burst_pass(tape):
    """Flows are looked up for a whole burst at once: what comes before it has been taken when the rest is."""
    for _ in range(64):
        tape.add(ethernet(bytes(46), 0x0806))


def one_of_them(tape, port):
    connection = tape.connection(shaken=False)
    connection.ends = [(bytes([10, 50, 0, 0]), port), (b"\x0a\x63\0\1", 80)]
    connection.sequences = [1001, 5000]
    return connection


@counts(packets__flow_table_full=2, payload__no_flow=5, events__flow_evicted_closed=1, events__flow_evicted_unproven=1,
        events__flow_evicted_idle=1, events__extras_full=2, events__held_bound=2,
        events__context_evicted=FLOWS - 2 - CONTEXTS, events__connections=FLOWS + 3)
def more_connections_than_there_is_room_for():
    tape = Tape()
    add_packet_of_each(tape, SYN, b"", 1000)
    one_of_them(tape, 0).client(flags=RST)
    let_a_burst_pass(tape)
    new = [tape.connection(shaken=False) for _ in range(2)]
    for each in new:  # the first takes the place of the closed one, the second that of port 1
        each.client(flags=SYN)
    tape.now_us += SECOND
    add_packet_of_each(tape, ACK, b"G", 1001, skip=2)  # now all are established, and have an extra
    for each in new:
        each.client()
    for port in range(100, 104):  # two extras are left, for what waits until it is known where this begins
        one_of_them(tape, port).server("x")
    let_a_burst_pass(tape)
    late = tape.connection(shaken=False)
    late.client(flags=SYN)
    late.client("12345")
    tape.now_us += 31 * SECOND  # idle is who was silent for a tenth of 300 s
    tape.connection(shaken=False).client(flags=SYN)
    return tape


# The tests.


@test
def every_counter_has_something_that_makes_it_count():
    problems = missing()
    assert not problems, "\n".join(problems)


# A million connections take long under sanitizers.
@test(each=lambda: [function.__name__ for function, _, _ in CAPTURES
                    if not (harness.SANITIZED and function is more_connections_than_there_is_room_for)])
def what_is_counted_is_what_there_was(name):
    function, numbers, configuration = next(capture for capture in CAPTURES if capture[0].__name__ == name)
    path = scratch("counters.pcap")
    function().write(path)
    with open(scratch("counters.json"), "w") as file:
        json.dump(configuration, file)
    try:
        run = bearertap("read", "-c", file.name, "-w", "1", "-f", "ecs", "-k", f"id:{KEY}", path)
    finally:
        os.unlink(path)
    told = summary(run)
    found = {(heading, counter): told.get(heading, (0, {}))[1].get(counter, 0) for heading, counter in numbers}
    assert found == numbers, harness.describe_difference(Counter(numbers), Counter(found)) + f"\n{run.errors}"
    known = known_counters(harness.SOURCE)
    for heading in ("packets", "payload", "events", "tokens", "algorithms"):
        strangers = {(heading, counter) for counter in told.get(heading, (0, {}))[1]} - known
        assert not strangers, f"the summary shows {strangers}, which are in no table"


if __name__ == "__main__":
    harness.SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
    found = missing()
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)
