/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/error.h>

#include <stdarg.h>
#include <stdio.h>

#if defined(BEARERTAP_NEEDS_AVX2) && !defined(__AVX2__) && !defined(__clang_analyzer__)
_Static_assert(0, "a -march of some dependency won over the one of -Dmarch");
#endif

int error_set(struct error *error, int code, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
    }
    return -code;
}

/* One write a line, so that lines of two threads or two processes do not mix. */
static void log_line(const char *kind, const char *format, va_list arguments)
{
    char line[ERROR_TEXT_MAX + 64];
    int length = snprintf(line, sizeof(line), "bearertap: %s", kind);
    int more = vsnprintf(line + length, sizeof(line) - (size_t)length - 1, format, arguments);
    if (more < 0)
        return;
    length += more;
    if ((size_t)length > sizeof(line) - 2)
        length = (int)sizeof(line) - 2;
    line[length++] = '\n';
    fwrite(line, 1, (size_t)length, stderr);
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
