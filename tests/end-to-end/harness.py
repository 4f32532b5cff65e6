# SPDX-License-Identifier: BSD-3-Clause
"""What the end-to-end tests share: the tests' register, running bearertap, captures and their manifests.

A test is a function with a sentence as its name and @test before it. It gets nothing and asserts. @test(each=[...]) runs
it once for each value. What bearertap writes in any test is kept: the last test searches all of it for tokens.
"""
import collections
import functools
import glob
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import threading
import time

TESTS = []  # (name, function), in the order in which they stand in the files
OUTPUTS = []  # everything that bearertap wrote: (what was run, bytes)
SECRETS = []  # tokens that were made for a test, beside those of the captures: none may stand in any output

LONG = os.environ.get("BEARERTAP_LONG") == "1"
SOURCE = None  # the source folder
BUILD = None  # the build folder that the program came from
BINARY = None  # bearertap: a copy that anybody may run
SCRATCH = None  # a folder of this run, which anybody may read; goes away at the end
SANITIZED = False
TIMEOUT_S = int(os.environ.get("BEARERTAP_TIMEOUT_S", "60"))
CAPTURE_NAMES = []


def test(function=None, each=None, only_if=True):
    if function is None:
        return functools.partial(test, each=each, only_if=only_if)
    if only_if:
        TESTS.append((function, each))
    return function


@functools.lru_cache(maxsize=None)
def can_make_namespaces():
    """Not as an ordinary user, and not in every container."""
    return subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True).returncode == 0


def set_up(binary, source):
    """Copies what is tested to where `nobody` may read it, too: the source may lie in a private folder."""
    global SOURCE, BUILD, BINARY, SCRATCH, SANITIZED
    SOURCE = os.path.abspath(source)
    BUILD = os.path.dirname(os.path.dirname(os.path.abspath(binary)))
    SCRATCH = tempfile.mkdtemp(prefix="bearertap-test-")
    os.chmod(SCRATCH, 0o755)
    BINARY = os.path.join(SCRATCH, "bearertap")
    shutil.copy(binary, BINARY)
    os.chmod(BINARY, 0o755)
    with open(BINARY, "rb") as file:
        program = file.read()
        SANITIZED = b"__asan_init" in program or b"__tsan_init" in program
    files = (f"{SOURCE}/tests/{name}" for name in ("captures/*.pcap*", "captures/*.json", "end-to-end/leaks.suppressions"))
    for path in (path for pattern in files for path in glob.glob(pattern)):
        shutil.copy(path, SCRATCH)
        os.chmod(os.path.join(SCRATCH, os.path.basename(path)), 0o644)
    CAPTURE_NAMES.extend(sorted(os.path.basename(path) for path in glob.glob(f"{SCRATCH}/*.pcap*")))
    assert CAPTURE_NAMES, f"no captures in {SOURCE}/tests/captures"


def tear_down():
    shutil.rmtree(SCRATCH, ignore_errors=True)


def scratch(name):
    return os.path.join(SCRATCH, name)


def captures():
    return CAPTURE_NAMES


# Running it.


class Run:
    """What a run left: its status and what it wrote."""

    def __init__(self, arguments, status, stdout, stderr):
        self.arguments, self.status, self.stdout, self.stderr = arguments, status, stdout, stderr
        assert status != 0 or stdout[-1:] in (b"", b"\n"), f"the last line has no end: {self}"
        OUTPUTS.append((" ".join(arguments), stderr + stdout))  # in this order: what is killed may leave half a line

    @property
    def errors(self):
        return self.stderr.decode(errors="replace")

    @property
    def text(self):
        return self.stdout.decode(errors="replace")

    @property
    def lines(self):
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def __str__(self):
        return f"bearertap {' '.join(self.arguments)}: status {self.status}\n{self.text[-2000:]}\n{self.errors[-4000:]}"


def environment(**more):
    """Nothing of the caller's surroundings that could change what is written."""
    result = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "HOME", "XDG_RUNTIME_DIR")}
    result["TERM"] = "xterm"
    result["LSAN_OPTIONS"] = f"suppressions={scratch('leaks.suppressions')}:print_suppressions=0"
    result.update(more)
    return result


def bearertap(*arguments, status=0, env=None, **options):
    """Runs it to its end; `status` is what it must exit with (None: anything). `options` are subprocess.run's."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    done = subprocess.run([BINARY, *arguments], timeout=TIMEOUT_S, env=environment(**(env or {})), **options)
    run = Run(list(map(str, arguments)), done.returncode, done.stdout or b"", done.stderr or b"")
    assert status is None or run.status == status, f"expected status {status}: {run}"
    return run


def start(*arguments, env=None, **options):
    """Starts it, with pipes; `finish` ends what this began."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    process = subprocess.Popen([BINARY, *arguments], env=environment(**(env or {})), **options)
    process.arguments_given = list(arguments)
    return process


def finish(process):
    stdout, stderr = process.communicate(timeout=TIMEOUT_S)
    return Run(process.arguments_given, process.returncode, stdout or b"", stderr or b"")


