# SPDX-License-Identifier: BSD-3-Clause
"""Taps that show less than everything, and connections of which something comes late, long or without an end."""
import base64
import hashlib
import os
import random
import sys

from harness import (Pcap, bearertap, describe_difference, get, is_alert, keys, line_before_the_end, manifest,
                     scratch, sightings_in, start, tcp_of, test, tshark, weighed)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../property"))
import wire  # noqa: E402


def read_tokens(path):
    return bearertap("read", "-f", "ecs", "--tokens", *keys(), path)


def fingerprints(run):
    return weighed((get(line, "bearertap.token.sha256"), sightings_in(line)) for line in run.lines)


def sent(name, direction):
    return weighed((each["sha256"], 1) for each in manifest(name)["sightings"] if each["direction"] == direction)


def is_from_client(frame):
    return tcp_of(frame)[1] == 80


def check(expected, run):
    assert expected == fingerprints(run), describe_difference(expected, fingerprints(run)) + f"\n{run.errors}"


@test(each=["client", "server"])
def half_of_a_tap_gives_its_half_of_the_tokens(side):
    half = Pcap(scratch("placements.pcap")).keep(lambda frame: is_from_client(frame) == (side == "client"))
    check(sent("placements.pcap", side), read_tokens(half.write(scratch("half.pcap"))))


