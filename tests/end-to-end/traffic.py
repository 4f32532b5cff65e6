# SPDX-License-Identifier: BSD-3-Clause
"""gen's traffic is what its truth says: bearertap finds all of it and nothing else, and tshark sees nothing wrong."""
import collections
import functools
import hashlib
import json
import os
import resource
import signal
import subprocess

import harness
from bad_days import in_shell, says_one_error
from harness import (bearertap, describe_difference, finish, get, read_bytes, scratch, sightings_in, start, summary, test,
                     tshark, wait_until, weighed)

# Few connections, and a seed with which one of them has a revoked key: so a few megabytes hold sightings enough.
FEW = ["--flows", "20", "--size", "5M", "--seed", "50"]

# {what: (its options, sightings at least)}; the first word is the mix. In `small` there are no tokens at all.
CASES = {
    "api": (FEW, 15),
    "bulk": (["--flows", "800", "--size", "6M"], 2),
    "small": (["--size", "2M"], 0),
    "handshakes": (["--flows", "50", "--size", "6M"], 3),
    "storm": (["--size", "4M"], 500),
    "unique": (FEW, 15),
    "unique-storm": (["--size", "4M"], 500),
    "chaos": (FEW, 15),
    "flood": (FEW, 5),
    "deep": (FEW, 15),
    "mixed": (FEW, 8),
    # With short segments a head has many, and often one of them is lost.
    "chaos of short segments": (["--flows", "20", "--size", "4M", "--seed", "384", "--payload", "40"], 8),
    "mixed under way": ([*FEW, "--under-way"], 5),
    "storm under way": (["--size", "3M", "--under-way"], 200),
    "api of jumbo frames": ([*FEW, "--payload", "8948"], 15),
    "api of offloaded segments": ([*FEW, "--payload", "65000"], 15),
}


class Made:
    def __init__(self, name):
        options, self.least = CASES[name]
        self.mix = name.split()[0]
        self.path = scratch(f"made-{name.replace(' ', '-')}.pcap")
        self.keys_path = self.path.replace(".pcap", ".keys.txt")
        bearertap("gen", "-o", self.path, "--mix", self.mix, *options)
        with open(self.path.replace(".pcap", ".truth.json")) as file:
            self.truth = json.load(file)
        self.totals = self.truth["totals"]

    @functools.lru_cache(maxsize=None)  # one run serves several tests
    def read(self, workers):
        return bearertap("read", "-f", "ecs", "-w", str(workers), "-k", self.keys_path, self.path)


@functools.lru_cache(maxsize=None)
def made(name):
    return Made(name)


def of_truth(sighting):
    return tuple(sighting.get(name) for name in ("client", "client_port", "server", "server_port", "kid", "placement",
                                                 "truncated", "token_sha256"))


def of_line(line):
    return (get(line, "source.ip"), get(line, "source.port"), get(line, "destination.ip"), get(line, "destination.port"),
            get(line, "bearertap.key.id"), get(line, "bearertap.token.placement"),
            get(line, "bearertap.token.truncated", False), get(line, "bearertap.token.sha256"))


@test(each=[f"{name}, -w {workers}" for name in CASES for workers in (1, 2)])
def what_is_found_in_made_traffic_is_its_truth(case):
    name, workers = case.split(", -w ")
    traffic = made(name)
    expected = weighed((of_truth(sighting), 1) for sighting in traffic.truth["sightings"])
    assert sum(expected.values()) == traffic.totals["sightings"] >= traffic.least, f"{traffic.totals}"
    run = traffic.read(int(workers))
    found = weighed((of_line(line), sightings_in(line)) for line in run.lines)
    assert expected == found, describe_difference(expected, found) + f"\n{run.errors}"


@test(each=CASES)
def the_counters_of_made_traffic_add_up_to_its_totals(name):
    traffic, run = made(name), made(name).read(1)
    told, totals = summary(run), traffic.totals
    if name == "small":
        assert told["packets"][1] == {"no_payload": totals["packets"]}, run.errors
    for heading, count in ("packets", totals["packets"]), ("payload", totals["payload_bytes"]), ("tokens", totals["tokens"]):
        received, outcomes = told.get(heading, (0, {}))
        assert received == sum(outcomes.values()) == count, f"{heading}: {received}, {outcomes}, not {count}\n{run.errors}"
    assert read_bytes(traffic.path)[:4] == b"\x4d\x3c\xb2\xa1", "not a little-endian pcap in nanoseconds"
    assert os.path.getsize(traffic.path) == 24 + 16 * totals["packets"] + totals["bytes"]
    assert not {"bad_checksum", "malformed", "truncated"} & told["packets"][1].keys(), run.errors


@test
def what_chaos_loses_of_a_token_is_said_to_be_cut():
    cut = [sighting for sighting in made("chaos of short segments").truth["sightings"] if sighting["truncated"]]
    assert cut and not any("token_sha256" in sighting for sighting in cut), cut


# Nothing is allocated where packets are inspected.


