# SPDX-License-Identifier: BSD-3-Clause
"""Where lines go: pipes that close, disks that are full, terminals, signals."""
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import time

import harness
from harness import (Run, alerts_of, bearertap, environment, finish, get, is_alert, keys, line_before_the_end, read_bytes,
                     scratch, sightings_in, start, test, wait_until)

ESCAPE = b"\x1b"


@test
def head_ends_it_quietly():
    """More than a pipe holds, to a reader that goes away after one line."""
    files = [scratch("placements.pcap"), scratch("placements-ipv6.pcapng")] * 20
    process = start("read", "-f", "ecs", "--tokens", *keys(), *files, stdin=subprocess.DEVNULL)
    json.loads(process.stdout.readline())
    process.stdout.close()
    errors = process.stderr.read()
    status = process.wait(timeout=harness.TIMEOUT_S)
    assert status in (0, -signal.SIGPIPE), f"status {status}: {errors}"
    assert b"roken pipe" not in errors and b"error" not in errors.lower(), errors


@test
def a_full_disk_is_an_error():
    with open("/dev/full", "wb") as full:
        run = bearertap("read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"), status=1, stdout=full)
    assert "No space left on device" in run.errors, run


@test
def a_closed_standard_output_is_an_error():
    run = bearertap("read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"), status=1,
                    stdout=None, preexec_fn=lambda: os.close(1))
    assert run.errors, run


@test
def the_format_is_json_where_standard_output_is_no_terminal():
    run = bearertap("read", *keys(), scratch("storm-0558.pcap"))
    assert run.lines, run


def on_a_terminal(*arguments, env=None):
    """What it writes to a terminal; stderr goes elsewhere."""
    master, slave = pty.openpty()
    process = start(*arguments, stdin=subprocess.DEVNULL, stdout=slave, env=env)
    os.close(slave)
    written = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # EIO: the last writer has closed it
            break
        if not piece:
            break
        written += piece
    os.close(master)
    errors = process.stderr.read()
    return Run(list(arguments), process.wait(timeout=harness.TIMEOUT_S), written, errors)


@test
def on_a_terminal_text_is_the_default_and_coloured():
    run = on_a_terminal("read", *keys(), scratch("storm-0558.pcap"))
    assert run.status == 0 and ESCAPE in run.stdout and b'"ecs"' not in run.stdout, run
    lines = [line for line in run.stdout.splitlines() if line.strip()]
    assert len(lines) == len(alerts_of("storm-0558.pcap").lines), f"one line an alert: {run}"


@test
def no_color_is_honoured():
    run = on_a_terminal("read", *keys(), scratch("storm-0558.pcap"), env={"NO_COLOR": "1"})
    assert run.stdout and ESCAPE not in run.stdout and ESCAPE not in run.stderr and b'"ecs"' not in run.stdout, run


@test(each=["text", "ecs"])
def no_escape_goes_into_a_pipe(form):
    run = bearertap("read", "-f", form, *keys(), scratch("storm-0558.pcap"))
    assert run.stdout and ESCAPE not in run.stdout + run.stderr, run


@test
def a_text_line_says_who_and_what():
    run = bearertap("read", "-f", "text", *keys(), scratch("storm-0558.pcap"))
    lines = run.text.splitlines()
    assert len(lines) == len(alerts_of("storm-0558.pcap").lines), run
    for line in lines:
        for word in ("192.0.2.7", "192.0.2.80", "1LTMzakihiRla_8z2BEJVXeWMqo", "outlook.agency.example"):
            assert word in line, f"{word} is not in: {line}"


@test
def control_characters_from_the_wire_do_not_reach_a_terminal():
    """An escape sequence in a path must not speak to the analyst's terminal."""
    from harness import Pcap

    packets = []
    for s, us, wire, data in Pcap(scratch("storm-0558.pcap")).packets:
        packets.append((s, us, wire, data.replace(b"/api/v2.0/me/messages", b"/\x1b[2J\x07\x9b31m\x00\xff\xfe-messages")))
    path = Pcap(packets=packets).write(scratch("escapes.pcap"))
    run = bearertap("read", "-f", "text", *keys(), path)
    assert run.stdout and not any(byte < 32 and byte != 10 or byte == 127 for byte in run.stdout + run.stderr), run
    run.stdout.decode()  # still UTF-8
    assert "\x9b" not in run.text
    run = bearertap("read", "-f", "ecs", *keys(), path)
    assert len(run.lines) == len(alerts_of("storm-0558.pcap").lines), run


