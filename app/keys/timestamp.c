/* SPDX-License-Identifier: BSD-3-Clause */
#include "timestamp.h"

#include <string.h>

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Takes `digits` digits and the byte `after` them (0: none); -1 where they are not there. */
static int take_number(const char **at, unsigned digits, char after)
{
    int number = 0;
    for (unsigned i = 0; i < digits; i++, (*at)++) {
        if (!is_digit(**at))
            return -1;
        number = number * 10 + (**at - '0');
    }
    if (after == '\0')
        return number;
    return *(*at)++ == after ? number : -1;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* "Z" or "+hh:mm" up to the text's end: minutes to subtract for UTC. */
static bool take_offset(const char *at, int *minutes)
{
    *minutes = 0;
    if (*at == 'Z' || *at == 'z')
        return at[1] == '\0';
    if (*at != '+' && *at != '-')
        return false;
    int sign = *at++ == '+' ? 1 : -1;
    int hour = take_number(&at, 2, ':');
    int minute = hour < 0 ? -1 : take_number(&at, 2, '\0');
    *minutes = sign * (hour * 60 + minute);
    return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && *at == '\0';
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t days = day - 1;
    for (int i = 1; i < month; i++)
        days += days_in_month(year, i);
    /* Leap days before the year; year 0 is one of them. */
    int64_t before = year > 0 ? (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1 : 0;
    return (int64_t)year * 365 + before + days - 719528; /* 1970-01-01, counted from 0000-01-01 */
}

bool timestamp_is_rfc3339(const char *text)
{
    int64_t seconds;
    return timestamp_read(text, &seconds);
}

bool timestamp_read(const char *text, int64_t *seconds)
{
    /* Each is taken only where the one before was there, so that nothing is read past the text's end. */
    const char *at = text;
    int year = take_number(&at, 4, '-');
    int month = year < 0 ? -1 : take_number(&at, 2, '-');
    int day = month < 0 ? -1 : take_number(&at, 2, '\0');
    if (day < 1 || month < 1 || month > 12 || day > days_in_month(year, month) || (*at != 'T' && *at != 't'))
        return false;
    at++;
    int hour = take_number(&at, 2, ':');
    int minute = hour < 0 ? -1 : take_number(&at, 2, ':');
    int second = minute < 0 ? -1 : take_number(&at, 2, '\0');
    if (second < 0 || hour > 23 || minute > 59 || second > 60)
        return false;
    if (*at == '.') {
        if (!is_digit(*++at))
            return false;
        while (is_digit(*at))
            at++;
    }
    int offset;
    if (!take_offset(at, &offset))
        return false;
    *seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset) * 60 + second;
    int utc_minute = (hour * 60 + minute - offset + 2 * 24 * 60) % (24 * 60);
    return second < 60 || utc_minute == 23 * 60 + 59; /* a leap second is the last of a UTC day */
}
