/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where tokens stand. To add a placement: a value in enum placement and its name here; a row in pattern_rows that
 * announces it, unless the token is found by its own first bytes; and, where the request around it decides, a line in
 * place_token (locate.c). Then a test in tests/unit/scan.c.
 */
#include "placements.h"

#include <string.h>

#include <rte_common.h>

const char *const placement_names[PLACEMENTS] = {
    [PLACEMENT_AUTHORIZATION] = "authorization",
    [PLACEMENT_PROXY_AUTHORIZATION] = "proxy-authorization",
    [PLACEMENT_COOKIE] = "cookie",
    [PLACEMENT_HEADER] = "header",
    [PLACEMENT_QUERY] = "query",
    [PLACEMENT_FORM_BODY] = "form-body",
    [PLACEMENT_JSON_BODY] = "json-body",
    [PLACEMENT_OTHER] = "other",
};

/*
 * Where two patterns end on the same byte, the earlier row wins: a header's name that begins its line tells the
 * placement by itself, elsewhere (`X-Authorization:`, in a body) the request does.
 *
 * A JOSE header is a JSON object, so its base64url begins with that of `{"` (ey[IJ]), of `{` and a non-ASCII name
 * (ey[KL]), of `{` and white space (eyA for a space, ew[ok0] for LF, TAB, CR), or of one white space and `{` (IHs, Cns,
 * CXs, DXs for space, LF, TAB, CR, whatever follows). `python3 -c 'import base64; print([base64.b64encode(w + b"{" + v
 * + b"\"a") for w in (b"", b" ", b"\n", b"\t", b"\r") for v in (b"", b" ", b"\n", b"\t", b"\r")])'` shows them all.
 * Behind three white spaces, or a byte order mark, `ey` stands again. Two would take sixteen more literals, a tenth of
 * the time for scanning: such a token is found where it is announced. In what a server issues, `ey` begins every token.
 */
const struct pattern_row pattern_rows[] = {
    {"\nproxy-authorization:", true, true, false, SYNTAX_CREDENTIALS, PLACEMENT_PROXY_AUTHORIZATION, true, 0},
    {"\nauthorization:", true, true, false, SYNTAX_CREDENTIALS, PLACEMENT_AUTHORIZATION, true, 0},
    {"authorization:", true, true, false, SYNTAX_CREDENTIALS, PLACEMENT_AUTHORIZATION, false, 0},
    {"access_token=", false, true, false, SYNTAX_PARAMETER, PLACEMENT_QUERY, false, 0},
    {"id_token=", false, true, false, SYNTAX_PARAMETER, PLACEMENT_QUERY, false, 0},
    {"assertion=", false, true, false, SYNTAX_PARAMETER, PLACEMENT_FORM_BODY, false, 0},
    {"\"access_token\"", false, true, false, SYNTAX_JSON, PLACEMENT_JSON_BODY, false, 0},
    {"\"id_token\"", false, true, false, SYNTAX_JSON, PLACEMENT_JSON_BODY, false, 0},
    {"ey[AIJKL]", false, true, true, SYNTAX_BARE, PLACEMENT_OTHER, false, 3},
    {"ew[ok0]", false, true, false, SYNTAX_BARE, PLACEMENT_OTHER, false, 3},
    {"IHs", false, true, false, SYNTAX_BARE, PLACEMENT_OTHER, false, 3},
    {"Cns", false, true, false, SYNTAX_BARE, PLACEMENT_OTHER, false, 3},
    {"CXs", false, true, false, SYNTAX_BARE, PLACEMENT_OTHER, false, 3},
    {"DXs", false, true, false, SYNTAX_BARE, PLACEMENT_OTHER, false, 3},
};

const unsigned pattern_rows_count = RTE_DIM(pattern_rows);

const char *const token_schemes[] = {"bearer", "dpop"};
const unsigned token_schemes_count = RTE_DIM(token_schemes);

/*
 * Credentials end at white space, a comma (lists of credentials) or a quote; whatever else stands in them is theirs,
 * since lenient validators skip it. A parameter ends at its own delimiters. A JSON string ends at its quote. A bare
 * token ends with its alphabet: base64 in both forms, the dot, and percent-encoding. Control bytes end all of them.
 */
static const struct {
    const char *ends;  /* besides control bytes */
    bool ends_if_high; /* bytes from 0x80 on */
} syntax_rows[SYNTAXES] = {
    [SYNTAX_CREDENTIALS] = {" ,\"\x7f", false},
    [SYNTAX_PARAMETER] = {" &;#\"<>\x7f", false},
    [SYNTAX_JSON] = {"\"", false},
    [SYNTAX_BARE] = {" !\"#$&'()*,:;<>?@[\\]^`{|}~\x7f", true},
};

uint8_t ends_token[256];

void placements_prepare(void)
{
    for (unsigned syntax = 0; syntax < SYNTAXES; syntax++)
        for (unsigned byte = 0; byte < 256; byte++)
            if (byte < 0x20 || strchr(syntax_rows[syntax].ends, (int)byte) != NULL ||
                (byte >= 0x80 && syntax_rows[syntax].ends_if_high))
                ends_token[byte] |= (uint8_t)(1u << syntax);
    static const char of_tokens[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    for (unsigned byte = 0; byte < 256; byte++)
        if (byte == 0 || strchr(of_tokens, (int)byte) == NULL)
            ends_token[byte] |= NOT_OF_A_TOKEN;
}
