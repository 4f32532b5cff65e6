# SPDX-License-Identifier: BSD-3-Clause
"""As an ordinary user, several at once, leaving nothing behind."""
import glob
import os
import re
import signal
import subprocess
import tempfile

import harness
from harness import alerts_of, bearertap, can_make_namespaces, finish, get, keys, read_bytes, scratch, start, test, wait_until

NOBODY = 65534
IS_ROOT = os.geteuid() == 0


def as_nobody():
    """Options for subprocess: nobody, in a folder that it cannot write."""
    options = {"cwd": "/"}
    if IS_ROOT:
        options.update(user=NOBODY, group=NOBODY, extra_groups=[])
    return options


def traces():
    """What could be left where every program's shared memory lives."""
    return {path for pattern in ("/dev/hugepages/*rte*", "/dev/shm/*rte*") for path in glob.glob(pattern)}


@test
def nobody_can_run_it_in_a_folder_it_cannot_write():
    run = bearertap("read", "-f", "ecs", *keys(), scratch("storm-0558.pcap"), **as_nobody())
    assert len(run.lines) == len(alerts_of("storm-0558.pcap").lines), run


@test
def nobody_leaves_no_runtime_folder_behind():
    """DPDK makes one in XDG_RUNTIME_DIR, or in /tmp without it."""
    folder = scratch("runtime")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    bearertap("read", *keys(), scratch("storm-0558.pcap"), env={"XDG_RUNTIME_DIR": folder}, **as_nobody())
    assert not os.listdir(folder), f"left behind: {[os.path.join(path, *names) for path, names, _ in os.walk(folder)]}"


@test(only_if=IS_ROOT and can_make_namespaces())
def root_leaves_no_runtime_folder_behind():
    """The same in /run, looked at in a mount namespace with an empty one."""
    script = 'mount -t tmpfs tmpfs /run && "$@" >/dev/null && find /run -mindepth 1'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", harness.BINARY, "read", "-q", *keys(), scratch("storm-0558.pcap")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT_S)
    assert done.returncode == 0 and not done.stdout, f"left behind: {done.stdout}{done.stderr}"


@test
def where_no_thread_is_to_be_had_it_says_so():
    """Not root, whom the limit does not bind."""
    options = as_nobody()
    limit = ["prlimit", "--nproc=1", harness.BINARY, "read", *keys(), scratch("storm-0558.pcap")]
    done = subprocess.run(limit, capture_output=True, text=True, timeout=harness.TIMEOUT_S, **options)
    assert done.returncode == 1, f"{done.returncode}: {done.stderr}"
    assert re.search(r"cannot start \d+ threads, only 0: .*`ulimit -u`", done.stderr), done.stderr


@test
def two_at_once_do_not_disturb_each_other():
    data = read_bytes(scratch("placements.pcap"))
    both = [start("read", "-f", "ecs", *keys(), "-", **as_nobody()) for _ in range(2)]
    for process in both:
        process.stdin.write(data)
        process.stdin.flush()
    # both have begun to read before either is allowed to end
    for process in both:
        wait_until("both to read", lambda: process.poll() is not None or read_so_far(process) > len(data))
    runs = [finish(process) for process in both]
    for run in runs:
        assert run.status == 0, run
        assert len(run.lines) == len(alerts_of("placements.pcap").lines), run
    ids = [sorted(get(line, "event.id") for line in run.lines) for run in runs]
    assert ids[0] == ids[1], "not the same lines"


def read_so_far(process):
    if not IS_ROOT:
        return 1 << 30
    with open(f"/proc/{process.pid}/io") as file:
        return int(file.readline().split()[1])


@test(each=["SIGKILL", "end of input"])
def nothing_is_left_behind(how):
    before = traces()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as temporary:
        process = start("read", "-f", "ecs", *keys(), "-", cwd=folder, env={"TMPDIR": temporary})
        process.stdin.write(read_bytes(scratch("storm-0558.pcap")))
        process.stdin.flush()
        wait_until("it to read", lambda: process.poll() is not None or read_so_far(process) > 8000)
        if how == "SIGKILL":
            process.send_signal(signal.SIGKILL)
        finish(process)
        left = os.listdir(folder) + os.listdir(temporary)
    assert not left and traces() <= before, f"left behind: {left} {traces() - before}"


@test
def it_needs_no_more_than_a_small_address_space_of_files():
    """Sixty-four open files are plenty, whatever the number of captures."""
    import resource

    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    run = bearertap("read", "-f", "ecs", *keys(), *[scratch("storm-0558.pcap")] * 100, preexec_fn=few_files)
    assert run.lines, run
