/* SPDX-License-Identifier: BSD-3-Clause */
#include "text.h"

static const char base64url_digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void text_put_number(struct text *text, uint64_t number)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[sizeof(digits) - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    text_add(text, digits + sizeof(digits) - count, count);
}

void text_put_two_digits(struct text *text, unsigned number)
{
    const char digits[2] = {(char)('0' + number / 10 % 10), (char)('0' + number % 10)};
    text_add(text, digits, 2);
}

void text_put_hex(struct text *text, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0;)
        text->bytes[text->length++] = "0123456789abcdef"[value >> (4 * i) & 15];
}

/* RFC 9562 version 4. */
void text_put_uuid(struct text *text, struct random *random)
{
    uint64_t high = random_next(random), low = random_next(random);
    text_put_hex(text, high >> 32, 8);
    text_put(text, "-");
    text_put_hex(text, high >> 16 & 0xffff, 4);
    text_put(text, "-4");
    text_put_hex(text, high & 0xfff, 3);
    text_put(text, "-");
    text_put_hex(text, (low >> 48 & 0x3fff) | 0x8000, 4);
    text_put(text, "-");
    text_put_hex(text, low & 0xffffffffffff, 12);
}

void text_put_base64url_noise(struct text *text, struct random *random, size_t count)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        bits = i % 10 == 0 ? random_next(random) : bits >> 6;
        text->bytes[text->length++] = base64url_digits[bits & 63];
    }
}

void text_put_base64url(struct text *text, const uint8_t *bytes, size_t length)
{
    char *out = text->bytes + text->length;
    for (; length >= 3; bytes += 3, length -= 3, out += 4) {
        uint32_t group = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
        out[0] = base64url_digits[group >> 18];
        out[1] = base64url_digits[group >> 12 & 63];
        out[2] = base64url_digits[group >> 6 & 63];
        out[3] = base64url_digits[group & 63];
    }
    if (length > 0) {
        uint32_t group = (uint32_t)bytes[0] << 16 | (length == 2 ? (uint32_t)bytes[1] << 8 : 0);
        *out++ = base64url_digits[group >> 18];
        *out++ = base64url_digits[group >> 12 & 63];
        if (length == 2)
            *out++ = base64url_digits[group >> 6 & 63];
    }
    text->length = (size_t)(out - text->bytes);
}

void text_put_word(struct text *text, struct random *random)
{
    static const char *const words[64] = {
        "account", "amber",   "annual",  "balance", "bridge",  "budget",  "cable",   "carbon",  "centre",   "change",
        "client",  "copper",  "credit",  "current", "customs", "daily",   "deliver", "depot",   "district", "draft",
        "engine",  "export",  "factor",  "field",   "filter",  "foreign", "garden",  "general", "harbour",  "height",
        "import",  "invoice", "journal", "kettle",  "ledger",  "letter",  "line",    "market",  "meeting",  "minute",
        "monthly", "note",    "office",  "open",    "order",   "parcel",  "partner", "payment", "plan",     "price",
        "quarter", "record",  "report",  "review",  "room",    "sample",  "season",  "service", "shelf",    "status",
        "stock",   "summary", "ticket",  "window",
    };
    text_put(text, words[random_next(random) >> 58]);
}
