/* SPDX-License-Identifier: Apache-2.0 */
/* ece-agent: picks the sub-command. */
#include "agent/commands/commands.h"
#include "agent/options.h"
#include "version.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"run", command_run, "join an installation and stay connected (the daemon)"},
    {"status", command_status, "say what the running agent does; exit 0 only when connected"},
    {"check", command_check,
     "check this host before or after joining: what is wrong, what to do"},
    {"token", command_token,
     "token inspect @FILE|-|TOKEN: what a roles token permits, until when"},
    {"leave", command_leave, "leave the installation; --local only forgets it on this host"},
};

static void print_help(FILE *out)
{
    (void)fprintf(out, "Usage: ece-agent COMMAND [OPTION...]\n\nA host agent that joins this "
                       "node to an installation.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        (void)fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    }
    (void)fprintf(out,
                  "\n  --version  --help  (also after each command)\n\nSee ece-agent(8).\n");
}

static void print_version(void)
{
    (void)printf("ece-agent %s (%s)\n", ECE_VERSION, ECE_COMMIT);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    if (opts_take_flag(&argc, argv, "--version")) {
        print_version();
        return 0;
    }
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    int status = command->run(argc, argv);
    curl_global_cleanup();
    return status;
}

int main(int argc, char **argv)
{
    /* Keys and tokens live in this process: no core dump, no ptrace by others. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    json_object_seed(0);
    const char *word = argc > 1 ? argv[1] : "--help";
    if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0 || strcmp(word, "-h") == 0) {
        print_help(argc > 1 ? stdout : stderr);
        return argc > 1 ? 0 : EX_USAGE;
    }
    if (strcmp(word, "--version") == 0) {
        print_version();
        return 0;
    }
    if (strcmp(word, "--mdoc-options") == 0) { /* makes the table of the man page */
        opts_print_mdoc(stdout, agent_option_specs, AGENT_ENV_PREFIX);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(word, commands[i].name) == 0) {
            return run_command(&commands[i], argc - 1, argv + 1);
        }
    }
    (void)fprintf(stderr, "ece-agent: \"%s\" is no command; see ece-agent --help\n", word);
    return EX_USAGE;
}
