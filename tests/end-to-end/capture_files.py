# SPDX-License-Identifier: BSD-3-Clause
"""Files of every kind that is understood, damaged ones, and ones that are not."""
import functools
import shutil
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


# Those of curl and nginx will do: who talks to whom is nothing to the input.
@test(each=lambda: [name for name in captures() if "keys" not in manifest(name)])
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
    run = read_tokens(scratch("missing.pcap"), scratch("storm-0558.pcap"), status=1)
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


def packets_and_payload_bytes(path):
    lengths = tshark(path, "-T", "fields", "-e", "tcp.len").split("\n")[:-1]
    return len(lengths), sum(int(length) for length in lengths if length)


@test(each=captures)
def every_packet_and_every_payload_byte_is_in_one_outcome(name):
    run = tokens_of(name)
    told = summary(run)
    for kind in ("packets", "payload"):
        assert kind in told, f"the summary says nothing of {kind}: {run.errors}"
        total, outcomes = told[kind]
        assert total == sum(outcomes.values()), f"{kind}: {total} is not the sum of {outcomes}"
    frames, payload = packets_and_payload_bytes(scratch(name))
    assert told["packets"][0] == frames, f"{told['packets'][0]} packets, tshark says {frames}"
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
    assert "105" in run.errors and "1 packet of link types" in run.errors, run


# Cut, damaged and odd captures: the same alerts as from the packets before, and a message that says where.


def ids(run):
    return sorted(get(line, "event.id") for line in run.lines)


@functools.lru_cache(maxsize=None)
def tokens_of_first(count):
    """Of so many packets of a capture, written anew."""
    return ids(read_tokens("-", input=Pcap(packets=Pcap(scratch("storm-0558.pcap")).packets[:count]).encode()))


def record(captured, wire, data=b""):
    return struct.pack("<IIII", 1700000000, 0, captured, wire) + data


@test(each=["pcap", "pcapng"])
def a_capture_cut_anywhere_gives_the_tokens_before_the_cut(form):
    """Every byte of it is cut at in the unit tests; here some, to the end of the way."""
    packets = Pcap(scratch("storm-0558.pcap")).packets
    begins = []
    data = Pcap(packets=[]).encode() if form == "pcap" else section("<") + interface("<", 1)
    for packet in packets:
        begins.append(len(data))
        data += Pcap(packets=[packet]).encode()[24:] if form == "pcap" else enhanced("<", 0, packet)
    begins.append(len(data))
    for whole, into in ((0, 1), (4, 70), (9, 15), (len(packets) - 1, begins[-1] - begins[-2] - 1)):
        run = read_tokens("-", input=data[: begins[whole] + into])
        assert ids(run) == tokens_of_first(whole), f"cut {into} bytes into packet {whole + 1}: {run}"
        place = f"cut short at packet {whole + 1}, in the middle of what begins at byte {begins[whole]};"
        if form == "pcapng" and whole == len(packets) - 1:  # its packet was whole, only the block's end is missing
            continue
        assert place in run.errors, f"{place} is not in: {run.errors}"
    for cut in (3, 15):
        run = read_tokens("-", input=data[:cut], status=1)
        assert "standard input" in run.errors and not run.stdout, run


DAMAGES = {"longer than any packet": (record(262145, 262145), "longer than 262144 bytes"),
           "a negative length": (record(0xFFFFFFFF, 0xFFFFFFFF), "longer than 262144 bytes"),
           "half a packet of nothing": (b"\0" * 8, "cut short")}


@test(each=DAMAGES)
def a_damaged_pcap_is_read_up_to_the_damage(kind):
    damage, said = DAMAGES[kind]
    packets = Pcap(scratch("storm-0558.pcap")).packets
    good = Pcap(packets=packets[:12]).encode()
    rest = Pcap(packets=packets[12:]).encode()[24:] if len(damage) == 16 else b""
    run = read_tokens("-", input=good + damage + rest)
    assert ids(run) == tokens_of_first(12) != [], run
    assert said in run.errors and "packet 13" in run.errors and f"byte {len(good)}" in run.errors, run


@test(each=[0, 1, 0xFFFFFFFF])
def what_a_pcap_header_says_beside_its_form_changes_nothing(snap_length):
    data = bytearray(read_bytes(scratch("storm-0558.pcap")))
    struct.pack_into("<iIII", data, 8, -3600, 7, snap_length, 0x24000001)  # a time zone, accuracy, a check sequence's length
    run = read_tokens("-", input=bytes(data))
    assert ids(run) == ids(tokens_of("storm-0558.pcap")), run


