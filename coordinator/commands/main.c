/* SPDX-License-Identifier: Apache-2.0 */
/* ece-coordinator: picks the sub-command. */
#include "coordinator/commands/commands.h"

#include "coordinator/coordinator_options.h"
#include "version.h"

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
    {"run", command_run, "serve (the daemon)"},
    {"reset-password", command_reset_password,
     "give a user a new password, while the coordinator is stopped"},
};

static void print_help(FILE *out)
{
    (void)fprintf(
        out, "Usage: ece-coordinator COMMAND [OPTION...]\n\n"
             "The coordinator of an installation: hosts join it, operators look at it.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        (void)fprintf(out, "  %-15s %s\n", commands[i].name, commands[i].help);
    }
    (void)fprintf(
        out, "\n  --version  --help  (also after each command)\n\nSee ece-coordinator(8).\n");
}

static void print_version(void)
{
    (void)printf("ece-coordinator %s (%s)\n", ECE_VERSION, ECE_COMMIT);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    if (opts_take_flag(&argc, argv, "--version")) {
        print_version();
        return 0;
    }
    return command->run(argc, argv);
}

int main(int argc, char **argv)
{
    /* The installation's keys live in this process: no core dump, no ptrace by others. */
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
        opts_print_mdoc(stdout, coordinator_option_specs, COORDINATOR_ENV_PREFIX);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(word, commands[i].name) == 0) {
            return run_command(&commands[i], argc - 1, argv + 1);
        }
    }
    (void)fprintf(stderr, "ece-coordinator: \"%s\" is no command; see ece-coordinator --help\n",
                  word);
    return EX_USAGE;
}
