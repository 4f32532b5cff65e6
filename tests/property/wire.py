# SPDX-License-Identifier: BSD-3-Clause
"""Conversations as packets: in order, and as a bad network or another tap would have shown them.

Plain struct rather than a packet library: there are hundreds of thousands of frames to make.
"""
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
SEGMENT = 1448
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
BEGIN_S = 1_700_000_000


def word_sum(data):
    return sum(struct.unpack("!%dH" % (len(data) // 2), data))


def folded(total):
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class Connection:
    """Addresses, and frames between them. Side 0 is the client."""

    def __init__(self, chance, number):
        self.number = number
        self.begin_us = number * 700
        self.is_ipv6 = chance.random() < 0.15
        host = struct.pack("!I", number)
        pair = [bytes([10]) + host[1:], bytes([10, 200 + number % 20, chance.randrange(256), chance.randrange(256)])]
        if self.is_ipv6:
            pair = [b"\x20\x01\x0d\xb8" + bytes(8) + address for address in pair]
        self.ports = [chance.randrange(1024, 65536), chance.choice([80, 8080, 8000, 60000])]
        if chance.random() < 0.5:  # so that either end comes first in the flow table's order
            pair[0], pair[1] = pair[1][:-4] + b"\x09" + pair[0][-3:], pair[0][:-4] + b"\x08" + pair[1][-3:]
        self.addresses = pair
        tags = chance.choices([[], [(0x8100, 7)], [(0x88A8, 100), (0x8100, number % 4095)]], [17, 2, 1])[0]
        ether_type = 0x86DD if self.is_ipv6 else 0x0800
        links = b"".join(struct.pack("!HH", kind, tag) for kind, tag in tags) + struct.pack("!H", ether_type)
        macs = [b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"]
        self.link = [macs[1 - side] + macs[side] + links for side in (0, 1)]
        self.ends = [pair[side] + pair[1 - side] for side in (0, 1)]
        self.sums = [word_sum(ends) for ends in self.ends]

    def frame(self, side, sequence, acknowledgement, flags, payload):
        """Checksums as segmentation offload leaves them: IP's whole, TCP's of the pseudo-header."""
        options = b"\x02\x04\x05\xb4\x01\x03\x03\x07" if flags & SYN else b""
        length = 20 + len(options) + len(payload)
        if self.is_ipv6:
            ip = struct.pack("!IHBB", 0x60000000, length, 6, 64) + self.ends[side]
        else:
            total = 20 + length
            checksum = folded(0x4500 + total + 0x4000 + 0x4006 + self.sums[side]) ^ 0xFFFF
            ip = struct.pack("!HHIHH", 0x4500, total, 0x4000, 0x4006, checksum) + self.ends[side]
        tcp = struct.pack("!HHIIBBHHH", self.ports[side], self.ports[1 - side], sequence & 0xFFFFFFFF,
                          acknowledgement & 0xFFFFFFFF, (20 + len(options)) << 2, flags, 502,
                          folded(self.sums[side] + 6 + length), 0)
        return self.link[side] + ip + tcp + options + payload

    def frames(self, packets, first_sequence):
        """Packets are (side, flags, place in the side's stream, payload, bytes acknowledged); a SYN's place is -1."""
        for side, flags, place, payload, acknowledged in packets:
            yield self.frame(side, first_sequence[side] + 1 + place,
                             first_sequence[1 - side] + 1 + acknowledged if flags & ACK else 0, flags, payload)

    def timed(self, frames, span_us):
        """The first one always at the same time, the others spread over the span."""
        frames = list(frames)
        step = min(50, span_us / max(1, len(frames)))
        return [(self.begin_us + int(number * step), frame) for number, frame in enumerate(frames)]


def write_capture(path, timed):
    """Sorted by time alone, so that a connection's packets keep their order and connections are interleaved."""
    timed = sorted(timed, key=lambda packet: packet[0])
    with open(path, "wb") as file:
        file.write(PCAP_HEADER)
        pack = struct.Struct("<IIII").pack
        for time, frame in timed:
            size = len(frame)
            file.write(pack(BEGIN_S + time // 1000000, time % 1000000, size, size) + frame)


def handshake():
    return [(0, SYN, -1, b"", 0), (1, SYN | ACK, -1, b"", 0), (0, ACK, 0, b"", 0)]


def ending(how, sent):
    if how == "fin":
        return [(0, FIN | ACK, sent[0], b"", sent[1]), (1, FIN | ACK, sent[1], b"", sent[0] + 1),
                (0, ACK, sent[0] + 1, b"", sent[1] + 1)]
    return [(0, RST | ACK, sent[0], b"", sent[1])] if how == "reset" else []


def in_order(conversation):
    """As a good network shows it: full segments, an acknowledgement for every other one and at the end of a turn."""
    packets, sent = handshake(), [0, 0]
    for side, data in conversation.turns:
        for number, at in enumerate(range(0, len(data), SEGMENT)):
            piece = data[at : at + SEGMENT]
            packets.append((side, PSH | ACK, sent[side], piece, sent[1 - side]))
            sent[side] += len(piece)
            if number % 2 == 1 or at + SEGMENT >= len(data):
                packets.append((1 - side, ACK, sent[1 - side], b"", sent[side]))
    return packets + ending(conversation.end, sent)


class Disturbance:
    """How one connection is disturbed; str() says it in a word each."""

    def __init__(self, chance, length):
        self.chance = chance
        cuts = {"bytes": 1, "tiny": 12, "small": 200, "medium": 700, "large": SEGMENT, "offloaded": 20000}
        self.cut = chance.choice(list(cuts))
        if self.cut == "bytes" and (length > 4000 or chance.random() < 0.6) or self.cut == "tiny" and length > 16000:
            self.cut = "medium"
        self.largest = cuts[self.cut]
        few = max(8, length // max(1, self.largest))
        self.reach = chance.choice([0, 2, 8, 40, few, 3 * few])  # how many places a packet may move
        self.duplicates = chance.choice([0, 0.05, 0.5, 1])
        self.overlaps = chance.choice([0, 0.2, 0.8])
        self.wraps = chance.random() < 0.5
        self.data_on_syn = chance.random() < 0.15
        self.data_on_fin = chance.random() < 0.3
        self.acknowledges_early = chance.choice([0, 0, 3, 20])
        self.late_handshake = chance.random() < 0.15
        # A keep-alive's garbage byte is no conflict only where the byte it repeats was delivered before.
        self.keep_alives = not self.late_handshake and chance.random() < 0.3

    def __str__(self):
        words = [f"cut={self.cut}", f"reach={self.reach}", f"duplicates={self.duplicates}", f"overlaps={self.overlaps}"]
        for name in ("wraps", "data_on_syn", "data_on_fin", "acknowledges_early", "late_handshake", "keep_alives"):
            if getattr(self, name):
                words.append(name)
        return " ".join(words)

    def first_sequences(self, conversation):
        chance = self.chance
        if not self.wraps:
            return [chance.getrandbits(32), chance.getrandbits(32)]
        return [2**32 - 1 - chance.randrange(1 + sum(len(data) for side, data in conversation.turns if side == which))
                for which in (0, 1)]

    def cut_stream(self, whole, begin, end):
        """(place, payload) of segments that cover whole[begin:end], some reaching into their neighbours."""
        chance, at = self.chance, begin
        while at < end:
            to = min(end, at + chance.randint(1, self.largest))
            low, high = at, to
            if chance.random() < self.overlaps:
                low = max(0, at - chance.randint(0, self.largest))
            if chance.random() < self.overlaps:
                high = min(end, to + chance.randint(0, self.largest))
            yield low, whole[low:high]
            at = to

    def packets(self, conversation):
        chance, sent = self.chance, [0, 0]
        whole = [b"".join(data for side, data in conversation.turns if side == which) for which in (0, 1)]
        start = handshake()
        if self.data_on_syn and conversation.turns[0][0] == 0:
            early = conversation.turns[0][1][: chance.randint(1, SEGMENT)]
            start[0] = (0, SYN, -1, early, 0)
            start[1] = (1, SYN | ACK, -1, b"", chance.choice([0, len(early)]))
        if self.keep_alives and not self.reach:
            start += self.keep_alive(0, 0, 0)

        keyed, place = [], 0.0  # (where it comes to stand, packet)
        if self.late_handshake:
            keyed = [(chance.uniform(0, self.reach + 2), packet) for packet in start]
            start = []
        for side, data in conversation.turns:
            begin, end = sent[side], sent[side] + len(data)
            for low, piece in self.cut_stream(whole[side], begin, end):
                packet = (side, ACK | (PSH if chance.random() < 0.5 else 0), low, piece, sent[1 - side])
                keyed.append((place + chance.uniform(0, self.reach), packet))
                if chance.random() < self.duplicates:
                    keyed.append((place + chance.uniform(0, 2 * self.reach + 5), packet))
                if chance.random() < 0.3:
                    seen = low + len(piece)
                    keyed.append((place + 0.5 - chance.uniform(0, self.acknowledges_early),
                                  (1 - side, ACK, sent[1 - side], b"", seen)))
                place += 1
            sent[side] = end
            keyed.append((place - chance.uniform(0, self.acknowledges_early), (1 - side, ACK, sent[1 - side], b"", end)))
            if self.keep_alives and not self.reach and not self.duplicates:
                keyed += [(place + 0.6, packet) for packet in self.keep_alive(side, end, sent[1 - side])]
                place += 1
        end = ending(conversation.end, sent)
        if self.data_on_fin and conversation.end == "fin" and sent[0] > 0:
            low = sent[0] - chance.randint(1, min(sent[0], SEGMENT))
            end[0] = (0, FIN | ACK, low, whole[0][low:], sent[1])
        for packet in end:
            keyed.append((place + chance.uniform(0, self.reach), packet))
            place += 1
        keyed.sort(key=lambda entry: entry[0])
        packets = start + [packet for _, packet in keyed]
        if self.keep_alives and conversation.end == "silence":
            packets += self.keep_alive(0, sent[0], sent[1]) + self.keep_alive(1, sent[1], sent[0])
        return packets

    def keep_alive(self, side, at, acknowledged):
        """RFC 9293 section 3.8.4: the number before the next one, with a byte of garbage or none; and its answer."""
        probe = self.chance.choice([b"", b"\0", b"."])
        return [(side, ACK, at - 1, probe, acknowledged), (1 - side, ACK, acknowledged, b"", at)]
