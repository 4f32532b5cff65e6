/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_NEAREST_H
#define BEARERTAP_NEAREST_H

/* Which of these words (NULL ends them) somebody most likely meant who wrote `word`; NULL: none is near. Any thread. */
const char *nearest_word(const char *word, const char *const *words);

#endif
