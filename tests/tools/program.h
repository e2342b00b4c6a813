/* Runs the program squall and keeps what it said. The build passes its path in SQUALL_PROGRAM. */
#ifndef SQ_TESTS_PROGRAM_H
#define SQ_TESTS_PROGRAM_H

#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WORDS_MAX 32

struct said {
    int code;        /* exit code; -1: a signal ended it */
    char out[20000]; /* cut */
    char err[4000];
};

/* How many names in the folder begin so and end so. */
static inline int count_files(const char *path, const char *begin, const char *end)
{
    int n = 0;
    DIR *d = opendir(path);
    if (!d)
        return 0;
    for (struct dirent *f; (f = readdir(d));) {
        size_t a = strlen(f->d_name), b = strlen(end);
        n += !strncmp(f->d_name, begin, strlen(begin)) && a >= b && !strcmp(f->d_name + a - b, end);
    }
    closedir(d);
    return n;
}

/* Starts `squall WORDS`, its output into files of the folder (or stdout into `out`). Returns the pid. */
static inline pid_t start(const char *out, const char *const *word)
{
    char program[4096], *argv[WORDS_MAX] = {program};
    const char *path = getenv("SQUALL_PROGRAM");
    REQUIRE(path);
    snprintf(program, sizeof program, "%s", path);
    int o = open(out ? out : test_path("stdout"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int e = open(test_path("stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    REQUIRE(o >= 0 && e >= 0);
    for (int i = 0; word[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)word[i]; /* execv changes none */
    pid_t pid = fork();
    if (!pid) {
        dup2(o, 1);
        dup2(e, 2);
        execv(program, argv);
        _exit(99);
    }
    close(o);
    close(e);
    return pid;
}

static inline void slurp(const char *path, char *ret, size_t room)
{
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(ret, 1, room - 1, f) : 0;
    ret[n] = '\0';
    if (f)
        fclose(f);
}

static inline struct said *wait_for(pid_t pid)
{
    static struct said said;
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    said.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    slurp(test_path("stdout"), said.out, sizeof said.out);
    slurp(test_path("stderr"), said.err, sizeof said.err);
    return &said;
}

/* squall(word, ...): runs it to its end. The result is overwritten by the next call. */
#define squall(...) wait_for(start(NULL, (const char *const[]){__VA_ARGS__, NULL}))

static inline int lines(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* Ended with `code` after one line on stderr that holds `text`, and nothing on stdout. */
static inline void require_refusal(const struct said *s, int code, const char *text)
{
    if (s->code != code || lines(s->err) != 1 || !strstr(s->err, text) || s->out[0])
        fail_msg("wanted exit code %d and one line with '%s', got %d: %s", code, text, s->code, s->err);
}

static inline void require_done(const struct said *s)
{
    if (s->code)
        fail_msg("ended with %d: %s", s->code, s->err);
}

#endif
