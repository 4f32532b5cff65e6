# SPDX-License-Identifier: BSD-3-Clause
"""bench plays what it says and finds all of it; its figures have the shape that others read. None of them is judged."""
import functools
import html.parser
import json
import os

import jsonschema

import harness
from bad_days import says_one_error
from harness import bearertap, scratch, test
from traffic import made, mixes

# As short as can be: the figures are worth nothing.
SHORT = ["--rounds", "1", "--seconds", "0.01", "--size", "2M", "--flows", "100"]
ROWS = ["floor", "small", "bodies_skipped", "bodies_skipped_bulk", "keys_10m", "keys_10m_unique", "flows_4m", "storm",
        "unique", "disorder", "two_workers", "spread", "bytes_per_flow", "bytes_per_key"]
TARGETS = [row for row in ROWS if row != "spread"]  # which says what something costs, and there is no bound for it
STAGES = ["receive", "decode", "flow", "order", "scan", "token", "key", "record"]
# A row that sets up four million connections or ten million keys takes minutes under sanitizers.
SMALL_ROWS = ["floor", "small", "bodies_skipped", "bodies_skipped_bulk", "storm", "unique", "disorder", "two_workers",
              "spread", "bytes_per_flow"]

NUMBER = {"type": "number", "minimum": 0}
COUNT = {"type": "integer", "minimum": 0}


def an_object(properties, required=None):
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required}


RUN = an_object({
    "name": {"type": "string"}, "packets": {"type": "integer", "minimum": 1}, "connections": COUNT,
    "ns_per_packet": {"type": "number", "exclusiveMinimum": 0}, "spread": NUMBER, "mpps": NUMBER, "gbit_per_s": NUMBER,
    "payload_gbit_per_s": NUMBER, "cycles_per_packet": NUMBER, "ns_per_payload_byte": NUMBER, "tokens_per_s": NUMBER,
    "passes": COUNT, "sightings": COUNT, "expected": COUNT})
RUN_BY_FLOORS = an_object({**RUN["properties"], "cache": {"enum": ["in", "out"]}, "receive_ns": NUMBER, "scan_ns": NUMBER,
                           "floor": NUMBER, "stages": an_object({stage: NUMBER for stage in STAGES})})


def report_schema(run=RUN, floors=True):
    properties = {
        "machine": an_object({
            "cpu": {"type": "string"}, "cores": {"type": "integer", "minimum": 1}, "caches": {"type": "object"},
            "kernel": {"type": "string"}, "compiler": {"type": "string"}, "march": {"type": "string"}, "load": NUMBER,
            "hyperscan": {"type": "string"}, "dpdk": {"type": "string"}},
            required=["cores", "caches", "kernel", "compiler", "march"]),
        "runs": {"type": "array", "items": run},
        "ratios": {"type": "object", "propertyNames": {"enum": ROWS}, "additionalProperties": {"type": "number"}},
        "targets": {"type": "object", "propertyNames": {"enum": TARGETS}, "minProperties": len(TARGETS)},
    }
    if floors:
        chosen = {"enum": ["host", "any"]}
        properties["floors"] = an_object({"receive_ns": NUMBER, "scan_ns": NUMBER, "client_database": chosen,
                                          "server_database": chosen})
    return an_object(properties)


def bench(*arguments, run=RUN, floors=True):
    done = bearertap("bench", "--json", *arguments)
    report = json.loads(done.text)
    jsonschema.validate(report, report_schema(run, floors), cls=jsonschema.Draft202012Validator)
    return report


@functools.lru_cache(maxsize=None)
def of_mix(mix):
    return bench("--mix", mix, *SHORT, run=RUN_BY_FLOORS)


@test(each=mixes)
def bench_finds_all_that_is_in_a_mix(mix):
    report = of_mix(mix)
    assert [(run["name"], run["cache"]) for run in report["runs"]] == [(mix, "out"), (mix, "in")]
    for run in report["runs"]:
        assert run["sightings"] == run["expected"], run
        assert run["passes"] >= 2, run  # the one that tells how long a turn is, and the turn
    if mix == "storm":
        assert all(run["expected"] > 0 for run in report["runs"]), report["runs"]
    assert set(report["ratios"]) == {"small" if mix == "small" else "floor"}


@test
def several_mixes_make_one_report():
    report = bench("-m", "api", "-m", "small", *SHORT, run=RUN_BY_FLOORS)
    assert [run["name"] for run in report["runs"]] == ["api", "api", "small", "small"]
    assert set(report["ratios"]) == {"floor", "small"}


