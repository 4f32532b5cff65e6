/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket's file: who may make it and where, who may connect, what is replaced and what is not. */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_support.h"

#define ECHO  "{\"version\":1,\"command\":\"echo\"}\n"
#define HEARD "{\"version\":1,\"result\":{\"heard\":\"\"}}"

enum { NOBODY = 65534, SOME_GROUP = 54321, OTHER_GROUP = 54322 };

static void skip_unless_root(void)
{
    if (geteuid() != 0)
        skip();
}

static bool is_there(const char *name)
{
    struct stat found;
    return lstat(name, &found) == 0;
}

static mode_t mode_of(const char *name)
{
    struct stat found;
    assert_int_equal(lstat(name, &found), 0);
    return found.st_mode & 07777;
}

static void make_file(const char *name)
{
    FILE *file = fopen(name, "w");
    fputs("mine", file);
    fclose(file);
}

static void assert_refused(const char *at, const char *group, int code, const char *text)
{
    struct error error;
    struct control *control = (struct control *)1;
    assert_int_equal(create(at, group, &control, &error), -code);
    assert_null(control);
    if (strstr(error.text, text) == NULL)
        fail_msg("%s\nlacks: %s", error.text, text);
}

/* ---- making it ---- */

static void the_socket_is_its_owners_alone_whatever_the_umask(void **state)
{
    static const mode_t masks[] = {0, 022, 0777};
    for (size_t i = 0; i < COUNT(masks); i++) {
        mode_t before = umask(masks[i]);
        start_server(state);
        umask(before);
        assert_int_equal(mode_of(path), 0600);
        stop_server(state);
        assert_false(is_there(path));
    }
}

