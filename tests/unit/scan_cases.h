/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client writes, and the tokens in it: see scan.c. A new placement gets its lines here. */
#ifndef BEARERTAP_TESTS_UNIT_SCAN_CASES_H
#define BEARERTAP_TESTS_UNIT_SCAN_CASES_H

#include "scan_support.h"

/* Encoded with Python's base64. {"alg":"RS256","kid":"a"} and {"sub":"x"}; the same with kid b. */
#define H1 "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ"
#define H2 "eyJhbGciOiJSUzI1NiIsImtpZCI6ImIifQ"
#define P  "eyJzdWIiOiJ4In0"
#define T1 H1 "." P ".c2ln"
#define T2 H2 "." P ".c2ln"
/* {"alg":"dir","enc":"A128GCM","kid":"j"} */
#define JWE "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIiwia2lkIjoiaiJ9..aXY.Y2lwaGVydGV4dA.dGFn"
/* {"alg":"RS256","kid":"a","x":" {  {  {  {  {  { "}: six prefixes stand in it. */
#define MANY "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEiLCJ4IjoiIHsgIHsgIHsgIHsgIHsgIHsgIn0." P ".c2ln"
/* {"alg":"none"}, and so without a finding. */
#define CLEAN "eyJhbGciOiJub25lIn0." P ".c2ln"
/* {"alg":"RS256","jwk":{"kty":"oct","k":"AA","alg":"HS256","kid":"n"}}: eyJ stands in it again. */
#define NESTED "eyJhbGciOiJSUzI1NiIsImp3ayI6eyJrdHkiOiJvY3QiLCJrIjoiQUEiLCJhbGciOiJIUzI1NiIsImtpZCI6Im4ifX0." P ".c2ln"

#define GET          "GET /a/b?x=1 HTTP/1.1\r\nHost: h.example\r\n"
#define FORM(n)      "POST /f HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " n "\r\n\r\n"
#define JSON(n)      "POST /j HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: " n "\r\n\r\n"
#define JSON_CHUNKED "POST /j HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

struct expected {
    enum placement placement;
    const char *text; /* as the application receives it */
    const char *raw;  /* as it stands in the bytes, or how it begins; NULL: the same */
    bool opaque, truncated;
};

#define FOUND(placement, text)                                                                                         \
    {                                                                                                                  \
        PLACEMENT_##placement, text, NULL, false, false                                                                \
    }
#define SPELT(placement, text, raw)                                                                                    \
    {                                                                                                                  \
        PLACEMENT_##placement, text, raw, false, false                                                                 \
    }
#define OPAQUE(placement, text)                                                                                        \
    {                                                                                                                  \
        PLACEMENT_##placement, text, NULL, true, false                                                                 \
    }
#define NOTHING                                                                                                        \
    {                                                                                                                  \
        PLACEMENT_OTHER, NULL, NULL, false, false                                                                      \
    }

