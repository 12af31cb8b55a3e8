/* SPDX-License-Identifier: Apache-2.0 */
/* Options from all their sources: who wins, what is refused and where the message points, and
 * the help they make. */
#include "common/base/opts.h"
#include "common/base/parse.h"
#include "tests/support/tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static const struct opt_spec specs[] = {
    {"config", "FILE", OPT_TEXT, OPT_FLAG | OPT_ENV, "/nonexistent/ece/agent.conf", 0, 0, NULL,
     "read settings from this file"},
    {"coordinator-host", "HOST[:PORT],...", OPT_TEXT, OPT_ANYWHERE, NULL, 0, 0, NULL,
     "join through these coordinators, tried in turn, with names resolved anew at each try"},
    {"runner-id", "ID", OPT_TEXT, OPT_ANYWHERE, NULL, 0, 0, parse_runner_id,
     "name of this host within the installation"},
    {"capacity", "MB", OPT_U64, OPT_ANYWHERE, "4096", 1, 1000000, NULL,
     "memory offered to instances"},
    {"a-flag-with-quite-a-long-name-indeed", "SECONDS", OPT_U64, OPT_ANYWHERE, NULL, 5,
     UINT64_MAX, NULL, ".dots and \\backslashes of the text must survive"},
    {"verbose", NULL, OPT_SWITCH, OPT_ANYWHERE, NULL, 0, 0, NULL, "say more"},
    {"state-only", "TEXT", OPT_TEXT, OPT_FILE, NULL, 0, 0, NULL,
     "a key of the file that has no flag"},
    {.name = NULL},
};

/* Words after argv[0], and the environment; both end with NULL. */
struct scene {
    const char *words[8];
    const char *env[8];
};

static int read_scene(const struct scene *scene, struct opts **ret, struct err *err)
{
    char *argv[ARRAY_LEN(scene->words) + 2] = {(char[]){"ece-agent"}};
    int argc = 1;
    for (size_t i = 0; scene->words[i] != NULL; i++) {
        argv[argc++] = strdup(scene->words[i]);
    }
    const struct opts_input input = {.specs = specs,
                                     .env_prefix = "ECE_AGENT_",
                                     .file_flag = "config",
                                     .argc = argc,
                                     .argv = argv,
                                     .envp = scene->env};
    int rc = opts_read(ret, &input, err);
    for (int i = 1; i < argc; i++) {
        free(argv[i]);
    }
    return rc;
}

