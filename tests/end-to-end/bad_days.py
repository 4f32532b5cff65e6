# SPDX-License-Identifier: BSD-3-Clause
"""What the system withholds: room, memory, rights, threads, a reader, time. Each with its message, and nothing in
silence: what was not written is said, and no status claims more than what was done."""
import functools
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile

import harness
from harness import (LONG, Run, alerts_of, bearertap, can_make_namespaces, environment, finish, get, keys,
                     read_bytes, scratch, start, test, wait_until)
from surroundings import IS_ROOT, NOBODY, as_nobody


def ids(run):
    return sorted(get(line, "event.id") for line in run.lines)


def errors_of(run):
    return [line for line in run.errors.splitlines() if line.startswith("bearertap: error: ")]


def says_one_error(run, *words):
    """Status 1, one line, and in it what went wrong and how to mend it."""
    errors = errors_of(run)
    assert run.status == 1 and len(errors) == 1, f"one error and status 1, not {run}"
    for word in words:
        assert word in errors[0], f"{word} is not in: {errors[0]}"


def in_shell(script, *arguments, status=None):
    """`script` in bash with "$@" the program and its arguments."""
    done = subprocess.run(["bash", "-c", script, "bash", harness.BINARY, *arguments], capture_output=True, cwd=harness.SCRATCH,
                          stdin=subprocess.DEVNULL, timeout=harness.TIMEOUT_S, env=environment())
    run = Run([script, *arguments], done.returncode, done.stdout, done.stderr)
    assert status is None or run.status == status, f"expected status {status}: {run}"
    return run


# No room.


def lines_told(run):
    """How many lines it says that it wrote, and how many not."""
    told = re.search(r"(\d+) lines were written, (\d+)", run.errors)
    assert told, f"it does not say how many were lost: {run}"
    return int(told.group(1)), int(told.group(2))


@test
def a_full_disk_is_said_with_the_number_of_alerts_lost():
    with open("/dev/full", "wb") as full:
        run = bearertap("read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"), status=1, stdout=full)
    says_one_error(run, "standard output", "No space left on device", "make room")
    assert lines_told(run) == (0, len(alerts_of("storm-0558.pcap").lines)), run


@test(only_if=IS_ROOT and can_make_namespaces(), each=["w 1", "w 3"])
def a_disk_that_fills_up_keeps_whole_what_is_said_to_be_written(workers):
    """A tmpfs of a few pages; what it holds afterwards is compared with what was told."""
    expected = bearertap("read", "-f", "ecs", "--tokens", *keys(), scratch("placements.pcap")).lines
    script = ('mount -t tmpfs -o size=16k tmpfs /mnt && { "$@" >/mnt/alerts; status=$?; cat /mnt/alerts; exit $status; }')
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", harness.BINARY, "read", "-f", "ecs", "--tokens",
                           "-" + workers[0], workers[2], *keys(), scratch("placements.pcap")],
                          capture_output=True, timeout=harness.TIMEOUT_S)
    run = Run(["read", "on a small tmpfs"], done.returncode, done.stdout, done.stderr)
    says_one_error(run, "No space left on device")
    written, lost = lines_told(run)
    assert run.stdout.count(b"\n") == written > 0, run
    assert 0 < lost and written + lost <= len(expected), run


@test
def a_limit_on_the_size_of_files_is_an_error_like_a_full_disk():
    """`ulimit -f`: the signal that it sends would end the program without a word."""
    run = in_shell('ulimit -f 0; exec "$@" >limited', "read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"))
    says_one_error(run, "File too large")
    assert lines_told(run) == (0, len(alerts_of("storm-0558.pcap").lines)), run


def many_keys():
    """More than stdio's buffer and a pipe hold."""
    with open(scratch("many-keys.txt"), "w") as file:
        file.writelines(f"key-{number}\n" for number in range(5000))
    return scratch("many-keys.txt")


@test(each=["--help", "--version", "read --help", "keys list -q id:abc", "keys list -q many", "keys lint -q many"])
def what_does_not_arrive_is_an_error(arguments):
    words = [many_keys() if word == "many" else word for word in arguments.split()]
    if words[1:2] == ["lint"]:
        words.append(words[-1])  # every key is there twice
    run = in_shell('exec "$@" >/dev/full', *words)
    says_one_error(run, "standard output", "No space left on device")


