#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Capture files written by other programs (scapy, editcap, mergecap, tcpdump), for the test of capture.

Usage: capture_files.py DIRECTORY. Writes the files there, and `manifest` with a line a file: its name, its packets, and
the SHA-256 of what they are: for each its time in ns (8 bytes), captured length, wire length (4 bytes each, all
little-endian), and its bytes. What they are is known here and not read back from any file."""

import hashlib
import os
import random
import struct
import subprocess
import sys

from scapy.all import Ether, IP, TCP, Raw
from scapy.utils import RawPcapWriter

directory = sys.argv[1]
chance = random.Random(2)
START = 1_700_000_000


def make_packets(count, first_second):
    packets = []
    for number in range(count):
        payload = chance.randbytes(chance.choice([0, 1, 100, 1400]))
        frame = bytes(Ether() / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=1024 + number) / Raw(payload))
        packets.append((first_second + number, chance.randrange(1_000_000), frame))
    return packets


def path(name):
    return os.path.join(directory, name)


def write(name, packets, **options):
    with RawPcapWriter(path(name), linktype=1, sync=True, **options) as writer:
        writer.write_header(None)
        for second, microsecond, frame in packets:
            fraction = microsecond * 1000 if options.get("nano") else microsecond
            writer.write_packet(frame, sec=second, usec=fraction)


def expect(name, packets, snap_length=262144):
    digest = hashlib.sha256()
    for second, microsecond, frame in packets:
        captured = frame[:snap_length]
        time = second * 1_000_000_000 + microsecond * 1000
        digest.update(struct.pack("<QII", time, len(captured), len(frame)) + captured)
    manifest.write(f"{name} {len(packets)} {digest.hexdigest()}\n")


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


with open(path("manifest"), "w", encoding="ascii") as manifest:
    one = make_packets(300, START)
    two = make_packets(200, START + 1000)

    for order, letter in (("little", "<"), ("big", ">")):
        for nano in (False, True):
            name = f"scapy-{order}-{'nano' if nano else 'micro'}.pcap"
            write(name, one, endianness=letter, nano=nano)
            expect(name, one)
    write("two.pcap", two)
    expect("two.pcap", two)

    one_path, two_path = path("scapy-little-micro.pcap"), path("two.pcap")
    for kind in ("pcap", "nsecpcap", "pcapng"):
        run("editcap", "-F", kind, one_path, path(f"editcap.{kind}"))
        expect(f"editcap.{kind}", one)
        run("editcap", "-F", kind, "-s", "60", one_path, path(f"editcap-60.{kind}"))
        expect(f"editcap-60.{kind}", one, 60)

    # Two interfaces in one section, and two sections one after the other.
    run("mergecap", "-I", "none", "-F", "pcapng", "-w", path("mergecap.pcapng"), one_path, two_path)
    expect("mergecap.pcapng", one + two)
    run("editcap", "-F", "pcapng", two_path, path("two.pcapng"))
    with open(path("sections.pcapng"), "wb") as sections:
        for part in ("editcap.pcapng", "two.pcapng"):
            with open(path(part), "rb") as section:
                sections.write(section.read())
    expect("sections.pcapng", one + two)

    # Comments before, between and behind packets.
    run("editcap", "-F", "pcapng", "--capture-comment", "c" * 5000, "-a", "7:" + "p" * 3000, one_path,
        path("comments.pcapng"))
    expect("comments.pcapng", one)

    run("tcpdump", "-r", one_path, "-w", path("tcpdump.pcap"), "--nano")
    expect("tcpdump.pcap", one)
