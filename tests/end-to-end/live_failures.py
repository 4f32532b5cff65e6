# SPDX-License-Identifier: BSD-3-Clause
"""`bearertap run` when things go wrong: it cannot start, sinks fail, links and interfaces go, it is killed. Nothing is
lost without a word, and what still works goes on."""
import glob
import json
import os
import signal

import harness
from harness import scratch, summary, test, wait_until
from tap_set_up import CAN_TAP, CLEAN, PACKET, Load, Tap, expected_sightings, sightings_of, token


def ports(*devices):
    return {"ports": [{"device": device} for device in devices]}


def file_sink(path):
    return {"type": "file", "path": path}


def sinks(*all_of_them):
    return {"alerts": {"sinks": list(all_of_them)}}


# Start-up: what is wrong, and the words that must be in the one line that says so.

AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
STARTS_THAT_FAIL = {
    "no hugepages": ({"memory": {"hugepages": True, "mib": 1000000}},
                     ["1000000 MiB of hugepages are needed", "are free", "nr_hugepages", '"hugepages": false']),
    "too little memory": ({"memory": {"hugepages": False, "mib": 64}}, ['"mib": 64', "is too little", "give "]),
    "a device that no driver takes": (ports("net_af_paket0,iface=tap0"), ["/ports/0/device", "net_af_paket0", "no driver", "net_af_packet0"]),
    "an interface that is not there": (ports("net_af_packet0,iface=tap7"), ["/ports/0/device", "no interface tap7", "ip link"]),
    "no interface": (ports("net_af_packet0"), ["/ports/0/device", "names no interface", "iface=NAME"]),
    "an argument that the driver does not know": (ports("net_af_packet0,iface=tap0,colour=red"), ["/ports/0/device", "colour"]),
    "a PCI address that is not there": (ports("0000:ff:1f.7"), ["/ports/0/device", "no PCI device 0000:ff:1f.7", "dpdk-devbind.py"]),
    "a capture that is not there": (ports("net_pcap0,rx_pcap=/nowhere.pcap"), ["/ports/0/device", "/nowhere.pcap"]),
    "two ports with one interface": (ports("net_af_packet0,iface=tap0", "net_af_xdp0,iface=tap0"),
                                     ["/ports/1/device", "the same device as /ports/0/device", "remove one"]),
    "two ports with one name": (ports("net_null0", "net_null0"), ["configuration.json", "/ports", "0 and 1 are the same device"]),
    "more queues than there are": ({"ports": [{"device": "net_af_packet0,iface=tap0", "queues": 4}]},
                                   ["/ports/0/device", "4 queues", "has 1", '"queues": 1']),
    "no ports": ({"ports": []}, ["ports"]),
    "a CPU that is not there": ({"workers": {"cpus": "1000"}}, ["no CPU 1000", "there are: "]),
    "a key file that is not there": ({"keys": ["lost.txt"]}, ["lost.txt", "No such file"]),
    "a sink in a folder that is not there": (sinks(file_sink("/nowhere/alerts")), ["/nowhere/alerts", "make the folder"]),
    "a sink that is a folder": (sinks(file_sink("/tmp")), ["/tmp", "Is a directory", "name a file in it"]),
    "a socket in a folder that is not there": ({"control": {"socket": "/nowhere/control"}}, ["/nowhere/control"]),
    "a socket whose place is taken": ({"control": {"socket": "revoked.txt"}}, ["revoked.txt"]),
    "an argument that EAL does not know": ({"eal": ["--no-such-argument"]}, ["/eal", "--no-such-argument"]),
    "an unknown member": ({"prots": []}, ["configuration.json", "prots", "ports"]),
}


def says_why(run, words):
    """In one line, and nothing else is wrong."""
    errors = [line for line in run.errors.splitlines() if line.startswith("bearertap: error: ")]
    assert len(errors) == 1 and all(word in errors[0] for word in words), f"{words} are to be in {errors} of {run}"
    assert "bearertap: running" not in run.errors and not run.stdout, run


@test(only_if=CAN_TAP, each=list(STARTS_THAT_FAIL))
def a_start_that_fails_says_what_is_wrong_and_what_mends_it(name):
    configuration, words = STARTS_THAT_FAIL[name]
    with Tap(serves=False) as tap, tap.run(configuration, ready=False) as live:
        live.wait_for_the_end(status=1)
        says_why(live.ended, words)
        assert not os.path.exists(live.socket), "the socket was left behind"


