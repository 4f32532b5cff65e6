# SPDX-License-Identifier: BSD-3-Clause
"""What the README shows is what happens: its commands are run as they stand there, and print what stands below them."""
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess

import harness
from harness import LONG, bearertap, finish, keys, scratch, start, test, wait_until


def readme():
    with open(os.path.join(harness.SOURCE, "README.md")) as file:
        return file.read()


def indented_blocks():
    """The README's code: lists of lines, without their indentation."""
    blocks = [[]]
    for line in readme().splitlines():
        if line.startswith("    "):
            blocks[-1].append(line[4:])
        elif blocks[-1] and not line.strip():
            blocks[-1].append("")
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def commands_with_output():
    """[(command, what it prints)] of the blocks whose commands follow a `$ `."""
    found = []
    for block in indented_blocks():
        unfinished = False
        for line in block:
            if line.startswith("$ "):
                found.append([line[2:], []])
            elif unfinished:
                found[-1][0] += "\n" + line
            elif found and block[0].startswith("$ "):
                found[-1][1].append(line)
            unfinished = (line.startswith("$ ") or unfinished) and line.rstrip().endswith(("|", "\\"))
    return [(command, "\n".join(output).strip("\n")) for command, output in found]


def commands_alone():
    """Those that stand without their output, and call bearertap."""
    found = []
    for block in indented_blocks():
        if not any(line.startswith("$ ") for line in block):
            text = "\n".join(block).replace("\\\n", " ")
            found += [line for line in text.splitlines() if re.search(r"\bbearertap (read|keys|gen) ", line)]
    return found


def run_in_shell(command, cwd=None):
    """In the source folder, as the README says, with bearertap on the path and both outputs together as a terminal shows
    them; the devices and files of the reader's are stood in for by ours."""
    path = f"{harness.SCRATCH}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", f"exec 2>&1\n{command}"], cwd=cwd or harness.SOURCE, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=harness.TIMEOUT_S,
                          env=harness.environment(PATH=path))
    text = done.stdout.decode()
    harness.OUTPUTS.append((command, done.stdout))
    return done.returncode, text


@test
def every_session_of_the_readme_prints_what_it_shows():
    shown = commands_with_output()
    assert len(shown) >= 2, "the README shows no session any more?"
    for command, output in shown:
        status, text = run_in_shell(command)
        assert status == 0 and text.strip("\n") == output, f"$ {command}\n--- prints (status {status})\n{text}\n--- not\n{output}"


@test
def every_other_command_of_the_readme_does_its_work():
    """revoked.json and capture.pcap stand for the reader's own, and tcpdump's interface for a capture."""
    folder = scratch("readme")
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(harness.SOURCE, "config/storm-0558.jwks.json"), os.path.join(folder, "revoked.json"))
    shutil.copy(scratch("storm-0558.pcap"), os.path.join(folder, "capture.pcap"))
    for name in ("config", "tests"):
        if not os.path.islink(os.path.join(folder, name)):
            os.symlink(os.path.join(harness.SOURCE, name), os.path.join(folder, name))
    commands = [command for command in commands_alone() if "logger" not in command]  # that one has rsyslog's tests
    assert len(commands) >= 2, commands
    for command in commands:
        status, text = run_in_shell(command.replace("-i eth0", "-r capture.pcap"), cwd=folder)
        assert status == 0, f"$ {command}\n--- status {status}\n{text}"
    with open(os.path.join(folder, "alerts.json")) as file:
        assert len([json.loads(line) for line in file]) == 3


@test
def the_readmes_jq_makes_a_list_that_is_understood():
    command = next("\n".join(block) for block in indented_blocks() if any(line.startswith("jq ") for line in block))
    folder = scratch("readme-jq")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "jwks.json"), "w") as file:
        json.dump({"keys": [{"kty": "oct", "kid": "old-key"}, {"kty": "oct", "kid": "new-key"}]}, file)
    status, text = run_in_shell(command, cwd=folder)
    assert status == 0, text
    with open(os.path.join(folder, "revoked.json")) as file:
        keys = json.load(file)["keys"]
    assert [key["kid"] for key in keys] == ["old-key"] and keys[0]["severity"] == "critical", keys
    bearertap("read", "-q", "-k", os.path.join(folder, "revoked.json"), scratch("storm-0558.pcap"))


@test
def what_the_readme_points_to_is_there():
    """Files and folders in back quotes, relative to the source."""
    named = set(re.findall(r"`((?:app|config|include|scripts|tests)/[A-Za-z0-9_./-]*)`", readme()))
    assert len(named) > 8, named
    missing = [name for name in sorted(named) if not os.path.exists(os.path.join(harness.SOURCE, name))]
    assert not missing, missing


