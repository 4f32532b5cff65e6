# SPDX-License-Identifier: BSD-3-Clause
"""Keys that change while `bearertap run` inspects: by ctl, by their files, by SIGHUP; the next token meets the new list."""
import fcntl
import json
import os
import signal
import statistics
import time

import harness
from harness import TIMEOUT_S, test, wait_until
from tap_set_up import CAN_TAP, CLEAN, OTHER_SPARE, PACKET, REVOKED, SPARE, Load, Tap, expected_sightings, sightings_of, token


class Talk:
    """A connection that was there before the keys changed, on which tokens of some keys have passed."""

    def __init__(self, tap, live):
        self.live = live
        self.connection = tap.open_connection()
        self.sent = 0
        self.found = []
        self.ask(SPARE, found=False)
        self.ask(OTHER_SPARE, found=False)
        self.ask(REVOKED, found=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.__exit__()

    def ask(self, kid, found):
        """The very next token, a new one with a header that was seen before: is its key in force?"""
        made = token(kid)
        self.connection.ask(made)
        self.sent += 1
        self.found += [made.sha256] * found
        self.live.wait_for_tokens(self.sent, len(self.found))

    def check_alerts(self):
        self.live.stop()
        assert sightings_of(self.live.alerts()) == dict.fromkeys(self.found, 1), self.live.ended


@test(only_if=CAN_TAP)
def a_key_that_is_added_is_found_in_the_very_next_token_and_one_that_is_removed_is_not():
    with Tap() as tap, tap.run(PACKET) as live, Talk(tap, live) as talk:
        for _ in range(3):
            assert live.ctl("--json", "keys", "add", SPARE).lines == [{"added": True}]
            talk.ask(SPARE, found=True)
            talk.ask(OTHER_SPARE, found=False)
            assert live.ctl("--json", "keys", "remove", SPARE).lines[0]["removed"] == 1
            talk.ask(SPARE, found=False)
        talk.ask(REVOKED, found=True)
        talk.check_alerts()


@test(only_if=CAN_TAP, each=[1, 2])
def keys_change_under_load_and_no_token_is_judged_by_the_wrong_list(workers):
    """What is in force all the time is always found, what never is, never; and the one that comes and goes is found
    while it is in force, on connections of its own."""
    with Tap() as tap, tap.run({**PACKET, "workers": workers}) as live:
        with Load(live, token(), token(CLEAN), clients=3) as load:
            spares = []
            for _ in range(5):
                live.ask("keys add", SPARE)
                spares.append(token(SPARE))
                tap.ask_with_curl("/api/", spares[-1], times=5)
                wanted = expected_sightings([(each, 5) for each in spares])
                live.wait_for("the key to be found", lambda _: set(wanted) <= set(sightings_of(live.alerts())))
                load.wait_for(20)
                # those of this connection must be judged before it goes: they are, when a later token was
                live.ask("keys remove", SPARE)
            tap.ask_with_curl("/api/", token(SPARE), times=5)
        total = load.requests + 30
        wanted = {**wanted, **expected_sightings(load.sent.items())}
        live.wait_for("all tokens", lambda stats: stats["tokens"] == total)
        live.wait_for("all sightings", lambda stats: stats["sightings"] == sum(wanted.values()))
        live.stop()
        assert sightings_of(live.alerts()) == wanted, live.ended


@test(only_if=CAN_TAP and harness.LONG and not harness.SANITIZED)
def among_ten_million_keys_an_addition_is_answered_in_ten_milliseconds_and_is_in_force_when_it_is():
    keys, times = 10_000_000, []
    with Tap() as tap:
        live = tap.run(PACKET)
        with open(live.path("revoked.txt"), "a") as file:
            file.writelines(f"one-of-many-{number}\n" for number in range(keys - 1))
        with live, Talk(tap, live) as talk:
            assert live.ask("keys count")["entries"] == keys
            for _ in range(100):
                began = time.monotonic()
                live.ask("keys add", SPARE)
                times.append(time.monotonic() - began)
                talk.ask(SPARE, found=True)
                live.ask("keys remove", SPARE)
                talk.ask(SPARE, found=False)
            talk.ask(REVOKED, found=True)
            talk.check_alerts()
    # the median: on a busy machine some wait for a processor
    assert statistics.median(times) <= 0.01, f"seconds, in order: {sorted(times)}"


# Files.


def by_rename(live, text):
    live.write("revoked.new", text)
    os.rename(live.path("revoked.new"), live.path("revoked.txt"))


def in_place(live, text):
    live.write("revoked.txt", text)


def by_a_jwk_set(live, text):
    by_rename(live, json.dumps({"keys": [{"kid": kid, "reason": "stolen"} for kid in text.split()]}))


CHANGES = {"by rename": by_rename, "in place": in_place, "by a JWK Set": by_a_jwk_set}


@test(only_if=CAN_TAP, each=list(CHANGES))
def a_list_that_changes_is_read_again_by_itself(how):
    change = CHANGES[how]
    with Tap() as tap, tap.run(PACKET) as live, Talk(tap, live) as talk:
        change(live, f"{SPARE}\n{OTHER_SPARE}\n")
        live.wait_for_words("revoked keys read again: 2 are in force, before 1")
        talk.ask(SPARE, found=True)
        talk.ask(OTHER_SPARE, found=True)
        talk.ask(REVOKED, found=False)
        change(live, f"{REVOKED}\n")
        live.wait_for_words("revoked keys read again: 1 are in force, before 2")
        talk.ask(SPARE, found=False)
        talk.ask(REVOKED, found=True)
        talk.check_alerts()


@test(only_if=CAN_TAP)
def a_list_that_is_broken_leaves_the_old_one_in_force_and_says_why():
    with Tap() as tap, tap.run(PACKET) as live, Talk(tap, live) as talk:
        by_rename(live, f'{{"keys": [{{"kid": "{SPARE}"}}, {{"kid": 7}}]}}')
        live.wait_for_words("revoked.txt:1")
        assert "stay in force" in live.errors and "bearertap: error: " in live.errors, live.errors
        talk.ask(REVOKED, found=True)
        talk.ask(SPARE, found=False)
        by_rename(live, f"{SPARE}\n")
        live.wait_for_words("revoked keys read again")
        talk.ask(REVOKED, found=False)
        talk.ask(SPARE, found=True)
        talk.check_alerts()


@test(only_if=CAN_TAP)
def a_list_that_vanishes_stays_in_force_and_counts_again_when_it_is_back():
    with Tap() as tap, tap.run(PACKET) as live, Talk(tap, live) as talk:
        os.unlink(live.path("revoked.txt"))
        live.wait_for_words("bearertap: warning: ")
        assert "revoked.txt" in live.errors.split("warning: ")[1], live.errors
        talk.ask(REVOKED, found=True)
        refused = live.ctl("reload", status=1)
        assert "revoked.txt" in refused.errors and "in force" in refused.errors, refused
        talk.ask(REVOKED, found=True)
        live.write("revoked.txt", f"{SPARE}\n")
        live.wait_for_words("revoked keys read again: 1 are in force")
        talk.ask(REVOKED, found=False)
        talk.ask(SPARE, found=True)
        talk.check_alerts()


@test(only_if=CAN_TAP, each=["SIGHUP", "ctl reload"])
def what_ctl_added_outlives_a_reload_and_what_it_removed_of_a_file_comes_back(how):
    with Tap() as tap, tap.run(PACKET) as live, Talk(tap, live) as talk:
        live.ctl("keys", "add", SPARE)
        said = live.ctl("--json", "keys", "remove", REVOKED).lines[0]
        assert said["from"] == [{"source": live.path("revoked.txt"), "line": 1}] and "reload" in said["note"], said
        talk.ask(REVOKED, found=False)
        if how == "SIGHUP":
            live.process.send_signal(signal.SIGHUP)
        else:
            assert live.ctl("--json", "reload").lines[0]["entries"] == 2
        live.wait_for_words("revoked keys read again: 2 are in force, before 1")
        talk.ask(SPARE, found=True)
        talk.ask(REVOKED, found=True)
        talk.check_alerts()


@test(only_if=CAN_TAP)
def a_list_that_changes_while_another_is_missing_is_taken_and_what_is_missing_stays_in_force():
    with Tap() as tap:
        live = tap.run({**PACKET, "keys": ["revoked.txt", "more/other.txt"]})
        os.mkdir(live.path("more"))
        live.write("more/other.txt", f"{SPARE}\n")
        with live:
            os.rename(live.path("more"), live.path("away"))
            live.wait_for_words("other.txt is gone; its keys stay in force")
            in_place(live, f"{OTHER_SPARE}\n")
            live.wait_for_words("revoked keys read again: 2 are in force, before 2")
            live.wait_for_words("its keys of before stay in force (1)")
            made = [token(SPARE), token(OTHER_SPARE), token(REVOKED)]
            tap.ask_with_curl("/api/", *made)
            live.wait_for_tokens(3, 2)
            live.write("away/other.txt", f"{SPARE}\n{REVOKED}\n")  # or it may be read while it is written
            os.rename(live.path("away"), live.path("more"))
            live.wait_for_words("revoked keys read again: 3 are in force, before 2")
            live.stop()
            assert live.errors.count("its keys of before stay in force") == 1, live.errors


# While lists are read, which with millions of keys takes seconds.


class Held:
    """A list that takes as long to open as the block: others wait while its lease is held. SIGWINCH, which nobody heeds,
    says that somebody does."""

    def __init__(self, live, text):
        self.live = live
        live.write("revoked.new", text)
        self.file = open(live.path("revoked.new"), "r+")
        fcntl.fcntl(self.file, F_SETSIG, signal.SIGWINCH)
        fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_WRLCK)

    def __enter__(self):
        os.rename(self.live.path("revoked.new"), self.live.path("revoked.txt"))
        wait_until("the list to be opened", self.is_opened)
        return self

    def is_opened(self):
        """Then the lease is about to be broken."""
        return fcntl.fcntl(self.file, fcntl.F_GETLEASE) != fcntl.F_WRLCK

    def let_go(self):
        fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_UNLCK)

    def __exit__(self, *_):
        self.file.close()


