# SPDX-License-Identifier: BSD-3-Clause
"""No token, signature or payload in anything that was written in any test before; so this file comes last."""
import re

from harness import OUTPUTS, SECRETS, captures, manifest, test

WINDOW = 24  # characters: what is shorter could be a coincidence, or a key id


def secrets():
    return {text for name in captures() for text in manifest(name)["tokens"].values()} | set(SECRETS)


@test
def no_output_holds_any_part_of_a_token():
    windows, parts = {}, {}
    for text in secrets():
        for part in text.split("."):
            if len(part) > 16:
                parts[part] = text
            for at in range(len(part) - WINDOW + 1):
                windows[part[at : at + WINDOW]] = text
    assert len(windows) > 10000, "there was nothing to look for"
    assert len(OUTPUTS) > 20, "there was nothing to look through"
    whole = re.compile("|".join(re.escape(part) for part in parts if len(part) < WINDOW) or "(?!)")
    for arguments, written in OUTPUTS:
        text = written.decode(errors="replace")
        assert not whole.search(text), f"a token's part in the output of: bearertap {arguments}"
        for run in re.finditer(rf"[A-Za-z0-9_-]{{{WINDOW},}}", text):
            word = run.group()
            for at in range(len(word) - WINDOW + 1):
                if word[at : at + WINDOW] in windows:
                    raise AssertionError(f"a token's text at ...{text[max(0, run.start() - 80):run.start()]!r} "
                                         f"in the output of: bearertap {arguments}")


@test
def no_output_holds_a_claim_that_is_not_a_registered_one_or_a_query():
    for arguments, written in OUTPUTS:
        for secret in (b"minister@agency.example", b"mail.read", b"top=100", b"access_token="):
            assert secret not in written, f"{secret} in the output of: bearertap {arguments}"