@test
def records_of_no_bytes_and_wire_lengths_that_lie_change_nothing():
    packets = Pcap(scratch("storm-0558.pcap")).packets
    data = Pcap(packets=[]).encode()
    for number, (s, us, wire, frame) in enumerate(packets):
        data += record(0, 0) + struct.pack("<IIII", s, us, len(frame), number % 3) + frame
    run = read_tokens("-", input=data)
    assert ids(run) == ids(tokens_of("storm-0558.pcap")), run
    assert summary(run)["packets"][0] == 2 * len(packets), run


CLOCKS = {"backwards": lambda number: (1700000000 - 40 * number, 0),
          "at the beginning of time": lambda number: (0, 0),
          "at the end of 32 bits": lambda number: (0xFFFFFFFF, 999_980 + number),
          "jumping over all of it": lambda number: (number % 2 * 0xFFFFFFFF, 0),
          "with a billion microseconds": lambda number: (1700000000, 0xFFFFFFFF - number)}


@test(each=CLOCKS)
def whatever_the_clock_says_every_token_is_found(kind):
    packets = [(*CLOCKS[kind](number), wire, data) for number, (_, _, wire, data) in enumerate(Pcap(scratch("placements.pcap")).packets)]
    run = read_tokens("-", input=Pcap(packets=packets).encode())
    if kind != "jumping over all of it":  # a connection of 136 years between two packets has ended meanwhile
        check(run, "placements.pcap")
    told = summary(run)
    for kind_of in ("packets", "payload"):
        total, outcomes = told[kind_of]
        assert total == sum(outcomes.values()), f"{kind_of}: {total} is not the sum of {outcomes}"
    if kind == "at the end of 32 bits":
        assert all(get(line, "@timestamp")[:20] in ("2106-02-07T06:28:15.", "2106-02-07T06:28:16.") for line in run.lines), run


# pcapng, block by block.


def block(order, kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def section(order):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order, link_type, *options):
    body = struct.pack(order + "HHI", link_type, 0, 0)
    for code, value in options:
        body += struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)
    return block(order, 1, body + (b"\0" * 4 if options else b""))


def enhanced(order, number, packet, ticks=None):
    s, us, wire, data = packet
    ticks = s * 1_000_000 + us if ticks is None else ticks
    padding = b"\0" * (-len(data) % 4)
    comment = struct.pack(order + "HH", 1, 5) + b"noted\0\0\0" + b"\0" * 4
    return block(order, 6, struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), wire) + data + padding + comment)


OTHER_BLOCKS = [(4, bytes(80)), (5, struct.pack("<III", 0, 0, 0)), (10, struct.pack("<II", 0x544C534B, 40) + b"CLIENT_RANDOM " + bytes(26)),
                (0xBAD, b"PEN.data"), (0x40000BAD, b"PEN.data"), (0x80000001, bytes(1000)), (9, b"")]


@test
def sections_of_either_byte_order_and_blocks_of_any_kind_may_alternate():
    data = b""
    for number, packet in enumerate(Pcap(scratch("placements.pcap")).packets):
        order = "<>"[number % 2]
        kind, body = OTHER_BLOCKS[number % len(OTHER_BLOCKS)]
        data += section(order) + block(order, kind, body) + interface(order, 105) + interface(order, 1) + enhanced(order, 1, packet)
    run = read_tokens("-", input=data)
    assert ids(run) == ids(tokens_of("placements.pcap")), run


RESOLUTIONS = {"10^-9": (9, 1000, "2026"), "10^-19": (19, 1, "1970"), "2^-127": (0xFF, 1, "1970"), "10^0": (0, 1, "2554-07-21T23:34:33.7")}


@test(each=RESOLUTIONS)
def a_clock_of_any_resolution_finds_every_token(name):
    """2554-07-21T23:34:33.709551 is 2^64 - 1 nanoseconds, by Python's integers."""
    resolution, ticks_a_microsecond, year = RESOLUTIONS[name]
    data = section("<") + interface("<", 1, (9, bytes([resolution])))
    for packet in Pcap(scratch("placements.pcap")).packets:
        data += enhanced("<", 0, packet, (packet[0] * 1_000_000 + packet[1]) * ticks_a_microsecond)
    run = read_tokens("-", input=data)
    check(run, "placements.pcap")
    for line in run.lines:
        assert get(line, "@timestamp").startswith(year), line


OFFSETS = {"before all time": (-(1 << 63), "1970-01-01T00:00:00.000000"),
           "after all time": ((1 << 63) - 1, "2554-07-21T23:34:33.7")}


