# SPDX-License-Identifier: BSD-3-Clause
"""Every token that was sent is found, once, and told as it was; the captures' manifests and tshark say what was sent."""
import base64
import hashlib
import ipaddress
import json
import struct

import harness
from harness import (alerts_of, captures, describe_difference, get, is_alert, manifest, scratch, sightings_in, summary,
                     test, tokens_of, tshark, weighed)
from jwcrypto import jwk, jws


def whole_captures():
    return [name for name in captures() if "not_seen" not in manifest(name)]


def placements_of(name):
    return {sighting["placement"] for sighting in manifest(name)["sightings"]}


def of_manifest(sighting):
    return tuple(sighting[name] for name in ("sha256", "placement", "kid", "alg", "format", "revoked"))


def of_line(line):
    names = ("sha256", "placement", "kid", "alg", "format")
    return (*(get(line, f"bearertap.token.{name}") for name in names), is_alert(line))


def check_tokens(truth, run):
    """Exactly the manifest's tokens, each as often as it was sent."""
    expected = weighed((of_manifest(sighting), 1) for sighting in truth["sightings"])
    found = weighed((of_line(line), sightings_in(line)) for line in run.lines)
    assert expected == found, describe_difference(expected, found) + f"\n{run.errors}"


def check_requests(truth, run):
    """The request that each token came with. An update tells it only where all that it counts have the first one's."""
    sent = {}
    for sighting in truth["sightings"]:
        request = tuple(sighting.get(name) for name in ("method", "host", "path", "user_agent"))
        sent.setdefault((sighting["sha256"], sighting["placement"]), []).append((sighting["direction"], request))
    for line in run.lines:
        requests = sent[(get(line, "bearertap.token.sha256"), get(line, "bearertap.token.placement"))]
        found = tuple(get(line, name) for name in ("http.request.method", "url.domain", "url.path", "user_agent.original"))
        if requests[0][0] == "server" and found == (None, None, None, None):
            continue  # what a server issues need not be tied to its request
        if "not_seen" in truth and found == (None, None, None, None):
            continue  # after a loss it is not known where a request begins
        is_update = is_alert(line) and get(line, "event.id") != get(line, "bearertap.finding.id")
        if is_update and len(set(requests)) > 1 and found == (None, None, None, None):
            continue
        if "keys" not in truth:  # make-captures has no log of what curl called itself
            agent, found = found[3] or "", (*found[:3], None)
            assert agent.startswith(("curl/", "python-requests/")) or requests[0][0] == "server", f"user agent {agent!r}"
        assert found in [request for _, request in requests], f"{found} is none of {requests}"


@test(each=captures)
def every_token_of_the_manifest_is_found_once_with_its_placement_and_header(name):
    check_tokens(manifest(name), tokens_of(name))


@test(each=captures)
def every_token_comes_with_its_own_request(name):
    check_requests(manifest(name), tokens_of(name))


@test(each=captures)
def the_revoked_keys_are_alerts_and_nothing_else_is(name):
    expected = weighed((of_manifest(each), 1) for each in manifest(name)["sightings"] if each["revoked"])
    found = weighed((of_line(line), sightings_in(line)) for line in alerts_of(name).lines)
    assert expected == found, describe_difference(expected, found)


@test(each=captures)
def one_two_and_four_workers_give_the_same_lines(name):
    runs = [tokens_of(name, workers) for workers in (1, 2, 4)]
    lines = [sorted((get(line, "event.id"), of_line(line), sightings_in(line)) for line in run.lines) for run in runs]
    assert lines[0] == lines[1] == lines[2], f"{len(lines[0])}, {len(lines[1])} and {len(lines[2])} lines, not the same"
    assert lines[0], "no lines at all"


@test(each=captures)
def every_line_has_an_event_id_of_its_own(name):
    ids = [get(line, "event.id") for line in tokens_of(name).lines]
    assert all(ids) and len(set(ids)) == len(ids), f"{len(ids)} lines, {len(set(ids))} different ids"


@test(each=lambda: [name for name in whole_captures() if "authorization" in placements_of(name)],
      only_if=not harness.SANITIZED)  # there the manifests ask the same
