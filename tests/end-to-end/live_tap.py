# SPDX-License-Identifier: BSD-3-Clause
"""`bearertap run` on taps of this machine's own: real clients, a real server, real tokens, on every kind of device."""
import glob
import os
import shutil
import signal
import socket
import subprocess

import harness
from harness import LONG, Pcap, alerts_of, get, scratch, sightings_in, summary, test, wait_until
from tap_set_up import (CAN_TAP, CLEAN, CLIENT, CLIENT6, PACKET, PORT, SERVER, SERVER6, SMALL_FRAMES, Load, Tap, expected_sightings,
                        sightings_of, token)

# What a test says of them: how the tap is laid, how it is taken from, and where the server is.
XDP = {"ports": [{"device": "net_af_xdp0,iface=tap0"}]}
BOTH = {"ports": [{"device": f"net_af_packet{number},iface=tap{number},{SMALL_FRAMES}"} for number in (0, 1)]}
TAPS = {
    "net_af_packet": (dict(), PACKET, SERVER),
    "net_af_packet, offloads on": (dict(offloads=True), {}, SERVER),
    "net_af_packet, IPv6": (dict(), PACKET, SERVER6),
    "net_af_packet, jumbo frames": (dict(mtu=9000), {}, SERVER),
    "net_af_packet, a port for each direction": (dict(directions=True), BOTH, SERVER),
    "net_af_packet, two workers": (dict(), {**PACKET, "workers": 2}, SERVER),
    "net_af_packet, a port for each direction, two workers": (dict(directions=True), {**BOTH, "workers": 2}, SERVER6),
    "net_af_xdp": (dict(), XDP, SERVER),
    "net_af_xdp, two workers": (dict(), {**XDP, "workers": 2}, SERVER6),
}