@test
def two_workers_find_what_one_does():
    one, two = of_mix("storm")["runs"], bench("--mix", "storm", "-w", "2", *SHORT, run=RUN_BY_FLOORS)["runs"]
    assert [run["sightings"] for run in one] == [run["sightings"] for run in two] == [run["expected"] for run in two]


@test
def what_one_thread_spreads_over_two_workers_is_found_in_every_pass():
    runs = bench("--row", "spread", "--rounds", "1", "--seconds", "0.01", "--size", "8M", "--flows", "1000", floors=False)["runs"]
    assert [run["name"] for run in runs] == ["one source, spread over two workers", "two workers, each with a source"]
    for run in runs:
        assert run["sightings"] == run["expected"] > 0 and run["passes"] >= 2, run


@test(each=["storm", "api", "chaos of short segments"])
def bench_finds_in_a_capture_what_its_truth_tells(name):
    traffic = made(name)
    report = bench("--capture", traffic.path, "-k", traffic.keys_path, *SHORT, run=RUN_BY_FLOORS)
    whole, beginning = report["runs"]
    assert whole["sightings"] == whole["expected"] == traffic.totals["sightings"] > 0, whole
    assert (whole["packets"], whole["cache"]) == (traffic.totals["packets"], "out")
    assert (beginning["cache"], beginning["packets"] < whole["packets"]) == ("in", True)
    assert beginning["sightings"] == beginning["expected"], beginning


@test
def a_capture_needs_no_revoked_keys():
    report = bench("--capture", scratch("storm-0558.pcap"), *SHORT, run=RUN_BY_FLOORS)
    assert (report["runs"][0]["packets"], report["runs"][0]["sightings"]) == (20, 0)


@test(each=SMALL_ROWS)
def each_row_of_the_table_is_measured(row):
    report = bench("--row", row, *SHORT, floors=row == "floor")
    assert set(report["ratios"]) == {row} and report["ratios"][row] > 0, report["ratios"]
    assert all(run["sightings"] == run["expected"] for run in report["runs"]), report["runs"]
    if row.startswith("bytes_"):
        assert report[row] == report["ratios"][row]


@test(only_if=harness.LONG, each=[row for row in ROWS if row not in SMALL_ROWS])
def each_large_row_of_the_table_is_measured(row):
    each_row_of_the_table_is_measured(row)


@test
def the_help_of_bench_is_the_table():
    table = bearertap("bench", "--help").text.split("\nThe table of --all:\n")[1].splitlines()
    assert [line.split()[0] for line in table] == ROWS


@test
def the_text_says_what_the_numbers_are():
    text = bearertap("bench", "--mix", "storm", *SHORT).text
    for word in ("Mpps", "Gbit/s on the wire", "ns a payload byte", "tokens a second", "recall      100 %", "floors", "stages"):
        assert text.count(word) == 2, f"{word}: {text}"
    row = bearertap("bench", "--row", "bytes_per_flow", *SHORT).text.splitlines()[-1].split()
    assert (row[0], row[2], row[3], row[4]) == ("bytes_per_flow", "<=", "256", "reached"), row


@test
def a_missed_target_is_no_failure():
    done = bearertap("bench", "--row", "two_workers", "--row", "floor", *SHORT)  # of turns that short, some is missed
    assert all(line.split()[4] in ("reached", "MISSED") for line in done.text.splitlines() if line.startswith(("floor", "two")))


@test
def a_row_without_a_target_is_neither_reached_nor_missed():
    path = scratch("spread.html")
    row = bearertap("bench", "--row", "spread", "--html", path, *SHORT).text.splitlines()[-1]
    page = harness.read_bytes(path).decode()
    assert Page(page).open == []
    of_page = [line for line in page.splitlines() if '<th scope="row">spread</th>' in line]
    for text in (row, *of_page):
        assert "no target" in text and not any(word in text for word in ("reached", "issed", "MISSED", ">=", "&ge;")), text
    assert (row.split()[0], len(of_page)) == ("spread", 1), (row, page)


@test
def two_builds_are_compared_in_pairs():
    report = bench("--against", harness.BINARY, "--mix", "storm", *SHORT, floors=False)
    assert [(each["name"], each["cache"]) for each in report["against"]] == [("storm", "out"), ("storm", "in")]
    for each in report["against"]:
        assert 0 < each["least"] <= each["ratio"] <= each["most"], each


