# SPDX-License-Identifier: BSD-3-Clause
"""Files of every kind that is understood, damaged ones, and ones that are not."""
import struct
import subprocess

from harness import (Pcap, bearertap, captures, describe_difference, get, keys, manifest, read_bytes, scratch,
                     sightings_in, summary, test, tokens_of, tshark, weighed)


def found_in(run):
    return weighed(((get(line, "bearertap.token.sha256"), get(line, "bearertap.token.placement")), sightings_in(line)) for line in run.lines)


def sent_in(*names):
    return weighed(((each["sha256"], each["placement"]), 1) for name in names for each in manifest(name)["sightings"])


def read_tokens(*paths, **options):
    return bearertap("read", "-f", "ecs", "--tokens", *keys(), *paths, **options)


def check(run, *names):
    expected, found = sent_in(*names), found_in(run)
    assert expected == found, describe_difference(expected, found) + f"\n{run.errors}"


ORDERS = {"little endian": ("<", False), "big endian": (">", False),
          "little endian, nanoseconds": ("<", True), "big endian, nanoseconds": (">", True)}


@test(each=ORDERS)
def byte_order_and_resolution_make_no_difference(how):
    order, nanoseconds = ORDERS[how]
    path = Pcap(scratch("placements.pcap")).write(scratch("order.pcap"), order=order, nanoseconds=nanoseconds)
    run = read_tokens(path)
    check(run, "placements.pcap")
    ids = {get(line, "event.id") for line in run.lines}
    assert ids == {get(line, "event.id") for line in tokens_of("placements.pcap").lines}, "other event ids"


LINK_TYPES = {
    "raw IP (101)": (101, b""),
    "raw IP (12)": (12, b""),
    "IPv4 (228)": (228, b""),
    "BSD loopback, little endian": (0, struct.pack("<I", 2)),
    "BSD loopback, big endian": (0, struct.pack(">I", 2)),
    "OpenBSD loopback": (108, struct.pack(">I", 2)),
}


@test(each=LINK_TYPES)
def the_link_type_makes_no_difference(how):
    link_type, header = LINK_TYPES[how]
    pcap = Pcap(scratch("placements.pcap"))
    packets = [(s, us, wire - 14 + len(header), header + data[14:]) for s, us, wire, data in pcap.packets]
    check(read_tokens(Pcap(link_type=link_type, packets=packets).write(scratch("link.pcap"))), "placements.pcap")


@test
def a_pcapng_of_two_interfaces_with_different_link_types_is_read_whole():
    merged = scratch("merged.pcapng")
    subprocess.run(["mergecap", "-F", "pcapng", "-w", merged, scratch("placements.pcap"), scratch("linux-sll.pcap")], check=True)
    check(read_tokens(merged), "placements.pcap", "linux-sll.pcap")


@test
def several_files_are_read_as_one_capture():
    check(read_tokens(scratch("placements.pcap"), scratch("storm-0558.pcap")), "placements.pcap", "storm-0558.pcap")


@test(each=captures)
def standard_input_gives_the_same_lines_as_the_file(name):
    run = read_tokens("-", input=read_bytes(scratch(name)))
    check(run, name)
    assert {get(line, "event.id") for line in run.lines} == {get(line, "event.id") for line in tokens_of(name).lines}


