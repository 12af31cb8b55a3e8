/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The yardstick: the least program that beats over one kept libcurl TLS connection on a libuv
 * loop, with the libraries that the agent has. No checks, no states, no retries.
 *
 *   bench_minimal beat PORT NAME CA_FILE RUNNER_FILE COUNT INTERVAL_MS
 *     beats COUNT times as the runner of RUNNER_FILE ("ID TOKEN"), prints how many the
 *     coordinator accepted, and stays connected until its standard input ends
 *   bench_minimal handshakes PORT NAME CA_FILE COUNT
 *     prints the median time of a TLS handshake on a new connection, in microseconds
 */
#include <curl/curl.h>
#include <jansson.h>
#include <jwt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <uv.h>

enum { HANDSHAKES_MAX = 1000, REPLY_MAX = 64 * 1024, CA_MAX = 64 * 1024 };

struct minimal {
    uv_loop_t *loop;
    CURLM *multi;
    CURL *easy;
    uv_timer_t curl_timer;
    uv_timer_t beat_timer;
    char ca[CA_MAX];
    char session[33];
    char reply[REPLY_MAX];
    size_t reply_len;
    char *body;
    json_int_t steering;
    json_int_t seq;
    long wanted;
    long accepted;
    uint64_t interval_ms;
};

struct watch {
    uv_poll_t poll;
    curl_socket_t socket;
    struct minimal *minimal;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_minimal: %s\n", what);
    exit(1);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *userdata)
{
    struct minimal *minimal = userdata;
    size_t len = size * count;
    if (len >= sizeof minimal->reply - minimal->reply_len) {
        return 0;
    }
    memcpy(minimal->reply + minimal->reply_len, bytes, len);
    minimal->reply_len += len;
    return len;
}

static void on_accepted(struct minimal *minimal)
{
    json_t *reply = json_loadb(minimal->reply, minimal->reply_len, 0, NULL);
    json_t *revision = json_object_get(json_object_get(reply, "steering"), "revision");
    if (revision != NULL) {
        minimal->steering = json_integer_value(revision);
    }
    json_decref(reply);
    minimal->accepted++;
}

static void send_beat(uv_timer_t *timer);

static void collect(struct minimal *minimal)
{
    int left = 0;
    const CURLMsg *message = NULL;
    while ((message = curl_multi_info_read(minimal->multi, &left)) != NULL) {
        long status = 0;
        (void)curl_easy_getinfo(minimal->easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK || status != 200) {
            (void)fprintf(stderr, "%s, status %ld: %.*s\n",
                          curl_easy_strerror(message->data.result), status,
                          (int)minimal->reply_len, minimal->reply);
            die("a beat was not accepted");
        }
        (void)curl_multi_remove_handle(minimal->multi, minimal->easy);
        on_accepted(minimal);
        if (minimal->accepted < minimal->wanted) {
            (void)uv_timer_start(&minimal->beat_timer, send_beat, minimal->interval_ms, 0);
        } else {
            (void)printf("%ld\n", minimal->accepted);
            (void)fflush(stdout);
        }
    }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int running = 0;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    struct minimal *minimal = watch->minimal;
    (void)curl_multi_socket_action(minimal->multi, watch->socket, flags, &running);
    collect(minimal);
}

