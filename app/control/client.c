/* SPDX-License-Identifier: BSD-3-Clause */
/* The other end of the socket. What answers may be anybody, so its lines are bounded too. */
#include <bearertap/control.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket.h"

struct control_client {
    int fd;
    unsigned patience_s;
    size_t begin, end; /* what came and was not taken */
    char path[CONTROL_PATH_MAX];
    char in[CONTROL_ANSWER_BYTES_MAX + 64]; /* a line of a server may have a few bytes around its answer */
};

int control_default_path(char path[CONTROL_PATH_MAX], struct error *error)
{
    const char *folder = geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");
    if (folder == NULL || folder[0] != '/')
        return error_set(error, ENOENT,
                         "no control socket: XDG_RUNTIME_DIR names no folder for it; name a socket (ctl: -s; run: "
                         "control.socket in the configuration)");
    int length = snprintf(path, CONTROL_PATH_MAX, "%s/bearertap.sock", folder);
    if (length >= CONTROL_PATH_MAX)
        return error_set(
            error, ENAMETOOLONG,
            "no control socket: XDG_RUNTIME_DIR is too long for one, which may have %d bytes; name another",
            CONTROL_PATH_MAX - 1);
    return 0;
}

/* ---- connecting ---- */

static int explain_connect(int reason, const char *path, struct error *error)
{
    static const struct {
        int reason;
        const char *text;
    } rows[] = {
        {ENOENT,
         "there is no such socket; start `bearertap run`, or, where its control.socket is another, name it with "
         "-s"},
        {ECONNREFUSED,
         "nobody listens there; it was left by a `bearertap run` that was killed, and the next one replaces it"},
        {EACCES, "you may not connect; run as root, as the user that `bearertap run` runs as, or as a member of "
                 "control.group"},
        {EPROTOTYPE, "that is a socket of another kind; name the one of `bearertap run`"},
        {EAGAIN, "it is too busy to answer; try again"},
    };
    struct stat found;
    if (stat(path, &found) == 0 && !S_ISSOCK(found.st_mode))
        return error_set(error, reason, "control socket %s: that is no socket; name the one of `bearertap run` with -s",
                         path);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].reason == reason)
            return error_set(error, reason, "control socket %s: %s", path, rows[i].text);
    return error_set(error, reason, "control socket %s: %s", path, strerror(reason));
}

int control_client_connect(const char *path, unsigned patience_s, struct control_client **out, struct error *error)
{
    struct sockaddr_un address;
    const struct timeval patience = {.tv_sec = patience_s};
    *out = NULL;
    int result = control_address(&address, path, error);
    if (result != 0)
        return result;
    struct control_client *client = malloc(sizeof(*client));
    if (client == NULL)
        return error_set(error, ENOMEM, "no memory to talk to a socket");
    client->begin = client->end = 0;
    client->patience_s = patience_s;
    memcpy(client->path, address.sun_path, sizeof(client->path));
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        result = error_set(error, errno, "control socket %s: no socket to be had: %s", path, strerror(errno));
    else if (setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
             setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0)
        result = error_set(error, errno, "control socket %s: %s", path, strerror(errno));
    else if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        result = explain_connect(errno, path, error);
    if (result != 0)
        control_client_close(client);
    else
        *out = client;
    return result;
}

void control_client_close(struct control_client *client)
{
    if (client == NULL)
        return;
    if (client->fd >= 0)
        close(client->fd);
    free(client);
}

/* ---- asking ---- */

static char *make_request(const char *command, const char *const *arguments, unsigned count)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++)
        if (json_array_append_new(list, json_string(arguments[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    json_t *request = json_pack("{s:i, s:s, s:o}", "version", CONTROL_VERSION, "command", command, "arguments", list);
    char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    return text;
}

int control_client_ask(struct control_client *client, const char *command, const char *const *arguments,
                       unsigned arguments_count, struct error *error)
{
    char *text = make_request(command, arguments, arguments_count);
    if (text == NULL)
        return error_set(error, EINVAL, "the arguments are not UTF-8, or there is no memory for them");
    size_t length = strlen(text), sent = 0;
    int result = 0;
    if (length > CONTROL_REQUEST_BYTES_MAX)
        result = error_set(error, E2BIG, "the arguments are too long: a request may have %d bytes",
                           CONTROL_REQUEST_BYTES_MAX);
    text[length] = '\n'; /* in place of its NUL */
    while (result == 0 && sent <= length) {
        ssize_t more = send(client->fd, text + sent, length + 1 - sent, MSG_NOSIGNAL);
        if (more > 0)
            sent += (size_t)more;
        else if (errno == EPIPE || errno == ECONNRESET)
            break; /* why it hung up may be there to be received */
        else if (errno != EINTR)
            result = error_set(error, errno, "control socket %s: cannot ask: %s", client->path, strerror(errno));
    }
    free(text);
    return result;
}

/* ---- receiving ---- */

static int explain_receive(const struct control_client *client, ssize_t received, struct error *error)
{
    if (received == 0 || errno == ECONNRESET)
        return error_set(error, ECONNRESET, "control socket %s: it hung up without an answer%s", client->path,
                         client->end > client->begin ? "'s end" : "");
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return error_set(error, ETIMEDOUT, "control socket %s: no answer for %u s; is the process stopped?",
                         client->path, client->patience_s);
    return error_set(error, errno, "control socket %s: %s", client->path, strerror(errno));
}

/* The next line is from `begin` to the newline whose place it gives. 0, or a negative errno. */
static int receive_line(struct control_client *client, size_t *newline, struct error *error)
{
    for (size_t searched = client->begin;;) {
        const char *found = memchr(client->in + searched, '\n', client->end - searched);
        if (found != NULL) {
            *newline = (size_t)(found - client->in);
            return 0;
        }
        if (client->begin > 0) {
            client->end -= client->begin;
            memmove(client->in, client->in + client->begin, client->end);
            client->begin = 0;
        }
        searched = client->end;
        if (client->end == sizeof(client->in))
            return error_set(error, EMSGSIZE, "control socket %s: it answers with a line of more than %zu bytes",
                             client->path, sizeof(client->in));
        ssize_t received = recv(client->fd, client->in + client->end, sizeof(client->in) - client->end, 0);
        if (received > 0)
            client->end += (size_t)received;
        else if (received == 0 || errno != EINTR)
            return explain_receive(client, received, error);
    }
}

int control_client_receive(struct control_client *client, json_t **object, struct error *error)
{
    size_t newline = 0;
    *object = NULL;
    int result = receive_line(client, &newline, error);
    if (result != 0)
        return result;
    json_t *line = json_loadb(client->in + client->begin, newline - client->begin, JSON_REJECT_DUPLICATES, NULL);
    client->begin = newline + 1;
    const json_t *version = json_object_get(line, "version");
    const char *said = json_string_value(json_object_get(line, "error"));
    json_t *part = json_object_get(line, "part"), *whole = json_object_get(line, "result");
    if (!json_is_integer(version) || json_integer_value(version) != CONTROL_VERSION)
        result = error_set(error, EPROTO, "control socket %s: what answers there is no bearertap of this version",
                           client->path);
    else if (said != NULL)
        result = error_set(error, EREMOTEIO, "%s", said);
    else if (json_is_object(part) || json_is_object(whole))
        *object = json_incref(json_is_object(part) ? part : whole);
    else
        result =
            error_set(error, EPROTO, "control socket %s: it answers with neither a result nor an error", client->path);
    json_decref(line);
    return result != 0 ? result : json_is_object(part);
}