static const struct scan_case {
    const char *name;
    const char *bytes;
    struct expected expected[5];
} cases[] = {
    /* The Authorization header. */
    {"bearer", GET "Authorization: Bearer " T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"dpop", GET "Authorization: DPoP " T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"any case", GET "aUTHORIZATION: bEAReR " T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"dpop in capitals", GET "AUTHORIZATION:DPOP " T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"white space", GET "Authorization: \t   Bearer \t\t    " T1 "   \r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"folded behind the colon", GET "Authorization:\r\n Bearer " T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"folded behind the scheme", GET "Authorization: Bearer\r\n " T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"folded, LF TAB", GET "Authorization: Bearer\n\t" T1 "\n\n", {FOUND(AUTHORIZATION, T1)}},
    {"folded over and over",
     GET "Authorization:\r\n \r\n\t\n Bearer \r\n  \r\n " T1 "\r\n\r\n",
     {FOUND(AUTHORIZATION, T1)}},
    {"bare LF", "GET / HTTP/1.1\nHost: h.example\nAuthorization: Bearer " T1 "\n\n", {FOUND(AUTHORIZATION, T1)}},
    {"quoted", GET "Authorization: Bearer \"" T1 "\"\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"another scheme", GET "Authorization: Token " T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"a long scheme", GET "Authorization: GoogleLogin auth=" T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"no scheme", GET "Authorization: " T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"a space before the colon", GET "Authorization : Bearer " T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},
    {"basic is none", GET "Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n\r\n", {NOTHING}},
    {"a list",
     GET "Authorization: Bearer " T1 ", Bearer " T2 "\r\n\r\n",
     {FOUND(AUTHORIZATION, T1), FOUND(AUTHORIZATION, T2)}},
    {"opaque",
     GET "Authorization: Bearer 2YotnFZFEjr1zCsicMWpAA\r\n\r\n",
     {OPAQUE(AUTHORIZATION, "2YotnFZFEjr1zCsicMWpAA")}},
    {"opaque with dots", GET "Authorization: Bearer s.abc.def\r\n\r\n", {OPAQUE(AUTHORIZATION, "s.abc.def")}},
    {"empty", GET "Authorization: Bearer \r\nX: y\r\n\r\n", {NOTHING}},
    {"junk in the base64",
     GET "Authorization: Bearer e!!yJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ." P ".c2ln\r\n\r\n",
     {FOUND(AUTHORIZATION, "e!!yJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ." P ".c2ln")}},
    {"two white spaces in front, announced",
     GET "Authorization: Bearer ICB7ImFsZyI6IlJTMjU2In0." P ".c2ln\r\n\r\n",
     {FOUND(AUTHORIZATION, "ICB7ImFsZyI6IlJTMjU2In0." P ".c2ln")}},
    {"something before the token",
     GET "Authorization: Bearer x=" T1 "\r\n\r\n",
     {FOUND(AUTHORIZATION, T1), OPAQUE(AUTHORIZATION, "x=" T1)}},
    {"a part more before the token",
     GET "Authorization: Bearer x." T1 "\r\n\r\n",
     {FOUND(AUTHORIZATION, T1), OPAQUE(AUTHORIZATION, "x." T1)}},
    {"opaque text and a dot before the token",
     GET "Authorization: Bearer x.y/" T1 "\r\n\r\n",
     {FOUND(AUTHORIZATION, T1), OPAQUE(AUTHORIZATION, "x.y/" T1)}},
    {"the first bytes of the connection", "Authorization: Bearer " T1 "\r\n\r\n", {FOUND(AUTHORIZATION, T1)}},

    /* Other headers. */
    {"proxy", GET "Proxy-Authorization: Bearer " T1 "\r\n\r\n", {FOUND(PROXY_AUTHORIZATION, T1)}},
    {"x-authorization", GET "X-Authorization: Bearer " T1 "\r\n\r\n", {FOUND(HEADER, T1)}},
    {"x-authorization, opaque", GET "X-Authorization: Bearer abc\r\n\r\n", {OPAQUE(HEADER, "abc")}},
    {"cookie", GET "Cookie: a=b; session=" T1 "; c=d\r\n\r\n", {FOUND(COOKIE, T1)}},
    {"cookie, named like a parameter", GET "Cookie: access_token=" T1 "; c=d\r\n\r\n", {FOUND(COOKIE, T1)}},
    {"cookie, folded", GET "Cookie: a=b;\r\n session=" T1 "\r\n\r\n", {FOUND(COOKIE, T1)}},
    {"cookie, two joined", GET "Cookie: s=" T1 "|" T2 "\r\n\r\n", {FOUND(COOKIE, T1), FOUND(COOKIE, T2)}},
    {"another header", GET "X-Token: " T1 "\r\n\r\n", {FOUND(HEADER, T1)}},
    {"a referer", GET "Referer: https://x/?id_token=" T1 "&a\r\n\r\n", {FOUND(HEADER, T1)}},
    {"JSON in a header", GET "X: {\"access_token\":\"" T1 "\"}\r\n\r\n", {FOUND(HEADER, T1)}},

    /* The request line. */
    {"query", "GET /q?access_token=" T1 "&x=1 HTTP/1.1\r\nHost: h\r\n\r\n", {FOUND(QUERY, T1)}},
    {"query, last", "GET /q?id_token=" T1 " HTTP/1.1\r\nHost: h\r\n\r\n", {FOUND(QUERY, T1)}},
    {"query, another name", "GET /q?t=" T1 " HTTP/1.1\r\nHost: h\r\n\r\n", {FOUND(QUERY, T1)}},
    {"query, encoded dots",
     "GET /q?access_token=" H1 "%2e" P "%2Ec2ln&x HTTP/1.1\r\nHost: h\r\n\r\n",
     {SPELT(QUERY, T1, H1 "%2e")}},
    {"query, encoded dots, another name",
     "GET /q?t=" H1 "%2e" P "%2Ec2ln&x HTTP/1.1\r\nHost: h\r\n\r\n",
     {SPELT(QUERY, T1, H1 "%2e")}},
    {"query, encoded letters",
     "GET /q?access_token=%65%79JhbGciOiJSUzI1NiIsImtpZCI6ImEifQ." P ".c2l%6E HTTP/1.1\r\nHost: h\r\n\r\n",
     {SPELT(QUERY, T1, "%65%79")}},
    {"more without a delimiter between them than can run",
     GET "X: " CLEAN "A" CLEAN "A" CLEAN "A" CLEAN "A" CLEAN "\r\n\r\n",
     {{PLACEMENT_HEADER, CLEAN "A" CLEAN "A" CLEAN "A" CLEAN "AeyJ", NULL, false, true},
      FOUND(HEADER, CLEAN "A" CLEAN "A" CLEAN "A" CLEAN),
      FOUND(HEADER, CLEAN "A" CLEAN "A" CLEAN),
      FOUND(HEADER, CLEAN "A" CLEAN),
      FOUND(HEADER, CLEAN)}},
    {"query, right behind an escape that breaks in its first byte",
     "GET /q?t=" H1 "." P "%" T2 "&x HTTP/1.1\r\nHost: h\r\n\r\n",
     {FOUND(QUERY, H1 "." P "%" T2), FOUND(QUERY, T2)}},
    {"query, within a query", "GET /q?r=%2Fcb%3Ft%3D" T1 "%26x HTTP/1.1\r\n\r\n", {FOUND(QUERY, T1)}},
    {"query, a broken escape at the end",
     "GET /q?access_token=" T1 "%4&t=" T2 " HTTP/1.1\r\n\r\n",
     {SPELT(QUERY, T1 "%4", T1), FOUND(QUERY, T2)}},
    {"query, an escape that begins in another",
     "GET /q?access_token=" H1 "%%2e" P ".c2ln HTTP/1.1\r\n\r\n",
     {SPELT(QUERY, H1 "%." P ".c2ln", H1 "%%")}},
    {"path", "GET /t/" T1 "/x HTTP/1.1\r\n\r\n", {FOUND(QUERY, T1)}},
    {"path, an encoded slash behind it", "GET /t/" T1 "%2Fx HTTP/1.1\r\n\r\n", {FOUND(QUERY, T1)}},
    {"query, a plus for a space behind it", "GET /?t=" T1 "+x HTTP/1.1\r\n\r\n", {FOUND(QUERY, T1)}},
    {"the other alphabet before the second dot",
     GET "X: " H1 ".eyJ/+/."
         "c2ln/x\r\n\r\n",
     {FOUND(HEADER, H1 ".eyJ/+/.c2ln")}},
    {"more prefixes than there are captures", GET "X: " MANY "\r\n\r\n", {FOUND(HEADER, MANY)}},
    {"the same behind what is none", GET "Cookie: apiKeyId=" MANY "\r\n\r\n", {FOUND(COOKIE, MANY)}},
    {"behind a token without a finding",
     GET "Cookie: a=" CLEAN "." T1 "; b=" CLEAN "-" T2 "\r\n\r\n",
     {FOUND(COOKIE, CLEAN "." T1), FOUND(COOKIE, T1), FOUND(COOKIE, CLEAN "-" T2), FOUND(COOKIE, T2)}},
    {"padding", GET "X: " T1 "==\r\n\r\n", {SPELT(HEADER, T1 "==", T1)}},
    {"path, behind the header of another",
     "GET /eyJhbGciOiJub25lIn0/" T1 " HTTP/1.1\r\n\r\n",
     {FOUND(QUERY, "eyJhbGciOiJub25lIn0/" T1), FOUND(QUERY, T1)}},
    {"cookie, behind the header of another",
     GET "Cookie: eyJhbGciOiJub25lIn0=" T1 "\r\n\r\n",
     {FOUND(COOKIE, "eyJhbGciOiJub25lIn0=" T1), FOUND(COOKIE, T1)}},
    {"path, behind something that looks like one", "GET /heyJude/" T1 " HTTP/1.1\r\n\r\n", {FOUND(QUERY, T1)}},

    /* Bodies. */
    {"form", FORM("1000") "a=b&access_token=" T1 "&c=d", {FOUND(FORM_BODY, T1)}},
    {"form, first", FORM("1000") "access_token=" T1 "&c=d", {FOUND(FORM_BODY, T1)}},
    {"form, encoded dots", FORM("1000") "access_token=" H1 "%2E" P "%2ec2ln&c=d", {SPELT(FORM_BODY, T1, H1 "%2E")}},
    {"form, client assertion", FORM("1000") "client_assertion=" T1 "&c=d", {FOUND(FORM_BODY, T1)}},
    {"form, another name", FORM("1000") "t=" T1 "&c=d", {FOUND(FORM_BODY, T1)}},
    {"form, at the body's end, pipelined",
     FORM("85") "access_token=" T1 "zzzzzzzzzzzzzzzzzGET /2 HTTP/1.1\r\nAuthorization: Bearer " T2 "\r\n\r\n",
     {FOUND(FORM_BODY, T1 "zzzzzzzzzzzzzzzzz"), FOUND(AUTHORIZATION, T2)}},
    {"form, another name, at the body's end, pipelined",
     FORM("74") "t=" T1 "zzzzzzzzzzzzzzzzzGET /2 HTTP/1.1\r\n\r\n",
     {FOUND(FORM_BODY, T1 "zzzzzzzzzzzzzzzzz")}},
    {"form, opaque at the body's end, pipelined",
     FORM("19") "access_token=abcdefGET /2 HTTP/1.1\r\n\r\n",
     {OPAQUE(FORM_BODY, "abcdef")}},
    {"form, an escape cut by the body's end, pipelined",
     FORM("20") "access_token=abcde%2GET /2 HTTP/1.1\r\n\r\n",
     {OPAQUE(FORM_BODY, "abcde%2")}},
    {"form, empty at the body's end, pipelined", FORM("13") "access_token=GET /2 HTTP/1.1\r\n\r\n", {NOTHING}},
    {"json", JSON("1000") "{\"access_token\":\"" T1 "\"}", {FOUND(JSON_BODY, T1)}},
    {"json, white space", JSON("1000") "{ \"id_token\" \t\r\n : \n \"" T1 "\" }", {FOUND(JSON_BODY, T1)}},
    {"json, escapes",
     JSON("1000") "{\"access_token\":\"" H1 "\\u002e" P "\\u002Ec2l\\u006e\"}",
     {SPELT(JSON_BODY, T1, H1 "\\u002e")}},
    {"json, a slash", JSON("1000") "{\"access_token\":\"" T1 "\\/\\\"\"}", {SPELT(JSON_BODY, T1 "/\"", T1)}},
    {"json, a broken escape at the end",
     JSON("1000") "{\"access_token\":\"" T1 "\\u00\",\"x\":\"" T2 "\"}",
     {SPELT(JSON_BODY, T1 "\\u00", T1), FOUND(JSON_BODY, T2)}},
    {"json, another name", JSON("1000") "{\"x\":[\"" T1 "\"]}", {FOUND(JSON_BODY, T1)}},
    {"json, no string", JSON("1000") "{\"access_token\":null,\"access_token\":17,\"access_token\"}", {NOTHING}},
    {"json, chunked", JSON_CHUNKED "100\r\n{\"x\":\"" T1 "\"}", {FOUND(JSON_BODY, T1)}},
    {"json hides nothing behind its first bytes",
     FORM("1000") "a=\"access_token\":\"eyJ&token=" T1 "&c=\"",
     {FOUND(FORM_BODY, T1), OPAQUE(JSON_BODY, "eyJ&token=" T1 "&c=")}},
    {"of no known type", "POST /o HTTP/1.1\r\nContent-Length: 1000\r\n\r\n<t>" T1 "</t>", {FOUND(OTHER, T1)}},
    {"not HTTP", "EHLO x\r\nAUTH OAUTHBEARER\r\n" T1 "\r\n", {FOUND(OTHER, T1)}},

    /* Tokens. */
    {"a JWE", GET "Authorization: Bearer " JWE "\r\n\r\n", {FOUND(AUTHORIZATION, JWE)}},
    {"a JWE, bare", GET "X: " JWE "\r\n\r\n", {FOUND(HEADER, JWE)}},
    {"a key in the header", GET "X: " NESTED "\r\n\r\n", {FOUND(HEADER, NESTED)}},
    {"a key in the header, announced", GET "Authorization: Bearer " NESTED "\r\n\r\n", {FOUND(AUTHORIZATION, NESTED)}},
    {"two in a request",
     "GET /?access_token=" T1 " HTTP/1.1\r\nAuthorization: Bearer " T2 "\r\n\r\n",
     {FOUND(QUERY, T1), FOUND(AUTHORIZATION, T2)}},
    {"two parts only", GET "Authorization: Bearer " H1 "." P "\r\n\r\n", {FOUND(AUTHORIZATION, H1 "." P)}},
    {"base64 that is no header", GET "Cookie: s=eyJwYWdlIjoxfQ.abc\r\n\r\n", {NOTHING}},
    {"two joined by a tilde, announced",
     GET "Authorization: Bearer " T1 "~" T2 "\r\n\r\n",
     {FOUND(AUTHORIZATION, T2), FOUND(AUTHORIZATION, T1 "~" T2)}},

    /* Prefixes: Python's base64 of each white space before and behind the brace. */
    {"{ space", GET "X: eyAiYWxnIjoiUlMyNTYifQ." P ".\r\n\r\n", {FOUND(HEADER, "eyAiYWxnIjoiUlMyNTYifQ." P ".")}},
    {"space {", GET "X: IHsiYWxnIjoiUlMyNTYifQ." P ".\r\n\r\n", {FOUND(HEADER, "IHsiYWxnIjoiUlMyNTYifQ." P ".")}},
    {"LF { space", GET "X: CnsgImFsZyI6IlJTMjU2In0." P ".\r\n\r\n", {FOUND(HEADER, "CnsgImFsZyI6IlJTMjU2In0." P ".")}},
    {"TAB {", GET "X: CXsiYWxnIjoiUlMyNTYifQ." P ".\r\n\r\n", {FOUND(HEADER, "CXsiYWxnIjoiUlMyNTYifQ." P ".")}},
    {"CR { LF", GET "X: DXsKImFsZyI6IlJTMjU2In0." P ".\r\n\r\n", {FOUND(HEADER, "DXsKImFsZyI6IlJTMjU2In0." P ".")}},
    {"{ LF", GET "X: ewoiYWxnIjoiUlMyNTYifQ." P ".\r\n\r\n", {FOUND(HEADER, "ewoiYWxnIjoiUlMyNTYifQ." P ".")}},
    {"{ TAB", GET "X: ewkiYWxnIjoiUlMyNTYifQ." P ".\r\n\r\n", {FOUND(HEADER, "ewkiYWxnIjoiUlMyNTYifQ." P ".")}},
    {"{ CR", GET "X: ew0iYWxnIjoiUlMyNTYifQ." P ".\r\n\r\n", {FOUND(HEADER, "ew0iYWxnIjoiUlMyNTYifQ." P ".")}},
    {"{ CR LF space",
     GET "X: ew0KICAiYWxnIjoiUlMyNTYifQ." P ".\r\n\r\n",
     {FOUND(HEADER, "ew0KICAiYWxnIjoiUlMyNTYifQ." P ".")}},
    {"a name that is not ASCII",
     GET "X: eyLDqSI6MSwiYWxnIjoiUlMyNTYifQ." P ".\r\n\r\n",
     {FOUND(HEADER, "eyLDqSI6MSwiYWxnIjoiUlMyNTYifQ." P ".")}},

    /* Others' announcements do not stand in the way. */
    {"JSON announced in a header before",
     GET "X: \"access_token\":\"eyJ\r\nAuthorization: Bearer " T1 "\r\n\r\n",
     {OPAQUE(HEADER, "eyJ"), FOUND(AUTHORIZATION, T1)}},
    {"JSON announced and not begun",
     GET "X: \"access_token\" \r\nAuthorization: Bearer " T1 "\r\n\r\n",
     {FOUND(AUTHORIZATION, T1)}},
    {"a token begun and not ended",
     GET "X: eyJhbGciOiJ\r\nY: eyJ\r\nAuthorization: Bearer " T1 "\r\n\r\n",
     {FOUND(AUTHORIZATION, T1)}},
    {"five begun within each other, then one", GET "X: eyJeyJeyJeyJeyJ" T1 "\r\n\r\n", {FOUND(HEADER, T1)}},
    {"five unfinished, then one",
     "GET /?access_token=access_token=access_token=access_token=access_token=/" T1 " HTTP/1.1\r\n\r\n",
     /* The first gives way to the fifth, the third to the token. */
     {FOUND(QUERY, T1), OPAQUE(QUERY, "access_token=access_token=access_token=/" T1),
      OPAQUE(QUERY, "access_token=/" T1), OPAQUE(QUERY, "/" T1)}},
};

/* What a server writes, scanned as such (from_server) and, where nobody knows the sides, as anything. */
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n"
#define NEXT "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static const struct scan_case server_cases[] = {
    {"raw at the body's end", OK T1 NEXT, {FOUND(OTHER, T1)}},
    {"raw, and raw in the next", OK T1 OK T2 NEXT, {FOUND(OTHER, T1), FOUND(OTHER, T2)}},
    {"raw, the next of another version", OK T1 "HTTP/1.0 404 Not Found\r\n\r\n", {FOUND(OTHER, T1)}},
    {"raw without a signature", OK H1 "." P "." NEXT, {FOUND(OTHER, H1 "." P ".")}},
    {"raw with nothing behind its header", OK H1 "." NEXT, {FOUND(OTHER, H1 ".")}},
    {"a JWE, raw", OK JWE NEXT, {FOUND(OTHER, JWE)}},
    {"raw, percent-encoded", OK H1 "%2e" P "%2Ec2l%6e" NEXT, {SPELT(OTHER, T1, H1 "%2e")}},
    {"raw with its own delimiter", OK T1 "\r\n" NEXT, {FOUND(OTHER, T1)}},
    {"raw, the next of a version to come", OK T1 "HTTP/2.0 200 OK\r\n", {FOUND(OTHER, T1)}},
    {"what is nearly a line of status", OK T1 "XTTP/1.1 200 OK\r\n", {SPELT(OTHER, T1 "XTTP", T1)}},
};

#endif