static void on_curl_timer(uv_timer_t *timer)
{
    int running = 0;
    struct minimal *minimal = timer->data;
    (void)curl_multi_socket_action(minimal->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(minimal);
}

/* CURLMOPT_TIMERFUNCTION */
static int set_timer(CURLM *multi, long timeout_ms, void *userdata)
{
    (void)multi;
    struct minimal *minimal = userdata;
    if (timeout_ms < 0) {
        return uv_timer_stop(&minimal->curl_timer);
    }
    return uv_timer_start(&minimal->curl_timer, on_curl_timer, (uint64_t)timeout_ms, 0);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* CURLMOPT_SOCKETFUNCTION */
static int set_socket(CURL *easy, curl_socket_t socket, int what, void *userdata, void *known)
{
    (void)easy;
    struct minimal *minimal = userdata;
    struct watch *watch = known;
    if (what == CURL_POLL_REMOVE) {
        (void)curl_multi_assign(minimal->multi, socket, NULL);
        if (watch != NULL) {
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        }
        return 0;
    }
    if (watch == NULL) {
        watch = calloc(1, sizeof *watch);
        if (watch == NULL) {
            die("no memory");
        }
        *watch = (struct watch){.socket = socket, .minimal = minimal};
        (void)uv_poll_init_socket(minimal->loop, &watch->poll, socket);
        watch->poll.data = watch;
        (void)curl_multi_assign(minimal->multi, socket, watch);
    }
    int events = (what & CURL_POLL_IN) != 0 ? UV_READABLE : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0;
    return uv_poll_start(&watch->poll, events, on_socket);
}

static json_t *report(void)
{
    return json_pack(
        "{s:s, s:s, s:{s:s, s:s}, s:{s:i, s:i, s:s}, s:{s:i, s:i}, s:i, s:[], s:i, "
        "s:b}",
        "host_ip", "127.0.0.1", "public_hostname", "127.0.0.1", "software", "version", "2.0.0",
        "commit", "0", "memory", "total", 1024, "used", 0, "source", "--capacity", "storage",
        "total", 1024, "used", 0, "cpus", 1, "instances", "skew_ms", 0, "healthy", 1);
}

static void send_beat(uv_timer_t *timer)
{
    struct minimal *minimal = timer->data;
    minimal->seq++;
    json_t *beat = json_pack("{s:i, s:s, s:I, s:I}", "protocol", 1, "session", minimal->session,
                             "seq", minimal->seq, "steering", minimal->steering);
    if (minimal->seq == 1) {
        (void)json_object_set_new(beat, "report", report());
    }
    free(minimal->body);
    minimal->body = json_dumps(beat, JSON_COMPACT);
    json_decref(beat);
    minimal->reply_len = 0;
    (void)curl_easy_setopt(minimal->easy, CURLOPT_POSTFIELDS, minimal->body);
    (void)curl_multi_add_handle(minimal->multi, minimal->easy);
}

/* One CA and no other trust, the name verified, the address dialled apart from it. */
static CURL *new_easy(struct minimal *minimal, char **argv, const char *path)
{
    char text[512];
    CURL *easy = curl_easy_init();
    FILE *file = fopen(argv[4], "re");
    if (easy == NULL || file == NULL) {
        die("no CA file");
    }
    size_t len = fread(minimal->ca, 1, sizeof minimal->ca, file);
    (void)fclose(file);
    struct curl_blob blob = {.data = minimal->ca, .len = len, .flags = CURL_BLOB_NOCOPY};
    (void)snprintf(text, sizeof text, "https://%s:%s%s", argv[3], argv[2], path);
    (void)curl_easy_setopt(easy, CURLOPT_URL, text);
    (void)snprintf(text, sizeof text, "::127.0.0.1:%s", argv[2]);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECT_TO, curl_slist_append(NULL, text));
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 20000L);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, minimal);
    return easy;
}

/* libjwt is linked by the agent: one use, so that it is loaded here, too. */
static void touch_libjwt(void)
{
    jwt_t *jwt = NULL;
    unsigned char key[32] = {1};
    if (jwt_new(&jwt) != 0 || jwt_set_alg(jwt, JWT_ALG_HS256, key, sizeof key) != 0) {
        die("libjwt");
    }
    free(jwt_encode_str(jwt));
    jwt_free(jwt);
}