@test
def a_full_disk_under_the_messages_changes_no_alert():
    with open("/dev/full", "wb") as full:
        run = bearertap("read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"), status=0, stderr=full)
    assert ids(run) == ids(alerts_of("storm-0558.pcap")), run


# No reader.


@test
def a_reader_that_goes_away_ends_it_as_it_ends_other_programs():
    """By SIGPIPE, which `set -o pipefail` sees; what was not delivered is said, unless -q."""
    files = [scratch("placements.pcap"), scratch("placements-ipv6.pcapng")] * 20
    for quiet in ([], ["-q"]):
        process = start("read", "-f", "ecs", "--tokens", *quiet, *keys(), *files, stdin=subprocess.DEVNULL)
        process.stdout.readline()
        process.stdout.close()
        run = Run(["read", *quiet], None, b"", process.stderr.read())
        assert process.wait(timeout=harness.TIMEOUT_S) == -signal.SIGPIPE, run
        assert not errors_of(run), run
        if quiet:
            assert run.stderr == b"", run
        else:
            written, lost = lines_told(run)
            assert lost > 0 and "not inspected" in run.errors, run


@test(each=["list", "list --json", "lint --max 0"])
def a_reader_of_keys_that_goes_away_ends_it_by_sigpipe(action):
    """After the first line, and where there never was one."""
    process = start("keys", *action.split(), "-q", many_keys(), many_keys(), stdin=subprocess.DEVNULL)
    process.stdout.readline()
    process.stdout.close()
    run = Run(["keys", action], None, b"", process.stderr.read())
    assert process.wait(timeout=harness.TIMEOUT_S) == -signal.SIGPIPE and run.stderr == b"", (process.returncode, run)
    read_end, write_end = os.pipe()
    os.close(read_end)
    run = bearertap("keys", "list", "-q", "id:abc", status=-signal.SIGPIPE, stdout=write_end)
    assert run.stderr == b"", run
    run = bearertap("keys", "list", "-q", "id:abc", status=1, stdout=write_end, restore_signals=False,
                    preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
    os.close(write_end)
    assert run.stderr == b"", run


@test
def where_sigpipe_is_ignored_a_reader_that_goes_away_is_status_1():
    read_end, write_end = os.pipe()
    os.close(read_end)
    run = bearertap("read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"), status=1, stdout=write_end,
                    restore_signals=False, preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
    os.close(write_end)
    assert lines_told(run) == (0, len(alerts_of("storm-0558.pcap").lines)), run


# No memory.


@functools.lru_cache(maxsize=None)
def memory_refuser():
    library = scratch("refuse-memory.so")
    source = os.path.join(harness.SOURCE, "tests/end-to-end/refuse_memory.c")
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def refused_allocations():
    """Start-up makes some 18,000: the first ones are ours and OpenSSL's, then DPDK's, and most are Hyperscan's."""
    if LONG:
        return [*range(1, 400), *range(400, 19000, 61)]
    return [1, 2, 30, 90, 400, 8000, 12000]


@test(each=refused_allocations)
def without_memory_there_is_one_message_and_status_1_or_no_harm(number):
    """The allocation of that number fails. Where a library does without it, all alerts are there."""
    if harness.SANITIZED:
        return  # its allocator is its own
    run = bearertap("read", "-q", "-f", "ecs", "-w", "2", *keys(), scratch("storm-0558.pcap"), status=None,
                    env={"LD_PRELOAD": memory_refuser(), "REFUSED": str(number)})
    if run.status == 0:
        assert ids(run) == ids(alerts_of("storm-0558.pcap")), run
    else:
        says_one_error(run)
        assert run.stdout == b"", run


@test(each=[1, 6000, 9000])
def without_any_memory_from_some_point_on_it_ends_with_status_1(number):
    if harness.SANITIZED:
        return
    run = bearertap("read", "-q", "-f", "ecs", "-w", "2", *keys(), scratch("storm-0558.pcap"), status=None,
                    env={"LD_PRELOAD": memory_refuser(), "REFUSED": str(number), "REFUSE_ALL": "1"})
    says_one_error(run)


@test(each=["200000", "1200000", "1450000"])
def a_limit_on_the_address_space_is_kept_or_said(kilobytes):
    if harness.SANITIZED:
        return  # it takes terabytes of it
    run = in_shell(f'ulimit -v {kilobytes}; exec "$@"', "read", "-f", "ecs", "-w", "2", *keys(), scratch("storm-0558.pcap"))
    if run.status == 0:
        assert ids(run) == ids(alerts_of("storm-0558.pcap")), run
    else:
        says_one_error(run, "ulimit -v")


# No threads, no descriptors, no CPUs.


@test(only_if=IS_ROOT)
def a_limit_on_threads_is_said():
    """DPDK would end the program by SIGABRT."""
    nobody_else = 1000000 + os.getpid()  # the limit is on all that a user runs, and another test may be nobody

    def become_nobody():  # root has no such limit, and subprocess's own `user` would come after it
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(nobody_else)

    run = bearertap("read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"), status=None, cwd="/", preexec_fn=become_nobody)
    says_one_error(run, "threads", "ulimit -u", "-w")