@test(only_if=CAN_TAP, each=["net_af_packet", "net_af_xdp"])
def who_may_not_read_from_an_interface_is_told_what_is_missing(driver):
    with Tap(serves=False) as tap, tap.run(ports(f"{driver}0,iface=tap0"), ready=False, wrapper=AS_NOBODY, mode=0o777) as live:
        live.wait_for_the_end(status=1)
        says_why(live.ended, ["/ports/0/device", "CAP_NET_RAW", "root"])


@test(only_if=CAN_TAP)
def who_may_not_make_the_socket_is_told_so():
    with Tap(serves=False) as tap, tap.run(ports("net_null0"), ready=False, wrapper=AS_NOBODY) as live:
        live.wait_for_the_end(status=1)
        says_why(live.ended, [live.socket, "ermission"])


@test(each=[("{", "1:"), ('{"ports": 7}', "/ports"), ("[]", "object"), ('{"ports": [], "ports": []}', "twice")])
def a_configuration_that_is_none_says_where(row):
    text, words = row
    path = scratch("broken.json")
    with open(path, "w") as file:
        file.write(text)
    run = harness.bearertap("run", "-c", path, status=1)
    says_why(run, [path, words])


@test
def a_start_without_a_configuration_says_how_it_is_given():
    assert "-c" in harness.bearertap("run", status=2).errors
    says_why(harness.bearertap("run", "-c", "/nowhere.json", status=1), ["/nowhere.json", "No such file"])
    says_why(harness.bearertap("run", "-c", os.path.join(harness.SOURCE, "README.md"), status=1), ["README.md"])


@test(only_if=CAN_TAP)
def a_second_one_on_the_same_socket_is_refused_and_disturbs_nothing():
    with Tap() as tap, tap.run(PACKET) as first:
        with tap.run({**PACKET, "control": {"socket": first.socket}}, ready=False) as second:
            second.wait_for_the_end(status=1)
            says_why(second.ended, [first.socket, str(first.process.pid)])
        made = token()
        tap.ask_with_curl("/api/", made)
        first.wait_for_tokens(1)


@test(only_if=CAN_TAP)
def a_second_one_on_the_same_interface_by_xdp_is_refused_and_disturbs_nothing():
    by_xdp = ports("net_af_xdp0,iface=tap0")
    with Tap() as tap:
        with tap.run(by_xdp) as first:
            with tap.run(by_xdp, ready=False) as second:
                second.wait_for_the_end(status=1)
                says_why(second.ended, ["/ports/0/device", "AF_XDP", "net_af_packet"])
            made = token()
            tap.ask_with_curl("/api/", made)
            first.wait_for_tokens(1)
            first.kill()
        with tap.run(by_xdp) as next_one:  # what was killed claims nothing
            tap.ask_with_curl("/api/", made)
            next_one.wait_for_tokens(1)


# Its end.


@test(only_if=CAN_TAP, each=["SIGTERM", "SIGINT", "ctl stop"])
def an_end_under_load_writes_all_that_was_found(how):
    with Tap() as tap, tap.run({**PACKET, "workers": 2, **sinks({"type": "stdout"}, file_sink("copy"))}) as live:
        with Load(live, token(), token(CLEAN)) as load:
            load.wait_for(50)
            if how == "ctl stop":
                live.ctl("stop")
                live.wait_for_the_end()
            else:
                live.stop(getattr(signal, how))
        assert not os.path.exists(live.socket)
        found, sent = sightings_of(live.alerts()), expected_sightings(load.sent.items())
        assert sum(found.values()) == summary(live.ended)["sightings"][0], live.ended
        assert set(found) == set(sent) and all(0 < found[each] <= sent[each] for each in sent), (found, sent)
        assert harness.read_bytes(live.path("copy")) == live.ended.stdout


def free_hugepages():
    with open("/proc/meminfo") as file:
        words = dict(line.split(":") for line in file)
    return int(words["HugePages_Free"]) * int(words["Hugepagesize"].split()[0]) >> 10