static void authorize(struct minimal *minimal, const char *runner_file)
{
    char line[8192];
    char header[8400];
    FILE *file = fopen(runner_file, "re");
    if (file == NULL || fgets(line, sizeof line, file) == NULL || strchr(line, ' ') == NULL) {
        die("no runner file");
    }
    (void)fclose(file);
    line[strcspn(line, "\n")] = '\0';
    (void)snprintf(header, sizeof header, "Authorization: Bearer %s", strchr(line, ' ') + 1);
    struct curl_slist *headers = curl_slist_append(NULL, header);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    (void)curl_easy_setopt(minimal->easy, CURLOPT_HTTPHEADER, headers);
    unsigned char random[16];
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        die("no randomness");
    }
    for (size_t i = 0; i < sizeof random; i++) {
        (void)snprintf(minimal->session + 2 * i, 3, "%02x", random[i]);
    }
}

static void on_stdin(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    uv_stop(poll->loop);
}

static int beat(struct minimal *minimal, char **argv)
{
    uv_poll_t input;
    minimal->loop = uv_default_loop();
    minimal->multi = curl_multi_init();
    minimal->easy = new_easy(minimal, argv, "/agent/v1/heartbeat");
    minimal->wanted = strtol(argv[6], NULL, 10);
    minimal->interval_ms = strtoul(argv[7], NULL, 10);
    authorize(minimal, argv[5]);
    touch_libjwt();
    (void)uv_timer_init(minimal->loop, &minimal->curl_timer);
    (void)uv_timer_init(minimal->loop, &minimal->beat_timer);
    minimal->curl_timer.data = minimal;
    minimal->beat_timer.data = minimal;
    (void)curl_multi_setopt(minimal->multi, CURLMOPT_MAXCONNECTS, 1L);
    (void)curl_multi_setopt(minimal->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    (void)curl_multi_setopt(minimal->multi, CURLMOPT_SOCKETDATA, minimal);
    (void)curl_multi_setopt(minimal->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(minimal->multi, CURLMOPT_TIMERDATA, minimal);
    (void)uv_poll_init(minimal->loop, &input, STDIN_FILENO);
    (void)uv_poll_start(&input, UV_READABLE, on_stdin);
    (void)sd_notify(0, "READY=1");
    (void)uv_timer_start(&minimal->beat_timer, send_beat, 0, 0);
    return uv_run(minimal->loop, UV_RUN_DEFAULT) >= 0 ? 0 : 1;
}

static int compare(const void *a, const void *b)
{
    const curl_off_t *left = a;
    const curl_off_t *right = b;
    return *left < *right ? -1 : *left > *right;
}

static int handshakes(struct minimal *minimal, char **argv)
{
    static curl_off_t times[HANDSHAKES_MAX];
    size_t count = strtoul(argv[5], NULL, 10);
    count = count == 0 || count > HANDSHAKES_MAX ? HANDSHAKES_MAX : count;
    CURL *easy = new_easy(minimal, argv, "/agent/v1/ca");
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    for (size_t i = 0; i < count; i++) {
        curl_off_t connected = 0;
        curl_off_t encrypted = 0;
        minimal->reply_len = 0;
        if (curl_easy_perform(easy) != CURLE_OK) {
            die("a handshake failed");
        }
        (void)curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
        (void)curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &encrypted);
        times[i] = encrypted - connected;
    }
    qsort(times, count, sizeof times[0], compare);
    (void)printf("%lld\n", (long long)times[count / 2]);
    curl_easy_cleanup(easy);
    return 0;
}

int main(int argc, char **argv)
{
    struct minimal *minimal = calloc(1, sizeof *minimal);
    if (minimal == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        die("no memory");
    }
    if (argc == 8 && strcmp(argv[1], "beat") == 0) {
        return beat(minimal, argv);
    }
    if (argc == 6 && strcmp(argv[1], "handshakes") == 0) {
        return handshakes(minimal, argv);
    }
    die("usage: beat PORT NAME CA RUNNER COUNT MS | handshakes PORT NAME CA COUNT");
}