def line_before_the_end(process):
    """The first line of a run whose input stays open, and then its end; the line must come before that."""
    lines = []
    reader = threading.Thread(target=lambda: lines.append(process.stdout.readline()), daemon=True)
    reader.start()
    reader.join(timeout=20)
    came = bool(lines) and process.poll() is None
    process.stdin.close()
    process.stdin = None
    reader.join()
    run = finish(process)
    assert came and lines[0], f"no line before the end of input: {run}"
    OUTPUTS.append(("first line", lines[0]))
    return json.loads(lines[0])


def wait_until(what, is_so, seconds=10):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"waited {seconds} s for {what}, in vain"
        time.sleep(0.02)


def keys():
    return ["-k", scratch("revoked.jwks.json")]


def tokens_of(name, workers=None):
    """All sightings of a capture, clean ones too; the same run serves many tests."""
    return _tokens_of(name, workers or max(1, len(os.sched_getaffinity(0)) - 1))  # as many as without being told


@functools.lru_cache(maxsize=None)
def _tokens_of(name, workers):
    return bearertap("read", "-f", "ecs", "--tokens", *keys(), "-w", str(workers), scratch(name))


@functools.lru_cache(maxsize=None)
def alerts_of(name):
    return bearertap("read", "-f", "ecs", *keys(), scratch(name))


# What a line says, in the words of the manifest.


def get(line, path, default=None):
    for member in path.split("."):
        if not isinstance(line, dict) or member not in line:
            return default
        line = line[member]
    return line


def is_alert(line):
    return get(line, "event.kind") == "alert"


def sightings_in(line):
    return get(line, "bearertap.sightings", 1)


# The manifests.


@functools.lru_cache(maxsize=None)
def manifest(name, folder=None):
    with open(os.path.join(folder or SCRATCH, os.path.splitext(name)[0] + ".manifest.json")) as file:
        return json.load(file)


def weighed(pairs):
    """[(thing, how often)] -> Counter."""
    result = collections.Counter()
    for thing, times in pairs:
        result[thing] += times
    return result


def describe_difference(expected, found):
    missing, extra = expected - found, found - expected
    return f"missing: {dict(missing)}\nnot expected: {dict(extra)}"


# The summary on stderr. Its form is known here and nowhere else in the tests.


def number(text):
    return int(text.replace(",", ""))


def summary(run):
    """{"packets": (received, {outcome: packets}), "payload": (bytes, {outcome: bytes}), "tokens": ...}: each heading
    with the rows below it, `heading NUMBER ...` and `  NUMBER  name  what it means`."""
    result, rows = {}, None
    for line in run.errors.splitlines():
        row = re.match(r"\s+([\d,]+)  (\S+)", line)
        heading = re.match(r"(\w+)(?: ([\d,]+))?", line)
        if row and rows is not None:
            rows[row.group(2)] = number(row.group(1))
        elif heading and not line.startswith(" "):
            rows = {}
            result[heading.group(1)] = (number(heading.group(2) or "0"), rows)
    return result


# Capture files, read and written here without anybody's library, so that odd ones can be made.


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


class Pcap:
    """A classic pcap in memory: [(seconds, microseconds, wire length, bytes)]."""

    def __init__(self, path=None, link_type=1, packets=None):
        self.link_type, self.packets = link_type, packets or []
        if path:
            data = read_bytes(path)
            assert data[:4] == b"\xd4\xc3\xb2\xa1", f"{path} is no little-endian pcap"
            self.link_type = struct.unpack_from("<I", data, 20)[0]
            at = 24
            while at < len(data):
                seconds, micros, captured, wire = struct.unpack_from("<IIII", data, at)
                self.packets.append((seconds, micros, wire, data[at + 16 : at + 16 + captured]))
                at += 16 + captured

    def encode(self, order="<", nanoseconds=False):
        magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
        parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, self.link_type)]
        for seconds, micros, wire, data in self.packets:
            fraction = micros * 1000 if nanoseconds else micros
            parts.append(struct.pack(order + "IIII", seconds, fraction, len(data), wire) + data)
        return b"".join(parts)

    def write(self, path, **options):
        with open(path, "wb") as file:
            file.write(self.encode(**options))
        return path

    def keep(self, is_kept):
        return Pcap(link_type=self.link_type, packets=[packet for packet in self.packets if is_kept(packet[3])])


def tcp_of(frame):
    """(source port, destination port, flags, payload length) of an Ethernet frame with IPv4 and TCP."""
    assert frame[12:14] == b"\x08\x00"
    ip = frame[14:]
    header = (ip[0] & 15) * 4
    tcp = ip[header:]
    total = struct.unpack_from("!H", ip, 2)[0]
    return (*struct.unpack_from("!HH", tcp), tcp[13], total - header - (tcp[12] >> 4) * 4)


def tshark(path, *arguments):
    command = ["tshark", "-n", "-r", path, "-o", "tcp.reassemble_out_of_order:TRUE", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