@test(each=OFFSETS)
def a_clock_of_any_offset_finds_every_token(name):
    offset, beginning = OFFSETS[name]
    data = section("<") + interface("<", 1, (14, struct.pack("<q", offset)))
    data += b"".join(enhanced("<", 0, packet) for packet in Pcap(scratch("placements.pcap")).packets)
    run = read_tokens("-", input=data)
    check(run, "placements.pcap")
    assert all(get(line, "@timestamp").startswith(beginning) for line in run.lines), run


@test
def simple_packet_blocks_are_read():
    data = section("<") + interface("<", 1)
    for _, _, wire, frame in Pcap(scratch("placements.pcap")).packets:
        data += block("<", 3, struct.pack("<I", wire) + frame)
    check(read_tokens("-", input=data), "placements.pcap")


@test
def thousands_of_interfaces_are_read_and_the_limit_is_said():
    packets = Pcap(scratch("storm-0558.pcap")).packets
    for count in (4096, 4097):
        data = section("<") + b"".join(interface("<", 1, (2, f"veth{number}".encode())) for number in range(count))
        described = len(data) - (len(interface("<", 1, (2, b"veth4096"))) if count == 4097 else 0)
        data += b"".join(enhanced("<", 4095 - number, packet) for number, packet in enumerate(packets))
        run = read_tokens("-", input=data)
        if count == 4096:
            assert ids(run) == ids(tokens_of("storm-0558.pcap")), run
            assert get(run.lines[0], "observer.ingress.interface.name").startswith("veth40"), run.lines[0]
        else:
            assert not run.lines and "more than 4096 interfaces" in run.errors and f"byte {described}" in run.errors, run


PCAPNG_DAMAGES = {
    "a length that is no multiple of four": (struct.pack("<II", 6, 37) + bytes(29) + struct.pack("<I", 37), None),
    "a second length that differs": (struct.pack("<II", 0xBAD, 16) + bytes(4) + struct.pack("<I", 20), "not the same"),
    "a length of nothing": (struct.pack("<II", 0xBAD, 0) + bytes(8), "shorter than its own header"),
    "a length beyond the file": (struct.pack("<II", 0xBAD, 0xFFFFFFFC) + bytes(8), "cut short"),
    "an interface that was not described": (enhanced("<", 7, (0, 0, 4, b"abcd")), "not described"),
    "a packet longer than its block": (block("<", 6, struct.pack("<IIIII", 0, 0, 0, 500, 500) + bytes(40)), "longer than its block"),
    "a section without its magic": (block("<", 0x0A0D0D0A, bytes(16)), "byte-order magic"),
}


@test(each=PCAPNG_DAMAGES)
def a_damaged_pcapng_is_read_up_to_the_damage(kind):
    damage, said = PCAPNG_DAMAGES[kind]
    packets = Pcap(scratch("storm-0558.pcap")).packets
    good = section("<") + interface("<", 1) + b"".join(enhanced("<", 0, packet) for packet in packets[:12])
    rest = b"".join(enhanced("<", 0, packet) for packet in packets[12:])
    run = read_tokens("-", input=good + damage + rest)
    before = tokens_of_first(12)
    if said is None:  # it ends in the middle of a block, and what was taken for one says where
        assert set(before) <= set(ids(run)) and "damaged at packet" in run.errors, run
        return
    assert ids(run) == before != [], run
    assert said in run.errors and "packet 13" in run.errors and f"byte {len(good)}" in run.errors, run


PACKED = {"gzip": (["gzip", "-c"], "zcat"), "zstd": (["zstd", "-c", "-q"], "zstdcat"), "xz": (["xz", "-c"], "xzcat")}


@test(each=PACKED)
def a_packed_capture_is_refused_with_the_command_that_unpacks_it(kind):
    """And that command, pasted, does it."""
    pack, unpack = PACKED[kind]
    if shutil.which(pack[0]) is None:
        pack = ["printf", {"zstd": "\\x28\\xb5\\x2f\\xfd", "xz": "\\xfd7zXZ\\0"}.get(kind, "") + "rest"]
    path = scratch("packed.pcap." + kind)
    with open(path, "wb") as file:
        subprocess.run(pack + ([scratch("storm-0558.pcap")] if pack[0] != "printf" else []), stdout=file, check=True)
    run = bearertap("read", *keys(), path, status=1)
    command = f"{unpack} {path} | bearertap read -"
    assert command in run.errors, run
    if pack[0] == "printf":
        return
    unpacked = subprocess.run(["bash", "-c", f"{unpack} {path}"], capture_output=True, check=True).stdout
    assert ids(read_tokens("-", input=unpacked)) == ids(tokens_of("storm-0558.pcap"))
