/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of findings of `ece-agent check`. Adding cannot fail in the caller's eyes: without
 * memory the report is marked incomplete, which is_ok and the renderers then say, so that no
 * check needs a path of its own for it.
 */
#include "agent/check/check_report.h"

#include "common/base/parse.h"
#include "common/codec/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_ALLOCATION = 32 };

static const char *const status_names[CHECK_STATUS_COUNT] = {"ok", "warning", "failure",
                                                             "skipped"};

/* Fit for a terminal and for JSON: a peer's text may stand in it. */
static void make_printable(char *text)
{
    bool is_utf8 = parse_is_utf8(text, strlen(text));
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        /* U+0080..U+009F are control characters as well. */
        bool is_c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;
        if (is_c1) {
            *at++ = '?';
        }
        if (*at < 0x20 || *at == 0x7f || is_c1 || (*at >= 0x80 && !is_utf8)) {
            *at = '?';
        }
    }
}

static bool make_room(struct check_report *report, size_t more)
{
    size_t needed = report->count + more;
    if (needed <= report->allocated) {
        return true;
    }
    size_t allocated = report->allocated > 0 ? report->allocated * 2 : FIRST_ALLOCATION;
    if (allocated < needed) {
        allocated = needed;
    }
    struct check_finding *findings =
        reallocarray(report->findings, allocated, sizeof *report->findings);
    if (findings == NULL) {
        report->is_incomplete = true;
        return false;
    }
    report->findings = findings;
    report->allocated = allocated;
    return true;
}

static void add(struct check_report *report, const struct check_finding *kind, const char *next,
                const char *format, va_list args)
{
    char *message = NULL;
    if (vasprintf(&message, format, args) < 0) {
        report->is_incomplete = true;
        return;
    }
    char *next_copy = next != NULL ? strdup(next) : NULL;
    if ((next != NULL && next_copy == NULL) || !make_room(report, 1)) {
        report->is_incomplete = true;
        free(next_copy);
        free(message);
        return;
    }
    make_printable(message);
    if (next_copy != NULL) {
        make_printable(next_copy);
    }
    struct check_finding *finding = &report->findings[report->count++];
    *finding = *kind;
    finding->message = message;
    finding->next = next_copy;
}

void check_ok(struct check_report *report, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(report, &(struct check_finding){.status = CHECK_OK, .code = code}, NULL, format, args);
    va_end(args);
}

void check_warning(struct check_report *report, const char *code, const char *next,
                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(report, &(struct check_finding){.status = CHECK_WARNING, .code = code}, next, format,
        args);
    va_end(args);
}

void check_failure(struct check_report *report, const char *code, const char *next,
                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(report, &(struct check_finding){.status = CHECK_FAILURE, .code = code}, next, format,
        args);
    va_end(args);
}

void check_skipped(struct check_report *report, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(report, &(struct check_finding){.status = CHECK_SKIPPED, .code = code}, NULL, format,
        args);
    va_end(args);
}

void check_report_append(struct check_report *report, struct check_report *from)
{
    if (from->count > 0 && make_room(report, from->count)) {
        memcpy(&report->findings[report->count], from->findings,
               from->count * sizeof *from->findings);
        report->count += from->count;
        from->count = 0; /* they are the other's now */
    }
    report->is_incomplete |= from->is_incomplete;
    check_report_fini(from);
}

void check_fact(const char *message, const char *remedy, char ret_fact[static CHECK_FACT_BYTES])
{
    const char *at = strstr(message, remedy);
    int len = at != NULL ? (int)(at - message) : (int)strlen(message);
    (void)snprintf(ret_fact, CHECK_FACT_BYTES, "%.*s%s", len, message,
                   at != NULL ? at + strlen(remedy) : "");
}

bool check_report_is_ok(const struct check_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        if (report->findings[i].status == CHECK_FAILURE) {
            return false;
        }
    }
    return !report->is_incomplete;
}

static int append_summary(const struct check_report *report, struct buf *text, struct err *err)
{
    size_t counts[CHECK_STATUS_COUNT] = {0};
    for (size_t i = 0; i < report->count; i++) {
        counts[report->findings[i].status]++;
    }
    if (buf_appendf(text, err, "%zu ok, %zu warning%s, %zu failure%s", counts[CHECK_OK],
                    counts[CHECK_WARNING], counts[CHECK_WARNING] == 1 ? "" : "s",
                    counts[CHECK_FAILURE], counts[CHECK_FAILURE] == 1 ? "" : "s") < 0 ||
        (counts[CHECK_SKIPPED] > 0 &&
         buf_appendf(text, err, ", %zu skipped", counts[CHECK_SKIPPED]) < 0)) {
        return -1;
    }
    return buf_appendf(text, err, "%s\n",
                       report->is_incomplete ? "; memory ran out, findings are missing" : "");
}

int check_report_text(const struct check_report *report, struct buf *ret, struct err *err)
{
    int width = 0;
    for (size_t i = 0; i < report->count; i++) {
        int len = (int)strlen(report->findings[i].code);
        width = len > width ? len : width;
    }
    for (size_t i = 0; i < report->count; i++) {
        const struct check_finding *finding = &report->findings[i];
        if (buf_appendf(ret, err, "%-7s  %-*s  %s\n", status_names[finding->status], width,
                        finding->code, finding->message) < 0 ||
            (finding->next != NULL &&
             buf_appendf(ret, err, "         -> %s\n", finding->next) < 0)) {
            return -1;
        }
    }
    return append_summary(report, ret, err);
}

static json_t *finding_to_json(const struct check_finding *finding)
{
    return json_pack("{s:s, s:s, s:s, s:s?}", "code", finding->code, "status",
                     status_names[finding->status], "message", finding->message, "next",
                     finding->next);
}

int check_report_json(const struct check_report *report, struct buf *ret, struct err *err)
{
    json_t *checks = json_array();
    for (size_t i = 0; checks != NULL && i < report->count; i++) {
        if (json_array_append_new(checks, finding_to_json(&report->findings[i])) < 0) {
            json_decref(checks);
            return err_no_memory(err);
        }
    }
    auto_json *json =
        json_pack("{s:b, s:o}", "ok", check_report_is_ok(report) ? 1 : 0, "checks", checks);
    auto_free char *text = json != NULL ? json_pretty(json) : NULL;
    return text != NULL ? buf_append(ret, text, strlen(text), err) : err_no_memory(err);
}

void check_report_fini(struct check_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->findings[i].message);
        free(report->findings[i].next);
    }
    free(report->findings);
    *report = CHECK_REPORT_INIT;
}
