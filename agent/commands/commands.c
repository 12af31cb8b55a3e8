/* SPDX-License-Identifier: Apache-2.0 */
/* What the sub-commands share: their flags beside the table of options, and reading that table.
 */
#include "agent/commands/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int commands_read_options(int argc, char **argv, struct agent_options *ret, struct err *err)
{
    if (agent_options_read(argc, argv, (const char *const *)environ, ret, err) < 0) {
        return -1;
    }
    if (agent_options_read_standard_input(ret, err) < 0) {
        agent_options_fini(ret);
        return -1;
    }
    const char *token = opts_text(ret->raw, "roles-token");
    if (token != NULL && commands_is_inline_token(token)) {
        commands_warn_of_inline_token(argv[0], "--roles-token @FILE or -");
    }
    return 0;
}

bool commands_is_inline_token(const char *word)
{
    return word[0] != '@' && strcmp(word, "-") != 0;
}

void commands_warn_of_inline_token(const char *command, const char *better)
{
    (void)fprintf(stderr, "ece-agent %s: warning: " COMMANDS_INLINE_TOKEN "; prefer %s\n",
                  command, better);
}
