# SPDX-License-Identifier: BSD-3-Clause
"""Every line that was written as ecs in any test before follows config/alert.schema.json; so this file comes last."""
import collections
import os
import re
import subprocess

import harness
from alert_schema import fault, members_of, parse
from harness import OUTPUTS, test

# Those that write odd lines. (The one about folding writes thousands, which differ in their numbers alone.)
UNIT_TESTS = [path for path in (f"{harness.BUILD}/tests/unit/test_alert{name}" for name in ("", "_output"))
              if os.access(path, os.X_OK)]
ALIKE_MAX = 50
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
CREATED = re.compile(rb'"created":"([^"]*)"')


def check(written):
    """Looks once at each line; the same line from another run differs in the wall clock. Of thousands with the same
    members, as a long capture gives them, the first are enough. Returns how many it looked at."""
    seen, alike = set(), collections.Counter()
    for what, text in written:
        for line in text.split(b"\n")[:-1]:  # behind the last one stands nothing, or what a kill cut
            if not line.startswith(b'{"@timestamp"'):
                continue
            created = CREATED.search(line)
            assert created and TIME.fullmatch(created[1]), f"event.created in a line of {what}: {line.decode()}"
            same = CREATED.sub(b"", line, count=1)
            if same in seen:
                continue
            seen.add(same)
            parsed = parse(line)
            shape = frozenset(members_of(parsed))
            alike[shape] += 1
            if alike[shape] > ALIKE_MAX:
                continue
            problem = fault(harness.SOURCE, parsed)
            assert problem is None, f"{problem} in a line of {what}: {line.decode()}"
    return sum(min(count, ALIKE_MAX) for count in alike.values())


@test
def every_line_of_every_test_follows_the_schema():
    count = check((f"bearertap {arguments}", written) for arguments, written in OUTPUTS)
    assert count > 50, f"only {count} lines to look at"


@test(only_if=UNIT_TESTS)
def every_line_of_the_unit_tests_follows_the_schema():
    path = harness.scratch("unit-tests.lines")
    for program in UNIT_TESTS:
        subprocess.run([program], env=harness.environment(BEARERTAP_TEST_LINES=path), timeout=harness.TIMEOUT_S,
                       check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    count = check([("the unit tests", harness.read_bytes(path))])
    assert count > 50, f"only {count} lines to look at"
