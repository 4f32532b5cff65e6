# SPDX-License-Identifier: BSD-3-Clause
"""Does a line follow config/alert.schema.json? And what the schema can't say: that members agree with each other."""
import datetime
import functools
import ipaddress
import json
import os
import re

import jsonschema

# python3-jsonschema knows date-time only with a package more; this is stricter anyway: a date of the calendar.
FORMATS = jsonschema.FormatChecker(formats=["ipv4", "ipv6"])


@FORMATS.checks("date-time", raises=ValueError)
def is_date_time(text):
    if not isinstance(text, str):
        return True  # what is no text is refused as such
    date = re.sub(r"(\.\d{6})\d+", r"\1", text)  # Python has microseconds
    date = re.sub(r"\.(\d+)", lambda match: "." + match[1].ljust(6, "0"), date)
    datetime.datetime.fromisoformat(re.sub(r"T23:59:60", "T23:59:59", date).replace("Z", "+00:00"))
    return True


@functools.lru_cache(maxsize=None)
def schema(source):
    with open(os.path.join(source, "config/alert.schema.json")) as file:
        return json.load(file)


@functools.lru_cache(maxsize=None)
def validator(source):
    jsonschema.Draft202012Validator.check_schema(schema(source))
    return jsonschema.Draft202012Validator(schema(source), format_checker=FORMATS)


def disagreement(line):
    """What one member says of another, or None."""
    token, event = line["bearertap"]["token"], line["event"]
    if line["related"].get("hash") != ([token["sha256"]] if "sha256" in token else None):
        return "related.hash is not the token's"
    if set(line["related"]["ip"]) != {line["source"]["ip"], line["destination"]["ip"]}:
        return "related.ip are not the two ends"
    versions = {ipaddress.ip_address(line[end]["ip"]).version for end in ("source", "destination")}
    if versions != {int(line["network"]["type"][-1])}:
        return "network.type is not that of the addresses"
    if not event["start"] <= event["end"] == line["@timestamp"]:  # one form, so that texts compare as times do
        return "@timestamp is not the end of the sightings"
    if line["bearertap"].get("sightings") == 1 and event["start"] != event["end"]:
        return "one sighting, and two times"
    return None


def fault(source, line):
    """None, or what is wrong with a line, which is parsed JSON."""
    found = next(validator(source).iter_errors(line), None)
    if found is None:
        return disagreement(line)
    return f"{'/'.join(map(str, found.absolute_path))}: {found.message}"


def parse(text):
    """One line as a strict reader takes it: no member twice, no NaN."""

    def members(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), f"a member stands twice: {names}"
        return dict(pairs)

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, object_pairs_hook=members, parse_constant=refuse)


def described(source):
    """{dotted path: (Elasticsearch type, is it always there)} of every member that holds a value."""
    result = {}

    def walk(node, path, always):
        node = {**schema(source)["$defs"].get(node.get("$ref", "").rsplit("/", 1)[-1], {}), **node}
        if "oneOf" in node and "properties" not in node:
            node = schema(source)["$defs"][node["oneOf"][0]["$ref"].rsplit("/", 1)[-1]]
        if "x-elasticsearch" in node:
            result[".".join(path)] = (node["x-elasticsearch"], always)
        for name, member in node.get("properties", {}).items():
            walk(member, [*path, name], always and name in node.get("required", []))

    walk(schema(source), [], True)
    return result


def members_of(value, path=()):
    """The dotted paths of all members of a line that hold a value; arrays are what stands in them."""
    if isinstance(value, dict):
        return {found for name, member in value.items() for found in members_of(member, (*path, name))}
    if isinstance(value, list):
        return {found for member in value for found in members_of(member, path)}
    return {".".join(path)}