@functools.lru_cache(maxsize=None)
def allocation_trap():
    library = scratch("no-allocation.so")
    source = os.path.join(harness.SOURCE, "tests/end-to-end/no_allocation.c")
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", library, source], check=True)
    return {"LD_PRELOAD": library, "NO_ALLOCATION_ON": "worker-"}


@test(each=[f"{name}, -w {workers}" for name in CASES for workers in (1, 2)])
def workers_allocate_nothing_once_they_run(case):
    if harness.SANITIZED:
        return  # its allocator is its own
    name, workers = case.split(", -w ")
    traffic = made(name)
    run = bearertap("read", "-f", "ecs", "-w", workers, "-k", traffic.keys_path, traffic.path, env=allocation_trap(),
                    status=None)
    assert run.status == 0, run
    assert f"threads guarded: {workers}\n" in run.errors, run
    assert sum(map(sightings_in, run.lines)) == traffic.totals["sightings"], run


CALLS = ["malloc(9)", "calloc(9, 9)", "realloc(old, 99)", "free(old)", "aligned_alloc(64, 64)", "memalign(64, 64)",
         "posix_memalign(&old, 64, 64)", "mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)", "munmap(page, 4096)",
         "madvise(page, 4096, MADV_DONTNEED)", "sbrk(4096)", "brk(page)", "rte_malloc(0, 9, 0)", "rte_zmalloc(0, 9, 0)",
         "rte_realloc(old, 9, 0)", "rte_free(old)"]
CALLER = """
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <rte_malloc.h>
int main(int argc, char **argv)
{
    void *old = malloc(9), *page = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_setname_np(pthread_self(), argv[argc - 1]);
    CALL;
    return 0;
}
"""


@test(each=CALLS)
def what_allocates_on_a_workers_thread_is_caught(call):
    program = scratch("caller")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libdpdk"], capture_output=True, text=True, check=True).stdout
    subprocess.run(["gcc", "-w", "-fno-builtin", "-D_GNU_SOURCE", f"-DCALL={call}", "-x", "c", "-", "-o", program,
                    *flags.split()], input=CALLER, text=True, check=True)
    done = subprocess.run([program, "worker-0"], env=harness.environment(**allocation_trap()), capture_output=True,
                          text=True, timeout=harness.TIMEOUT_S)
    function = call.split("(")[0]
    assert done.returncode == 97 and f"allocation on a guarded thread: {function}, " in done.stderr, done
    done = subprocess.run([program, "lcore-0"], env=harness.environment(**allocation_trap()), capture_output=True,
                          text=True, timeout=harness.TIMEOUT_S)
    assert "guarded thread:" not in done.stderr and done.returncode != 97, done


@test(each=["api", "chaos", "mixed under way", "deep"], only_if=not harness.SANITIZED)  # the same bytes every time
def tshark_sees_as_many_tokens_and_nothing_wrong(name):
    traffic = made(name)
    checks = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    wrong = "_ws.malformed || tcp.checksum.status != 1 || ip.checksum.status == 0 || (ip && ip.checksum.status != 1)"
    assert tshark(traffic.path, *checks, "-Y", wrong) == "", "tshark finds fault with some packets"
    if name in ("api", "deep"):  # in the others there are losses, and connections that did not begin in the capture
        told = tshark(traffic.path, *checks, "-q", "-z", "expert,warn")
        assert "Warns" not in told and "Errors" not in told, told
    values = tshark(traffic.path, "-Y", "http.authorization", "-T", "fields", "-e", "http.authorization").split("\n")
    tokens = [value.split()[1] for line in values for value in line.split(",") if value]
    missing = traffic.totals["tokens"] - len(tokens)
    if name in ("chaos", "deep"):  # it does not see requests with a hole, and those whose bodies have not ended
        assert 0 <= missing <= 20, f"{len(tokens)} of {traffic.totals}"
        return
    assert len(tokens) == traffic.totals["tokens"], f"{len(tokens)}, not {traffic.totals['tokens']}"
    told = collections.Counter(sighting["token_sha256"] for sighting in traffic.truth["sightings"])
    seen = collections.Counter(hashlib.sha256(token.encode()).hexdigest() for token in tokens)
    assert told and all(seen[fingerprint] == times for fingerprint, times in told.items()), f"{told}"


@test
def the_same_options_give_the_same_files_and_another_seed_others():
    def files(name, *options):
        path = scratch(f"same-{name}.pcap")
        bearertap("gen", "-o", path, "--size", "1M", *options)
        truth = json.loads(read_bytes(path.replace(".pcap", ".truth.json")))
        return hashlib.sha256(read_bytes(path)).hexdigest(), read_bytes(path.replace(".pcap", ".keys.txt")), truth

    first, second, other = files("a"), files("b"), files("c", "--seed", "2")
    assert first == second
    assert first[0] != other[0] and first[1] != other[1]
    # Not by way of what is searched for tokens: this output is made of them.
    pipe = subprocess.run([harness.BINARY, "gen", "-q", "-o", "-", "--size", "1M"], capture_output=True, check=True,
                          cwd=harness.SCRATCH, timeout=harness.TIMEOUT_S, env=harness.environment())
    assert hashlib.sha256(pipe.stdout).hexdigest() == first[0]
    assert pipe.stderr == b"" and not os.path.exists(scratch("-.truth.json"))