static void the_socket_is_a_groups_too_where_one_is_named(void **state)
{
    (void)state;
    skip_unless_root();
    struct error error;
    struct stat found;
    const struct group *named = getgrgid(1);
    static char number[] = "54321";
    const struct {
        const char *name;
        gid_t gid;
    } rows[] = {{number, SOME_GROUP}, {named->gr_name, 1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(create(path, rows[i].name, &server, &error), 0);
        assert_int_equal(lstat(path, &found), 0);
        assert_int_equal(found.st_mode & 07777, 0660);
        assert_int_equal(found.st_gid, rows[i].gid);
        control_destroy(server);
    }
    server = NULL;
}

static void a_place_that_does_not_do_is_refused_with_how_to_mend_it(void **state)
{
    (void)state;
    char long_path[200], other[200];
    memset(long_path, 'a', sizeof(long_path));
    long_path[0] = '/';
    long_path[CONTROL_PATH_MAX] = '\0';
    assert_refused(long_path, NULL, ENAMETOOLONG, "the path has 108 bytes, and a socket's may have 107");
    assert_refused("", NULL, EINVAL, "an empty path");
    snprintf(other, sizeof(other), "%s/none/socket", folder);
    assert_refused(other, NULL, ENOENT, "its folder is not there: make it");
    assert_refused("/dev/null/socket", NULL, ENOTDIR, "has for a folder is none");
    assert_refused(folder, NULL, EEXIST, "a folder is there, which is not replaced");
    assert_refused(path, "no-such-group", EINVAL, "there is no group no-such-group");
    assert_refused(path, "-1", EINVAL, "there is no group -1");
    assert_refused(path, "4294967295", EINVAL, "there is no group 4294967295");
    assert_false(is_there(path));
}

static void a_path_as_long_as_may_be_is_taken(void **state)
{
    (void)state;
    struct error error;
    struct control *control;
    char long_path[CONTROL_PATH_MAX];
    size_t length = (size_t)snprintf(long_path, sizeof(long_path), "%s/", folder);
    memset(long_path + length, 'a', sizeof(long_path) - 1 - length);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(create(long_path, NULL, &control, &error), 0);
    assert_true(is_there(long_path));
    control_destroy(control);
    assert_false(is_there(long_path));
}

static void what_is_no_socket_is_not_replaced(void **state)
{
    (void)state;
    make_file(path);
    assert_refused(path, NULL, EEXIST, "a file is there, which is not replaced; remove it, or name another");
    assert_int_equal(mode_of(path) & 0600, 0600);
    unlink(path);
    assert_int_equal(symlink("/nowhere", path), 0);
    assert_refused(path, NULL, EEXIST, "a symbolic link is there");
    unlink(path);
}

static int refused_for_want_of_rights(void)
{
    struct error error;
    struct control *control;
    int result = create(path, NULL, &control, &error);
    return result == -EACCES && strstr(error.text, "the folder does not let you write") != NULL ? 0 : 1;
}

static void a_folder_without_rights_is_said(void **state)
{
    (void)state;
    skip_unless_root();
    assert_int_equal(in_child(refused_for_want_of_rights, NOBODY, NOBODY, NULL, 0), 0);
}

static int refused_for_a_group_of_others(void)
{
    struct error error;
    struct control *control;
    int result = create(path, "54321", &control, &error);
    return result == -EPERM && strstr(error.text, "or as a member of it") != NULL && !is_there(path) ? 0 : 1;
}

static void a_group_that_one_is_not_in_is_refused_and_nothing_left(void **state)
{
    (void)state;
    skip_unless_root();
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(in_child(refused_for_a_group_of_others, NOBODY, NOBODY, NULL, 0), 0);
    chmod(folder, 0755);
}

/* ---- what another left, or holds ---- */

static int listen_and_die(void)
{
    struct error error;
    struct control *control;
    return create(path, NULL, &control, &error) == 0 ? 0 : 1; /* as after kill -9: nobody removes it */
}

static void what_a_killed_process_left_is_replaced(void **state)
{
    assert_int_equal(in_child(listen_and_die, geteuid(), 0, NULL, 0), 0);
    assert_true(is_there(path));
    start_server(state);
    int fd = dial();
    assert_string_equal(ask(fd, ECHO), HEARD);
    close(fd);
    stop_server(state);
    assert_false(is_there(path));
}

static void a_second_server_is_refused_with_the_firsts_pid(void **state)
{
    char pid[64];
    start_server(state);
    snprintf(pid, sizeof(pid), "process %d (of user %u) listens there; stop it", getpid(), geteuid());
    assert_refused(path, NULL, EADDRINUSE, pid);
    int fd = dial();
    serve();
    assert_string_equal(ask(fd, ECHO), HEARD); /* and the first goes on */
    close(fd);
    stop_server(state);
}

static void a_second_server_is_refused_while_the_first_is_too_busy_to_answer(void **state)
{
    int fds[200], count = 0;
    start_server(state);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    for (; count < (int)COUNT(fds); count++) { /* until its queue is full */
        fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(fds[count], (const struct sockaddr *)&address, sizeof(address)) != 0)
            break;
    }
    assert_in_range(count, 10, COUNT(fds) - 1);
    assert_refused(path, NULL, EADDRINUSE, "a process that is busy listens there");
    for (int i = 0; i <= count; i++)
        close(fds[i]);
    serve();
    stop_server(state);
}

static void what_took_the_sockets_place_is_not_removed_with_it(void **state)
{
    start_server(state);
    unlink(path);
    make_file(path);
    stop_server(state);
    assert_true(is_there(path));
    unlink(path);
}

/* ---- who may connect ---- */

/* The server is its own process's parent's, so the answer is waited for. */
static int hears(const char *expected)
{
    char line[512] = "";
    size_t length = 0;
    int fd = dial();
    if (fd < 0)
        return errno == EACCES ? 2 : 3;
    send(fd, ECHO, strlen(ECHO), MSG_NOSIGNAL);
    for (ssize_t more; length + 1 < sizeof(line) && strchr(line, '\n') == NULL; length += (size_t)more)
        if ((more = recv(fd, line + length, sizeof(line) - 1 - length, 0)) <= 0)
            break;
    return strncmp(line, expected, strlen(expected)) == 0 ? 0 : 1;
}

static int is_served(void)
{
    return hears(HEARD);
}

static int is_refused(void)
{
    return hears("{\"version\":1,\"error\":\"user 65534 may not control this process: root and user 0 may\"}\n");
}

static int is_refused_by_group(void)
{
    return hears("{\"version\":1,\"error\":\"user 65534 may not control this process: root, user 0 and the members of "
                 "group 54321 may\"}\n");
}