def reading_from_a_pipe(*arguments):
    """A run that has got a whole capture on its standard input, and no end of it."""
    process = start("read", "-f", "ecs", *keys(), *arguments, "-")
    process.stdin.write(read_bytes(scratch("storm-0558.pcap")))
    process.stdin.flush()
    return process


@test
def the_first_alert_leaves_at_once():
    assert is_alert(line_before_the_end(reading_from_a_pipe()))


@test(each=["SIGINT", "SIGTERM"])
def a_signal_ends_it_with_all_alerts_written(name):
    process = reading_from_a_pipe()
    unread = struct.pack("i", 0)
    wait_until("the capture to be read", lambda: fcntl.ioctl(process.stdin, termios.FIONREAD, b"1234") == unread,
               seconds=harness.TIMEOUT_S)
    process.send_signal(getattr(signal, name))
    try:
        process.wait(timeout=harness.TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"{name} does not end it: {finish(process)}")
    run = finish(process)
    assert run.status == 0, run
    expected = alerts_of("storm-0558.pcap")
    found = sum(map(sightings_in, run.lines))
    assert found == sum(map(sightings_in, expected.lines)), f"{found} sightings: {run}"
    assert "packets" in run.errors, f"no summary: {run}"


@test
def it_sleeps_while_nothing_comes():
    """Behind its start and the capture, of which an alert tells, a while comes in which it takes next to no time."""
    process = reading_from_a_pipe("-q")

    def cpu_seconds():
        with open(f"/proc/{process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def slept():
        before = cpu_seconds()
        time.sleep(0.5)
        return cpu_seconds() - before <= 0.03

    try:
        assert is_alert(json.loads(process.stdout.readline()))
        wait_until("half a second with 0.03 s of CPU time at most", slept, seconds=harness.TIMEOUT_S)
        assert process.poll() is None, "it has ended before its input has"
    finally:
        process.kill()
        finish(process)


@test
def a_slow_reader_of_the_output_loses_nothing():
    generator = os.path.join(harness.SOURCE, "tests/bench/make-api-capture")
    subprocess.run([generator, "8", scratch("api.pcap")], check=True, stdout=subprocess.DEVNULL)
    with open(scratch("api.truth.json")) as file:
        truth = json.load(file)
    process = start("read", "-f", "ecs", "--tokens", "-k", scratch("api.keys.txt"), scratch("api.pcap"), stdin=subprocess.DEVNULL)
    time.sleep(1.5)
    run = finish(process)
    found = sum(map(sightings_in, run.lines))
    assert run.status == 0 and found == truth["tokens"], f"{found} of {truth['tokens']} sightings: {run.errors}"
    alerts = sum(sightings_in(line) for line in run.lines if get(line, "event.kind") == "alert")
    assert alerts == truth["revoked"], f"{alerts} of {truth['revoked']} sightings of revoked keys"


# Several sinks, as a configuration says.

STDOUT = {"type": "stdout"}


def with_sinks(*sinks, name="sinks.json", **more):
    """A configuration's path, in the folder that relative paths are relative to."""
    with open(scratch(name), "w") as file:
        json.dump({"alerts": {"sinks": list(sinks)}, **more}, file)
    return file.name


def to_file(name):
    if os.path.exists(scratch(name)):
        os.unlink(scratch(name))
    return {"type": "file", "path": name}


@test(each=["ecs", "text"])
def every_sink_gets_every_line(form):
    run = bearertap("read", "-f", form, "-c", with_sinks(to_file("one.out"), STDOUT, to_file("two.out")), *keys(),
                    scratch("storm-0558.pcap"), cwd="/")
    assert run.stdout and run.stdout == read_bytes(scratch("one.out")) == read_bytes(scratch("two.out")), run
    assert len(run.stdout.splitlines()) == len(alerts_of("storm-0558.pcap").lines), run


@test
def without_standard_output_among_the_sinks_it_stays_empty():
    run = bearertap("read", "-c", with_sinks(to_file("alone.out")), *keys(), scratch("storm-0558.pcap"))
    lines = read_bytes(scratch("alone.out")).splitlines()
    assert run.stdout == b"" and len(lines) == len(alerts_of("storm-0558.pcap").lines), run
    assert all(is_alert(json.loads(line)) for line in lines), "a file's lines are JSON"


@test
def lines_are_added_to_a_file_behind_what_is_there():
    configuration = with_sinks(to_file("added.out"))
    for _ in range(2):
        bearertap("read", "-c", configuration, *keys(), scratch("storm-0558.pcap"))
    with open(scratch("added.out"), "ab") as file:
        file.write(b'{"cut": "in mid-li')
    bearertap("read", "-c", configuration, *keys(), scratch("storm-0558.pcap"))
    lines, each = read_bytes(scratch("added.out")).splitlines(), len(alerts_of("storm-0558.pcap").lines)
    assert len(lines) == 3 * each + 1 and lines.pop(2 * each) == b'{"cut": "in mid-li', lines
    assert all(is_alert(json.loads(line)) for line in lines), lines
    assert os.stat(scratch("added.out")).st_mode & 0o777 == 0o600


@test
def a_file_beside_a_terminal_gets_no_colours():
    run = on_a_terminal("read", "-f", "text", "-c", with_sinks(STDOUT, to_file("plain.out")), *keys(), scratch("storm-0558.pcap"))
    assert run.status == 0 and ESCAPE not in read_bytes(scratch("plain.out")) != b"", run
    run = on_a_terminal("read", "-c", with_sinks(STDOUT), *keys(), scratch("storm-0558.pcap"))
    assert run.status == 0 and ESCAPE in run.stdout, run


@test
def a_fifo_is_waited_for_and_gets_all():
    os.path.exists(scratch("fifo.out")) and os.unlink(scratch("fifo.out"))
    os.mkfifo(scratch("fifo.out"))
    process = start("read", "-c", with_sinks({"type": "file", "path": "fifo.out"}), *keys(), scratch("storm-0558.pcap"),
                    stdin=subprocess.DEVNULL)
    assert b"waiting for somebody who reads" in process.stderr.readline()
    lines = read_bytes(scratch("fifo.out")).splitlines()
    run = finish(process)
    assert run.status == 0 and len(lines) == len(alerts_of("storm-0558.pcap").lines), run


@test(each=["folder", "nowhere", "socket", "twice", "its standard output", "full", "not ours", "key list"])
def what_cannot_be_a_sink_is_said_in_words(what):
    import socket

    os.makedirs(scratch("no-writing"), exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        if what == "socket":
            os.path.exists(scratch("sink.socket")) and os.unlink(scratch("sink.socket"))
            listener.bind(scratch("sink.socket"))
    to_file("twice.out")
    open(scratch("twice.out"), "w").close()
    if not os.path.exists(scratch("linked.out")):
        os.symlink("twice.out", scratch("linked.out"))
    paths, words = {"folder": (["."], "Is a directory: name a file in it"),
                    "nowhere": (["nowhere/x"], "No such file or directory: make the folder that it is to be in"),
                    "socket": (["sink.socket"], "it is a socket"), "full": (["/dev/full"], "No space left on device"),
                    "twice": (["twice.out", "linked.out"], "two sinks of alerts are one file"),
                    "its standard output": (["twice.out"], "two sinks of alerts are one file: standard output and"),
                    "not ours": (["/sys/kernel/alerts.json"], "/sys/kernel/alerts.json: "),
                    "key list": (["storm-0558.pcap/x"], "Not a directory")}[what]
    sinks = [{"type": "file", "path": path} for path in paths]
    with open(scratch("twice.out"), "ab") as standard_output:
        run = bearertap("read", "-q", "-c", with_sinks(*([STDOUT] if what == "its standard output" else []), *sinks), *keys(),
                        scratch("storm-0558.pcap"), status=1,
                        stdout=standard_output if what == "its standard output" else subprocess.PIPE)
    assert words in run.errors and len(run.errors.splitlines()) == 1, run


@test
def an_environment_without_anything_is_enough():
    done = subprocess.run([harness.BINARY, "read", "-f", "ecs", *keys(), scratch("storm-0558.pcap")], env={},
                          capture_output=True, timeout=harness.TIMEOUT_S)
    run = Run(["read"], done.returncode, done.stdout, done.stderr)
    assert run.status == 0 and len(run.lines) == len(alerts_of("storm-0558.pcap").lines), run
    assert environment
