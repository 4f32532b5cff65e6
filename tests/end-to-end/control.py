# SPDX-License-Identifier: BSD-3-Clause
"""`bearertap ctl`: what it asks, how it shows answers, what it says where there is none. What answers is a server made
here, after the protocol in include/bearertap/control.h, so that it can answer anything."""
import fcntl
import json
import os
import pty
import random
import re
import socket
import struct
import subprocess
import termios
import threading

import harness
from harness import bearertap, scratch, test

TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


class Server:
    """Answers the one connection that comes with these lines (values, or bytes as they are), and keeps its request."""

    def __init__(self, *lines):
        self.path = scratch("control.sock")
        self.lines = [line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines]
        self.request = None

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def serve(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return  # nobody came
        with connection, connection.makefile("rb") as file:
            line = file.readline()
            self.request = json.loads(line) if line else None
            try:
                connection.sendall(b"".join(self.lines))
            except OSError:
                pass  # it has left

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        os.unlink(self.path)


def result(value):
    return {"version": 1, "result": value}


def part(value):
    return {"version": 1, "part": value}


def ctl(*arguments, lines=(), status=0, **options):
    """(the run, the request that it made)"""
    with Server(*lines) as server:
        run = bearertap("ctl", "-s", server.path, *arguments, status=status, **options)
    return run, server.request


def shown(value, *command, columns=None):
    command = command or ("status",)
    if columns is None:
        return ctl(*command, lines=[result(value)])[0].text.splitlines()
    return on_screen(columns, *command, lines=[result(value)])


def on_screen(columns, *arguments, lines):
    """What a terminal of that many columns is given."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with Server(*lines) as server, os.fdopen(main, "rb", buffering=0) as screen:
        process = harness.start("ctl", "-s", server.path, *arguments, stdout=other, stdin=subprocess.DEVNULL)
        os.close(other)
        text = b""
        while True:
            try:
                more = screen.read(65536)
            except OSError:  # the other side is closed
                break
            if not more:
                break
            text += more
        assert harness.finish(process).status == 0, text
    return text.decode().replace("\r\n", "\n").splitlines()


# What it asks.


@test(each=["status", "stats", "ports", "queues", "workers", "keys list", "keys count", "flows", "reload", "reopen", "stop"])
def a_command_is_asked_by_its_name(command):
    run, request = ctl(*command.split(), lines=[result({"a": 1})])
    assert request == {"version": 1, "command": command, "arguments": []}, request
    assert run.text.split() == ["a", "1"] and not run.errors, run


@test
def a_key_is_passed_on_as_it_was_typed():
    for value in ("d4:B4:cc", "with space", "id-ü", '"\\'):
        _, request = ctl("keys", "add", value, lines=[result({})])
        assert request == {"version": 1, "command": "keys add", "arguments": [value]}, request
    _, request = ctl("keys", "remove", "--", "-x7f", lines=[result({})])
    assert request["arguments"] == ["-x7f"], request


@test
def the_file_to_save_to_is_passed_on_with_its_whole_path():
    _, request = ctl("keys", "add", "--save", "revoked.txt", "abc", lines=[result({})], cwd=harness.SCRATCH)
    assert request["arguments"] == ["abc", os.path.join(os.path.realpath(harness.SCRATCH), "revoked.txt")], request
    _, request = ctl("keys", "add", "abc", "--save", "/a/b", lines=[result({})])
    assert request["arguments"] == ["abc", "/a/b"], request


@test
def a_value_with_id_before_it_is_warned_of():
    run, request = ctl("keys", "add", "id:abc", lines=[result({})])
    assert request["arguments"] == ["id:abc"] and "id: included" in run.errors, run


@test(each=[["keys", "add", TOKEN], ["keys", "add", "--save", TOKEN, "a"], ["keys", "remove", "Bearer " + TOKEN], [TOKEN],
            ["-s", TOKEN, "status"], ["keys", TOKEN], ["status", TOKEN]])
def a_token_goes_nowhere(arguments):
    run, request = ctl(*arguments, lines=[result({})], status=2)
    assert request is None and "looks like a token" in run.errors and TOKEN not in run.errors, run


@test(each=[([], "needs to know what to do"), (["stat"], "did you mean `bearertap ctl stats`"),
            (["keys"], "add, remove, list, count"), (["keys", "ad", "x"], "did you mean `bearertap ctl keys add`"),
            (["keys", "frobnicate"], 'no command "frobnicate"'), (["frobnicate"], 'no command "frobnicate"'),
            (["key", "add", "x"], "did you mean `bearertap ctl keys`"), (["status", "x"], "takes no argument"),
            (["keys", "add"], "takes VALUE"), (["keys", "add", "a", "b"], "takes VALUE"), (["keys", "add", ""], "empty key id"),
            (["keys", "list", "--save", "x"], "--save is for"), (["keys", "add", "a", "--save", ""], "empty name"),
            (["--jsn", "status"], "--json"), (["-s"], "needs a value"), (["keys", "add", "-x7f"], "no option")])
def wrong_usage_is_status_2_and_nothing_is_asked(row):
    arguments, words = row
    run, request = ctl(*arguments, lines=[result({})], status=2)
    assert request is None and words in run.errors and not run.stdout and run.errors.count("\n") == 1, run


@test
def help_lists_every_command_on_a_line():
    text = bearertap("ctl", "--help").text
    for command in ("status", "stats", "ports", "queues", "workers", "keys add VALUE", "keys remove VALUE", "keys list",
                    "keys count", "flows", "reload", "reopen", "stop"):
        assert re.search(rf"^  {command} +\S", text, re.M), f"{command} is not in\n{text}"


# Where there is nobody.


def nobody_at(path, words, **options):
    run = bearertap("ctl", "-s", path, "status", status=1, **options)
    assert words in run.errors and path in run.errors and run.errors.count("\n") == 1 and not run.stdout, run


@test
def where_nobody_answers_is_one_line():
    nobody_at(scratch("nowhere.sock"), "there is no such socket")
    nobody_at(scratch("revoked.jwks.json"), "that is no socket")
    nobody_at(scratch("a" * 200), "a socket's may have 107")
    left = socket.socket(socket.AF_UNIX)
    left.bind(scratch("left.sock"))
    left.close()
    nobody_at(scratch("left.sock"), "nobody listens there")
    os.unlink(scratch("left.sock"))


@test(only_if=os.geteuid() == 0)
def who_has_no_rights_is_told_so():
    with Server() as server:
        os.chmod(server.path, 0o600)
        nobody_at(server.path, "you may not connect", user=65534, group=65534, extra_groups=[])


@test(only_if=os.geteuid() == 0)
def without_a_name_the_socket_is_the_users():
    run = bearertap("ctl", "status", status=None)
    assert run.status == 0 or "/run/bearertap.sock" in run.errors, run
    user = {"user": 65534, "group": 65534, "extra_groups": []}
    run = bearertap("ctl", "status", status=1, env={"XDG_RUNTIME_DIR": "/nowhere"}, **user)
    assert "/nowhere/bearertap.sock" in run.errors, run
    run = bearertap("ctl", "status", status=1, **user)
    assert "XDG_RUNTIME_DIR" in run.errors and "-s" in run.errors, run


@test(each=[(b"", "hung up without an answer"), (b'{"version":1,"res', "without an answer's end"), (b"\n", "no bearertap"),
            (b"220 smtp\r\n", "no bearertap"), (b'{"version":9,"result":{}}\n', "no bearertap of this version"),
            (b'{"version":1}\n', "neither a result nor an error"), ("2 MiB of [", "a line of more than")])
def who_answers_nonsense_is_said(row):
    answer, words = row
    answer = b"[" * (1 << 21) if answer == "2 MiB of [" else answer
    run, _ = ctl("status", lines=[answer], status=1)
    assert words in run.errors and run.errors.count("\n") == 1 and not run.stdout, run


@test
def the_servers_error_is_the_commands():
    run, _ = ctl("reload", lines=[{"version": 1, "error": "revoked.json:3: \x1b[2J no"}], status=1)
    assert run.errors == "bearertap: error: revoked.json:3: \\x1b[2J no\n" and not run.stdout, run


@test
def a_list_that_breaks_is_a_failure():
    run, _ = ctl("--json", "keys", "list", lines=[part({"id": "a"}), {"version": 1, "error": "it broke"}], status=1)
    assert run.lines == [{"id": "a"}] and "it broke" in run.errors, run


# How answers are shown.


@test
def values_stand_beside_their_names():
    status = {"version": "0.1.0", "pid": 1234567, "uptime_s": 3.14159, "sensor": "tap-1", "live": True, "last": None,
              "cpus": [2, 3, 4], "none": []}
    assert shown(status) == ["version   0.1.0", "pid       1234567", "uptime_s  3.14", "sensor    tap-1", "live      yes",
                             "last      -", "cpus      2, 3, 4", "none      none"], shown(status)


@test
def objects_are_sections_and_numbers_stand_to_the_right():
    flows = {"room": 1000000, "bytes": {"payload": 12, "outcomes": {"scanned": 1234, "held": -5}}, "empty": {}}
    expected = ["room   1,000,000", "empty  none", "bytes", "  payload  12", "  outcomes", "    scanned  1,234",
                "    held        -5"]
    assert shown(flows, "flows") == expected, shown(flows, "flows")


@test
def zeros_are_left_out_of_the_counters_and_counted():
    stats = {"received": 7, "outcomes": {"inspected": 7, "no_ip": 0, "cut": 0}, "events": {"gaps": 0},
             "workers": [{"number": 0, "a": 0, "b": 1}, {"number": 1, "a": 0, "b": 0}]}
    expected = ["received  7", "outcomes", "  inspected  7", "  (2 more are 0)", "events", "  (1 more are 0)", "workers",
                "  number  b", "       0  1", "       1  0", "  (1 more are 0)"]
    assert shown(stats, "stats") == expected, shown(stats, "stats")
    assert "no_ip" in "".join(shown(stats, "status"))


@test
def arrays_of_objects_are_tables():
    ports = {"ports": [{"device": "0000:3b:00.0", "queues": 4, "rss": {"asked": "symmetric", "hash": 1.0}},
                       {"device": "tap0", "queues": 1000, "note": "losses are estimated"}]}
    expected = ["device        queues  rss.asked  rss.hash  note",
                "0000:3b:00.0       4  symmetric      1.00",
                "tap0           1,000                       losses are estimated"]
    assert shown(ports, "ports") == expected, shown(ports, "ports")


@test
def a_table_that_is_wider_than_the_screen_lies_on_its_side():
    workers = {"workers": [{"worker": i, **{f"counter_number_{n}": n * 1000 * i for n in range(8)}} for i in range(4)]}
    lines = shown(workers, "workers", columns=60)
    assert max(map(len, lines)) <= 60 and re.split(r" +", lines[0]) == ["worker", "0", "1", "2", "3"], lines
    assert re.split(r" +", lines[8]) == ["counter_number_7", "0", "7,000", "14,000", "21,000"], lines
    narrow = shown(workers, "workers", columns=40)
    assert max(map(len, narrow)) <= 40 and len(narrow) == 19, narrow  # two tables, and a line between them
    assert sum(line.count("21,000") for line in narrow) == 1, narrow


@test
def what_is_in_no_order_is_shown_all_the_same():
    """Anything that is JSON, deep and wide: no crash, and every string and number is somewhere."""
    deep = {"deepest": 4711}
    for _ in range(100):
        deep = {"in": [deep, {"x": 1}]}
    wide = {f"member-{i}": i for i in range(1000)}
    value = {"a": deep, "b": [wide, wide], "c": [[1, [2]], {"y": []}], "d": [{}], "": "", "e": [[]], "f": 1e300, "g": -0.0001, "h": [{"y": "z" * 500, "n": 1}]}
    text = "\n".join(shown(value))
    assert "4711" in text and "member-999" in text and "[2]" in text and "1e+300" in text, text[:2000]
    assert "h\n  y" in text and max(len(line) for line in text.splitlines() if line.startswith("  y")) < 100, text[:2000]
    assert "done" == "".join(shown({}))


@test
def answers_of_any_shape_are_shown():
    chance = random.Random(20240712)

    def make(depth):
        kind = chance.randrange(9 if depth < 5 else 6)
        if kind > 5:
            count = chance.choice([0, 1, 2, 3, 20])
            return [make(depth + 1) for _ in range(count)] if kind == 6 else make_object(depth + 1, count)
        texts = ["", "x" * chance.randrange(200), "\u0085\x1b[1m", "\U0001f600.b", "a.b"]
        return chance.choice([chance.choice(texts), chance.randrange(-(1 << 63), 1 << 63), 0, chance.uniform(-2, 1e6), None, True])

    def make_object(depth, count):
        return {chance.choice(["a", "a.b", "", "pid", "\x07", f"m{number}"]): make(depth) for number in range(count)}

    for _ in range(100):
        answer, command = make_object(0, chance.randrange(12)), chance.choice(["stats", "ports"])
        run, _ = ctl(command, lines=[result(answer)])
        assert run.text and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", run.text) and not run.errors, (answer, run)


@test
def what_a_terminal_acts_on_is_escaped_in_text_and_in_json():
    bad = "\x1b]0;x\x07\u009b2J\u202e\u2028end"
    value = {bad: bad, "list": [{bad: bad}], "rows": {bad: 1}}
    for arguments in (["status"], ["--json", "status"]):
        run, _ = ctl(*arguments, lines=[result(value)])
        assert run.text.count("end") == 5 and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", run.text), run
    assert run.lines == [value], run
    run, _ = ctl("keys", "list", lines=[part(value), part({bad: bad}), result({})])
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", run.text), run


@test
def json_is_the_result_on_one_line():
    value = {"received": 3, "outcomes": {"inspected": 3, "zero": 0}, "ü": "\n", "workers": []}
    run, _ = ctl("stats", "--json", lines=[result(value)])
    assert run.lines == [value] and run.text.count("\n") == 1 and not run.errors, run


@test
def a_list_is_shown_key_by_key():
    keys = [{"id": "key-1", "source": "revoked.json", "line": 1234, "names": [{"as": "kid", "text": "key-1"}]}, {"id": "b"}]
    lines = [part(key) for key in keys] + [result({"entries": 2, "names": 1})]
    run, _ = ctl("keys", "list", lines=lines)
    expected = "key-1\n  source  revoked.json\n  line    1234\n  names\n    as   text\n    kid  key-1\nb\n"
    assert run.text == expected and "entries  2" in run.errors, run
    run, _ = ctl("keys", "list", "--json", lines=lines)
    assert run.lines == keys and "entries" in run.errors, run


@test
def a_long_list_goes_through_a_pipe_whose_reader_leaves():
    lines = b"".join(json.dumps(part({"id": f"key-{i}"})).encode() + b"\n" for i in range(200000))
    with Server(lines, result({})) as server:
        process = harness.start("ctl", "-s", server.path, "--json", "keys", "list")
        assert json.loads(process.stdout.readline()) == {"id": "key-0"}
        process.stdout.close()
        assert process.wait(timeout=harness.TIMEOUT_S) in (-13, 1), process.returncode
        errors = process.stderr.read().decode()
        process.stdin.close()
        process.stderr.close()
    assert "hung up" not in errors, errors