@test
def every_module_stands_in_the_readmes_picture():
    picture = next("\n".join(block) for block in indented_blocks() if any("app/capture" in line for line in block))
    for module in sorted(os.listdir(os.path.join(harness.SOURCE, "app"))):
        if os.path.isdir(os.path.join(harness.SOURCE, "app", module)) and module not in ("base", "bench", "commands", "control", "traffic"):
            assert f"app/{module}" in picture, f"app/{module} is not in the picture"


@test
def every_option_in_the_readme_is_one_that_help_names():
    texts = "".join(bearertap(*command, "--help").text for command in ([], ["read"], ["run"], ["ctl"], ["keys"], ["gen"], ["bench"]))
    options = set(re.findall(r"`(?:bearertap [a-z]+ )?(--?[a-z][a-z-]*)", readme())) - {"--all", "--list"}  # of scripts
    assert len(options) >= 4, options
    for option in sorted(options):
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", texts), f"{option} is in the README, not in --help"


@test
def a_second_interruption_ends_it_at_once():
    """The first one waits for alerts that nobody takes: the reader of the pipe sleeps."""
    readers_end, writers_end = os.pipe()
    fcntl.fcntl(writers_end, fcntl.F_SETPIPE_SZ, 4096)  # a few lines
    process = start("read", "-q", "-f", "ecs", *keys(), scratch("placements.pcap"), stdin=subprocess.DEVNULL,
                    stdout=writers_end)
    try:
        wait_until("a full pipe", lambda: not select.select([], [writers_end], [], 0)[1], seconds=harness.TIMEOUT_S)

        def ended_by_one_more():
            process.send_signal(signal.SIGINT)
            return process.poll() is not None

        wait_until("its end, while alerts are waiting", ended_by_one_more)
        run = finish(process)
    finally:
        os.close(readers_end)
        os.close(writers_end)
    assert run.status == 1 and "second time" in run.errors, run


@test
def what_was_not_inspected_is_said_in_words():
    """Every tenth packet is missing; and a fragment, which is no TCP segment."""
    capture = harness.Pcap(scratch("placements.pcap"))
    capture.packets = [packet for i, packet in enumerate(capture.packets) if i % 10 != 9]
    s, us, wire, data = capture.packets[-1]
    capture.packets.append((s, us, wire, data[:20] + b"\x20\x00" + data[22:]))  # more fragments
    text = bearertap("read", *keys(), capture.write(scratch("not-inspected.pcap"))).errors
    assert re.search(r"^not inspected: 1 IP fragments?$", text, re.M), text
    assert re.search(r"^not inspected: \d+ connections? had gaps: [\d,.]+ (B|KB|MB|bytes) missing$", text, re.M), text


def copy_of_the_sources(name):
    folder = scratch(name)
    files = subprocess.run(["git", "-C", harness.SOURCE, "ls-files", "--cached", "--others", "--exclude-standard"],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    for file in files:
        os.makedirs(os.path.dirname(os.path.join(folder, file)), exist_ok=True)
        shutil.copy(os.path.join(harness.SOURCE, file), os.path.join(folder, file))
    return folder


def in_bash(command, folder):
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=900, check=False,
                          env=harness.environment())
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


@test(only_if=LONG and not harness.SANITIZED)
def building_by_hand_and_installing_works_as_the_readme_says():
    """With meson's defaults, in a copy of the sources; what is installed runs, and so does a build for any x86."""
    assert "`meson setup build && ninja -C build`" in readme() and "`meson install -C build/release`" in readme()
    folder = copy_of_the_sources("by-hand")
    in_bash(f"meson setup build && ninja -C build && DESTDIR={folder}/installed meson install -C build", folder)
    assert "bearertap" in in_bash(f"{folder}/installed/usr/local/bin/bearertap --version", folder)
    for march in ("x86-64-v2", "native"):
        assert f"`{march}`" in readme()
        in_bash(f"meson configure build -Dmarch={march} && ninja -C build app/bearertap", folder)
        text = in_bash("build/app/bearertap read -q -k config/storm-0558.jwks.json tests/captures/storm-0558.pcap", folder)
        assert len(text.splitlines()) == 3, text


@test(only_if=LONG and not harness.SANITIZED)
def the_demo_shows_its_alerts():
    """Live, and for who is not root those of a capture."""
    folder = copy_of_the_sources("demo")
    if os.geteuid() == 0 and harness.can_make_namespaces():
        text = in_bash("scripts/demo", folder)
        assert "bearertap run" in text and "REVOKED KEY" in text and "ctl stats" in text, text
        in_bash("chown -R nobody .", folder)
    text = in_bash("setpriv --reuid=65534 scripts/demo" if os.geteuid() == 0 else "scripts/demo", folder)
    assert text.count("REVOKED KEY") >= 3 and '"revoked-key-used"' in text and "needs root" in text, text