@test(only_if=CAN_TAP, each=lambda: ["memory"] + ["hugepages"] * (free_hugepages() >= 300))
def after_a_kill_the_next_start_finds_all_free(memory):
    """The socket that was left, and the hugepages."""
    configuration = {**PACKET, "memory": {"hugepages": memory == "hugepages"}, "control": {"socket": "control"}}
    traces = set(glob.glob("/dev/hugepages/*") + glob.glob("/dev/shm/*rte*"))
    made = token()
    with Tap() as tap:
        free = free_hugepages()
        with tap.run(configuration) as live:
            tap.ask_with_curl("/api/", made)
            live.wait_for_tokens(1)
            assert memory != "hugepages" or free_hugepages() < free
            live.kill()
        assert os.path.exists(live.socket)
        wait_until("the hugepages to be free", lambda: free_hugepages() >= free)
        assert set(glob.glob("/dev/hugepages/*") + glob.glob("/dev/shm/*rte*")) <= traces
        with tap.run({**configuration, "control": {"socket": live.socket}}) as again:
            again.socket = live.socket
            tap.ask_with_curl("/api/", made)
            again.wait_for_tokens(1)


# Links and interfaces.


@test(only_if=CAN_TAP)
def a_link_that_is_down_at_the_start_is_waited_for():
    with Tap() as tap:
        tap.middle.ip("link set tap0 down")
        with tap.run(PACKET) as live:
            live.wait_for_words("port tap0 has no link")
            assert live.ask("ports")["ports"][0]["link"] == "down"
            tap.middle.ip("link set tap0 up")
            live.wait_for_words("port tap0 has a link")
            tap.ask_with_curl("/api/", token(), times=5)
            live.wait_for_tokens(5)


@test(only_if=CAN_TAP, each=["net_af_packet", "net_af_xdp"])
def a_link_that_flaps_is_counted_and_inspected_again(driver):
    with Tap() as tap, tap.run(ports(f"{driver}0,iface=tap0")) as live:
        for times in (1, 2, 3):
            tap.ask_with_curl("/api/", token(), times=5)
            live.wait_for_tokens(5 * times)
            tap.middle.ip("link set tap0 down")
            live.wait_for_words(f"port tap0 lost its link, for the {times}. time")
            tap.middle.ip("link set tap0 up")
            wait_until("the link", lambda: live.ask("ports")["ports"][0]["link"] == "up")
        tap.ask_with_curl("/api/", token(), times=5)
        live.wait_for_tokens(20)
        assert live.ask("ports")["ports"][0]["link_losses"] == 3


@test(only_if=CAN_TAP, each=["net_af_packet", "net_af_xdp"])
def when_an_interface_is_deleted_the_others_carry_on(driver):
    """The second one was a spare, that nothing came to."""
    with Tap() as tap:
        tap.middle.ip("link add spare0 type veth peer name spare1", "link set spare0 up", "link set spare1 up")
        with tap.run(ports(f"{driver}0,iface=spare0", "net_af_packet1,iface=tap0,framesz=2048")) as live:
            tap.ask_with_curl("/api/", token(), times=5)
            live.wait_for_tokens(5)
            tap.middle.ip("link delete spare0")
            live.wait_for_words("port spare0 is gone")
            tap.ask_with_curl("/api/", token(), times=5)
            live.wait_for_tokens(10)
            assert [port["link"] for port in live.ask("ports")["ports"]] == ["gone", "up"]
            live.stop()


@test(only_if=CAN_TAP)
def when_the_only_interface_is_deleted_it_says_so_and_ends():
    """With what it found, and a status that a supervisor takes for a reason to start it again."""
    with Tap() as tap, tap.run(PACKET) as live:
        tap.ask_with_curl("/api/", token())
        live.wait_for_tokens(1)
        tap.middle.ip("link delete tap0")
        live.wait_for_words("port tap0 is gone")
        live.wait_for_words("no port is left")
        live.wait_for_the_end(status=1)
        assert len(live.alerts()) == 1, live.ended


# Sinks.


def sink_states(live):
    return {sink.get("path", "stdout"): sink for sink in live.stats()["sinks"]}


@test(only_if=CAN_TAP)
def a_fifo_that_nobody_reads_stops_nothing_and_gets_its_lines_when_somebody_does():
    with Tap() as tap:
        fifo = tap.path("fifo")
        os.mkfifo(fifo)
        with tap.run({**PACKET, **sinks(file_sink(fifo), file_sink("file"))}) as live:
            made = [token() for _ in range(20)]
            tap.ask_with_curl("/api/", *made)
            live.wait_for_tokens(20)
            wait_until("the file's lines", lambda: len(live.alerts(live.path("file"))) == 20)
            assert sink_states(live)[fifo]["state"] == "waiting", sink_states(live)
            with open(fifo, "rb") as reader:
                assert [json.loads(reader.readline()) for _ in range(20)] == live.alerts(live.path("file"))
                live.stop()
                assert reader.read() == b""


