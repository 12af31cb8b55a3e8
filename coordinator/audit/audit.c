/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit: numbers, texts, the window of recent entries, and the end of old ones. It knows
 * nothing of who asks it or shows it.
 *
 * Entries are counted as the store's watch tells of them, so that an entry that stood in
 * somebody else's transaction, and one that another coordinator wrote, count like our own. Old
 * ones leave in transactions of their own, some at a time: a deletion that hung on each entry
 * would have to know whether the entry before it was ever committed.
 */
#include "coordinator/audit/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/message_ids.h"
#include "common/base/parse.h"
#include "common/codec/json.h"

#define PREFIX "audit/"

enum {
    NUMBER_DIGITS = 20,
    TRIM_MAX = 64,  /* old entries that leave at once */
    TRIM_PART = 16, /* but no more than this part of the limit */
};

struct recent {
    uint64_t number;
    char *json; /* owned; NULL = this place was never used */
    size_t len;
};

struct audit {
    struct store *store;       /* borrowed */
    const struct clock *clock; /* borrowed */
    const struct log *log;     /* borrowed */
    size_t limit;
    uint64_t next;   /* number of the next entry */
    uint64_t oldest; /* no entry in the store has a lower one */
    size_t count;    /* entries in the store */
    bool is_trimming;
    uint64_t trimmed_to; /* what `oldest` becomes when the trim under way is done */
    uint64_t lost;
    uint64_t lost_now; /* since the last entry that was written */
    size_t recent_at;  /* where the next one goes */
    struct recent recent[AUDIT_RECENT];
};

static void format_key(uint64_t number, char ret_key[static AUDIT_KEY_BYTES])
{
    (void)snprintf(ret_key, AUDIT_KEY_BYTES, PREFIX "%0*" PRIu64, NUMBER_DIGITS, number);
}

/* False for keys below our prefix that are not ours. */
static bool parse_key(const char *key, uint64_t *ret_number)
{
    struct err ignored; /* whatever the reason, it is no key of ours */
    const char *digits = key + strlen(PREFIX);
    return strlen(digits) == NUMBER_DIGITS &&
           parse_u64(digits, 0, INT64_MAX, ret_number, &ignored) == 0;
}

static void remember(struct audit *audit, uint64_t number, const struct store_entry *entry)
{
    char *json = malloc(entry->len + 1);
    if (json == NULL) {
        return; /* a view misses a line; the store has it */
    }
    memcpy(json, entry->value, entry->len);
    json[entry->len] = '\0';
    struct recent *recent = &audit->recent[audit->recent_at];
    free(recent->json);
    *recent = (struct recent){.number = number, .json = json, .len = entry->len};
    audit->recent_at = (audit->recent_at + 1) % AUDIT_RECENT;
}

static void count_entry(const struct store_entry *entry, void *userdata)
{
    struct audit *audit = userdata;
    uint64_t number = 0;
    if (!parse_key(entry->key, &number)) {
        return;
    }
    if (audit->count == 0) {
        audit->oldest = number;
    }
    audit->count++;
    if (number >= audit->next) {
        audit->next = number + 1;
    }
    remember(audit, number, entry);
}

/* --- The end of old entries --- */

static void trim(struct audit *audit);

static void on_trimmed(const struct store_result *result, void *userdata)
{
    struct audit *audit = userdata;
    audit->is_trimming = false;
    if (result->outcome == STORE_COMMITTED) {
        audit->oldest = audit->trimmed_to;
        trim(audit);
    } /* else the next entry tries again */
}

/* Numbers that were never used make a step remove fewer; then the next one follows. */
static void trim(struct audit *audit)
{
    if (audit->is_trimming || audit->count < audit->limit || audit->oldest >= audit->next) {
        return;
    }
    char keys[TRIM_MAX][AUDIT_KEY_BYTES];
    struct store_operation operations[TRIM_MAX];
    size_t part = audit->limit / TRIM_PART < TRIM_MAX ? audit->limit / TRIM_PART : TRIM_MAX;
    size_t n = 0;
    uint64_t number = audit->oldest;
    for (; n < part && number < audit->next; n++, number++) {
        format_key(number, keys[n]);
        operations[n] = (struct store_operation){.key = keys[n]};
    }
    struct err err;
    if (store_commit(audit->store, NULL, 0, operations, n, on_trimmed, audit, &err) == 0) {
        audit->is_trimming = true;
        audit->trimmed_to = number;
    } /* else the next entry tries again */
}

static void on_change(const struct store_entry *entry, void *userdata)
{
    struct audit *audit = userdata;
    uint64_t number = 0;
    if (entry->value != NULL) {
        count_entry(entry, audit);
        trim(audit);
    } else if (parse_key(entry->key, &number) && audit->count > 0) {
        audit->count--;
    }
}

/* --- Entries --- */

/* Length of the UTF-8 sequence at @text; 0 if there is none. */
static size_t sequence_at(const char *text, size_t len)
{
    for (size_t n = 1; n <= 4 && n <= len; n++) {
        if (parse_is_utf8(text, n)) {
            return n;
        }
    }
    return 0;
}