@test
def a_connection_joined_late_is_read_from_there_and_marked():
    capture = Pcap(scratch("keep-alive.pcap"))
    late = Pcap(packets=capture.packets[len(capture.packets) // 2 :])
    path = late.write(scratch("late.pcap"))
    values = tshark(path, "-Y", "http.authorization", "-T", "fields", "-e", "http.authorization").split("\n")
    expected = weighed((hashlib.sha256(value.split()[1].encode()).hexdigest(), 1) for value in values if value)
    assert 0 < sum(expected.values()) < len(manifest("keep-alive.pcap")["sightings"])
    run = read_tokens(path)
    check(expected, run)
    for line in run.lines:
        assert get(line, "bearertap.stream.midstream") is True, line


def without_payload_packet(capture, which, of_client):
    """The capture without the which-th packet with payload of one side."""
    seen, kept = -1, []
    for packet in capture.packets:
        if is_from_client(packet[3]) == of_client and tcp_of(packet[3])[3] > 0:
            seen += 1
            if seen == which:
                continue
        kept.append(packet)
    assert len(kept) == len(capture.packets) - 1
    return Pcap(packets=kept)


@test
def what_comes_after_a_lost_request_is_still_found_and_marked():
    lost = 5
    path = without_payload_packet(Pcap(scratch("keep-alive.pcap")), lost, True).write(scratch("lost.pcap"))
    truth = manifest("keep-alive.pcap")["sightings"]
    expected = weighed((each["sha256"], 1) for number, each in enumerate(truth) if number != lost)
    run = read_tokens(path)
    check(expected, run)
    assert any(get(line, "bearertap.stream.gap") is True for line in run.lines), run
    assert "gap" in run.errors, f"the summary says nothing of the gap: {run.errors}"


@test
def what_comes_after_a_lost_answer_is_still_found():
    path = without_payload_packet(Pcap(scratch("keep-alive.pcap")), 5, False).write(scratch("lost.pcap"))
    run = read_tokens(path)
    check(sent("keep-alive.pcap", "client"), run)
    assert "gap" in run.errors, f"the summary says nothing of the gap: {run.errors}"


@test
def a_port_used_again_is_another_connection():
    capture = Pcap(scratch("short-token.pcap"))
    # the same addresses and ports an hour later with other sequence numbers
    later = []
    for s, us, wire, data in capture.packets:
        frame = bytearray(data)
        header = (frame[14] & 15) * 4
        for at in (14 + header + 4, 14 + header + 8):
            if at == 14 + header + 8 and not frame[14 + header + 13] & 0x10:
                continue
            value = (int.from_bytes(frame[at : at + 4], "big") + 0x1234567) % 2**32
            frame[at : at + 4] = value.to_bytes(4, "big")
        later.append((s + 30, us, wire, bytes(frame)))
    run = read_tokens(Pcap(packets=capture.packets + later).write(scratch("reused.pcap")))
    alerts = [line for line in run.lines if is_alert(line)]
    assert len(alerts) == 2 and len({get(line, "bearertap.finding.id") for line in alerts}) == 2, run


@test
def the_same_capture_twice_over_is_not_seen_twice():
    """A SPAN port that shows each packet twice: the copies are retransmissions."""
    capture = Pcap(scratch("placements.pcap"))
    doubled = Pcap(packets=[packet for packet in capture.packets for _ in range(2)])
    run = read_tokens(doubled.write(scratch("doubled.pcap")))
    expected = sent("placements.pcap", "client") + sent("placements.pcap", "server")
    check(expected, run)


# Connections made by hand: what is sent when.

REVOKED = ["-k", "id:revoked-2016"]
TOKEN = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in
                  (b'{"alg":"RS256","kid":"revoked-2016"}', b'{"sub":"u"}', b"no signature"))
SHA256 = hashlib.sha256(TOKEN).hexdigest()


def connection(number, *said):
    """[(microseconds, frame)] of a handshake and what is said: (seconds, side, bytes or FIN)."""
    made, sent = wire.Connection(random.Random(number), number), [0, 0]
    packets = [(0, packet) for packet in wire.handshake()]
    for seconds, side, what in said:
        data, flags = (b"", wire.FIN) if what == wire.FIN else (what, wire.PSH)
        packets.append((seconds * 1_000_000, (side, flags | wire.ACK, sent[side], data, sent[1 - side])))
        sent[side] += len(data) + (what == wire.FIN)
    return [(int(at), frame) for (at, _), frame in zip(packets, made.frames([p for _, p in packets], (1000, 5000)))]


def capture_of(name, *connections):
    path = scratch(name)
    wire.write_capture(path, sum(connections, []))
    return path


def alerts(path, *arguments):
    return [line for line in bearertap("read", "-f", "ecs", *REVOKED, *arguments, path).lines if is_alert(line)]


REQUEST = b"GET /slow?x HTTP/1.1\r\nAuthorization: Bearer " + TOKEN + b"\r\n"


@test
def an_alert_waits_a_second_at_most_for_the_rest_of_its_requests_head():
    late = connection(1, (0.1, 0, REQUEST), (0.6, 0, b"X: y\r\n"), (1.1, 0, b"Host: late.example\r\n\r\n"))
    in_time = connection(2, (0.1, 0, REQUEST), (1.0, 0, b"Host: in-time.example\r\n\r\n"))
    for workers in ("1", "2", "4"):
        found = alerts(capture_of("slow-heads.pcap", late, in_time), "-w", workers)
        assert weighed((get(line, "url.domain"), 1) for line in found) == weighed([(None, 1), ("in-time.example", 1)]), found
        for line in found:
            assert get(line, "url.path") == "/slow" and get(line, "bearertap.token.sha256") == SHA256, line


@test
def a_quiet_connections_alert_leaves_by_other_connections_time():
    """From a pipe that stays open, whose one worker sees another connection's packet a second later."""
    path = capture_of("quiet.pcap", connection(1, (0.1, 0, REQUEST)), connection(2, (1.2, 0, b"GET / HTTP/1.1\r\n")))
    process = start("read", "-f", "ecs", "-w", "1", *REVOKED, "-")
    with open(path, "rb") as file:
        process.stdin.write(file.read())
    process.stdin.flush()
    assert get(line_before_the_end(process), "url.path") == "/slow"


@test
def a_token_in_an_overlong_head_knows_its_request():
    head = b"GET /long?q HTTP/1.1\r\nHost: long.example:81\r\n" + b"".join(
        b"X-%d: %s\r\n" % (number, b"x" * 200) for number in range(200))
    parts = [head[at : at + 1448] for at in range(0, len(head), 1448)] + [b"Authorization: Bearer " + TOKEN + b"\r\n\r\n"]
    said = [(number / 1000, 0, part) for number, part in enumerate(parts)]
    found = alerts(capture_of("overlong.pcap", connection(1, *said)))
    assert len(found) == 1, found
    assert get(found[0], "url.domain") == "long.example" and get(found[0], "url.path") == "/long", found
    assert get(found[0], "bearertap.token.placement") == "authorization", found


@test
def a_raw_token_ends_where_the_next_response_begins():
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\nContent-Length: %d\r\n\r\n" % len(TOKEN) + TOKEN
    get_it = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    for whole in (connection(1, (0, 0, get_it), (0.01, 1, answer), (0.02, 0, get_it), (0.03, 1, answer), (0.04, 1, wire.FIN)),
                  connection(1, (0, 0, get_it * 2), (0.01, 1, answer * 2), (0.02, 1, wire.FIN))):
        found = alerts(capture_of("raw.pcap", whole))
        assert [get(line, "bearertap.token.sha256") for line in found] == [SHA256, None], found
        assert get(found[1], "bearertap.token.truncated") is True, found  # nothing says that it ends with the stream