@test(each=["1 8", "1 20", "64 64", "64 250", "64 400"])
def a_limit_on_open_files_is_kept_or_said(case):
    workers, files = case.split()
    run = in_shell(f'ulimit -n {files}; exec "$@"', "read", "-f", "ecs", "-w", workers, *keys(), scratch("storm-0558.pcap"))
    if run.status == 0:
        assert int(files) >= 24 and ids(run) == ids(alerts_of("storm-0558.pcap")), run
    else:
        assert int(files) < 64 or workers == "64" and int(files) < 280, run
        says_one_error(run, "ulimit -n")


@test
def a_limit_on_open_files_that_it_may_raise_it_raises():
    run = in_shell('ulimit -Sn 16; exec "$@"', "read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"), status=0)
    assert ids(run) == ids(alerts_of("storm-0558.pcap")), run


@test(each=["4", "64"])
def one_cpu_is_enough_for_any_number_of_workers(workers):
    cpu = min(os.sched_getaffinity(0))
    run = bearertap("read", "-f", "ecs", "-w", workers, *keys(), scratch("storm-0558.pcap"),
                    preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    assert ids(run) == ids(alerts_of("storm-0558.pcap")), run


# No rights.


@test(only_if=IS_ROOT, each=["capture", "key list", "folder of the capture"])
def what_a_user_may_not_read_is_said(what):
    folder = scratch("private")
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    paths = {"capture": os.path.join(folder, "storm.pcap"), "key list": os.path.join(folder, "keys.json")}
    for path, name in zip(paths.values(), ("storm-0558.pcap", "revoked.jwks.json")):
        with open(path, "wb") as file:
            file.write(read_bytes(scratch(name)))
        os.chmod(path, 0o644)
    if what in paths:
        os.chmod(paths[what], 0o600)
    else:
        os.chmod(folder, 0o700)
        paths["key list"] = scratch("revoked.jwks.json")
    run = bearertap("read", "-k", paths["key list"], paths["capture"], status=None, **as_nobody())
    says_one_error(run, paths[what if what in paths else "capture"], "Permission denied")
    if what != "key list":
        assert "sudo" in run.errors, run


@test(only_if=IS_ROOT and can_make_namespaces())
def a_poor_system_is_enough():
    """No folder that can be written, no /proc (but for sanitizers, which read it), no home."""
    script = ("mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp && mount -t tmpfs -o ro tmpfs /run" +
              ("" if harness.SANITIZED else " && mount -t tmpfs -o ro tmpfs /proc") +
              ' && cd / && exec env -i XDG_RUNTIME_DIR=/nowhere/at/all "$@"')
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", harness.BINARY, "read", "-q", "-f", "ecs", *keys(),
                           scratch("storm-0558.pcap")], capture_output=True, timeout=harness.TIMEOUT_S)
    run = Run(["read", "on a poor system"], done.returncode, done.stdout, done.stderr)
    assert run.status == 0 and ids(run) == ids(alerts_of("storm-0558.pcap")), run


# Not what it should be.


