/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/nearest.h>

#include <stddef.h>
#include <string.h>

/* Damerau's distance restricted to neighbours: letters added, left out, replaced or swapped. Words are short. */
static unsigned distance(const char *a, const char *b)
{
    enum { MOST = 16 };
    unsigned rows[MOST + 1][MOST + 1];
    size_t m = strlen(a), n = strlen(b);
    if (m > MOST || n > MOST)
        return MOST;
    for (size_t i = 0; i <= m; i++)
        for (size_t j = 0; j <= n; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (rows[i - 1][j] + 1 < best)
                best = rows[i - 1][j] + 1;
            if (rows[i][j - 1] + 1 < best)
                best = rows[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && rows[i - 2][j - 2] + 1 < best)
                best = rows[i - 2][j - 2] + 1;
            rows[i][j] = best;
        }
    return rows[m][n];
}

const char *nearest_word(const char *word, const char *const *words)
{
    const char *nearest = NULL;
    unsigned least = 3;
    for (; *words != NULL; words++) {
        unsigned away = distance(word, *words);
        if (away < least && away < strlen(*words) - 1) { /* of `max` two letters are to be right */
            least = away;
            nearest = *words;
        }
    }
    return nearest;
}
