/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrols runners through the protocol, and is the load of the heartbeat's figure: every runner
 * on a kept connection of its own. Requests go out on all connections before the replies are
 * read, so that the server always has work and the client never sets its pace.
 *
 *   bench_fleet enroll PORT NAME CA_FILE TOKEN_FILE COUNT FLEET_FILE
 *     NAME is INSTALLATION.ece.internal; writes a line "ID ACCESS_TOKEN" for each runner
 *   bench_fleet beat PORT NAME CA_FILE FLEET_FILE
 *     connects them all and beats once; then for each number on standard input beats so many
 *     rounds, and prints the number of requests that were answered with 200
 */
#include "common/base/fs.h"
#include "common/base/parse.h"
#include "tests/bench/fleet.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    LINES_MAX = 64,
    ROUNDS_MAX = 100000,
    COUNT_MAX = 100000,
    PAUSE_NS = 100 * 1000,
    PAUSES_MAX = 100 * 1000,
};

struct load {
    struct fleet_site site;
    SSL_CTX *context; /* owned */
    size_t count;
    struct line lines[LINES_MAX];
    struct fleet_runner runners[LINES_MAX];
    struct buf request;
};

static int open_lines(struct load *load, size_t count, struct err *err)
{
    for (load->count = 0; load->count < count; load->count++) {
        if (line_open(&load->lines[load->count], load->context, &load->site.peer, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static void load_fini(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        line_close(&load->lines[i]);
    }
    SSL_CTX_free(load->context);
    buf_fini(&load->request);
}

/* One request on each of the first @count lines, runners numbered from @first. */
static int enroll_some(struct load *load, size_t first, size_t count, FILE *out,
                       struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        char id[WIRE_RUNNER_ID_BYTES];
        (void)snprintf(id, sizeof id, "bench-%06zu", first + i);
        if (fleet_enroll_request(&load->site, id, &load->request, err) < 0 ||
            line_send(&load->lines[i], load->request.bytes, load->request.len, err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct fleet_runner runner;
        if (line_receive(&load->lines[i], err) < 0 ||
            fleet_enrolled(&load->lines[i], &runner, err) < 0) {
            return -1;
        }
        (void)fprintf(out, "%s %s\n", runner.id, runner.access_token);
    }
    return 0;
}

static int enroll(struct load *load, char **argv, struct err *err)
{
    auto_buf token = BUF_INIT(WIRE_JWT_MAX + 1);
    uint64_t count = 0;
    if (fs_read(argv[5], &token, err) < 0 ||
        parse_u64(argv[6], 1, COUNT_MAX, &count, err) < 0) {
        return -1;
    }
    token.bytes[strcspn(token.bytes, "\n")] = '\0';
    load->site.roles_token = token.bytes;
    (void)snprintf(load->site.installation_id, sizeof load->site.installation_id, "%.*s",
                   (int)strcspn(argv[3], "."), argv[3]);
    FILE *out = fopen(argv[7], "we");
    if (out == NULL) {
        return err_set(err, ERR_IO, "write %s", argv[7]);
    }
    int rc = open_lines(load, count < LINES_MAX ? count : LINES_MAX, err);
    for (size_t done = 0; rc == 0 && done < count; done += LINES_MAX) {
        size_t left = count - done;
        rc = enroll_some(load, done, left < LINES_MAX ? left : LINES_MAX, out, err);
    }
    if (fclose(out) != 0 && rc == 0) {
        rc = err_set(err, ERR_IO, "write %s", argv[7]);
    }
    return rc;
}

static int read_fleet(struct load *load, const char *path, size_t *ret_count, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return err_set(err, ERR_IO, "read %s", path);
    }
    size_t count = 0;
    while (count < LINES_MAX && fscanf(file, "%128s %4095s", load->runners[count].id,
                                       load->runners[count].access_token) == 2) {
        count++;
    }
    (void)fclose(file);
    *ret_count = count;
    return 0;
}

/*
 * Until a reply waits on every line. A client that slept in a socket would have to be woken by
 * the server, in the server's time; a runner's host, across a network, is not. So it sleeps
 * beside them.
 */
static int wait_for_replies(const struct load *load, struct err *err)
{
    struct pollfd watched[LINES_MAX];
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    for (size_t i = 0; i < load->count; i++) {
        watched[i] = (struct pollfd){.fd = load->lines[i].fd, .events = POLLIN};
    }
    for (int i = 0; i < PAUSES_MAX; i++) {
        if (poll(watched, load->count, 0) == (int)load->count) {
            return 0;
        }
        (void)nanosleep(&pause, NULL);
    }
    return err_set(err, ERR_TIMEOUT, "beat: not every beat was answered in time");
}

/* nginx, too, answers 200, with nothing in it. */
static int receive_beats(struct load *load, struct err *err)
{
    if (wait_for_replies(load, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < load->count; i++) {
        struct line *line = &load->lines[i];
        if (line_receive(line, err) < 0) {
            return -1;
        }
        if (line->status != 200) {
            return err_set(err, ERR_REFUSED, "beat: status %d: %.300s", line->status,
                           buf_text(&line->body));
        }
        bool is_first = load->runners[i].seq == 1;
        if (is_first && line->body.len > 0 && fleet_follow(&load->runners[i], line, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int beat_round(struct load *load, struct err *err)
{
    for (size_t i = 0; i < load->count; i++) {
        if (fleet_beat_request(&load->runners[i], &load->site.peer, &load->request, err) < 0 ||
            line_send(&load->lines[i], load->request.bytes, load->request.len, err) < 0) {
            return -1;
        }
    }
    return receive_beats(load, err);
}

static int beat(struct load *load, char **argv, struct err *err)
{
    size_t count = 0;
    if (read_fleet(load, argv[5], &count, err) < 0 || open_lines(load, count, err) < 0 ||
        beat_round(load, err) < 0) {
        return -1;
    }
    (void)printf("%zu\n", load->count);
    (void)fflush(stdout);
    char text[16];
    while (fgets(text, sizeof text, stdin) != NULL) {
        uint64_t rounds = 0;
        text[strcspn(text, "\n")] = '\0';
        if (parse_u64(text, 1, ROUNDS_MAX, &rounds, err) < 0) {
            return -1;
        }
        for (uint64_t i = 0; i < rounds; i++) {
            if (beat_round(load, err) < 0) {
                return -1;
            }
        }
        (void)printf("%zu\n", (size_t)rounds * load->count);
        (void)fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct load load = {.request = {.max = WIRE_BODY_MAX}};
    struct err err = {0};
    uint64_t port = 0;
    bool is_enroll = argc == 8 && strcmp(argv[1], "enroll") == 0;
    bool is_beat = argc == 6 && strcmp(argv[1], "beat") == 0;
    (void)signal(SIGPIPE, SIG_IGN);
    if (!is_enroll && !is_beat) {
        (void)fprintf(stderr, "usage: bench_fleet enroll|beat PORT NAME CA ...\n");
        return 64;
    }
    int rc = parse_u64(argv[2], 1, UINT16_MAX, &port, &err);
    if (rc == 0) {
        load.site.peer = (struct line_peer){.port = (uint16_t)port, .name = argv[3]};
        rc = line_context(argv[4], &load.context, &err);
    }
    if (rc == 0) {
        rc = is_enroll ? enroll(&load, argv, &err) : beat(&load, argv, &err);
    }
    load_fini(&load);
    if (rc < 0) {
        (void)fprintf(stderr, "bench_fleet: %s\n", err.message);
        return 1;
    }
    return 0;
}