@test
def the_other_build_must_be_one():
    run = bearertap("bench", "--against", "/bin/false", *SHORT, status=1)
    assert "/bin/false ended with status 1" in run.errors, run
    run = bearertap("bench", "--against", scratch("storm-0558.pcap"), *SHORT, status=1)
    says_one_error(run, "storm-0558.pcap", "Permission denied")


@test(only_if=harness.LONG and not harness.SANITIZED)  # the parts of it are looked at elsewhere
def the_worst_traffic_loses_nothing():
    report = bench("--worst", "--rounds", "1", "--seconds", "0.01", "--size", "2M", "--flows", "100", floors=False)
    names = [each["name"] for each in report["worst"]]
    assert {"deep", "one-byte segments", "out of order", "contradictions", "aimed ports"} <= set(names), names
    assert [run["name"] for run in report["runs"]] == names
    for run in report["runs"]:
        assert run["sightings"] == run["expected"], run
        assert run["expected"] > 0 or run["name"] not in ("storm", "unique-storm", "one-byte segments"), run
    assert all(each["ratio"] > 0 and each["reason"] for each in report["worst"])


# The page.


class Page(html.parser.HTMLParser):
    """What a page is made of, and whether its elements are closed in order."""
    EMPTY = {"meta", "br", "hr", "img", "link"}

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.links, self.text = [], set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.text.append(data)


@test
def a_page_stands_for_itself_and_says_what_its_bars_show():
    path = scratch("bench.html")
    report = bench("--mix", "api", "--mix", "storm", "--html", path, *SHORT, run=RUN_BY_FLOORS)
    with open(path) as file:
        source = file.read()
    page = Page(source)
    text = " ".join(page.text)
    assert page.open == [] and not {"script", "img", "link"} & page.names and page.links == [] and "url(" not in source
    assert "prefers-color-scheme: dark" in source and 'name="viewport"' in source and "<caption>" in source
    for run in report["runs"]:
        assert f"{run['ns_per_packet']:.1f} ns a packet" in text, run
        assert f"scan floor {run['scan_ns']:.1f} ns" in text, run
    assert report["machine"]["kernel"] in text


@test
def a_page_that_cannot_be_written_is_said_before_anything_is_measured():
    run = bearertap("bench", "--all", "--html", scratch("no-such-folder/x.html"), status=1)
    says_one_error(run, "no-such-folder/x.html", "No such file or directory")
    assert run.text == ""


@test
def a_page_on_a_full_disk_is_said():
    run = bearertap("bench", "--row", "bytes_per_flow", "--html", "/dev/full", status=1)
    says_one_error(run, "/dev/full", "No space left on device")


# What is refused.

NONSENSE = {
    "--rounds 0": "from 1 to 31",
    "--rounds 32": "from 1 to 31",
    "--seconds 0": "from 0.001 to 60",
    "--seconds nan": "from 0.001 to 60",
    "--seconds 1e": "from 0.001 to 60",
    "--flows 0": "from 1 to 1048576",
    "--revoked 10000001": "from 1 to 10000000",
    "--size 10": "from 1M to 16G",
    "--workers 65": "from 1 to 64",
    "--mix chaso": 'there is no mix "chaso" (did you mean chaos?)',
    "--row floors": 'there is no row "floors"',
    "--all --worst": "give one",
    "--all --mix api": "--mix goes alone",
    "--worst --html x.html": "--html is for",
    "--all -w 2": "-w is for",
    "-k keys.txt": "-k is for --capture",
    "--capture -": "cannot be standard input",
    "--capture a --capture b": "given twice",
    "--sekonds 1": "did you mean --seconds?",
    "x.pcap": "behind --capture",
}


@test(each=NONSENSE)
def nonsense_is_refused_before_anything_is_measured(arguments):
    run = bearertap("bench", *arguments.split(), status=2, cwd=harness.SCRATCH)
    assert NONSENSE[arguments] in run.errors and len(run.errors.splitlines()) == 1 and run.text == "", run


@test(each=["--capture no-such.pcap", "--against no-such-program", "--capture storm-0558.pcap -k no-such.txt"])
def a_file_that_is_not_there_is_said(arguments):
    run = bearertap("bench", *arguments.split(), status=1, cwd=harness.SCRATCH)
    says_one_error(run, "no-such", "No such file or directory")


@test
def a_capture_without_packets_is_said():
    path = scratch("empty-for-bench.pcap")
    with open(scratch("storm-0558.pcap"), "rb") as file, open(path, "wb") as out:
        out.write(file.read(24))
    run = bearertap("bench", "--capture", path, *SHORT, status=1)
    assert "no packet in it" in run.errors, run
    os.unlink(path)
