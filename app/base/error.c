/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/error.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bearertap/utf8.h>

#if defined(BEARERTAP_NEEDS_AVX2) && !defined(__AVX2__) && !defined(__clang_analyzer__)
_Static_assert(0, "a -march of some dependency won over the one of -Dmarch");
#endif

/* What a terminal would act on, or nobody sees, becomes \xNN. `clean` has room for four times the text. Returns its
 * length. */
static size_t clean_text(const char *text, char *clean)
{
    size_t cleaned = 0, length = strlen(text), taken;
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t at = 0; at < length; at += taken) {
        bool is_seen = !utf8_is_unseen(utf8_code_point(bytes + at, length - at, &taken));
        for (size_t i = 0; i < taken; i++)
            if (is_seen)
                clean[cleaned++] = text[at + i];
            else
                cleaned += (size_t)sprintf(clean + cleaned, "\\x%02x", bytes[at + i]);
    }
    return cleaned;
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
