# SPDX-License-Identifier: BSD-3-Clause
"""A tap that misses packets: takes every fifteenth packet with payload out of a capture, at random with a fixed seed,
and works out from the whole capture what can still be seen of the tokens in it."""
import logging
import random

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.layers.inet import IP, TCP  # noqa: E402
from scapy.utils import PcapReader, PcapWriter  # noqa: E402

SERVER_PORT = 80
SEED = 558


def payload_of(packet):
    ip, tcp = packet[IP], packet[TCP]
    return bytes(tcp.payload)[: ip.len - 4 * ip.ihl - 4 * tcp.dataofs]


def lose(path, sightings, texts):
    """Rewrites the capture of one connection. Returns the manifest's sightings as they are now, those whose end was
    lost as `truncated` and without their SHA-256; and what was not seen: {packets, client_bytes, server_bytes, tokens}."""
    chance = random.Random(SEED)
    with PcapReader(path) as source:
        packets = list(source)
    stream, missing, kept = bytearray(), [], []
    first, not_seen = None, {"packets": 0, "client_bytes": 0, "server_bytes": 0, "tokens": []}
    last = {packet[TCP].dport: number for number, packet in enumerate(packets) if payload_of(packet)}
    for number, packet in enumerate(packets):
        payload, tcp = payload_of(packet), packet[TCP]
        to_server = tcp.dport == SERVER_PORT
        if to_server and tcp.flags.S:
            first = tcp.seq + 1
        # What is lost at the very end of a direction nobody can miss but by the FIN: keep it simple.
        is_lost = payload and number != last[tcp.dport] and chance.randrange(15) == 0
        if payload and to_server:
            at = (tcp.seq - first) % 2**32
            assert at == len(stream), "the capture was to be whole and in order"
            stream += payload
            if is_lost:
                missing.append((at, at + len(payload)))
        if is_lost:
            not_seen["packets"] += 1
            not_seen["client_bytes" if to_server else "server_bytes"] += len(payload)
        else:
            kept.append(packet)
    with PcapWriter(path, linktype=1) as target:
        for packet in kept:
            target.write(packet)
    return seen_of(bytes(stream), missing, sightings, texts, not_seen), not_seen


def seen_of(stream, missing, sightings, texts, not_seen):
    """Of each token: all of it, its beginning up to the first '.' with what announces it, or nothing."""
    result, at = [], 0
    for sighting in sightings:
        assert sighting["placement"] == "authorization"
        text = texts[sighting["sha256"]].encode()
        begin = stream.index(b"Authorization: Bearer " + text, at)
        at = stream.index(text, begin)
        header_end, end = at + text.index(b".") + 1, at + len(text) + 2  # with the line's end
        is_hit = [low < end and begin < high for low, high in missing]
        header_is_hit = [low < header_end and begin < high for low, high in missing]
        if not any(is_hit):
            result.append(sighting)
        elif not any(header_is_hit):
            result.append({**sighting, "sha256": None, "truncated": True})
            not_seen["tokens"].append(sighting["sha256"])
        else:
            lost_wholly = any(low <= begin and header_end <= high for low, high in missing)
            assert lost_wholly, "a header half lost would be a matter of opinion: take another seed"
            not_seen["tokens"].append(sighting["sha256"])
    assert any("truncated" in each for each in result), "no token lost its end"
    return result
