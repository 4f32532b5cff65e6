# SPDX-License-Identifier: BSD-3-Clause
"""bearertap keys: what is wrong in a list, what a list names. The oracles are openssl's command line and jwcrypto."""
import base64
import hashlib
import json
import os
import re
import stat
import struct
import subprocess
import threading

from jwcrypto import jwk

import harness
from harness import LONG, Pcap, bearertap, get, scratch, summary, test

STORM_HEX = "d4b4cccda9228624656bff33d8110955779632aa"
STORM = "1LTMzakihiRla_8z2BEJVXeWMqo"


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def write(name, content):
    with open(scratch(name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return scratch(name)


def listed(*arguments):
    return bearertap("keys", "list", "-f", "json", *arguments).lines


def names_of(entry, borne_as=None):
    """The thumbprints in hex, as the list says tokens bear them."""
    return {name["hex"] for name in entry["names"] if "hex" in name and borne_as in (None, name["as"])}


# lint


@test
def lint_says_file_line_column_and_member_of_every_problem():
    path = write("wrong.json", '{"keys": [\n {"kid": 7},\n {"kid": "a", "x5t": "abc", "severity": "bad"},\n'
                               ' {"kid": "b", "revokedAt": "x"},\n {"kid": "a"}\n]}\n')
    run = bearertap("keys", "lint", path, status=1)
    told = [re.match(r"(.*?):(\d+):(\d+): (\w+): key (\d): (.*)", line).groups() for line in run.text.splitlines()]
    assert [(each[0], int(each[1]), int(each[2]), each[3], int(each[4])) for each in told] == [
        (path, 2, 3, "error", 1), (path, 3, 15, "error", 2), (path, 3, 29, "error", 2), (path, 4, 15, "warning", 3),
        (path, 5, 2, "warning", 4)], run
    for problem, words in zip(told, (["kid", "a number"], ["x5t", '"abc"', "SHA-1"], ["severity", "critical"],
                                     ["revokedAt", "revoked_at"], ['"a"', f"{path}:3"])):
        assert all(word in problem[5] for word in words), problem
    assert "3 errors, 2 warnings" in run.errors, run


@test
def lint_says_the_same_as_json():
    path = write("wrong.json", '{"keys": [\n {"kid": 7},\n {"kid": "a", "revokedAt": "x"}\n]}\n')
    for option in (["-f", "json"], ["--json"], ["--format=json"]):
        lines = bearertap("keys", "lint", *option, path, status=1).lines
        assert [(each["file"], each["line"], each["column"], each["severity"], each["key"]) for each in lines] == [
            (path, 2, 3, "error", 1), (path, 3, 15, "warning", 2)], lines
        assert lines[0]["member"] == "kid" and "a number" in lines[0]["message"], lines


@test
def lint_with_warnings_alone_is_status_0_and_read_takes_the_list():
    path = write("doubled.txt", f"{STORM_HEX}\n{STORM}\n")
    run = bearertap("keys", "lint", path)
    assert run.text.count("warning: ") == 1 and f"{path}:1" in run.text and STORM_HEX in run.text, run
    bearertap("read", "-k", path, scratch("storm-0558.pcap"))


@test
def lint_finds_what_is_doubled_across_files():
    first, second = write("first.txt", f"a\n{STORM_HEX}\n"), write("second.json", json.dumps({"keys": [{"x5t": STORM}]}))
    run = bearertap("keys", "lint", first, second)
    assert re.search(rf"^{re.escape(second)}:1:\d+: warning: .*{re.escape(first)}:2", run.text, re.M), run


@test
def a_clean_list_makes_lint_say_nothing():
    run = bearertap("keys", "lint", "-q", os.path.join(harness.SOURCE, "config/storm-0558.jwks.json"))
    assert run.stdout == b"" and run.stderr == b"", run


@test
def lint_shows_a_hundred_of_each_kind_and_says_how_many_more():
    path = write("many.json", json.dumps({"keys": [{"kid": number} for number in range(250)] + [{"kid": "a"}] * 131}))
    run = bearertap("keys", "lint", path, status=1)
    assert run.text.count(": error: ") == 100 and run.text.count(": warning: ") == 100, run
    assert "150 more errors and 30 more warnings" in run.errors and "250 errors, 130 warnings" in run.errors, run.errors
    assert len(bearertap("keys", "lint", "--max", "0", path, status=1).text.splitlines()) == 380
    assert len(bearertap("keys", "lint", "--max", "1", path, status=1).text.splitlines()) == 2


SECRETS = {"d": 1, "p": 1, "q": 1, "dp": 1, "dq": 1, "qi": 1, "k": 1}


@test(each=[dict(kty="RSA", size=1024), dict(kty="EC", crv="P-256"), dict(kty="OKP", crv="Ed25519"),
            dict(kty="oct", size=256)])
def a_private_key_is_told_and_never_shown(parameters):
    private = json.loads(jwk.JWK.generate(**parameters).export())
    symmetric = parameters["kty"] == "oct"
    for members in (private, {name: value for name, value in private.items() if name != "d"}):
        path = write("private.json", json.dumps({"keys": [{"kid": "a", **members}]}))
        for arguments in (["lint"], ["lint", "--json"], ["list"], ["list", "--json"]):
            run = bearertap("keys", *arguments, path, status=None)
            for secret in set(private) & set(SECRETS):
                assert private[secret] not in run.text + run.errors, f"{secret} is shown"
            if arguments[0] == "lint" and (symmetric or set(members) & set(SECRETS)):
                assert "secret" in run.text or "private" in run.text, run
                assert run.status == (1 if "d" in members else 0), run


# what is no list


@test(each=["directory", "missing", "empty", "binary", "utf-16", "nul", "deep", "compressed"])
def what_is_no_list_is_refused_by_name(kind):
    path = scratch(f"no-list-{kind}")
    content = {"empty": b"", "binary": harness.read_bytes(harness.BINARY)[:100000], "utf-16": '{"kid":"a"}'.encode("utf-16"),
               "nul": b"a\nb\0c\n", "deep": b'{"keys":[{"kid":"a","x":' + b"[" * 100000, "compressed": b"\x1f\x8b\x08\0abc"}
    if kind == "directory":
        os.makedirs(path, exist_ok=True)
    elif kind != "missing":
        write(f"no-list-{kind}", content[kind])
    for action in ("lint", "list"):
        run = bearertap("keys", action, path, status=1)
        assert path in run.text + run.errors, run
        assert action == "list" or len(run.text.splitlines()) < 120, run


@test
def a_key_id_beside_a_certificate_is_not_lost():
    pem = openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "/dev/null",
                  "-subj", "/CN=a", "-days", "1")
    for content in (f"{STORM}\n".encode() + pem, pem + b"key-1\n"):
        run = bearertap("keys", "lint", write("beside.pem", content), status=1)
        assert "could be a key id" in run.text, run
        assert "could be a key id" in bearertap("keys", "list", write("beside.pem", content), status=1).errors
    for arguments in (["-text"], ["-subject", "-issuer", "-serial", "-dates"]):
        run = bearertap("keys", "lint", write("beside.pem", openssl("x509", *arguments, stdin=pem)))
        assert run.stdout == b"", run
    public = openssl("x509", "-pubkey", "-noout", stdin=pem)
    run = bearertap("keys", "lint", write("beside.pem", openssl("pkey", "-pubin", "-pubout", "-text", stdin=public)))
    assert run.stdout == b"", run
    store = openssl("pkcs12", "-export", "-nokeys", "-passout", "pass:", "-name", "a key", stdin=pem)
    bags = openssl("pkcs12", "-nokeys", "-passin", "pass:", stdin=store)
    assert b"Bag Attributes" in bags and bearertap("keys", "lint", write("beside.pem", bags)).stdout == b""


@test(each=[["rsa"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], ["ed25519"]])
def a_private_key_in_der_is_told_from_a_public_one(algorithm):
    private = openssl("genpkey", "-outform", "DER", "-algorithm", *algorithm)
    run = bearertap("keys", "lint", write("key.der", private), status=1)
    assert "a private key in DER" in run.text and len(run.text.splitlines()) == 1, run
    public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", stdin=private)
    assert " is DER; allowed is PEM" in bearertap("keys", "lint", write("key.der", public), status=1).text


@test
def a_capture_given_for_a_list_is_named():
    for action in ("lint", "list"):
        run = bearertap("keys", action, scratch("storm-0558.pcap"), status=1)
        assert "is a capture" in run.text + run.errors, run


@test
def a_list_without_rights_is_refused_by_name():
    path = write("secret.txt", "a\n")
    os.chmod(path, 0)
    if os.geteuid() == 0:  # root may read anything
        command = ["setpriv", "--reuid=65534", "--clear-groups", harness.BINARY, "keys", "lint", path]
        done = subprocess.run(command, capture_output=True, env=harness.environment(), check=False)
        assert done.returncode == 1 and b"Permission denied" in done.stdout and path.encode() in done.stdout, done
    else:
        assert "Permission denied" in bearertap("keys", "lint", path, status=1).text
    os.chmod(path, 0o644)


@test(each=["list", "lint"])
def a_list_may_come_from_standard_input_and_from_a_fifo(action):
    run = bearertap("keys", action, "--json", "-", input=b"a\na\n")
    assert len(run.lines) == (2 if action == "list" else 1), run
    path = scratch("fifo")
    if not os.path.exists(path):
        os.mkfifo(path)
    assert stat.S_ISFIFO(os.stat(path).st_mode)
    writer = threading.Thread(target=lambda: write("fifo", "a\na\n"))
    writer.start()
    run = bearertap("keys", action, "--json", path)
    writer.join()
    assert len(run.lines) == (2 if action == "list" else 1), run


@test(each=["text", "set", "string"])
def a_line_of_4_gigabytes_is_refused_after_a_megabyte(kind):
    begin = {"text": "", "set": '{"keys":[{"kid":"a","x":[', "string": '{"keys":[{"kid":"'}[kind]
    fill = {"text": "a", "set": "1", "string": "x"}[kind]
    command = f"(printf %s '{begin}'; head -c 4294967296 /dev/zero | tr '\\0' {fill}) | {harness.BINARY} keys lint -"
    done = subprocess.run(["bash", "-c", command], capture_output=True, env=harness.environment(), check=False)
    assert done.returncode == 1 and b"-:1: error: " in done.stdout and b"longer than the 1048576" in done.stdout, done


# list


@test
def list_shows_the_storm_key_by_all_its_names():
    path = os.path.join(harness.SOURCE, "config/storm-0558.jwks.json")
    text = bearertap("keys", "list", path).text
    for name in (STORM, STORM_HEX, "Q-oCF945Bmo2Fk4hZV6O17LvqmfkFVAzg3raJt9rtZ4", "kP2ox0dPp3uuT6IhJARw5E8I9ZWku4tl9NRrgQ8W-LY",
                 "critical", "2023-06-29T00:00:00Z", "Storm-0558: stolen consumer signing key", f"{path}:3"):
        assert name in text, f"{name} is not in\n{text}"
    entry, = listed(path)
    assert (entry["id"], entry["source"], entry["line"], entry["severity"]) == (STORM, path, 3, "critical"), entry
    assert entry["revoked_at"] == "2023-06-29T00:00:00Z" and "9188040d" in entry["issuer"], entry


@test
def list_keeps_the_order_of_the_files_and_takes_values():
    first, second = write("first.txt", "one\ntwo\n"), write("second.json", '{"keys":[{"kid":"three"}]}')
    entries = listed(second, "id:four", first)
    assert [entry["id"] for entry in entries] == ["three", "four", "one", "two"], entries
    run = bearertap("keys", "list", second, "id:four", first)
    assert "4 revoked keys" in run.errors, run


@test(each=[STORM_HEX, STORM_HEX.upper(), ":".join(re.findall("..", STORM_HEX)), ":".join(re.findall("..", STORM_HEX.upper())),
            " ".join(re.findall("..", STORM_HEX)), "-".join(re.findall("..", STORM_HEX.upper())), STORM, STORM + "=",
            STORM.replace("_", "/") + "="])
def every_spelling_of_a_thumbprint_is_the_same_key(spelling):
    entry, = listed("id:" + spelling)
    assert names_of(entry) == {STORM_HEX} and entry["names"][0] == {"as": "kid", "text": spelling, "from": ["kid"]}, entry
    for member in ("kid", "x5t"):
        entry, = listed(write("spelling.json", json.dumps({member: spelling})))
        assert names_of(entry) == {STORM_HEX}, entry
    entry, = listed(write("spelling.txt", spelling + "   # why\n"))
    assert names_of(entry) == {STORM_HEX}, entry


@test
def control_characters_come_out_escaped():
    kid = "a\x1b[31m\x07\x9b\u202e\u200b\\é"
    path = write("controls.json", json.dumps({"kid": kid, "reason": "x\n    kid         forged"}))
    run = bearertap("keys", "list", path)
    assert "a\\x1b[31m\\x07\\xc2\\x9b\\xe2\\x80\\xae\\xe2\\x80\\x8b\\\\é" in run.text, run
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e]", run.text) and "\n    kid         forged" not in run.text
    run = bearertap("keys", "list", "--json", path)
    assert run.lines[0]["id"] == kid and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e]", run.text), run
    assert not re.search(b"[\x00-\x09\x0b-\x1f]", bearertap("keys", "lint", path).stdout)


