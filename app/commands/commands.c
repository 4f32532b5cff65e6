/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/commands.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <hs.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <rte_version.h>

#include <bearertap/error.h>
#include <bearertap/nearest.h>

#include "command.h"

static const struct command *const commands[] = {
    &read_command,
    &keys_command,
    &gen_command,
    &bench_command,
    &ctl_command,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
    fputs("bearertap finds bearer tokens in network traffic and checks their key ids against revoked keys.\n\n"
          "Usage: bearertap COMMAND [OPTIONS]\n"
          "       bearertap --help | --version\n\n"
          "Commands:\n",
          out);
    for (unsigned i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`bearertap COMMAND --help` says more.\n"
          "Exit status: 0 done, 1 failed, 2 wrong usage, 3 alerts were raised (only with --fail-on-alert).\n",
          out);
}

/* What the CPU offers of what Hyperscan distinguishes. */
static const char *cpu_features(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512vbmi"))
        return "AVX-512 VBMI";
    if (__builtin_cpu_supports("avx512bw"))
        return "AVX-512";
    return __builtin_cpu_supports("avx2") ? "AVX2" : "SSE4.2";
}

static void print_version(void)
{
    printf("bearertap %s, built for %s\n", BEARERTAP_VERSION, BEARERTAP_MARCH);
    printf("%s, CPU with %s\n", rte_version(), cpu_features());
    printf("Hyperscan %s, runtime for %s, patterns compiled for any CPU\n", hs_version(), cpu_features());
    printf("%s, %s\n", OpenSSL_version(OPENSSL_VERSION), OpenSSL_version(OPENSSL_CPU_INFO));
}

static int refuse_command(const char *name)
{
    const char *names[COMMANDS + 1] = {NULL}, *nearest;
    for (unsigned i = 0; i < COMMANDS; i++)
        names[i] = commands[i]->name;
    nearest = nearest_word(name, names);
    if (nearest != NULL)
        log_error("there is no command %s; did you mean `bearertap %s`?", argument_shown(name), nearest);
    else
        log_error("there is no command %s; `bearertap --help` lists them", argument_shown(name));
    return EXIT_USAGE;
}

/* Tokens pass through this process's memory: none may end up in a core dump, or be read by a debugger's attach. */
static void forbid_core_dumps(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

/*
 * Takes the places of standard streams that were closed, or the next file opened would be one of them, and alerts would
 * go into it. Standard input is opened for writing and the others for reading, so that their use is an error and said.
 */
static bool fill_closed_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            return false;
    return true;
}

static void (*sigpipe_before)(int);

/* What goes wrong with an output is then an error of write(), which is said, rather than a death without a word. */
static void ignore_output_signals(void)
{
    sigpipe_before = signal(SIGPIPE, SIG_IGN); /* a reader that goes away */
    signal(SIGXFSZ, SIG_IGN);                  /* `ulimit -f` */
}

int end_by_broken_pipe(void)
{
    signal(SIGPIPE, sigpipe_before);
    raise(SIGPIPE);
    return EXIT_FAILED;
}

/* Without memory OpenSSL's first digest would use what its start-up could not make. */
static bool start_openssl(void)
{
    if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1 || OSSL_LIB_CTX_get0_global_default() == NULL)
        return false;
    EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_MD_free(sha256);
    return sha256 != NULL;
}

static int output_failure; /* the first errno of a write to standard output */

static ssize_t write_output(void *cookie, const char *bytes, size_t length)
{
    size_t written = 0;
    (void)cookie;
    while (written < length && output_failure == 0) {
        ssize_t more = write(STDOUT_FILENO, bytes + written, length - written);
        if (more > 0)
            written += (size_t)more;
        else if (more == 0 || errno != EINTR)
            output_failure = more == 0 ? EIO : errno;
    }
    return (ssize_t)written;
}

/* Why a write failed, stdio tells only to the call in which it did so. What goes to `stdout` is written here instead,
 * where it is kept for finish_output. (Alerts have a way of their own.) */
static bool watch_output(void)
{
    FILE *watched = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_output});
    if (watched == NULL)
        return false;
    setvbuf(watched, NULL, isatty(STDOUT_FILENO) == 1 ? _IOLBF : _IOFBF, BUFSIZ);
    stdout = watched;
    return true;
}

/* Help and lists that did not arrive are a failure. */
static int finish_output(int status)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return status;
    if (output_failure == EPIPE)
        return end_by_broken_pipe();
    log_error("cannot write to standard output: %s", strerror(output_failure));
    return EXIT_FAILED;
}

static int run_named(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (strcmp(name, "help") == 0 && argc == 2)) {
        print_usage(stdout);
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        print_version();
        return EXIT_DONE;
    }
    if (name[0] == '-') {
        log_error("there is no option %s before the command; `bearertap --help` says what there is",
                  argument_shown(name));
        return EXIT_USAGE;
    }
    bool help = strcmp(name, "help") == 0;
    if (help)
        name = argv[2];
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) != 0)
            continue;
        for (int j = 2; j < argc && strcmp(argv[j], "--") != 0; j++)
            help = help || strcmp(argv[j], "--help") == 0 || strcmp(argv[j], "-h") == 0;
        if (help) {
            fputs(commands[i]->help, stdout);
            if (commands[i]->more_help != NULL)
                commands[i]->more_help(stdout);
            return EXIT_DONE;
        }
        if (!start_openssl()) {
            log_error("OpenSSL did not start: out of memory, or its configuration (openssl.cnf) leaves out SHA-256");
            return EXIT_FAILED;
        }
        return commands[i]->run(argc - 1, argv + 1);
    }
    return refuse_command(name);
}

int commands_run(int argc, char **argv)
{
    if (!fill_closed_descriptors()) {
        log_error("a standard stream is closed and /dev/null cannot stand in for it: %s; run with `</dev/null`",
                  strerror(errno));
        return EXIT_FAILED;
    }
    forbid_core_dumps();
    ignore_output_signals();
    if (!watch_output()) {
        log_error("no memory to begin with");
        return EXIT_FAILED;
    }
    return finish_output(run_named(argc, argv));
}