/* A server in a process of its own, until the pipe to it is closed. */
static pid_t serve_apart(const char *group, int *stop)
{
    int ready[2], ends[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct error error;
        close(ends[1]);
        if (create(path, group, &server, &error) != 0 || write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;) {
            struct pollfd polled[] = {{.fd = control_descriptor(server), .events = POLLIN}, {.fd = ends[0]}};
            poll(polled, 2, -1);
            if (polled[1].revents != 0) /* the other end is closed */
                break;
            control_serve(server);
        }
        control_destroy(server);
        _exit(0);
    }
    close(ready[1]);
    close(ends[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *stop = ends[1];
    return child;
}

static void others_are_let_in_by_their_group_alone(void **state)
{
    (void)state;
    skip_unless_root();
    static const gid_t member[] = {OTHER_GROUP, SOME_GROUP}, stranger[] = {OTHER_GROUP};
    int stop;
    pid_t apart = serve_apart("54321", &stop);
    assert_int_equal(in_child(is_served, NOBODY, SOME_GROUP, NULL, 0), 0);
    assert_int_equal(in_child(is_served, NOBODY, NOBODY, member, 2), 0);
    assert_int_equal(in_child(is_served, 0, 0, NULL, 0), 0);
    assert_int_equal(in_child(is_refused, NOBODY, NOBODY, stranger, 1), 2); /* the file says it already */
    assert_int_equal(chmod(path, 0666), 0);                                 /* and where it doesn't, the server does */
    assert_int_equal(in_child(is_refused_by_group, NOBODY, NOBODY, stranger, 1), 0);
    close(stop);
    assert_int_equal(waitpid(apart, NULL, 0), apart);
    assert_false(is_there(path));
}

static void without_a_group_only_root_and_the_servers_user_are_let_in(void **state)
{
    (void)state;
    skip_unless_root();
    static const gid_t member[] = {0};
    int stop;
    pid_t apart = serve_apart(NULL, &stop);
    assert_int_equal(in_child(is_served, 0, 0, NULL, 0), 0);
    assert_int_equal(in_child(is_refused, NOBODY, NOBODY, NULL, 0), 2);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(in_child(is_refused, NOBODY, NOBODY, NULL, 0), 0);
    assert_int_equal(in_child(is_refused, NOBODY, 0, member, 1), 0); /* root's group is no user */
    close(stop);
    assert_int_equal(waitpid(apart, NULL, 0), apart);
    assert_false(is_there(path));
}

static int serve_myself(void)
{
    start_server(NULL);
    int fd = dial(), result = fd >= 0 && strcmp(ask(fd, ECHO), HEARD) == 0 ? 0 : 1;
    stop_server(NULL);
    return result;
}

static void an_ordinary_user_may_have_a_server_of_their_own(void **state)
{
    (void)state;
    skip_unless_root();
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(in_child(serve_myself, NOBODY, NOBODY, NULL, 0), 0);
    chmod(folder, 0755);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_socket_is_its_owners_alone_whatever_the_umask),
        cmocka_unit_test(the_socket_is_a_groups_too_where_one_is_named),
        cmocka_unit_test(a_place_that_does_not_do_is_refused_with_how_to_mend_it),
        cmocka_unit_test(a_path_as_long_as_may_be_is_taken),
        cmocka_unit_test(what_is_no_socket_is_not_replaced),
        cmocka_unit_test(a_folder_without_rights_is_said),
        cmocka_unit_test(a_group_that_one_is_not_in_is_refused_and_nothing_left),
        cmocka_unit_test(what_a_killed_process_left_is_replaced),
        cmocka_unit_test(a_second_server_is_refused_with_the_firsts_pid),
        cmocka_unit_test(a_second_server_is_refused_while_the_first_is_too_busy_to_answer),
        cmocka_unit_test(what_took_the_sockets_place_is_not_removed_with_it),
        cmocka_unit_test(others_are_let_in_by_their_group_alone),
        cmocka_unit_test(without_a_group_only_root_and_the_servers_user_are_let_in),
        cmocka_unit_test(an_ordinary_user_may_have_a_server_of_their_own),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