@test(only_if=CAN_TAP)
def a_reader_that_stopped_reading_stops_neither_the_other_sinks_nor_the_end():
    """Its pipe is full after some 40 alerts."""
    with Tap() as tap:
        fifo = tap.path("fifo")
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            with tap.run({**PACKET, **sinks(file_sink(fifo), file_sink("file"))}) as live:
                made = [token() for _ in range(100)]
                with tap.open_connection() as connection:
                    connection.ask(*made)
                live.wait_for_tokens(100)
                wait_until("the file's lines", lambda: len(live.alerts(live.path("file"))) == 100)
                states = sink_states(live)
                assert 0 < states[fifo]["lines"] < 100 and states[fifo]["queued"] > 0, states
                live.stop()
                assert f"lost for {fifo}" in live.ended.errors, live.ended
                assert sightings_of(live.alerts(live.path("file"))) == expected_sightings((each, 1) for each in made)
        finally:
            os.close(reader)


@test(only_if=CAN_TAP)
def a_disk_that_is_full_is_said_and_tried_again_until_there_is_room():
    """A tmpfs that this bearertap alone sees, and a file in it that takes all the room."""
    with Tap() as tap:
        disk = tap.path("disk")
        os.mkdir(disk)
        wrapper = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=64k tmpfs "$0" && head -c 64k /dev/zero >"$0/ballast"; '
                   'exec "$@"', disk)
        with tap.run({**PACKET, **sinks(file_sink(f"{disk}/alerts"), file_sink("file"))}, wrapper=wrapper) as live:
            inside = f"/proc/{live.process.pid}/root{disk}"
            made = [token() for _ in range(20)]
            tap.ask_with_curl("/api/", *made)
            live.wait_for_tokens(20)
            live.wait_for_words("No space left on device")
            assert not live.alerts(f"{inside}/alerts")
            wait_until("the file's lines", lambda: len(live.alerts(live.path("file"))) == 20)
            os.unlink(f"{inside}/ballast")
            wait_until("the disk's lines", lambda: len(live.alerts(f"{inside}/alerts")) == 20)
            assert sightings_of(live.alerts(f"{inside}/alerts")) == expected_sightings((each, 1) for each in made)
            live.stop()


@test(only_if=CAN_TAP)
def when_the_last_reader_goes_away_it_ends_and_says_so():
    read_end, write_end = os.pipe()
    with Tap() as tap, tap.run(PACKET, stdout=write_end) as live:
        os.close(write_end)
        tap.ask_with_curl("/api/", token())
        live.wait_for_tokens(1)
        assert json.loads(os.read(read_end, 100000))["event"]["kind"] == "alert"
        os.close(read_end)
        tap.ask_with_curl("/api/", token())
        live.wait_for_the_end(status=1)
        assert "standard output" in live.ended.errors or "nobody reads" in live.ended.errors, live.ended


@test(only_if=CAN_TAP)
def a_reader_that_goes_away_leaves_the_other_sinks_alone():
    read_end, write_end = os.pipe()
    with Tap() as tap, tap.run({**PACKET, **sinks({"type": "stdout"}, file_sink("file"))}, stdout=write_end) as live:
        os.close(write_end)
        os.close(read_end)
        made = [token() for _ in range(10)]
        for each in made:
            tap.ask_with_curl("/api/", each)
        live.wait_for_tokens(10)
        live.stop()
        assert sightings_of(live.alerts(live.path("file"))) == expected_sightings((each, 1) for each in made)


@test(only_if=CAN_TAP, each=["ctl reopen", "SIGUSR1"])
def after_a_rename_and_a_reopen_lines_go_to_a_new_file(how):
    with Tap() as tap, tap.run({**PACKET, **sinks(file_sink("file"))}) as live:
        first, second = [token(), token()], [token()]
        tap.ask_with_curl("/api/", *first)
        live.wait_for_tokens(2)
        wait_until("two lines", lambda: len(live.alerts(live.path("file"))) == 2)
        os.rename(live.path("file"), live.path("file.1"))
        if how == "SIGUSR1":
            live.process.send_signal(signal.SIGUSR1)
        else:
            live.ctl("reopen")
        wait_until("a new file", lambda: os.path.exists(live.path("file")))
        tap.ask_with_curl("/api/", *second)
        live.wait_for_tokens(3)
        live.stop()
        for name, sent in (("file.1", first), ("file", second)):
            assert sightings_of(live.alerts(live.path(name))) == expected_sightings((each, 1) for each in sent), name