@test
def a_refused_list_is_shown_by_nobody_and_lint_is_recommended():
    run = bearertap("keys", "list", write("bad.json", '{"keys":[{"kid":"a"},\n{"kid":7}]}'), status=1)
    assert run.stdout == b"" and "bad.json:2" in run.errors and "keys lint" in run.errors, run


# oracles

JWKS = [dict(kty="RSA", size=2048), dict(kty="RSA", size=1024), dict(kty="EC", crv="P-256"), dict(kty="EC", crv="P-384"),
        dict(kty="EC", crv="P-521"), dict(kty="EC", crv="secp256k1"), dict(kty="OKP", crv="Ed25519"),
        dict(kty="OKP", crv="Ed448"), dict(kty="OKP", crv="X25519"), dict(kty="OKP", crv="X448"), dict(kty="oct", size=256)]


def packets_with(header, claims=None):
    """A connection with one request, whose token has this JOSE header."""
    token = ".".join([base64url(json.dumps(header).encode() if isinstance(header, dict) else header),
                      base64url(json.dumps(claims or {"iss": "x"}).encode()), base64url(b"signature")])
    request = f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    frames = []
    for sequence, flags, payload in [(99, 2, b"")] + [(100 + at, 16, request[at : at + 1400])
                                                      for at in range(0, len(request), 1400)]:
        tcp = struct.pack("!HHIIBBHHH", 40000, 80, sequence, 1 if flags != 2 else 0, 80, flags, 65535, 0, 0)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
        total = sum(struct.unpack("!10H", ip))
        total = (total & 0xFFFF) + (total >> 16)
        total = ((total & 0xFFFF) + (total >> 16)) ^ 0xFFFF
        ip = ip[:10] + struct.pack("!H", total) + ip[12:]
        pseudo = sum(struct.unpack("!4H", ip[12:20])) + 6 + 20 + len(payload)  # as offloading leaves it
        pseudo = (pseudo & 0xFFFF) + (pseudo >> 16)
        frame = bytes(12) + b"\x08\0" + ip + tcp[:16] + struct.pack("!H", pseudo) + tcp[18:] + payload
        frames.append((1700000000, 0, len(frame), frame))
    return Pcap(packets=frames)