/* Texts come from peers: whole characters only, not too many, and what is none shows as '?'. */
static void clean(const char *text, char ret_clean[static AUDIT_TEXT_MAX + 1])
{
    size_t len =
        strnlen(text, AUDIT_TEXT_MAX + 4); /* the end of the last character may lie beyond */
    size_t used = 0;
    for (size_t at = 0; at < len;) {
        size_t n = sequence_at(text + at, len - at);
        if (used + (n > 0 ? n : 1) > AUDIT_TEXT_MAX) {
            break;
        }
        if (n == 0) {
            ret_clean[used++] = '?';
            at++;
            continue;
        }
        memcpy(ret_clean + used, text + at, n);
        used += n;
        at += n;
    }
    ret_clean[used] = '\0';
}

static int set_text(json_t *json, const char *name, const char *text, struct err *err)
{
    char cleaned[AUDIT_TEXT_MAX + 1];
    clean(text != NULL ? text : "", cleaned);
    if (json_object_set_new(json, name, json_string(cleaned)) < 0) {
        return err_no_memory(err);
    }
    return 0;
}

static int encode(const struct audit *audit, const struct audit_event *event, char **ret,
                  struct err *err)
{
    char time[25];
    clock_format_utc(clock_wall_ms(audit->clock), time);

    const struct {
        const char *name;
        const char *text;
        bool is_always;
    } members[] = {
        {"time", time, true},
        {"action", event->action, true},
        {"actor", event->actor, true},
        {"from", event->from, false},
        {"subject", event->subject, false},
        {"detail", event->detail, false},
    };

    auto_json *json = json_object();
    if (json == NULL) {
        return err_no_memory(err);
    }
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        bool is_empty = members[i].text == NULL || members[i].text[0] == '\0';
        if ((members[i].is_always || !is_empty) &&
            set_text(json, members[i].name, members[i].text, err) < 0) {
            return -1;
        }
    }
    char *text = json_compact(json);
    if (text == NULL) {
        return err_no_memory(err);
    }
    *ret = text;
    return 0;
}

int audit_prepare(struct audit *audit, const struct audit_event *event, struct audit_entry *ret,
                  struct err *err)
{
    struct audit_entry entry = {.value = NULL};
    if (encode(audit, event, &entry.value, err) < 0) {
        return err_wrap(err, "write the audit entry %s", event->action);
    }
    entry.len = strlen(entry.value);
    format_key(audit->next++, entry.key);
    *ret = entry;
    return 0;
}

void audit_entry_fini(struct audit_entry *entry)
{
    free(entry->value);
    entry->value = NULL;
    entry->len = 0;
}

/* One line when it begins, not one for each: the cause is the store's, and it tells that
 * elsewhere. */
static void note_lost(struct audit *audit, const struct err *err)
{
    audit->lost++;
    if (audit->lost_now++ == 0) {
        log_event(audit->log, LOG_LEVEL_ERROR, "audit", MESSAGE_STORE_FAILING,
                  "an entry is lost, and those after it until this heals: %s", err->message);
    }
}

static void on_appended(const struct store_result *result, void *userdata)
{
    struct audit *audit = userdata;
    if (result->outcome != STORE_COMMITTED) {
        note_lost(audit, &result->error);
    } else if (audit->lost_now > 0) {
        log_notice(audit->log, "audit", "entries are written again; lost: %" PRIu64,
                   audit->lost_now);
        audit->lost_now = 0;
    }
}

void audit_append(struct audit *audit, const struct audit_event *event)
{
    auto_audit_entry entry = {.value = NULL};
    struct err err;
    if (audit_prepare(audit, event, &entry, &err) < 0) {
        note_lost(audit, &err);
        return;
    }
    struct store_operation operation = audit_entry_operation(&entry);
    if (store_commit(audit->store, NULL, 0, &operation, 1, on_appended, audit, &err) < 0) {
        note_lost(audit, &err);
    }
}

void audit_recent(const struct audit *audit, size_t max, audit_entry_fn *each, void *userdata)
{
    size_t at = audit->recent_at;
    for (size_t n = 0; n < max && n < AUDIT_RECENT; n++) {
        at = (at + AUDIT_RECENT - 1) % AUDIT_RECENT;
        const struct recent *recent = &audit->recent[at];
        if (recent->json == NULL) {
            return;
        }
        each(recent->number, recent->json, recent->len, userdata);
    }
}

uint64_t audit_lost(const struct audit *audit)
{
    return audit->lost;
}

int audit_open(struct audit **ret, const struct audit_options *options, struct err *err)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    if (audit == NULL) {
        return err_no_memory(err);
    }
    audit->store = options->store;
    audit->clock = options->clock;
    audit->log = options->log;
    audit->limit = options->limit == 0                ? AUDIT_LIMIT_DEFAULT
                   : options->limit < AUDIT_LIMIT_MIN ? AUDIT_LIMIT_MIN
                                                      : options->limit;
    audit->next = 1;
    /* The watch last: it cannot be taken back, and nothing is told before the loop runs again.
     * */
    if (store_list(audit->store, PREFIX, count_entry, audit, err) < 0 ||
        store_watch(audit->store, PREFIX, on_change, audit, err) < 0) {
        audit_free(audit);
        return err_wrap(err, "open the audit");
    }
    trim(audit); /* the limit may be lower than it was */
    *ret = audit;
    return 0;
}

void audit_free(struct audit *audit)
{
    if (audit == NULL) {
        return;
    }
    for (size_t i = 0; i < AUDIT_RECENT; i++) {
        free(audit->recent[i].json);
    }
    free(audit);
}