def tshark_sees_the_same_tokens_in_authorization_headers(name):
    values = tshark(scratch(name), "-Y", "http.authorization", "-T", "fields", "-e", "http.authorization").split("\n")
    values = [value for frame in values for value in frame.split(",") if value]  # several where requests are pipelined
    tokens = [value.split()[1] for value in values]
    expected = weighed((hashlib.sha256(token.encode()).hexdigest(), 1) for token in tokens)
    found = weighed(
        (get(line, "bearertap.token.sha256"), sightings_in(line))
        for line in tokens_of(name).lines
        if get(line, "bearertap.token.placement") == "authorization"
    )
    assert expected == found, describe_difference(expected, found)


@test(each=captures)
def the_client_is_the_source_and_the_server_the_destination(name):
    truth = manifest(name)
    for line in tokens_of(name).lines:
        ends = [ipaddress.ip_address(get(line, f"{end}.ip")) for end in ("source", "destination")]
        assert ends == [ipaddress.ip_address(truth["client"]), ipaddress.ip_address(truth["server"])], ends
        assert get(line, "destination.port") == truth["port"], line
        assert get(line, "source.port", 0) > 1023, line


def community_id(line):
    """Community ID v1 with seed 0, from its specification."""
    ends = sorted((ipaddress.ip_address(get(line, f"{end}.ip")).packed, get(line, f"{end}.port")) for end in ("source", "destination"))
    (low, low_port), (high, high_port) = ends
    hashed = struct.pack("!H", 0) + low + high + struct.pack("!BBHH", 6, 0, low_port, high_port)
    return "1:" + base64.b64encode(hashlib.sha1(hashed).digest()).decode()


@test(each=captures)
def every_line_is_elastic_common_schema(name):
    run = tokens_of(name)
    for line in run.lines:
        assert get(line, "ecs.version") == "8.11", line
        assert get(line, "event.module") == "bearertap" and get(line, "event.kind") in ("alert", "event"), line
        assert get(line, "network.transport") == "tcp", line
        expected_type = "ipv6" if ":" in get(line, "source.ip") else "ipv4"
        assert get(line, "network.type") == expected_type, line
        assert get(line, "network.community_id") == community_id(line), f"not {community_id(line)}: {line}"
        assert get(line, "observer.product") == "bearertap", line
        stamp = get(line, "@timestamp", "")
        assert len(stamp) == len("2026-01-01T00:00:00.000000Z") and stamp.endswith("Z"), stamp
        assert get(line, "message"), line
        assert no_empty_member(line), f"an empty member in {line}"
        if is_alert(line):
            assert get(line, "event.category") == ["network", "intrusion_detection"], line
            assert get(line, "rule.id") == "revoked-key", line
            assert isinstance(get(line, "event.severity"), int), line


def no_empty_member(value):
    if isinstance(value, dict):
        return value and all(no_empty_member(each) for each in value.values())
    if isinstance(value, list):
        return value and all(no_empty_member(each) for each in value)
    return value is not None and value != ""


@test(each=captures)
def an_alert_says_how_the_token_named_the_key(name):
    sent = {each["sha256"]: each["match"] for each in manifest(name)["sightings"] if each["revoked"]}
    for line in alerts_of(name).lines:
        match = get(line, "bearertap.key.match")
        match = [match] if isinstance(match, str) else match
        expected = sent[get(line, "bearertap.token.sha256")]
        assert sorted(match) == sorted(expected), f"{match}, not {expected}"


@test
def the_claims_of_a_sighting_are_those_of_the_token():
    truth = manifest("storm-0558.pcap")
    for line in tokens_of("storm-0558.pcap").lines:
        text = truth["tokens"][get(line, "bearertap.token.sha256")]
        payload = text.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        for member, claim in (("issuer", "iss"), ("subject", "sub"), ("jti", "jti")):
            if is_alert(line):
                assert get(line, f"bearertap.token.{member}") == claims[claim], line
        audience = get(line, "bearertap.token.audience")
        if is_alert(line):
            assert audience in (claims["aud"], [claims["aud"]]), line


@test
def a_thumbprint_that_another_issuer_claims_is_found_and_told_so():
    for line in alerts_of("storm-0558.pcap").lines:
        assert get(line, "bearertap.key.issuer") == "other", line
        assert get(line, "bearertap.key.reason") == "Storm-0558", line