@test
def tcpdump_may_write_into_it():
    tcpdump = subprocess.Popen(["tcpdump", "-r", scratch("placements.pcap"), "-w", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    check(read_tokens("-", stdin=tcpdump.stdout), "placements.pcap")
    tcpdump.wait()


@test
def a_file_cut_in_the_middle_of_a_packet_is_read_up_to_there():
    data = read_bytes(scratch("placements.pcap"))
    with open(scratch("cut.pcap"), "wb") as file:
        file.write(data[: len(data) // 2 + 7])
    run = read_tokens(scratch("cut.pcap"))
    found = found_in(run)
    assert found and not found - sent_in("placements.pcap"), describe_difference(sent_in("placements.pcap"), found)
    assert "cut.pcap" in run.errors, f"no warning about the cut: {run.errors}"


@test
def a_pcapng_cut_in_the_middle_of_a_packet_is_read_up_to_there():
    data = read_bytes(scratch("placements-ipv6.pcapng"))
    with open(scratch("cut.pcapng"), "wb") as file:
        file.write(data[: len(data) // 2 + 7])
    run = read_tokens(scratch("cut.pcapng"))
    assert found_in(run) and not found_in(run) - sent_in("placements-ipv6.pcapng")
    assert "cut.pcapng" in run.errors, f"no warning about the cut: {run.errors}"


@test
def a_file_that_is_not_there_is_an_error_that_names_it():
    run = bearertap("read", *keys(), scratch("missing.pcap"), status=1)
    assert "missing.pcap" in run.errors and "No such file" in run.errors, run


@test
def a_missing_file_among_others_does_not_hide_the_others():
    run = read_tokens(scratch("missing.pcap"), scratch("storm-0558.pcap"), status=None)
    check(run, "storm-0558.pcap")
    assert "missing.pcap" in run.errors, run


NOT_CAPTURES = {"empty": b"", "text": b"this is no capture, but a letter\n" * 20, "gzip": b"\x1f\x8b\x08\x00" + bytes(60),
                "header cut": b"\xd4\xc3\xb2\xa1\x02\x00\x04"}


@test(each=NOT_CAPTURES)
def a_file_that_is_no_capture_is_an_error_that_names_it(kind):
    with open(scratch("letter.pcap"), "wb") as file:
        file.write(NOT_CAPTURES[kind])
    run = bearertap("read", *keys(), scratch("letter.pcap"), status=1)
    assert "letter.pcap" in run.errors, run


@test
def a_link_type_that_is_not_understood_is_named():
    packets = [(1700000000, 0, 40, bytes(40))]
    path = Pcap(link_type=105, packets=packets).write(scratch("wifi.pcap"))
    run = bearertap("read", *keys(), path, status=None)
    assert "105" in run.errors or "802.11" in run.errors or "802_11" in run.errors, run


@test
def packets_captured_short_are_read_as_far_as_they_go():
    short = 420
    packets = [(s, us, wire, data[:short]) for s, us, wire, data in Pcap(scratch("placements.pcap")).packets]
    run = read_tokens(Pcap(packets=packets).write(scratch("short.pcap")))
    cut = [line for line in run.lines if get(line, "bearertap.token.truncated") is True]
    assert cut, f"no truncated sighting: {run}"
    kids = {each["kid"] for each in manifest("placements.pcap")["sightings"]}
    for line in cut:
        assert get(line, "bearertap.token.sha256") is None, f"a token half seen has no fingerprint: {line}"
        assert get(line, "bearertap.token.kid") in kids, line
    assert "truncated" in run.errors or "short" in run.errors or "cut" in run.errors, run.errors


def tcp_payload_bytes(path):
    return sum(map(int, tshark(path, "-Y", "tcp", "-T", "fields", "-e", "tcp.len").split()))


@test(each=captures)
def every_packet_and_every_payload_byte_is_in_one_outcome(name):
    run = tokens_of(name)
    told = summary(run)
    for kind in ("packets", "payload"):
        assert kind in told, f"the summary says nothing of {kind}: {run.errors}"
        total, outcomes = told[kind]
        assert total == sum(outcomes.values()), f"{kind}: {total} is not the sum of {outcomes}"
    frames = len(tshark(scratch(name), "-T", "fields", "-e", "frame.number").split())
    assert told["packets"][0] == frames, f"{told['packets'][0]} packets, tshark says {frames}"
    payload = tcp_payload_bytes(scratch(name))
    assert told["payload"][0] == payload, f"{told['payload'][0]} bytes of payload, tshark says {payload}"


@test
def random_bytes_as_packets_end_in_outcomes_too():
    import random

    chance = random.Random(7)
    packets = [(1700000000 + i, 0, 200, chance.randbytes(chance.randrange(200))) for i in range(500)]
    original = Pcap(scratch("placements.pcap")).packets
    for number in range(2000):  # and real packets with some bytes overwritten
        s, us, wire, data = original[number % len(original)]
        broken = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            broken[chance.randrange(min(len(broken), 80))] = chance.randrange(256)
        packets.append((1700001000 + number, us, wire, bytes(broken)))
    run = read_tokens(Pcap(packets=packets).write(scratch("random.pcap")))
    told = summary(run)
    for kind in ("packets", "payload"):
        total, outcomes = told[kind]
        assert total == sum(outcomes.values()), f"{kind}: {total} is not the sum of {outcomes}"
    assert told["packets"][0] == len(packets), run.errors


@test
def files_may_be_given_in_any_order():
    late = Pcap(scratch("placements.pcap"))
    late.packets = [(seconds + 86400, micros, wire, data) for seconds, micros, wire, data in late.packets]
    lossy = scratch("shuffled.pcap")
    day_after = late.write(scratch("day-after.pcap"))
    first = bearertap("read", "-q", "--tokens", "-f", "ecs", *keys(), lossy, day_after)
    second = bearertap("read", "-q", "--tokens", "-f", "ecs", *keys(), day_after, lossy)
    ids = [sorted(get(line, "event.id") for line in run.lines) for run in (first, second)]
    assert ids[0] and ids[0] == ids[1]


@test
def a_link_type_among_others_that_is_not_understood_breaks_no_law():
    def block(kind, body):
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    data = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(1, struct.pack("<HHI", 1, 0, 0)) + block(1, struct.pack("<HHI", 105, 0, 0))
    for interface, (_, _, wire, frame) in enumerate(Pcap(scratch("storm-0558.pcap")).packets[:2]):
        padded = frame + b"\0" * (-len(frame) % 4)
        data += block(6, struct.pack("<IIIII", interface, 0, 0, len(frame), wire) + padded)
    path = scratch("mixed-link-types.pcapng")
    with open(path, "wb") as file:
        file.write(data)
    run = bearertap("read", path, status=0)
    assert "105" in run.errors and "1 packets of link types" in run.errors, run
