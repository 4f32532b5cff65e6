# SPDX-License-Identifier: BSD-3-Clause
"""Generated HTTP/1.1 conversations, and the truth about the tokens in them.

A Conversation is a list of turns (who speaks, bytes) and a list of expected lines, which is worked out here from what
was put in, with hashlib and nothing of the program.
"""
import base64
import collections
import hashlib
import json

CLIENT, SERVER = 0, 1

REVOKED = ["revoked-2016", "d4b4cccda9228624656bff33d8110955779632ab", "keys/2021\"old\"", "клюъ-7",
           "kP2ox0dPp3uuT6IhJARw5E8I9ZWku4tl9NRrgQ8W-LX"]
CLEAN = ["current", "revoked-2017", "Revoked-2016", "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg"]
ALGORITHMS = ["RS256", "ES256", "PS512", "EdDSA", "HS256"]
WORDS = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore".split()

# What a line of the program says, and what is expected of it. None: not there.
Request = collections.namedtuple("Request", "method domain path user_agent")
NO_REQUEST = Request(None, None, None, None)


class Line(collections.namedtuple("Line", "kind from_server placement sha256 kid alg method domain path user_agent "
                                          "truncated sightings")):
    def request(self):
        return Request(self.method, self.domain, self.path, self.user_agent)


