/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_KEYS_LINT_H
#define BEARERTAP_APP_KEYS_LINT_H

#include <bearertap/keys.h>

#include "source.h"

/*
 * What the readers of the formats tell a lint. source_fault and source_fail bring the errors; these bring the warnings,
 * and are called only where a file is linted, so that loading pays nothing for them.
 */

struct jwk;
struct object_member;

void key_lint_report(struct key_lint *lint, bool is_error, const char *path, struct place place, const char *text);
void key_lint_warn(struct key_lint *lint, const struct source *source, struct place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Did the file that is being read have an error yet? */
bool key_lint_has_faults(const struct key_lint *lint);

/* The list's last entry is new: does another one name the same key? -errno where there is no memory. */
int key_lint_entry(struct key_lint *lint, const struct source *source, struct place place);

/* A key id, in a text (key_lint_line) or as kid: does it look like a thumbprint that isn't quite one, and such. */
void key_lint_line(struct key_lint *lint, const struct source *source, struct place place, const char *id);
void key_lint_kid(struct key_lint *lint, const struct source *source, struct place place, const char *kid);

/* A certificate that was taken; `revoked_at` may be NULL. */
void key_lint_certificate(struct key_lint *lint, const struct source *source, struct place place,
                          const char *revoked_at, const uint8_t *der, size_t length);

/* A JWK that was read, and a member of it that isn't known. */
void key_lint_jwk(const struct jwk *jwk);
void key_lint_unknown_member(const struct jwk *jwk, const struct object_member *member);

/* Seconds since 1970 at which the lint began. */
int64_t key_lint_now_s(const struct key_lint *lint);

#endif