static const char *write_config(const struct tmpdir *dir, const char *content,
                                char ret_path[static TMPDIR_PATH_BYTES])
{
    FILE *file = fopen(tmpdir_path(dir, "agent.conf", ret_path), "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return ret_path;
}

static void the_stronger_source_wins(void **state)
{
    static const struct {
        const char *flag;
        const char *env;
        const char *file;
        uint64_t value;
        enum opt_source source;
    } cases[] = {
        {"--capacity=3", "ECE_AGENT_CAPACITY=2", "capacity = 1\n", 3, OPT_SOURCE_FLAG},
        {NULL, "ECE_AGENT_CAPACITY=2", "capacity = 1\n", 2, OPT_SOURCE_ENV},
        {NULL, NULL, "capacity = 1\n", 1, OPT_SOURCE_FILE},
        {NULL, "ECE_AGENT_CAPACITY=", "capacity = 1\n", 1, OPT_SOURCE_FILE},
        {NULL, NULL, "", 4096, OPT_SOURCE_DEFAULT},
        {"--capacity=3", NULL, "capacity = 1\n", 3, OPT_SOURCE_FLAG},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[TMPDIR_PATH_BYTES];
        struct opts *opts = NULL;
        struct err err;
        write_config(*state, cases[i].file, path);
        struct scene scene = {.words = {"--config", path, cases[i].flag},
                              .env = {cases[i].env}};

        assert_int_equal(read_scene(&scene, &opts, &err), 0);
        assert_int_equal(opts_u64(opts, "capacity"), cases[i].value);
        assert_int_equal(opts_source(opts, "capacity"), cases[i].source);
        opts_free(opts);
    }
}

static void origins_say_where_a_value_was_set(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    char expected[TMPDIR_PATH_BYTES + 8];
    struct opts *opts = NULL;
    struct err err;
    write_config(*state, "# comment\n\n  verbose=true\r\n", path);
    struct scene scene = {.words = {"--runner-id", "r1", "--config", path},
                          .env = {"PATH=/bin", "ECE_AGENT_COORDINATOR_HOST=c1"}};

    assert_int_equal(read_scene(&scene, &opts, &err), 0);

    (void)snprintf(expected, sizeof expected, "%s:3", path);
    assert_string_equal(opts_origin(opts, "verbose"), expected);
    assert_string_equal(opts_origin(opts, "runner-id"), "flag --runner-id");
    assert_string_equal(opts_origin(opts, "coordinator-host"),
                        "environment ECE_AGENT_COORDINATOR_HOST");
    assert_string_equal(opts_origin(opts, "capacity"), "default");
    assert_string_equal(opts_origin(opts, "state-only"), "not set");
    assert_string_equal(opts_text(opts, "verbose"), "true");
    assert_null(opts_text(opts, "state-only"));
    opts_free(opts);
}

static void both_forms_of_a_flag_work_and_the_last_one_wins(void **state)
{
    struct opts *opts = NULL;
    struct err err;
    struct scene scene = {.words = {"--coordinator-host", "a", "--coordinator-host=-b=c",
                                    "--runner-id=x", "--runner-id", "-", "--verbose"}};
    (void)state;

    assert_int_equal(read_scene(&scene, &opts, &err), 0);

    assert_string_equal(opts_text(opts, "coordinator-host"), "-b=c");
    assert_string_equal(opts_text(opts, "runner-id"), "-");
    assert_string_equal(opts_text(opts, "verbose"), "true");
    opts_free(opts);
}

static void wrong_flags_are_usage_errors_with_the_reason(void **state)
{
    static const struct {
        const char *words[3];
        const char *message;
    } cases[] = {
        {{"install"}, "\"install\" is not a flag (see --help)"},
        {{"-v"}, "\"-v\" is not a flag (see --help)"},
        {{"--"}, "\"--\" is not a flag (see --help)"},
        {{"--nonsense=1"}, "unknown flag \"--nonsense\" (see --help)"},
        {{"--capacit", "5"}, "unknown flag \"--capacit\" (see --help)"},
        {{"--capacity_", "5"}, "unknown flag \"--capacity_\" (see --help)"},
        {{"--state-only=x"}, "unknown flag \"--state-only\" (see --help)"},
        {{"--capacity"}, "flag --capacity: the value is missing"},
        {{"--capacity", "--verbose"},
         "flag --capacity: the value is missing (write --capacity=VALUE for one that begins "
         "with -)"},
        {{"--capacity", "0"}, "flag --capacity: 0 is not within 1 to 1000000"},
        {{"--capacity="}, "flag --capacity: \"\" is no number (decimal digits only)"},
        {{"--capacity=x", "--capacity=1"},
         "flag --capacity: \"x\" is no number (decimal digits only)"},
        {{"--verbose=true"}, "flag --verbose: it takes no value"},
        {{"--verbose", "true"}, "\"true\" is not a flag (see --help)"},
        {{"--runner-id", "a/b"},
         "flag --runner-id: \"a/b\" is no runner id (1 to 128 letters, digits and . _ : -)"},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct opts *opts = NULL;
        struct err err;
        struct scene scene = {.words = {cases[i].words[0], cases[i].words[1]}};
        assert_int_equal(read_scene(&scene, &opts, &err), -1);
        assert_null(opts);
        assert_int_equal(err.code, ERR_USAGE);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void wrong_environment_is_named_by_its_variable(void **state)
{
    struct opts *opts = NULL;
    struct err err;
    /* the flag is stronger, but a mistake is told all the same */
    struct scene scene = {.words = {"--capacity=5"}, .env = {"ECE_AGENT_CAPACITY=lots"}};
    (void)state;

    assert_int_equal(read_scene(&scene, &opts, &err), -1);

    assert_int_equal(err.code, ERR_CONFIG);
    assert_string_equal(
        err.message,
        "environment ECE_AGENT_CAPACITY: \"lots\" is no number (decimal digits only)");
}

static void a_wrong_line_is_refused_with_file_line_and_reason(void **state)
{
    static const struct {
        const char *content;
        const char *place; /* after the path */
    } cases[] = {
        {"nonsense = 1\n", ":1: unknown key \"nonsense\""},
        {"coordinator-host = a\n", ":1: unknown key \"coordinator-host\""},
        {"# x\n\ncapacity = lots", ":3: capacity: \"lots\" is no number (decimal digits only)"},
        {"capacity = 0\n", ":1: capacity: 0 is not within 1 to 1000000"},
        {"capacity =\n", ":1: capacity: \"\" is no number (decimal digits only)"},
        {"\ncapacity\n", ":2: expected key = value"},
        {"[agent]\n", ":1: expected key = value"},
        {"capacity = 1\nverbose = true\ncapacity = 1\n",
         ":3: capacity is set on line 1 already"},
        {"verbose = yes\n", ":1: verbose: \"yes\" is neither true nor false"},
        {"runner_id = ..\n", ":1: runner_id: \"..\" is no runner id"},
        {"config = other\n", ":1: config cannot be set in a file"},
        {"state_only = \xff\n", ": it is no UTF-8 text"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[TMPDIR_PATH_BYTES];
        char expected[TMPDIR_PATH_BYTES + 100];
        struct opts *opts = NULL;
        struct err err;
        write_config(*state, cases[i].content, path);
        struct scene scene = {.words = {"--config", path}};

        assert_int_equal(read_scene(&scene, &opts, &err), -1);

        assert_int_equal(err.code, ERR_CONFIG);
        (void)snprintf(expected, sizeof expected, "%s%s", path, cases[i].place);
        assert_non_null(strstr(err.message, expected));
    }
}

static void values_of_a_file_keep_everything_but_outer_blanks(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    struct opts *opts = NULL;
    struct err err;
    write_config(*state,
                 "\t state_only\t= a = b # no comment  \n"
                 "coordinator_host =\n"
                 "verbose = false",
                 path);
    struct scene scene = {.words = {"--config", path}};

    assert_int_equal(read_scene(&scene, &opts, &err), 0);

    assert_string_equal(opts_text(opts, "state-only"), "a = b # no comment");
    assert_string_equal(opts_text(opts, "coordinator-host"), "");
    assert_string_equal(opts_text(opts, "verbose"), "false");
    opts_free(opts);
}

static void a_file_may_be_absent_only_where_the_default_names_it(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    char variable[TMPDIR_PATH_BYTES + 32];
    struct opts *opts = NULL;
    struct err err;
    tmpdir_path(*state, "absent.conf", path);
    (void)snprintf(variable, sizeof variable, "ECE_AGENT_CONFIG=%s", path);
    struct scene by_default = {.words = {NULL}};
    struct scene by_flag = {.words = {"--config", path}};
    struct scene by_env = {.env = {variable}};

    assert_int_equal(read_scene(&by_default, &opts, &err), 0);
    opts_free(opts);
    opts = NULL;
    assert_int_equal(read_scene(&by_flag, &opts, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "flag --config"));
    assert_int_equal(read_scene(&by_env, &opts, &err), -1);
    assert_non_null(strstr(err.message, "environment ECE_AGENT_CONFIG"));
    assert_null(opts);
}

/* What @print writes, malloc'd. */
static char *capture(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void print_help(FILE *out)
{
    opts_print_help(out, specs);
}

static void print_page(FILE *out)
{
    (void)fputs(".Dd November 1, 2026\n.Dt ECE-AGENT 8\n.Os\n.Sh NAME\n.Nm ece-agent\n"
                ".Nd join a host to an installation\n.Sh OPTIONS\n.Bl -tag -width Ds\n",
                out);
    opts_print_mdoc(out, specs, "ECE_AGENT_");
    (void)fputs(".El\n", out);
}

static void help_fits_eighty_columns_and_has_every_option(void **state)
{
    char *text = capture(print_help);
    (void)state;

    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        assert_in_range(len, 1, 80);
        assert_true(line[len - 1] != ' ');
        line += len + 1;
    }
    assert_non_null(strstr(text,
                           "  --capacity MB               memory offered to instances (1 to "
                           "1000000, default\n"
                           "                              4096)\n"));
    assert_non_null(strstr(text, "  --coordinator-host HOST[:PORT],...\n"
                                 "                              join through"));
    assert_non_null(strstr(text, "  --verbose                   say more\n"));
    assert_non_null(strstr(text, "  state_only = TEXT           a key"));
    assert_non_null(strstr(text, "(at least 5)"));
    free(text);
}

static void mdoc_has_flag_key_variable_range_and_default(void **state)
{
    char *text = capture(print_page);
    (void)state;

    assert_non_null(strstr(text, ".It Fl Fl capacity Ar \"\\&MB\"\n"
                                 "Memory offered to instances.\n"
                                 "Key\n.Ql \"\\&capacity\" ;\n"
                                 "Environment\n.Ev \"\\&ECE_AGENT_CAPACITY\" ;\n"
                                 "Range\n.Ql \"\\&1 to 1000000\" ;\n"
                                 "Default\n.Ql \"\\&4096\" .\n"));
    assert_non_null(strstr(text, "\n\\&.dots and \\ebackslashes"));
    free(text);
}

/* The exit status of mandoc; 127 where there is none. */
static int lint(const char *path)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(STDERR_FILENO, STDOUT_FILENO);
        (void)execlp("mandoc", "mandoc", "-Tlint", "-Wstyle", path, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void mdoc_passes_lint(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    FILE *page = fopen(tmpdir_path(*state, "ece-agent.8", path), "w");
    assert_non_null(page);
    print_page(page);
    assert_int_equal(fclose(page), 0);

    int status = lint(path);

    if (status == 127) {
        skip();
    }
    assert_int_equal(status, 0);
}

#define WITH_TMPDIR(test) cmocka_unit_test_setup_teardown(test, tmpdir_setup, tmpdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TMPDIR(the_stronger_source_wins),
        WITH_TMPDIR(origins_say_where_a_value_was_set),
        cmocka_unit_test(both_forms_of_a_flag_work_and_the_last_one_wins),
        cmocka_unit_test(wrong_flags_are_usage_errors_with_the_reason),
        cmocka_unit_test(wrong_environment_is_named_by_its_variable),
        WITH_TMPDIR(a_wrong_line_is_refused_with_file_line_and_reason),
        WITH_TMPDIR(values_of_a_file_keep_everything_but_outer_blanks),
        WITH_TMPDIR(a_file_may_be_absent_only_where_the_default_names_it),
        cmocka_unit_test(help_fits_eighty_columns_and_has_every_option),
        cmocka_unit_test(mdoc_has_flag_key_variable_range_and_default),
        WITH_TMPDIR(mdoc_passes_lint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