def upload(tap, address, made):
    """The token at the end of a long body, in segments as long as the hosts make them."""
    body = b"x=" + b"y" * 300000 + b"&access_token=" + made.text.encode()
    with tap.open_connection(address) as connection:
        connection.socket.sendall(b"POST /api/ HTTP/1.1\r\nHost: api.example\r\nContent-Length: %d\r\n"
                                  b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" % len(body) + body)
        connection.read_answer()


@test(only_if=CAN_TAP, each=list(TAPS))
def every_revoked_token_is_alerted_and_none_is_missed(name):
    options, configuration, address = TAPS[name]
    with Tap(**options) as tap, tap.run(configuration) as live:
        sent = [(token(), 30), (token(CLEAN), 30), (token(), 5), (token(), 1)]
        for each, times in sent[:-1]:
            tap.ask_with_curl("/api/", each, times=times, address=address)
        upload(tap, address, sent[-1][0])
        expected = expected_sightings(sent)
        live.wait_for_tokens(sum(times for _, times in sent), sum(expected.values()))
        stats = live.wait_for_all_packets()
        is_whole = stats["outcomes"]["inspected"] < 300000 / 1448
        assert is_whole == (tap.offloads or tap.mtu > 1500), f"segments are not as this test wants them: {stats}"
        live.stop()
        lines = live.alerts()
        assert sightings_of(lines) == expected, lines
        for line in lines:
            # Of two ports either may show the connection first: which is asked first is chance.
            assert get(line, "observer.ingress.interface.name") in tap.interfaces, line
            odd = get(line, "bearertap.stream"), get(line, "source.ip")
            assert odd == (None, CLIENT if address == SERVER else CLIENT6), f"{odd} in {line}"
            assert get(line, "bearertap.capture.clock") == "TSC, set by CLOCK_REALTIME", line


@test(only_if=CAN_TAP)
def two_workers_share_the_connections_of_a_device_with_one_queue():
    with Tap() as tap, tap.run({**PACKET, "workers": 2}) as live:
        made = token()
        for _ in range(24):
            with tap.open_connection() as connection:
                connection.ask(made)
        stats = live.wait_for_tokens(24)
        reader, *workers = sorted(stats["workers"], key=lambda thread: thread["name"])
        assert reader["name"] == "reader" and [worker["name"] for worker in workers] == ["worker"] * 2, stats
        assert all(worker["events"]["connections"] > 0 for worker in workers), stats
        assert sum(worker["events"]["connections"] for worker in workers) == 24, stats
        assert "packets come to them in software" in live.errors, live.errors


@test(only_if=CAN_TAP, each=["drop", "isolate"])
def a_filter_that_the_device_does_not_take_is_software_s_and_ctl_says_so(which):
    """AF_PACKET takes no rules; it must neither lose what is wanted nor bring more than the filter passes."""
    configuration = {"ports": [{**PACKET["ports"][0], "hardware_filter": which}],
                     "filter": {"include": [{"addresses": [SERVER, SERVER6], "ports": [PORT]}], "exclude": [{"addresses": [CLIENT6]}]}}
    with Tap() as tap, tap.run(configuration) as live:
        wanted, unwanted = token(), token()
        tap.ask_with_curl("/api/", wanted, times=5)
        tap.ask_with_curl("/api/", unwanted, times=5, address=SERVER6)
        live.wait_for_tokens(5)
        stats = live.wait_for_all_packets()
        assert stats["outcomes"]["filtered"] > 0, stats
        assert stats["ports"][0]["filtered"] == 0, stats
        port, = live.ctl("--json", "ports").lines[0]["ports"]
        assert port["hardware_filter_asked"] == which and port["filtered"] == 0, port
        assert port["hardware_filter_in_force"].startswith("in software: the device "), port
        assert "Function not implemented" in port["hardware_filter_in_force"], port
        text = live.ctl("ports").text
        assert "hardware_filter_in_force" in text and "in software: the device " in text, text
        assert f"filter on the device: asked {which}, in force in software: " in live.errors, live.errors
        live.stop()
        assert sightings_of(live.alerts()) == expected_sightings([(wanted, 5)])


# Devices without an interface.


@test(only_if=CAN_TAP, each=lambda: ["placements.pcap", "vlan.pcap", "keep-alive.pcap", "offload.pcap"])
def a_capture_through_net_pcap_gives_the_alerts_that_read_gives(name):
    count = len(Pcap(scratch(name)).packets)
    with Tap(serves=False) as tap, tap.run({"ports": [{"device": f"net_pcap0,rx_pcap={scratch(name)}", "mtu": 9000}],
                                            "keys": [scratch("revoked.jwks.json")]}) as live:
        live.wait_for(f"{count} packets", lambda stats: stats["received"] == count)
        live.stop()
        assert same_sightings(live.alerts(), alerts_of(name).lines)


def same_sightings(lines, expected):
    return sightings_of(lines) == sightings_of(expected) and bool(expected)


@test(only_if=CAN_TAP)
def vlan_tags_are_seen_behind_an_interface_that_takes_them_off():
    """AF_PACKET gives the outer tag beside the frame."""
    with Tap(serves=False) as tap, tap.run({"keys": [scratch("revoked.jwks.json")]}) as live:
        with tap.middle.entered():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        wire.bind(("mirror0", 0))
        with wire:
            for _, _, _, frame in Pcap(scratch("vlan.pcap")).packets:
                wire.send(frame)
        expected = alerts_of("vlan.pcap").lines
        live.wait_for("all", lambda stats: stats["sightings"] == sum(map(sightings_in, expected)))
        live.stop()
        assert same_sightings(live.alerts(), expected)
        tags = [[get(line, "network.vlan.id") for line in lines] for lines in (live.alerts(), expected)]
        assert tags[0] == tags[1] and None not in tags[0], tags


@test(only_if=CAN_TAP and shutil.which("dpdk-testpmd"))
def what_another_dpdk_program_sends_through_memif_is_inspected():
    """testpmd reads a capture and sends it on, once the two have met."""
    count = len(Pcap(scratch("placements.pcap")).packets)
    with Tap(serves=False) as tap:
        meeting = tap.path("memif")
        with tap.run({"ports": [{"device": f"net_memif0,role=server,socket={meeting},socket-abstract=no", "queues": 1}],
                      "keys": [scratch("revoked.jwks.json")]}) as live:
            command = ["dpdk-testpmd", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", "256", "-l", "0,1",
                       "--vdev", f"net_pcap0,rx_pcap={scratch('placements.pcap')}",
                       "--vdev", f"net_memif0,role=client,socket={meeting},socket-abstract=no",
                       "--", "-i", "--forward-mode=io", "--total-num-mbufs=2048", "--no-lsc-interrupt", "--no-flush-rx"]
            with open(tap.path("testpmd"), "wb") as said:
                peer = tap.middle.start(*command, stdin=subprocess.PIPE, stdout=said, stderr=said)
            with peer, peer.stdin:
                live.wait_for_words("port net_memif0 has a link")
                peer.stdin.write(b"start\n")
                peer.stdin.flush()
                live.wait_for(f"{count} packets", lambda stats: stats["received"] >= count)
                peer.stdin.write(b"quit\n")
            live.stop()
            assert same_sightings(live.alerts(), alerts_of("placements.pcap").lines)


@test(only_if=CAN_TAP)
def a_port_that_nothing_comes_to_keeps_no_other_from_being_inspected():
    """net_ring: a ring that only this process could put packets into."""
    with Tap() as tap, tap.run({"ports": [{"device": "net_ring0"}, *PACKET["ports"]]}) as live:
        tap.ask_with_curl("/api/", token(), times=5)
        stats = live.wait_for_tokens(5)
        assert [port["packets"] > 0 for port in stats["ports"]] == [False, True], stats


@test(only_if=CAN_TAP)
def the_law_holds_at_the_highest_rate_that_there_is():
    """net_null hands out empty frames as fast as they are taken; all of them are no IP."""
    with Tap(serves=False) as tap, tap.run({"ports": [{"device": "net_null0"}], "workers": 2}) as live:
        live.wait_for("a million packets", lambda stats: stats["received"] > (100_000 if harness.SANITIZED else 1_000_000))
        for _ in range(20):
            stats = live.stats()
        live.stop()
        received, outcomes = summary(live.ended)["packets"]
        assert received >= stats["received"] and outcomes == {"not_ip": received}, live.ended


# The law, and losses.


@test(only_if=CAN_TAP, each=[1, 2])
def counters_add_up_at_any_moment_and_at_the_end(workers):
    with Tap() as tap, tap.run({**PACKET, "workers": workers}) as live:
        with Load(live, token(), token(CLEAN), clients=4) as load:
            before = live.stats()
            while load.requests < 400:
                stats = live.stats()  # which checks them
                for name in ("received", "tokens", "sightings", "alerts"):
                    assert stats[name] >= before[name], (name, before, stats)
                before = stats
        expected = expected_sightings(load.sent.items())
        live.wait_for_tokens(load.requests, sum(expected.values()))
        live.wait_for_all_packets()
        stats = live.wait_for("all lines", lambda stats: stats["alert_side"]["lines_written"] == stats["alerts"])
        live.stop()
        assert sightings_of(live.alerts()) == expected, stats
        sections = summary(live.ended)
        assert sections["packets"][0] >= stats["received"] and sections["tokens"][0] == stats["tokens"], live.ended
        assert sections["sightings"][0] == stats["sightings"], live.ended
        assert sections["packets"][1]["inspected"] == stats["outcomes"]["inspected"], live.ended


@test(only_if=CAN_TAP)
def what_is_lost_before_it_is_received_is_in_the_counters():
    """While it is stopped the kernel's ring overflows; so it says about how many it lost, and where streams have gaps."""
    made = token()
    with Tap() as tap, tap.run({"ports": [{"device": f"net_af_packet0,iface=tap0,{SMALL_FRAMES}", "descriptors": 256}]}) as live:
        with tap.open_connection() as first, tap.open_connection() as second:
            first.ask(made)
            live.wait_for_tokens(1)
            live.process.send_signal(signal.SIGSTOP)
            second.ask(*[made] * 400)
            live.process.send_signal(signal.SIGCONT)
            first.ask(made)
            live.wait_for("losses", lambda stats: stats["ports"][0]["missed_estimate"] > 0)
        live.wait_for_all_packets()
        stats = live.wait_for("the alert side", lambda stats: stats["tokens"] == stats["sightings"])
        assert 2 < stats["tokens"] < 402, stats
        live.stop()
        assert sum(sightings_of(live.alerts()).values()) == summary(live.ended)["sightings"][0], live.ended
        assert "lost about" in live.ended.errors, live.ended


@test(only_if=CAN_TAP and LONG, each=[1, 2])
def of_a_hundred_thousand_requests_no_planted_token_is_missed(workers):
    """But for packets that were lost where the machine could not keep up, each of which holds one token at most. With one
    worker there is no such place within the program."""
    planted, clean = [token() for _ in range(10)], [token(CLEAN) for _ in range(10)]
    sent = expected_sightings((each, 1000) for each in planted)
    with Tap() as tap, tap.run({**PACKET, "workers": workers}) as live:
        for bad, good in zip(planted, clean):
            tap.ask_with_curl("/api/", bad, times=1000)
            tap.ask_with_curl("/api/", good, times=9000)
            live.stats()
        stats = live.wait_for_all_packets()
        lost = stats["ports"][0]["missed_estimate"] + stats["outcomes"]["ring_full"]
        assert workers == 2 or stats["outcomes"]["ring_full"] == 0, stats
        assert 100_000 - lost <= stats["tokens"] <= 100_000, stats
        live.stop()
        found = sightings_of(live.alerts())
        assert set(found) == set(sent), (found, sent)
        missed = sum(sent.values()) - sum(found.values())
        assert 0 <= missed <= lost, f"{missed} tokens were missed, {lost} packets were lost: {live.ended}"


# Control.


@test(only_if=CAN_TAP)
def ctl_shows_what_runs():
    with Tap(directions=True) as tap, tap.run({**BOTH, "workers": 2, "sensor": "tap-1"}) as live:
        tap.ask_with_curl("/api/", token(), times=3)
        live.wait_for_tokens(3)
        for command in ("status", "stats", "ports", "queues", "workers", "flows"):
            assert live.ctl(command).text, command
            assert len(live.ctl("--json", command).lines) == 1, command
        status = live.ctl("--json", "status").lines[0]
        assert (status["sensor"], status["workers"], status["ports"], status["sightings"]) == ("tap-1", 2, 2, 3), status
        ports = live.ctl("--json", "ports").lines[0]["ports"]
        assert [port["name"] for port in ports] == ["tap0", "tap1"] and {port["link"] for port in ports} == {"up"}, ports
        text = live.ctl("stats").text
        assert "no_payload" in text and "tap1" in text, text
        assert live.ctl("stop").text
        live.wait_for_the_end()
        assert not os.path.exists(live.socket)


@test(only_if=CAN_TAP)
def a_thousand_garbage_connections_change_nothing():
    garbage = [b"\n", b"GET / HTTP/1.1\r\n\r\n", b"{" * 70000, b'{"version":1,"command":"stats","version":1}\n', os.urandom(5000),
               b'{"version":1,"command":"stats"}\n' * 50, b'{"version":1', b""]
    with Tap() as tap, tap.run(PACKET) as live:
        with Load(live, token(), token(CLEAN)) as load:
            open_ones = []
            for number in range(1000):
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(live.socket)
                connection.settimeout(harness.TIMEOUT_S)
                try:
                    connection.sendall(garbage[number % len(garbage)])
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it had enough
                open_ones.append(connection)
                if len(open_ones) > 100:  # more than it serves at a time
                    open_ones.pop(0).close()
            load.wait_for(20)
            live.ctl("status")
            for connection in open_ones:
                connection.close()
        expected = expected_sightings(load.sent.items())
        live.wait_for_tokens(load.requests, sum(expected.values()))
        live.stop()
        assert sightings_of(live.alerts()) == expected


# The demonstration.


def start_demo():
    """In a session of its own, so that what is left of it can be found."""
    path = {"PATH": harness.SCRATCH + ":" + os.environ["PATH"]}
    return subprocess.Popen([f"{harness.SOURCE}/scripts/demo-live"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, env=harness.environment(**path), start_new_session=True)


def processes_of(session):
    """Their numbers; what stands behind a process's name in `stat` is its state, parent, group and session."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            state, _, _, its_session = harness.read_bytes(path).rsplit(b")", 1)[1].split()[:4]
        except OSError:
            continue  # it ended meanwhile
        if int(its_session) == session and state != b"Z":
            found.append(path)
    return found


@test(only_if=CAN_TAP)
def the_live_demo_shows_its_alerts():
    demo = start_demo()
    text, _ = demo.communicate(timeout=harness.TIMEOUT_S)
    assert demo.returncode == 0 and text.count("REVOKED KEY") == 2 and "owa/sent" in text, text
    assert "1LTMzakihiRla_8z2BEJVXeWMqo (kid; of another issuer)" in text and "sightings 2 of revoked keys" in text, text
    assert not processes_of(demo.pid)


@test(only_if=CAN_TAP)
def an_interrupted_demo_leaves_nothing_behind():
    demo = start_demo()
    for line in demo.stdout:
        if "bearertap run -c" in line:
            break
    os.killpg(demo.pid, signal.SIGINT)  # as the terminal does
    text, _ = demo.communicate(timeout=harness.TIMEOUT_S)
    assert demo.returncode != 0, text
    wait_until("all of it to end", lambda: not processes_of(demo.pid))