# What can go wrong.


def mixes():
    rows = bearertap("gen", "--help").text.split("\nMixes:\n")[1].splitlines()
    return [row.split()[0] for row in rows]


@test
def the_help_of_gen_names_every_mix_and_each_has_a_test():
    assert {"api", "bulk", "small", "handshakes", "storm", "unique", "chaos", "flood", "deep", "mixed"} <= set(mixes())
    assert set(mixes()) == {name.split()[0] for name in CASES}


NONSENSE = {
    "--size 0": "500k, 100M or 2G",
    "--size 5T": "500k, 100M or 2G",
    "--size -1": "500k, 100M or 2G",
    "--size 99999999999G": "500k, 100M or 2G",
    "--size kM": "500k, 100M or 2G",
    "--seed x": "from 0 to 18446744073709551615",
    "--seed 18446744073709551616": "from 0 to 18446744073709551615",
    "--flows 0": "from 1 to 1048576",
    "--flows 1048577": "from 1 to 1048576",
    "--flows 10k": "from 1 to 1048576",
    "--keys 10000001": "from 1 to 10000000",
    "--payload 65001": "from 1 to 65000",
    "--payload 0": "from 1 to 65000",
    "--mix chaso": 'there is no mix "chaso" (did you mean chaos?)',
    "--mix zebra": 'there is no mix "zebra"; ',
    "--under-way=yes": "takes no value",
    "--sead 1": "did you mean --seed?",
    "capture.pcap": "behind -o",
    "--truth x.pcap": "one file each",
    "--revoked ./x.pcap": "one file each",
}


@test(each=NONSENSE)
def nonsense_is_refused_before_anything_is_written(arguments):
    path = scratch("x.pcap")
    with open(path, "wb") as file:
        file.write(b"precious")
    run = bearertap("gen", "-o", "x.pcap", *arguments.split(), status=2, cwd=harness.SCRATCH)
    assert NONSENSE[arguments] in run.errors and len(run.errors.splitlines()) == 1, run
    assert read_bytes(path) == b"precious"


@test
def gen_says_where_to_when_it_is_not_told():
    assert "-o" in bearertap("gen", status=2).errors


@test(each=["-o {bad}", "-o good.pcap --truth {bad}", "-o good.pcap --revoked {bad}"])
def a_file_that_cannot_be_written_is_said(arguments):
    bad = scratch("no-such-folder/x")
    run = bearertap("gen", *arguments.format(bad=bad).split(), status=1, cwd=harness.SCRATCH)
    says_one_error(run, bad, "No such file or directory")


@test(each=["-o /dev/full --truth t --revoked r", "-o g.pcap --truth /dev/full --mix storm", "-o g.pcap --revoked /dev/full"])
def a_full_disk_is_said_with_the_file_that_is_of_no_use(arguments):
    run = bearertap("gen", "--size", "5M", *arguments.split(), status=1, cwd=harness.SCRATCH)
    says_one_error(run, "/dev/full", "No space left on device", "of no use")


@test
def a_limit_on_the_size_of_files_is_said():
    limit = 1 << 20
    run = bearertap("gen", "-o", scratch("limited.pcap"), "--size", "5M", status=1,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    says_one_error(run, "limited.pcap", "File too large")


@test
def gen_ends_by_sigpipe_when_its_reader_goes_away():
    in_shell('set -o pipefail; "$@" | head -c 1000 | wc -c', "gen", "-o", "-", "--size", "50M", status=128 + signal.SIGPIPE)


@test
def no_packets_are_thrown_at_a_terminal():
    command = f"{harness.BINARY} gen -o - --size 1M"
    done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, timeout=harness.TIMEOUT_S,
                          stdin=subprocess.DEVNULL, env=harness.environment())
    assert done.returncode == 2 and b"terminal" in done.stdout and len(done.stdout) < 1000, done


@test(each=[signal.SIGINT, signal.SIGTERM])
def a_signal_ends_the_capture_early_and_well(number):
    path = scratch("early.pcap")
    process = start("gen", "-o", path, "--mix", "storm", "--size", "1000G")
    wait_until("some of the capture", lambda: os.path.exists(path) and os.path.getsize(path) > 1 << 20)
    process.send_signal(number)
    run = finish(process)
    assert run.status == 0, run
    totals = json.loads(read_bytes(scratch("early.truth.json")))["totals"]
    assert os.path.getsize(path) == 24 + 16 * totals["packets"] + totals["bytes"]
    read = bearertap("read", "-f", "ecs", "-k", scratch("early.keys.txt"), path)
    assert sum(sightings_in(line) for line in read.lines) == totals["sightings"] > 0, read.errors
    os.unlink(path)