@test
def captures_that_cannot_be_any_are_said_and_the_next_is_read():
    with tempfile.TemporaryDirectory(dir=harness.SCRATCH) as folder, socket.socket(socket.AF_UNIX) as listening:
        paths = {name: os.path.join(folder, name) for name in ("folder", "socket", "loop")}
        os.mkdir(paths["folder"])
        listening.bind(paths["socket"])
        os.symlink("loop", paths["loop"])
        words = {paths["folder"]: "is a directory", paths["socket"]: "a socket", paths["loop"]: "symbolic links",
                 "/dev/null": "is empty", "/dev/zero": "not a capture", "/".join(["a" * 250] * 200): "File name too long",
                 "": 'cannot open ""'}
        run = bearertap("read", "-q", "-f", "ecs", *keys(), *words, scratch("storm-0558.pcap"), status=1)
        assert ids(run) == ids(alerts_of("storm-0558.pcap")), run
        errors = errors_of(run)
        assert len(errors) == len(words) and max(map(len, errors)) < 1200, run
        for path, error in zip(words, errors):
            assert words[path] in error and path[:100] in error, error
        bearertap("read", "-q", *keys(), paths["folder"], status=1)


@test(each=["folder", "4 GB in one line", "a line without an end"])
def a_key_list_that_cannot_be_one_is_said_at_once(kind):
    """In little memory, whatever its size."""
    path = scratch("odd-keys")
    if kind == "folder":
        os.makedirs(path, exist_ok=True)
        script = 'exec "$@"'
    elif kind == "4 GB in one line":
        path += "-large"
        with open(path, "wb") as file:
            file.truncate(4 << 30)
        script = 'exec "$@"'
    else:
        path = "/dev/stdin"
        script = "tr '\\0' a </dev/zero | \"$@\""
    if not harness.SANITIZED:
        script = "ulimit -v 300000; " + script
    run = in_shell(script, "read", "-k", path, scratch("storm-0558.pcap"))
    says_one_error(run, path, {"folder": "is a directory", "4 GB in one line": "split it", "a line without an end": "line"}[kind])


@test
def a_key_list_may_come_through_a_pipe():
    run = in_shell('exec "$1" read -f ecs -k <(cat "$2") "$3"', scratch("revoked.jwks.json"), scratch("storm-0558.pcap"), status=0)
    assert ids(run) == ids(alerts_of("storm-0558.pcap")), run


@test
def the_same_capture_twice_gives_its_alerts_once():
    run = bearertap("read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"), scratch("storm-0558.pcap"))
    assert ids(run) == ids(alerts_of("storm-0558.pcap")), run


@test
def a_closed_standard_input_is_said():
    run = in_shell('exec "$@" <&-', "read", "-q", *keys(), "-")
    says_one_error(run, "standard input", "Bad file descriptor")


@test
def a_closed_standard_error_changes_no_alert():
    run = in_shell('exec "$@" 2>&-', "read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"), status=0)
    assert ids(run) == ids(alerts_of("storm-0558.pcap")), run


@test
def a_capture_that_shrinks_while_it_is_read_does_no_harm():
    subprocess.run([os.path.join(harness.SOURCE, "tests/bench/make-api-capture"), "8", scratch("shrinks.pcap")], check=True,
                   stdout=subprocess.DEVNULL)
    process = start("read", "-f", "ecs", "--tokens", scratch("shrinks.pcap"), stdin=subprocess.DEVNULL)
    process.stdout.readline()  # it is under way; where it is exactly does not matter
    os.truncate(scratch("shrinks.pcap"), 3_000_001)
    run = finish(process)
    assert run.status == 0 and run.stdout and not errors_of(run), run


# Signals.


def catches(process, number):
    with open(f"/proc/{process.pid}/status") as file:
        caught = int(re.search(r"SigCgt:\s*([0-9a-f]+)", file.read()).group(1), 16)
    return caught >> (number - 1) & 1 == 1


@test(each=["SIGTERM", "SIGHUP"])
def a_signal_ends_the_wait_for_a_writer_that_does_not_come(name):
    """At any time: it is sent as soon as there is somebody to take it."""
    pipe = scratch("silent-pipe")
    if not os.path.exists(pipe):
        os.mkfifo(pipe)
    number = getattr(signal, name)
    process = start("read", *keys(), pipe, stdin=subprocess.DEVNULL)
    wait_until(f"{name} to be caught", lambda: process.poll() is not None or catches(process, number), harness.TIMEOUT_S)
    process.send_signal(number)
    run = finish(process)
    assert run.status == 0 and "interruption" in run.errors, run


