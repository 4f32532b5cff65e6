/* SPDX-License-Identifier: BSD-3-Clause */
/* How `bearertap keys list` shows an entry. */
#include "keys_list.h"

#include <string.h>

#include <bearertap/token.h>

#include "print.h"

#define SEVERITY_BY_DEFAULT "high" /* what an alert says of an entry without one */

/* Where a name comes from, in the list's words. */
static const struct {
    enum key_origin origin;
    const char *text;
} origins[] = {
    {KEY_FROM_KID, "kid"},           {KEY_FROM_X5T, "x5t"},
    {KEY_FROM_X5T_S256, "x5t#S256"}, {KEY_FROM_CERTIFICATE, "certificate"},
    {KEY_FROM_NUMBERS, "key"},       {KEY_FROM_CERTIFICATE_KEY, "certificate's key"},
};

#define ORIGINS (sizeof(origins) / sizeof(origins[0]))

/* As what a token would bear this name. A kid of 32 bytes may be the thumbprint of a certificate as well as of a key.
 */
static const char *borne_as(const struct key_listed_name *name)
{
    if (name->kind == KEY_NAME_TEXT)
        return "kid";
    if (name->kind == KEY_NAME_SHA1)
        return "x5t";
    if ((name->origins & (KEY_FROM_X5T_S256 | KEY_FROM_CERTIFICATE)) != 0)
        return "x5t#S256";
    return (name->origins & (KEY_FROM_NUMBERS | KEY_FROM_CERTIFICATE_KEY)) != 0 ? "jkt" : "sha256";
}

static void print_row(FILE *out, const char *label, const char *text)
{
    if (text == NULL)
        return;
    fprintf(out, "    %-10s  ", label);
    print_text(out, text, strlen(text));
    putc('\n', out);
}

static void print_thumbprint(FILE *out, const struct key_listed_name *name)
{
    char base64url[64];
    base64url_encode(name->bytes, name->length, base64url);
    fprintf(out, "    %-10s  %s", borne_as(name), base64url);
    const char *before = "  from ";
    for (size_t i = 0; i < ORIGINS; i++)
        if ((name->origins & origins[i].origin) != 0) {
            fprintf(out, "%s%s", before, origins[i].text);
            before = ", ";
        }
    fprintf(out, "\n    %-10s  ", "");
    print_hex(out, name->bytes, name->length);
    putc('\n', out);
}

static void print_text_entry(FILE *out, const struct key_listed *listed)
{
    const struct key_entry *entry = &listed->entry;
    print_text(out, entry->id, strlen(entry->id));
    fputs("\n    source      ", out);
    print_text(out, entry->source, strlen(entry->source));
    if (strcmp(entry->source, "-k") != 0) /* id:VALUE has no lines */
        fprintf(out, ":%u", entry->line);
    putc('\n', out);
    bool is_narrowed = false;
    for (unsigned i = 0; i < listed->names_count; i++) {
        if (listed->names[i].kind == KEY_NAME_TEXT) {
            print_row(out, "kid", entry->id);
            is_narrowed = entry->issuer != NULL;
        } else {
            print_thumbprint(out, &listed->names[i]);
        }
    }
    print_row(out, is_narrowed ? "of issuer" : "issuer", entry->issuer);
    print_row(out, "severity", entry->severity != NULL ? entry->severity : SEVERITY_BY_DEFAULT " (by default)");
    print_row(out, "revoked at", entry->revoked_at);
    print_row(out, "reason", entry->reason);
}

static void print_json_member(FILE *out, const char *member, const char *text)
{
    if (text == NULL)
        return;
    fprintf(out, ",\"%s\":", member);
    print_json_string(out, text, strlen(text));
}

static void print_json_name(FILE *out, const struct key_listed_name *name)
{
    fprintf(out, "{\"as\":\"%s\",", borne_as(name));
    if (name->kind == KEY_NAME_TEXT) {
        fputs("\"text\":", out);
        print_json_string(out, (const char *)name->bytes, name->length);
    } else {
        char base64url[64];
        base64url_encode(name->bytes, name->length, base64url);
        fprintf(out, "\"base64url\":\"%s\",\"hex\":\"", base64url);
        print_hex(out, name->bytes, name->length);
        putc('"', out);
    }
    const char *before = ",\"from\":[";
    for (size_t i = 0; i < ORIGINS; i++)
        if ((name->origins & origins[i].origin) != 0) {
            fprintf(out, "%s\"%s\"", before, origins[i].text);
            before = ",";
        }
    fputs("]}", out);
}

static void print_json_entry(FILE *out, const struct key_listed *listed)
{
    const struct key_entry *entry = &listed->entry;
    fputs("{\"id\":", out);
    print_json_string(out, entry->id, strlen(entry->id));
    print_json_member(out, "source", entry->source);
    fprintf(out, ",\"line\":%u", entry->line);
    print_json_member(out, "issuer", entry->issuer);
    print_json_member(out, "severity", entry->severity != NULL ? entry->severity : SEVERITY_BY_DEFAULT);
    print_json_member(out, "revoked_at", entry->revoked_at);
    print_json_member(out, "reason", entry->reason);
    fputs(",\"names\":[", out);
    for (unsigned i = 0; i < listed->names_count; i++) {
        if (i > 0)
            putc(',', out);
        print_json_name(out, &listed->names[i]);
    }
    fputs("]}\n", out);
}

void keys_print_list(FILE *out, const struct key_list *list, bool json)
{
    struct key_list_cursor cursor = {0, 0};
    struct key_listed listed;
    for (bool is_first = true; key_list_next(list, &cursor, &listed) && !ferror(out); is_first = false) {
        if (!json && !is_first)
            putc('\n', out);
        (json ? print_json_entry : print_text_entry)(out, &listed);
    }
}
