/* SPDX-License-Identifier: BSD-3-Clause */
/* What names revoked keys on the command line: the argument of read's -k, and those of keys. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bearertap/commands.h>

#include "command.h"

/* The longest that a name for a key is made of: a SHA-256 thumbprint in hexadecimal with colons has 95. */
#define KEY_ID_SHOWN_MAX 128

static const char *value_of(const char *argument)
{
    return strncmp(argument, "id:", 3) == 0 ? argument + 3 : NULL;
}

int key_arguments_check(const char *command, const char *const *arguments, int count, const char *const *files,
                        int files_count)
{
    int from_standard_input = 0;
    for (int i = 0; i < count; i++) {
        const char *value = value_of(arguments[i]);
        if (arguments[i][0] == '\0')
            return refuse_usage(command, "an empty name of a key list; give a file, or id: and a key id");
        if (value != NULL && value[0] == '\0')
            return refuse_usage(command, "no key id behind id:");
        if (argument_looks_like_token(arguments[i]))
            return refuse_usage(command, "one of the key lists looks like a token; give a file, or id: and its key id");
        from_standard_input += strcmp(arguments[i], "-") == 0;
    }
    for (int i = 0; i < files_count; i++)
        from_standard_input += strcmp(files[i], "-") == 0;
    if (from_standard_input > 1)
        return refuse_usage(command, "standard input is given twice: - can be one of them");
    return EXIT_DONE;
}

/* A name that no file has, and that may well be a key's: not a path, nor a name with an ending. */
static bool may_be_key_id(const char *argument)
{
    size_t length = strlen(argument);
    return length <= KEY_ID_SHOWN_MAX && strcspn(argument, "/. \t") == length;
}

int key_argument_add(struct key_list *list, const char *argument, struct error *error)
{
    const char *value = value_of(argument);
    error->text[0] = '\0';
    int result = value != NULL ? key_list_add_value(list, value, error) : key_list_add_file(list, argument, error);
    if (result != 0 && error->text[0] == '\0')
        error_set(error, -result, "%s", result == -ENOMEM ? "out of memory for the revoked keys" : strerror(-result));
    if (result == -ENOENT && may_be_key_id(argument)) {
        struct error first = *error;
        error_set(error, ENOENT, "%s; for a key id write id:%s", first.text, argument);
    } else if (result == -EINVAL && value == NULL) {
        struct error first = *error;
        error_set(error, EINVAL, "%s (`bearertap keys lint` says all that is wrong in it)", first.text);
    }
    return result;
}