@test(each=["SIGHUP", "SIGINT"] if LONG else ["SIGHUP"])
def a_signal_ignored_before_it_began_stays_ignored(name):
    """nohup, and jobs in the background."""
    number = getattr(signal, name)
    process = start("read", "-f", "ecs", *keys(), "-", restore_signals=False,
                    preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))
    wait_until("SIGTERM to be caught", lambda: process.poll() is not None or catches(process, signal.SIGTERM), harness.TIMEOUT_S)
    process.send_signal(number)
    process.stdin.write(read_bytes(scratch("storm-0558.pcap")))
    run = finish(process)
    assert run.status == 0 and ids(run) == ids(alerts_of("storm-0558.pcap")), run


@test
def stopped_and_continued_it_loses_nothing():
    data = read_bytes(scratch("placements.pcap"))
    process = start("read", "-f", "ecs", *keys(), "-")
    for part in (data[:10], data[10:3000], data[3000:]):
        process.send_signal(signal.SIGSTOP)
        process.stdin.write(part)
        process.stdin.flush()
        process.send_signal(signal.SIGCONT)
    run = finish(process)
    assert run.status == 0 and ids(run) == ids(alerts_of("placements.pcap")), run


@test
def no_memory_of_it_is_ever_dumped():
    """Whatever limits say: it stands there with a token in its memory, and ends by SIGABRT."""
    with tempfile.TemporaryDirectory() as folder:
        def allow_dumps():
            try:
                resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            except ValueError:
                pass  # not root: as far as we may

        process = start("read", "-f", "ecs", *keys(), "-", cwd=folder, preexec_fn=allow_dumps)
        process.stdin.write(read_bytes(scratch("storm-0558.pcap")))
        process.stdin.flush()
        process.stdout.readline()  # an alert: it has seen a token
        process.send_signal(signal.SIGABRT)
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        run = finish(process)
        assert run.status == -signal.SIGABRT, run
        assert ended.si_code == os.CLD_KILLED, f"the kernel dumped it: {ended}"
        assert not os.listdir(folder), os.listdir(folder)


@test(only_if=IS_ROOT)
def its_memory_is_not_for_other_programs_of_the_same_user():
    process = start("read", *keys(), "-", **as_nobody())
    process.stdin.write(read_bytes(scratch("storm-0558.pcap")))
    process.stdin.flush()
    process.stdout.readline()  # it has seen a token
    look = subprocess.run(["cat", f"/proc/{process.pid}/mem"], capture_output=True, text=True, **as_nobody())
    attach = subprocess.run(["cat", f"/proc/{process.pid}/environ"], capture_output=True, text=True, **as_nobody())
    finish(process)
    for done in (look, attach):
        assert done.returncode == 1 and "Permission denied" in done.stderr and not done.stdout, done


# Odd surroundings and odd arguments.


@test(each=["Pacific/Kiritimati", ":/etc/passwd"])
def locale_and_time_zone_change_no_byte(zone):
    def told(run):
        return [re.sub(r'"created":"[^"]*"', "", line) for line in run.text.splitlines()]

    run = bearertap("read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"),
                    env={"TZ": zone, "LC_ALL": "tr_TR.UTF-8", "LANG": "no_such", "POSIXLY_CORRECT": "1"})
    assert told(run) == told(alerts_of("storm-0558.pcap")), run


@test(each=["capture", "key list", "option", "command", "format"])
def what_a_terminal_would_act_on_is_escaped_in_messages(where):
    odd = "a\x1b[31m\n\x07\x9b".encode("latin-1") + "ä\x85\u202e".encode()
    capture = scratch("storm-0558.pcap").encode()
    arguments = {"capture": [b"read", odd], "key list": [b"read", b"-k", odd, capture], "option": [b"read", b"--" + odd, capture],
                 "command": [odd], "format": [b"read", b"-f", odd, capture]}[where]
    done = subprocess.run([harness.BINARY.encode(), *arguments], capture_output=True, env=environment(), timeout=harness.TIMEOUT_S)
    run = Run([where], done.returncode, done.stdout, done.stderr)
    assert run.status == (1 if where in ("capture", "key list") else 2) and len(errors_of(run)) == 1, run
    shown = errors_of(run)[0]
    assert r"a\x1b[31m\x0a\x07\x9bä\xc2\x85\xe2\x80\xae" in shown, shown
    assert not any(byte < 32 and byte != 10 or byte == 127 for byte in run.stderr), run.stderr