@test(each=JWKS)
def a_list_and_a_token_give_a_key_the_thumbprint_that_jwcrypto_gives(parameters):
    key = jwk.JWK.generate(**parameters)
    exported = key.export() if parameters["kty"] == "oct" else key.export_public()
    expected = key.thumbprint()
    path = write("key.json", exported)
    entry, = listed(path)
    assert base64.urlsafe_b64decode(expected + "=").hex() in names_of(entry, "jkt"), entry
    capture = packets_with({"alg": "RS256", "jwk": json.loads(exported)}).write(scratch("jwk.pcap"))
    for keys in [path] + (["id:" + expected] if parameters["kty"] == "EC" else []):  # the list's own, and jwcrypto's
        line, = bearertap("read", "-f", "ecs", "-k", keys, capture).lines
        assert get(line, "bearertap.key.match") == ["jwk"], line


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, input=stdin).stdout


CERTIFICATES = {"rsa": ["-newkey", "rsa:1024"], "pss": ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:1024"],
                "P-256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
                "compressed": ["-key"],  # of a file
                "P-384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"],
                "P-521": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"],
                "secp256k1": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
                "Ed25519": ["-newkey", "ed25519"], "Ed448": ["-newkey", "ed448"]}


def thumbprint_by_openssl(pem):
    """RFC 7638 of a certificate's key, from what openssl prints of it and Python's hashlib."""
    public = openssl("x509", "-pubkey", "-noout", stdin=pem)
    text = openssl("pkey", "-pubin", "-text", "-noout", stdin=public).decode()
    octets = {name: bytes.fromhex(re.sub(r"[:\s]", "", value))
              for name, value in re.findall(r"^(Modulus|pub):\n((?:    .*\n)+)", text, re.M)}
    curve = re.search(r"^NIST CURVE: (.*)$|^ASN1 OID: (.*)$", text, re.M)
    if "Modulus" in octets:
        exponent = int(re.search(r"Exponent: (\d+)", text).group(1))
        members = {"e": base64url(exponent.to_bytes((exponent.bit_length() + 7) // 8, "big")), "kty": "RSA",
                   "n": base64url(octets["Modulus"].lstrip(b"\0"))}
    elif curve:
        name = re.search(r"^NIST CURVE: (.*)$", text, re.M)
        if octets["pub"][0] != 4:
            full = openssl("pkey", "-pubin", "-ec_conv_form", "uncompressed", "-pubout", "-outform", "DER", stdin=public)
            octets["pub"] = full[-65:]
        half = len(octets["pub"]) // 2
        members = {"crv": name.group(1) if name else "secp256k1", "kty": "EC", "x": base64url(octets["pub"][1 : 1 + half]),
                   "y": base64url(octets["pub"][1 + half :])}
    else:
        members = {"crv": re.match(r"(ED\w+) ", text).group(1).capitalize(), "kty": "OKP", "x": base64url(octets["pub"])}
    return hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


@test(each=CERTIFICATES)
def a_certificate_has_the_names_that_openssl_gives_it(kind):
    arguments = CERTIFICATES[kind]
    if kind == "compressed":
        key = openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-conv_form", "compressed")
        arguments = ["-key", write("compressed.pem", key)]
    pem = openssl("req", "-x509", "-noenc", "-keyout", "/dev/null", "-subj", "/CN=a", "-days", "1", *arguments)
    der = openssl("x509", "-outform", "DER", stdin=pem)
    fingerprints = {digest: openssl("x509", "-noout", "-fingerprint", f"-{digest}", stdin=pem).decode().split("=")[1]
                    .strip().replace(":", "").lower() for digest in ("sha1", "sha256")}
    expected = {fingerprints["sha1"], fingerprints["sha256"], thumbprint_by_openssl(pem)}
    key = openssl("x509", "-pubkey", "-noout", stdin=pem)
    for name, content in {
            "lf": pem, "crlf": pem.replace(b"\n", b"\r\n"), "bom": b"\xef\xbb\xbf" + pem, "cut end": pem.rstrip(b"\n"),
            "one line": b"".join(pem.splitlines()[1:-1]).join([b"-----BEGIN CERTIFICATE-----\n", b"\n-----END CERTIFICATE-----"]),
            "text": openssl("x509", "-text", stdin=pem),
            "x5c": json.dumps({"keys": [{"x5c": [base64.b64encode(der).decode(), "more"]}]}).encode(),
    }.items():
        entry, = listed(write("certificate", content))
        assert names_of(entry) == expected, f"{name}: {entry} is not {expected}"
    entry, = listed(write("public-key", key))
    assert names_of(entry) == {thumbprint_by_openssl(pem)}, entry
    for cut in (1, 100, len(der) - 1):  # a certificate that is not whole, and one with something behind it
        for wrong in (der[:cut], der + der[:1]):
            bearertap("keys", "list", write("cut.json", json.dumps({"x5c": [base64.b64encode(wrong).decode()]})), status=1)


# usage


@test(each=[["keys"], ["keys", "lnit", "x"], ["keys", "lint"], ["keys", "list"], ["keys", "lint", "--no-such-option", "x"],
            ["keys", "list", "-f", "xml", "x"], ["keys", "lint", "-f"], ["keys", "lint", "--max", "many", "x"]])
def wrong_usage_of_keys_is_status_2_and_says_why(arguments):
    run = bearertap(*arguments, status=2)
    assert run.errors and not run.stdout, run


@test(each=[["keys", "--help"], ["keys", "lint", "--help"], ["keys", "list", "-h"], ["help", "keys"]])
def the_help_of_keys_names_every_option(arguments):
    text = bearertap(*arguments).text
    for word in ("lint", "list", "-f", "--json", "--max", "--count", "-q", "error", "warning"):
        assert word in text, f"{word} is not in\n{text}"


@test
def a_token_given_for_a_list_is_not_repeated():
    token = next(iter(harness.manifest("storm-0558.pcap")["tokens"].values()))
    for action in ("lint", "list"):
        run = bearertap("keys", action, token, status=2)
        assert "token" in run.errors and token[:20] not in run.errors, "the message repeats it"
        for member in ("kid", "issuer", "reason", "severity", "x5t", "revoked_at", "kty"):
            for value in (token, f"Authorization: Bearer {token}", f"Bearer_{token}"):
                run = bearertap("keys", action, write("token.json", json.dumps({"kid": "a", member: value})), status=1)
                assert "token" in run.errors + run.text and token[:20] not in run.errors + run.text, "it is repeated"
        run = bearertap("keys", action, write("token.txt", f"a\nAuthorization:Bearer_{token}\n"), status=1)
        assert "token" in run.errors + run.text and token[:20] not in run.errors + run.text, "it is repeated"
    run = bearertap("keys", "list", f"id:Bearer_{token}", status=1)
    assert "token" in run.errors and token[:20] not in run.errors, "it is repeated"


@test
def a_full_disk_is_an_error_of_keys():
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            run = bearertap("keys", "list", "id:a", stdout=full, status=1)
        assert "No space left" in run.errors, run


# tokens


@test
def a_header_that_names_keys_too_often_is_counted_and_its_last_kid_is_found():
    many = b'{"alg":"RS256",' + b'"x5c":["AA=="],' * 1000 + b'"kid":"revoked"}'
    capture = packets_with(many).write(scratch("many.pcap"))
    run = bearertap("read", "-f", "ecs", "-k", "id:revoked", capture)
    assert [get(line, "bearertap.key.id") for line in run.lines] == ["revoked"], run
    assert summary(run)["events"][1].get("references_left_out") == 1, run.errors
    few = packets_with(b'{"alg":"RS256","kid":"a","x5t":"b"}').write(scratch("few.pcap"))
    assert "references_left_out" not in bearertap("read", "-k", "id:revoked", few).errors


# size


@test(each=["kid", "members", "rsa"], only_if=LONG)
def a_million_keys_take_less_than_200_megabytes(kind):
    if harness.SANITIZED:
        return  # the promise is the release build's
    number = base64url(bytes(range(128, 256)) * 2)
    with open(scratch("million.json"), "w") as file:
        file.write('{"keys":[\n')
        for i in range(1_000_000):
            entry = {"kid": f"6f1c2a4e-8f0b-4a53-9d0e-{i:012}"}
            if kind == "members":
                entry.update(issuer=f"https://login.example/{i % 1000}/", severity="high", reason=f"found in {i // 10}",
                             revoked_at=f"2023-01-{i % 28 + 1:02}T00:00:00Z")
            elif kind == "rsa":
                entry.update(kty="RSA", e="AQAB", n=f"s{i:08}{number[9:]}")
            file.write((",\n" if i else "") + json.dumps(entry))
        file.write("]}\n")
    for command in (["list", "--count"], ["lint", "-q"]):
        process = subprocess.Popen([harness.BINARY, "keys", *command, scratch("million.json")], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0 and usage.ru_maxrss * 1024 < 200e6, (command, process.returncode, usage.ru_maxrss)
    os.remove(scratch("million.json"))
