/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(BEARERTAP_NEEDS_AVX2) && !defined(__AVX2__) && !defined(__clang_analyzer__)
_Static_assert(0, "a -march of some dependency won over the one of -Dmarch");
#endif

/* Bytes of the UTF-8 character that begins here and that a terminal shows; 0 where it would be acted on or is none. */
static size_t shown_character(const unsigned char *text)
{
    if (text[0] < 0x80)
        return text[0] >= 0x20 && text[0] != 0x7f;
    size_t length = text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : text[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return text[0] == 0xc2 && text[1] < 0xa0 ? 0 : length; /* C1: control characters too */
}

/* What a terminal would act on becomes \xNN. `clean` has room for four times the text. Returns its length. */
static size_t clean_text(const char *text, char *clean)
{
    size_t length = 0;
    while (*text != '\0') {
        size_t shown = shown_character((const unsigned char *)text);
        if (shown == 0)
            length += (size_t)sprintf(clean + length, "\\x%02x", (unsigned char)*text++);
        for (; shown > 0; shown--)
            clean[length++] = *text++;
    }
    return length;
}

/* What is too long loses its middle: the place stands at the beginning, and what is wrong with it at the end. */
static size_t put_shortened(char *out, size_t capacity, const char *text, size_t length)
{
    static const char left_out[] = " ... ";
    size_t half = (capacity - sizeof(left_out)) / 2, begin = length, end = length;
    if (length >= capacity) {
        begin = half;
        end = length - half;
        while (begin > 0 && (text[begin] & 0xc0) == 0x80) /* no character is cut */
            begin--;
        while (end < length && (text[end] & 0xc0) == 0x80)
            end++;
    }
    return (size_t)snprintf(out, capacity, "%.*s%s%.*s", (int)begin, text, end < length ? left_out : "",
                            (int)(length - end), text + end);
}

/* Any name may be in a text, odd or long ones too; and memory may be what is missing, so short texts need none. */
__attribute__((format(printf, 3, 0))) static size_t format_clean(char *out, size_t capacity, const char *format,
                                                                 va_list arguments)
{
    char text[ERROR_TEXT_MAX], clean[4 * ERROR_TEXT_MAX], *long_text = NULL, *long_clean = NULL;
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    if (length >= (int)sizeof(text) && vasprintf(&long_text, format, again) < 0)
        long_text = NULL;
    va_end(again);
    if (long_text != NULL && (long_clean = malloc((size_t)length * 4 + 1)) == NULL) {
        free(long_text);
        long_text = NULL;
    }
    const char *from = long_clean != NULL ? long_clean : clean;
    size_t cleaned = long_text != NULL ? clean_text(long_text, long_clean) : clean_text(text, clean);
    cleaned = put_shortened(out, capacity, from, cleaned);
    free(long_clean);
    free(long_text);
    return cleaned;
}

int error_set(struct error *error, int code, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        format_clean(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
    }
    return -code;
}

/* One write a line, so that lines of two threads or two processes do not mix. */
__attribute__((format(printf, 2, 0))) static void log_line(const char *kind, const char *format, va_list arguments)
{
    char line[ERROR_TEXT_MAX + 64];
    size_t length = (size_t)snprintf(line, sizeof(line), "bearertap: %s", kind);
    length += format_clean(line + length, ERROR_TEXT_MAX, format, arguments);
    line[length++] = '\n';
    fwrite(line, 1, length, stderr);
}

#define LOG(name, kind)                                                                                                \
    void name(const char *format, ...)                                                                                 \
    {                                                                                                                  \
        va_list arguments;                                                                                             \
        va_start(arguments, format);                                                                                   \
        log_line(kind, format, arguments);                                                                             \
        va_end(arguments);                                                                                             \
    }

LOG(log_error, "error: ")
LOG(log_warning, "warning: ")
LOG(log_notice, "")
