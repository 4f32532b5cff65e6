# SPDX-License-Identifier: BSD-3-Clause
"""Captures made right now, with new keys and whatever clients, servers and jwcrypto are installed."""
import glob
import os
import shutil
import subprocess

import harness
from harness import LONG, bearertap, can_make_namespaces, scratch, summary, test
from tokens import check_requests, check_tokens

CAN_CAPTURE = os.geteuid() == 0 and can_make_namespaces()


def make(program, folder, *names):
    command = [f"{harness.SOURCE}/tests/captures/{program}", folder, *names]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{program}: {done.stdout[-2000:]}"


def check(folder, name, workers):
    truth = harness.manifest(name, folder)
    run = bearertap("read", "-f", "ecs", "--tokens", "-w", workers, "-k", f"{folder}/revoked.jwks.json", f"{folder}/{name}")
    check_tokens(truth, run)
    check_requests(truth, run)
    return run


@test(only_if=CAN_CAPTURE)
def large_uploads_to_apache_made_right_now_are_scanned_to_their_end():
    """Python and Perl send bodies of megabytes with the token at their end, and go on with other requests."""
    folder = scratch("uploads")
    os.mkdir(folder)
    shutil.copy(scratch("revoked.jwks.json"), folder)  # kids are all that is needed of it
    make("make-captures-of-others", folder, "upload-at-once.pcap")
    for workers in ("1", "2"):
        run = check(folder, "upload-at-once.pcap", workers)
        assert summary(run)["payload"][1]["scanned"] > 3_000_000, run.errors


@test(only_if=LONG and CAN_CAPTURE)
def captures_made_right_now_hold_what_their_manifests_say():
    folder = scratch("live")
    make("make-captures", folder)
    names = sorted(map(os.path.basename, glob.glob(f"{folder}/*.pcap*")))
    assert len(names) >= 10, names
    for name in names:
        for workers in ("1", "2"):
            check(folder, name, workers)