class Token:
    """Nobody's signature: header and claims are made up, the signature is random."""

    def __init__(self, text, kid=None, alg=None):
        self.text, self.kid, self.alg = text, kid, alg
        self.sha256 = hashlib.sha256(text).hexdigest()
        self.revoked = kid in REVOKED


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def make_token(chance, most=6000):
    """Two of the longest fit into a request's head of less than 14 KiB, of which the program promises to know all."""
    kid = chance.choice(REVOKED) if chance.random() < 0.7 else chance.choice(CLEAN)
    size = int(200 * (most / 200) ** chance.random())
    is_jwe = chance.random() < 0.1
    members = [("alg", "RSA-OAEP" if is_jwe else chance.choice(ALGORITHMS)), ("kid", kid), ("typ", "JWT")]
    if is_jwe:
        members.append(("enc", "A256GCM"))
    if chance.random() < 0.1:  # a JOSE header that goes over several packets
        members.append(("crit_pad", "x" * chance.randrange(size * 3 // 4)))
    chance.shuffle(members)
    header = json.dumps(dict(members), ensure_ascii=chance.random() < 0.5,
                        separators=(",", chance.choice([":", ": "]))).encode()
    claims = json.dumps({"sub": "u%d" % chance.randrange(10**6), "iss": "https://issuer.example"}).encode()
    parts = [encode(header)]
    if is_jwe:
        parts += [encode(chance.randbytes(count)) for count in (64, 12, max(20, size * 3 // 4 - len(header)), 16)]
    else:
        parts += [encode(claims), encode(chance.randbytes(max(64, size * 3 // 4 - len(header) - len(claims))))]
    return Token(b".".join(parts), kid, dict(members)["alg"])


def make_opaque(chance):
    return Token(bytes(chance.choices(b"abcdefghijklmnopqrstuvwxABCDEFG0123456789-_", k=chance.randrange(20, 80))))


def random_case(chance, text):
    way = chance.randrange(4)
    if way < 3:
        return [text, text.lower(), text.upper()][way].encode()
    return "".join(chance.choice([c.lower(), c.upper()]) for c in text).encode()


def padding(chance, length):
    text = " ".join(chance.choices(WORDS, k=length // 5 + 1))
    return text[:length].encode()


# Where a token may stand: each returns (what kind of place, bytes, placement).


def credentials(chance, name, token):
    space = [b" ", b" ", b" ", b"  ", b"\t", b" \t ", b"\r\n ", b"\n\t", b" \r\n  "]
    before = chance.choice([b""] + space)
    scheme = random_case(chance, chance.choice(["Bearer", "Bearer", "DPoP"]))
    after = chance.choice([b"", b"", b"", b" ", b"\t "])
    return random_case(chance, name) + b":" + before + scheme + chance.choice(space) + token + after


def in_authorization(chance, token):
    return "header", credentials(chance, "Authorization", token), "authorization"


def in_proxy_authorization(chance, token):
    return "header", credentials(chance, "Proxy-Authorization", token), "proxy-authorization"


def in_cookie(chance, token):
    before = b"".join(chance.sample([b"lang=en; ", b"theme=dark; ", b"_ga=GA1.2.3; "], chance.randrange(3)))
    after = chance.choice([b"", b"; last=1", b";x=y"])
    return "header", random_case(chance, "Cookie") + b": " + before + b"session=" + token + after, "cookie"


def in_other_header(chance, token):
    name = chance.choice(["DPoP", "X-Access-Token", "X-Amzn-Oidc-Data", "X-Goog-Iap-Jwt-Assertion"])
    return "header", random_case(chance, name) + b":" + chance.choice([b"", b" ", b"\t", b"  "]) + token, "header"


def some_escaped(chance, token, escape):
    return token.replace(b".", escape) if chance.random() < 0.4 else token


def parameter(chance, names, token):
    token = some_escaped(chance, token, chance.choice([b"%2E", b"%2e"]))
    before = chance.choice([b"", b"a=1&", b"grant_type=code&q=x+y&"])
    return before + chance.choice(names) + b"=" + token + chance.choice([b"", b"&z=2"])


def in_query(chance, token):
    return "query", parameter(chance, [b"access_token", b"id_token", b"jwt", b"t"], token), "query"


def in_form(chance, token):
    names = [b"access_token", b"id_token", b"client_assertion", b"assertion", b"token"]
    return "application/x-www-form-urlencoded", parameter(chance, names, token), "form-body"


def in_json(chance, token):
    name = chance.choice([b"access_token", b"id_token", b"jwt"])
    if name != b"jwt":
        token = some_escaped(chance, token, chance.choice([b"\\u002e", b"\\u002E"]))
    space = [b"", b"", b" ", b"\n  ", b"\r\n\t"]
    before = chance.choice([b"", b'"n":1,', b'"nested":{"deep":[1,2,"x"]},\n'])
    after = chance.choice([b"", b',"expires_in":3600', b' , "scope" : "a b"'])
    pair = b'"' + name + b'"' + chance.choice(space) + b":" + chance.choice(space) + b'"' + token + b'"'
    return chance.choice(["application/json", "application/json; charset=utf-8"]), b"{" + before + pair + after + b"}", \
        "json-body"


def in_raw_body(chance, token):
    return chance.choice(["application/jwt", "text/plain", "application/octet-stream"]), token, "other"


IN_HEAD = [in_authorization, in_authorization, in_proxy_authorization, in_cookie, in_other_header, in_query]
IN_BODY = [in_form, in_json, in_raw_body]
ANNOUNCED = [in_authorization, in_proxy_authorization]


class Conversation:
    def __init__(self, chance):
        self.chance = chance
        self.turns = []  # (CLIENT or SERVER, bytes)
        self.lines = []  # Line
        self.seen = []  # tokens, some of which come again
        self.end = chance.choices(["fin", "reset", "silence"], [8, 1, 1])[0]
        requests = [self.make_request() for _ in range(chance.choice([1, 1, 2, 2, 3, 4]))]
        answers = [self.make_answer(is_last=number == len(requests) - 1) for number in range(len(requests))]
        if chance.random() < 0.04:
            requests.append(self.make_cut_request())
            answers.append(b"")
        if chance.random() < 0.4:  # pipelined
            self.turns = [(CLIENT, b"".join(requests)), (SERVER, b"".join(answers))]
        else:
            for request, answer in zip(requests, answers):
                self.turns += [(CLIENT, request), (SERVER, answer)]
        self.length = sum(len(data) for _, data in self.turns)

    def expect(self, token, placement, request, from_server=False, truncated=False):
        """Repeats of a finding come as one line that says how many they were, with the request of the first where all
        of them stood in such a request."""
        line = Line("alert" if token.revoked else "event", from_server, placement,
                    None if truncated else token.sha256, token.kid, token.alg, *request, True if truncated else None,
                    1 if token.revoked else None)
        if not token.revoked or truncated:
            self.lines.append(line)
            return
        identity = line[:4]
        same = [number for number, other in enumerate(self.lines) if other[:4] == identity]
        if not same:
            self.lines.append(line)
            return
        if self.lines[same[0]].request() != line.request():
            line = line._replace(**NO_REQUEST._asdict())
        if len(same) == 1:
            self.lines.append(line)
        else:
            again = self.lines[same[1]]
            known = again if line.request() == again.request() else again._replace(**NO_REQUEST._asdict())
            self.lines[same[1]] = known._replace(sightings=again.sightings + 1)

    def pick_token(self, most=6000):
        if self.seen and self.chance.random() < 0.25:
            return self.chance.choice(self.seen)
        token = make_token(self.chance, most)
        self.seen.append(token)
        return token

    def make_head(self, method, domain, path, query, lines, newline):
        """The start line and the headers in random order; Host may come last."""
        chance = self.chance
        host = random_case(chance, "Host") + b": " + domain + chance.choice([b"", b":8443"])
        target = path + (b"?" + query if query else b"")
        if chance.random() < 0.1:
            target = b"http://" + domain + target
        lines = lines + [host]
        chance.shuffle(lines)
        return newline.join([method + b" " + target + b" HTTP/1.1"] + lines + [b"", b""])

    def make_request(self):
        chance = self.chance
        chunked = chance.random() < 0.1
        with_body = chunked or chance.random() < 0.5
        places = chance.sample(IN_HEAD, chance.choice([0, 1, 1] if with_body else [0, 1, 1, 2]))
        if with_body and chance.random() < 0.8:
            places.append(chance.choice(IN_BODY))
        newline = b"\n" if chance.random() < 0.15 else b"\r\n"
        domain = chance.choice([b"api.example.test", b"login.example.test", b"10.1.2.3"])
        path = b"/" + b"/".join(b"%s%d" % (chance.choice(WORDS).encode(), chance.randrange(100))
                                for _ in range(chance.randrange(1, 4)))
        method = chance.choice([b"POST", b"PUT", b"PATCH"]) if with_body else chance.choice([b"GET", b"DELETE"])
        agent = chance.choice([None, b"curl/8.5.0", b"Mozilla/5.0 (X11; Linux x86_64)", b"python-requests/2.31"])
        request = Request(method.decode(), domain.decode(), path.decode(), agent and agent.decode())

        lines, query, body, content_type = [b"Accept: */*"], b"", b"", None
        if agent:
            lines.append(random_case(chance, "User-Agent") + b":" + chance.choice([b" ", b"", b"\t"]) + agent)
        if chance.random() < 0.1:
            lines.append(b"X-Authenticate: Basic dXNlcjpwYXNz")
        used = set()
        for place in places:
            opaque = place in ANNOUNCED and chance.random() < 0.1
            token = make_opaque(chance) if opaque else self.pick_token(2500 if chunked else 6000)
            where, text, placement = place(chance, token.text)
            if placement in used:
                continue
            used.add(placement)
            if where == "header":
                lines.append(text)
            elif where == "query":
                query = text
            else:
                content_type, body = where, text
            self.expect(token, placement, request)
        if not with_body:
            return self.make_head(method, domain, path, query, lines, newline)

        if content_type is None:
            content_type, body = "text/plain", padding(chance, chance.randrange(1, 3000))
        elif chance.random() < 0.15 and not chunked:  # the token far into the body, beyond what is kept of it
            pad = padding(chance, chance.randrange(1000, 40000))
            if content_type.startswith("application/json"):
                body = b'{"pad":"' + pad + b'",' + body[1:]
            elif content_type.startswith("application/x-www"):
                body = b"pad=" + pad.replace(b" ", b"+") + b"&" + body
            else:
                body = pad + b" " + body
        lines.append(random_case(chance, "Content-Type") + b": " + content_type.encode())
        if chunked:
            lines.append(b"Transfer-Encoding: chunked")
            more = padding(chance, chance.randrange(1, 300))
            body = b"%x\r\n%s\r\n%X;ext=1\r\n%s\r\n0\r\n\r\n" % (len(body), body, len(more), more)
        else:
            lines.append(b"Content-Length: %d" % len(body))
        return self.make_head(method, domain, path, query, lines, newline) + body

    def make_cut_request(self):
        """The connection ends in the middle of a token, behind its JOSE header."""
        token = make_token(self.chance)
        lines = b"GET /cut HTTP/1.1\r\nHost: cut.example.test\r\nAuthorization: Bearer "
        keep = self.chance.randrange(token.text.index(b".") + 1, len(token.text))
        self.expect(token, "authorization", Request("GET", "cut.example.test", "/cut", None), truncated=True)
        return lines + token.text[:keep]

    def make_answer(self, is_last):
        chance = self.chance
        kind = chance.choice(["json", "text", "empty", "empty", "plain"])
        if kind == "empty":
            return b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"
        if kind == "plain":
            body = padding(chance, chance.randrange(1, 4000))
        else:
            token = self.pick_token()
            self.expect(token, "json-body" if kind == "json" else "other", NO_REQUEST, from_server=True)
            before = b'{"token_type":"Bearer","access_token":' + chance.choice([b'"', b' "']) if kind == "json" else b"t="
            # Where another answer follows, a raw token needs no delimiter.
            after = b'","expires_in":3599}' if kind == "json" else b"\n" if is_last else chance.choice([b"\n", b""])
            body = before + token.text + after
            if chance.random() < 0.1:
                body = padding(chance, chance.randrange(40000)) + b"\n" + body
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
