/* SPDX-License-Identifier: Apache-2.0 */
/* What the sub-commands share: their flags beside the table of options, and reading that table.
 */
#include "agent/commands/commands.h"

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
    return 0;
}