F_SETSIG = 10


@test(only_if=CAN_TAP)
def keys_and_questions_and_reloads_are_served_while_a_list_is_read():
    with Tap() as tap, tap.run(PACKET) as live, Talk(tap, live) as talk, Held(live, f"{OTHER_SPARE}\n") as held:
        live.ctl("keys", "add", SPARE)
        talk.ask(SPARE, found=True)
        live.ctl("keys", "remove", REVOKED)
        talk.ask(REVOKED, found=False)
        talk.ask(OTHER_SPARE, found=False)
        with live.start_ctl("--json", "reload") as reload:
            live.process.send_signal(signal.SIGHUP)
            live.ctl("status")
            assert reload.poll() is None and "read again" not in live.errors, live.errors
            held.let_go()
            answer, _ = reload.communicate(timeout=TIMEOUT_S)
        assert reload.returncode == 0 and json.loads(answer)["entries"] == 2, answer
        live.wait_for_words("revoked keys read again: 2 are in force, before 2")
        talk.ask(SPARE, found=True)
        talk.ask(OTHER_SPARE, found=True)
        talk.ask(REVOKED, found=False)
        talk.check_alerts()


@test(only_if=CAN_TAP, each=["SIGTERM", "SIGINT", "ctl stop"])
def it_ends_while_a_list_is_read(how):
    with Tap() as tap, tap.run(PACKET) as live, Talk(tap, live) as talk, Held(live, f"{SPARE}\n"):
        with live.start_ctl("reload") as reload:
            if how == "ctl stop":
                live.ctl("stop")
                live.wait_for_the_end()
            else:
                live.stop(getattr(signal, how))
            reload.communicate(timeout=TIMEOUT_S)
        assert reload.returncode == 1
        assert sightings_of(live.alerts()) == dict.fromkeys(talk.found, 1), live.ended
        assert not os.path.exists(live.socket)


