/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sub-commands of ece-agent. Each takes its own argv (argv[0] is the sub-command) and
 * returns an exit status of sysexits.h; each prints what people asked for on standard output
 * and what went wrong on standard error.
 */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "agent/options.h"

#include <stdbool.h>

int command_run(int argc, char **argv);
int command_status(int argc, char **argv);
int command_check(int argc, char **argv);
int command_token(int argc, char **argv);
int command_leave(int argc, char **argv);

/** The agent's options from flags, environment and file, and the token from standard input if
 * it is to come from there. Warns of a token that stands in argv. */
int commands_read_options(int argc, char **argv, struct agent_options *ret,
                          struct err *err) MUST_CHECK;

#define COMMANDS_INLINE_TOKEN                                                                  \
    "the roles token was given on the command line, where every user of this host could see "  \
    "it for a moment"

/** Whether @word, of the form "@FILE|-|TOKEN", is the token itself. */
bool commands_is_inline_token(const char *word);
/** One line on standard error; @better is how to give it instead. */
void commands_warn_of_inline_token(const char *command, const char *better);

#endif
