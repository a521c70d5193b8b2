/* Help, version and completion, all made from the tables of commands and settings. */
#ifndef DOCS_BOT_CMD_HELP_H
#define DOCS_BOT_CMD_HELP_H

#include "cmd/command.h"

/* Help for one command, or for the whole program when `command` is NULL. */
void help_print(const struct command *command, FILE *out);

#endif
