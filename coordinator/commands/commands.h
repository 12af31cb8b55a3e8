/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sub-commands of ece-coordinator. Each takes its own argv (argv[0] is the sub-command) and
 * returns an exit status of sysexits.h; each prints what people asked for on standard output
 * and what went wrong on standard error.
 */
#ifndef COORDINATOR_COMMANDS_H
#define COORDINATOR_COMMANDS_H

int command_run(int argc, char **argv);
int command_reset_password(int argc, char **argv);

#endif
