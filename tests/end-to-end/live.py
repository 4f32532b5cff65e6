# SPDX-License-Identifier: BSD-3-Clause
"""Captures made right now, with new keys and whatever nginx, curl and jwcrypto are installed."""
import glob
import os
import subprocess

import harness
from harness import LONG, bearertap, can_make_namespaces, scratch, test
from tokens import check_requests, check_tokens


@test(only_if=LONG and os.geteuid() == 0 and can_make_namespaces())
def captures_made_right_now_hold_what_their_manifests_say():
    folder = scratch("live")
    subprocess.run([f"{harness.SOURCE}/tests/captures/make-captures", folder], check=True, stdout=subprocess.DEVNULL)
    names = sorted(map(os.path.basename, glob.glob(f"{folder}/*.pcap*")))
    assert len(names) >= 10, names
    for name in names:
        truth = harness.manifest(name, folder)
        for workers in ("1", "2"):
            run = bearertap("read", "-f", "ecs", "--tokens", "-w", workers, "-k", f"{folder}/revoked.jwks.json", f"{folder}/{name}")
            check_tokens(truth, run)
            check_requests(truth, run)
