/* SPDX-License-Identifier: BSD-3-Clause */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* All that comes, as one JSON value; NULL where it is none. */
static json_t *read_all(int fd)
{
    FILE *file = fdopen(fd, "r");
    if (file == NULL) {
        close(fd);
        return NULL;
    }
    json_t *value = json_loadf(file, 0, NULL);
    fclose(file);
    return value;
}

/* What a program said, where it failed; of one that did not it would only disturb. */
static void pass_on(FILE *said)
{
    char buffer[4096];
    size_t length;
    rewind(said);
    while ((length = fread(buffer, 1, sizeof(buffer), said)) > 0)
        fwrite(buffer, 1, length, stderr);
}

static json_t *wait_for(pid_t child, json_t *told, const char *what, struct error *error)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        error_set(error, ECHILD, "%s was ended by signal %d (%s)%s", what, WTERMSIG(status),
                  strsignal(WTERMSIG(status)), WTERMSIG(status) == SIGKILL ? ": is there too little memory?" : "");
    else if (json_is_object(told) && json_object_get(told, "error") == NULL)
        return told;
    else if (json_is_object(told))
        error_set(error, EIO, "%s", json_string_value(json_object_get(told, "error")));
    else
        error_set(error, EIO, "%s ended with status %d and told nothing", what, WEXITSTATUS(status));
    json_decref(told);
    return NULL;
}

static void tell(child_function *function, const void *context, int fd)
{
    struct error error = {""};
    json_t *result = json_object();
    int status = result == NULL ? -ENOMEM : function(context, result, &error);
    if (status != 0)
        json_object_set_new(result, "error", json_string(error.text[0] != '\0' ? error.text : strerror(-status)));
    FILE *out = fdopen(fd, "w");
    if (out != NULL && json_dumpf(result, out, JSON_COMPACT) == 0)
        fclose(out);
    /* Nothing is put in order: threads of EAL's and memory of all kinds go with the process. */
    _exit(0);
}

json_t *child_run(child_function *function, const void *context, struct error *error)
{
    int pipes[2];
    fflush(stdout); /* or the child has what is in it, too */
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        error_set(error, errno, "no pipe to be had: %s", strerror(errno));
        return NULL;
    }
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            tell(function, context, pipes[1]);
        _exit(1);
    }
    int failure = errno;
    close(pipes[1]);
    if (child < 0) {
        close(pipes[0]);
        error_set(error, failure, "cannot start a process: %s", strerror(failure));
        return NULL;
    }
    return wait_for(child, read_all(pipes[0]), "a measurement", error);
}

json_t *child_execute(const char *path, const char *const *arguments, struct error *error)
{
    int pipes[2];
    fflush(stdout);
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        error_set(error, errno, "no pipe to be had: %s", strerror(errno));
        return NULL;
    }
    FILE *said = tmpfile();
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (said != NULL)
            dup2(fileno(said), STDERR_FILENO);
        dup2(pipes[1], STDOUT_FILENO);
        execv(path, (char *const *)(uintptr_t)arguments);
        dprintf(STDERR_FILENO, "bearertap: error: cannot run %s: %s\n", path, strerror(errno));
        _exit(127);
    }
    int failure = errno;
    close(pipes[1]);
    if (child < 0) {
        close(pipes[0]);
        error_set(error, failure, "cannot start a process: %s", strerror(failure));
        return NULL;
    }
    json_t *told = wait_for(child, read_all(pipes[0]), path, error);
    if (told == NULL && said != NULL)
        pass_on(said);
    if (said != NULL)
        fclose(said);
    return told;
}
