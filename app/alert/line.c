/* SPDX-License-Identifier: BSD-3-Clause */
#include "line.h"

#include <arpa/inet.h>
#include <string.h>

#include <bearertap/utf8.h>

void line_bytes(struct line *line, const char *bytes, size_t length)
{
    if (line->overflow || length > line->capacity - line->length) {
        line->overflow = true;
        return;
    }
    memcpy(line->bytes + line->length, bytes, length);
    line->length += length;
}

void line_text(struct line *line, const char *text)
{
    line_bytes(line, text, strlen(text));
}

static void line_byte(struct line *line, char byte)
{
    line_bytes(line, &byte, 1);
}

void line_number(struct line *line, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    line_bytes(line, digits + at, sizeof(digits) - at);
}

void line_hex(struct line *line, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char two[2] = {"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15]};
        line_bytes(line, two, 2);
    }
}

void line_visible(struct line *line, const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t point_length, copied = 0;
    for (size_t at = 0; at < length; at += point_length) {
        uint32_t point = utf8_code_point(bytes + at, length - at, &point_length);
        bool lone_space = point == ' ' && at > 0 && length - at > 1 && bytes[at - 1] != ' ';
        if (!utf8_is_unseen(point) && point != '\\' && (point != ' ' || lone_space))
            continue;
        line_bytes(line, text + copied, at - copied);
        copied = at + point_length;
        for (size_t i = 0; i < point_length; i++) {
            uint8_t byte = bytes[at + i];
            char escape[4] = {'\\', 'x', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
            line_bytes(line, escape, 4);
        }
    }
    line_bytes(line, text + copied, length - copied);
}

static void put_digits(char *out, uint64_t number, int count)
{
    for (int i = count - 1; i >= 0; i--, number /= 10)
        out[i] = (char)('0' + number % 10);
}

#define SECONDS_OF_YEAR_1     (-62135596800) /* 0001-01-01T00:00:00Z */
#define SECONDS_OF_YEAR_10000 253402300800   /* 10000-01-01T00:00:00Z */
#define DAYS_FROM_0000_03_01  719468         /* to 1970-01-01 */

/* "2023-06-15T03:12:44": the proleptic Gregorian calendar, counting days from a first of March, so that the leap day is
 * a year's last. gmtime_r would take a lock and read the zone at each call. */
static void put_date_time(char out[19], int64_t time_s, char separator)
{
    uint64_t seconds = (uint64_t)(time_s + (int64_t)DAYS_FROM_0000_03_01 * 86400);
    uint64_t days = seconds / 86400, second = seconds % 86400;
    uint64_t era = days / 146097, day_of_era = days % 146097; /* an era is 400 years */
    uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month_from_march = (5 * day_of_year + 2) / 153;
    uint64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    uint64_t year = era * 400 + year_of_era + (month <= 2);

    memcpy(out, "0000-00-00T00:00:00", 19);
    put_digits(out, year, 4);
    put_digits(out + 5, month, 2);
    put_digits(out + 8, day, 2);
    out[10] = separator;
    put_digits(out + 11, second / 3600, 2);
    put_digits(out + 14, second / 60 % 60, 2);
    put_digits(out + 17, second % 60, 2);
}

void line_time(struct line *line, uint64_t time_ns, char separator)
{
    char text[] = "0000-00-00T00:00:00.000000Z";
    put_date_time(text, (int64_t)(time_ns / 1000000000), separator);
    put_digits(text + 20, time_ns / 1000 % 1000000, 6);
    line_bytes(line, text, sizeof(text) - 1);
}

bool line_time_s(struct line *line, int64_t time_s, char separator)
{
    if (time_s < SECONDS_OF_YEAR_1 || time_s >= SECONDS_OF_YEAR_10000)
        return false;
    char text[] = "0000-00-00T00:00:00Z";
    put_date_time(text, time_s, separator);
    line_bytes(line, text, sizeof(text) - 1);
    return true;
}

void address_format(const uint8_t address[16], uint8_t ip_version, char out[ADDRESS_TEXT_MAX])
{
    if (inet_ntop(ip_version == 4 ? AF_INET : AF_INET6, address, out, ADDRESS_TEXT_MAX) == NULL)
        out[0] = '\0';
}

void line_address_port(struct line *line, const uint8_t address[16], uint8_t ip_version, uint16_t port)
{
    char text[ADDRESS_TEXT_MAX];
    address_format(address, ip_version, text);
    line_text(line, ip_version == 4 ? "" : "[");
    line_text(line, text);
    line_text(line, ip_version == 4 ? ":" : "]:");
    line_number(line, port);
}

void line_json_name(struct line *line, const char *name)
{
    char last = line->length > 0 ? line->bytes[line->length - 1] : '{';
    if (last != '{' && last != '[')
        line_byte(line, ',');
    if (name == NULL)
        return;
    line_byte(line, '"');
    line_text(line, name);
    line_bytes(line, "\":", 2);
}

size_t line_json_open(struct line *line, const char *name, char bracket)
{
    size_t opened = line->length;
    if (opened > 0)
        line_json_name(line, name);
    line_byte(line, bracket);
    return opened;
}

void line_json_close(struct line *line, size_t opened, char bracket)
{
    char last = line->length > 0 ? line->bytes[line->length - 1] : '\0';
    if (last == '{' || last == '[')
        line->length = opened;
    else
        line_byte(line, bracket);
}

/* RFC 8259 section 7: quotation mark, reverse solidus and U+0000 to U+001F must be escaped. DEL is too, for those who
 * read JSON lines on a terminal. */
void line_json_escaped(struct line *line, const char *text, size_t length)
{
    size_t copied = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (byte >= ' ' && byte != '"' && byte != '\\' && byte != 0x7f)
            continue;
        line_bytes(line, text + copied, i - copied);
        copied = i + 1;
        if (byte == '"' || byte == '\\') {
            char escape[2] = {'\\', (char)byte};
            line_bytes(line, escape, 2);
        } else {
            line_bytes(line, "\\u00", 4);
            line_hex(line, &byte, 1);
        }
    }
    line_bytes(line, text + copied, length - copied);
}

void line_json_text(struct line *line, const char *name, const char *text, size_t length)
{
    if (length == 0)
        return;
    line_json_name(line, name);
    line_byte(line, '"');
    line_json_escaped(line, text, length);
    line_byte(line, '"');
}

void line_json_word(struct line *line, const char *name, const char *word)
{
    line_json_text(line, name, word, strlen(word));
}

void line_json_number(struct line *line, const char *name, uint64_t number)
{
    line_json_name(line, name);
    line_number(line, number);
}

void line_json_true(struct line *line, const char *name)
{
    line_json_name(line, name);
    line_text(line, "true");
}

void line_json_time(struct line *line, const char *name, uint64_t time_ns)
{
    line_json_name(line, name);
    line_byte(line, '"');
    line_time(line, time_ns, 'T');
    line_byte(line, '"');
}

void line_json_hex(struct line *line, const char *name, const uint8_t *bytes, size_t length)
{
    line_json_name(line, name);
    line_byte(line, '"');
    line_hex(line, bytes, length);
    line_byte(line, '"');
}