@test(each=["capture", "key list", "option", "command"])
def a_very_long_argument_leaves_the_message_whole(where):
    long = "x" * 100_000
    arguments = {"capture": ["read", "-q", *keys(), long], "key list": ["read", "-k", long, "y"], "option": ["read", "--" + long],
                 "command": [long]}[where]
    run = bearertap(*arguments, status=1 if where in ("capture", "key list") else 2)
    assert len(run.stderr) < 1200 and "xxxx" in run.errors, run
    assert {"capture": "File name too long", "key list": "File name too long", "option": "--help", "command": "--help"}[where] in run.errors, run


MISTAKES = {"read -Zq": "-Z", "read --quiet --no-such": "--no-such", "read --tokens -Z": "-Z", "read -qk": "-k", "read --keys": "--keys",
            "read --quiet=3": "takes no value", "read --t=1": "takes no value", "read --fo xml": "xml",
            "keys list -xq x": "-x", "keys list --json -xq x": "-x", "keys lint -qf": "-f", "keys lint --max": "--max",
            "keys list --quiet=3 x": "takes no value", "keys list --no-such x": "--no-such", "keys lint --fo xml x": "xml",
            "keys lnit x": "lnit"}


@test(each=MISTAKES)
def a_wrong_option_is_named(arguments):
    run = bearertap(*arguments.split(), status=2)
    assert len(errors_of(run)) == 1 and MISTAKES[arguments] in run.errors, run


NEARLY = {"read --formt ecs x": "--format", "read --qiuet x": "--quiet", "read --fail-on-alerts x": "--fail-on-alert",
          "read --halp x": "--help", "read --keyz=x y": "--keys", "keys list --cuont x": "--count", "keys lint --mx 3 x": "--max",
          "keys lint --jsn x": "--json", "keys lint --no-such x": "", "read --xy x": "", "keys lint --y x": ""}


@test(each=NEARLY)
def a_mistyped_option_is_told_which_was_probably_meant(arguments):
    run = bearertap(*arguments.split(), status=2)
    assert re.findall(r"did you mean (--[a-z-]+)\?", run.errors) == ([NEARLY[arguments]] if NEARLY[arguments] else []), run


@test(each=["command", "format", "workers", "option", "no option", "after Bearer", "key id", "a JWE without a key", "keys", "keys format",
            "keys maximum", "keys option", "keys list", "keys key id"])
def a_token_in_any_argument_is_not_repeated(where):
    token = next(iter(harness.manifest("storm-0558.pcap")["tokens"].values()))
    arguments = {"command": [token], "format": ["read", "-f", token, "x"], "workers": ["read", "-w", token, "x"],
                 "option": ["read", f"--keyz={token}"], "no option": ["read", f"--{token}", "x"],
                 "after Bearer": ["read", f"Bearer {token}"], "key id": ["read", "-k", f"id:{token}", "x"],
                 "a JWE without a key": ["read", token.split(".")[0] + "..aXY.Y2lwaGVydGV4dA." + token[-12:]],
                 "keys": ["keys", token], "keys format": ["keys", "lint", "-f", token, "x"],
                 "keys maximum": ["keys", "lint", "--max", token, "x"], "keys option": ["keys", "list", f"--{token}", "x"],
                 "keys list": ["keys", "list", "x", token], "keys key id": ["keys", "list", f"id:{token}"]}[where]
    run = bearertap(*arguments, status=None)
    assert run.status in (1, 2) and "token" in run.errors, run
    assert token[:12] not in run.errors and token[-12:] not in run.errors, "the message repeats it"


@test
def what_only_resembles_a_token_is_none():
    run = bearertap("read", "-q", "-k", "id:https://keyvault.keys.example.com/keys/the-key-of-the-eyrie/0123456789abcdef",
                    "-k", "id:storey-parking.example.com-2024-01-01-key-number-one", scratch("storm-0558.pcap"))
    assert run.stderr == b"", run
    run = bearertap("read", "-q", "/data/survey-of-2024.network-one.first-half.capture.pcap", status=1)
    assert "No such file" in run.errors, run
    path = scratch("eyjafjallajokull-2010-04-14.ash.plume.capture")
    os.symlink(scratch("storm-0558.pcap"), path)
    assert bearertap("read", "-q", "-f", "ecs", *keys(), path).lines
