# SPDX-License-Identifier: BSD-3-Clause
"""Taps that show less than everything: one direction only, joined late, packets lost."""
import hashlib

from harness import (Pcap, bearertap, describe_difference, get, is_alert, keys, manifest, scratch, sightings_in, tcp_of,
                     test, tshark, weighed)


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