@test
def the_list_in_config_finds_the_stolen_key_too():
    from harness import SOURCE, bearertap

    run = bearertap("read", "-f", "ecs", "-k", f"{SOURCE}/config/storm-0558.jwks.json", scratch("storm-0558.pcap"))
    expected = weighed((of_manifest(each), 1) for each in manifest("storm-0558.pcap")["sightings"] if each["revoked"])
    found = weighed((of_line(line), sightings_in(line)) for line in run.lines)
    assert expected == found, describe_difference(expected, found)


STORM_SPELLINGS = [
    "1LTMzakihiRla_8z2BEJVXeWMqo",
    "d4b4cccda9228624656bff33d8110955779632aa",
    "D4B4CCCDA9228624656BFF33D8110955779632AA",
    "d4:b4:cc:cd:a9:22:86:24:65:6b:ff:33:d8:11:09:55:77:96:32:aa",
    "1LTMzakihiRla/8z2BEJVXeWMqo=",
]


@test(each=STORM_SPELLINGS)
def a_key_is_found_by_any_spelling_of_its_name(spelling):
    from harness import bearertap

    run = bearertap("read", "-f", "ecs", "-k", f"id:{spelling}", scratch("storm-0558.pcap"))
    revoked = sum(each["revoked"] for each in manifest("storm-0558.pcap")["sightings"])
    assert sum(map(sightings_in, run.lines)) == revoked, run


@test
def vlan_tags_are_told_the_outermost_first():
    for line in tokens_of("vlan.pcap").lines:
        assert str(get(line, "network.vlan.id")) == "100", line


@test(each=whole_captures)
def whole_captures_show_no_gap_and_no_conflict(name):
    for line in tokens_of(name).lines:
        assert not any(get(line, "bearertap.stream", {}).values()), line
        assert not get(line, "bearertap.token.truncated"), line


LOST = "lossy-tap.pcap"


@test
def what_a_tap_missed_is_counted_to_the_byte():
    lost, run = manifest(LOST)["not_seen"], tokens_of(LOST)
    assert lost["packets"] >= 10 and lost["tokens"], lost
    _, events = summary(run)["events"]
    assert events["gap_bytes"] == lost["client_bytes"] + lost["server_bytes"], f"{lost}, not {events}"


@test
def a_token_that_lost_its_end_is_told_without_a_sha256_and_most_requests_are_known_again_after_a_loss():
    truncated = [line for line in tokens_of(LOST).lines if get(line, "bearertap.token.truncated")]
    assert len(truncated) == sum("truncated" in each for each in manifest(LOST)["sightings"]) > 0, truncated
    assert not any("sha256" in get(line, "bearertap.token") for line in truncated), truncated
    known = [line for line in tokens_of(LOST).lines if get(line, "url.path")]
    assert len(known) > len(tokens_of(LOST).lines) // 2, f"{len(known)} of {len(tokens_of(LOST).lines)}"
    assert any(get(line, "bearertap.stream.gap") for line in known), "none after a loss"


@test(each=lambda: [name for name in captures() if "keys" in manifest(name)])
def a_jose_library_verifies_each_token_and_reads_the_same_in_it(name):
    truth, verified = manifest(name), 0
    public = {key["kid"]: jwk.JWK(**key) for key in truth["keys"]}
    for line in tokens_of(name).lines:
        told = get(line, "bearertap.token")
        if "sha256" not in told or told["format"] == "jwe":
            continue
        token = jws.JWS()
        token.deserialize(truth["tokens"][told["sha256"]])
        header = token.jose_header
        assert [told.get(name) for name in ("alg", "kid", "typ")] == [header.get(name) for name in ("alg", "kid", "typ")], line
        if header["kid"] not in public:
            assert header["alg"] == "HS256", header  # whose key is nobody's business
            continue
        token.verify(public[header["kid"]])
        verified += 1
        claims = json.loads(token.payload)
        found = [told.get(name) for name in ("issuer", "subject", "jti")]
        assert found == [claims[name] for name in ("iss", "sub", "jti")], line
    assert verified >= 3, f"{verified} tokens verified"