@test(only_if=CAN_TAP)
def a_key_that_is_saved_is_there_at_the_next_start():
    with Tap() as tap:
        with tap.run(PACKET) as live, Talk(tap, live) as talk:
            live.ctl("keys", "add", SPARE, "--save", live.path("revoked.txt"))
            live.ctl("keys", "add", OTHER_SPARE, "--save", live.path("more.txt"))
            talk.ask(SPARE, found=True)
            assert live.ask("keys count")["entries"] == 3
            talk.check_alerts()
        with open(live.path("revoked.txt")) as file:
            assert file.read() == f"{REVOKED}\n{SPARE}\n"
        with open(live.path("more.txt")) as file:
            assert file.read() == f"{OTHER_SPARE}\n"
        with tap.run({**PACKET, "keys": [live.path("revoked.txt"), live.path("more.txt")]}) as again:
            tap.ask_with_curl("/api/", token(SPARE), token(OTHER_SPARE), token(REVOKED))
            again.wait_for_tokens(3)


@test(only_if=CAN_TAP)
def the_list_says_where_each_key_comes_from():
    configuration = {**PACKET, "keys": ["revoked.txt", "id:of-the-configuration"]}
    with Tap(serves=False) as tap, tap.run(configuration, "-k", "id:of-the-command-line") as live:
        live.ctl("keys", "add", SPARE)
        listed = {key["id"]: (key["source"], key.get("line")) for key in live.ctl("--json", "keys", "list").lines}
        assert listed == {REVOKED: (live.path("revoked.txt"), 1), "of-the-configuration": ("configuration", None),
                          "of-the-command-line": ("-k", None), SPARE: ("ctl", None)}, listed
        assert live.ctl("--json", "keys", "count").lines[0]["entries"] == 4
        text = live.ctl("keys", "list").text
        assert f"{SPARE}\n  source  ctl" in text, text


@test(only_if=CAN_TAP)
def what_cannot_be_done_with_a_key_is_said_and_changes_nothing():
    with Tap(serves=False) as tap, tap.run(PACKET) as live:
        there = live.ctl("--json", "keys", "add", REVOKED).lines[0]
        assert there == {"added": False, "source": live.path("revoked.txt"), "line": 1}, there
        assert "no" in live.ctl("keys", "remove", SPARE, status=1).errors
        live.ctl("keys", "add", SPARE, "--save", "/nowhere/at/all", status=1)
        live.ctl("keys", "add", SPARE, "--save", live.path("configuration.json"), status=1)
        secret = token().text
        for arguments in (["keys add", secret], ["keys add", SPARE, secret], ["keys remove", secret], [secret], ["keys add", "x" * 60000]):
            answer = live.answer(*arguments)
            assert "error" in answer and secret[:20] not in json.dumps(answer), (arguments[0], answer)
        live.ctl("keys", "add", secret, status=2)
        assert live.ask("keys count")["entries"] == 1
