/* Commands that fetch or run what the sources do not vouch for: private to answer/guard*.c. */
#ifndef DOCS_BOT_ANSWER_GUARD_COMMAND_H
#define DOCS_BOT_ANSWER_GUARD_COMMAND_H

#include "answer/guard_host.h"

/*
 * Whether the line (of a shell; several ones joined by backslashes) fetches, installs or applies
 * something from a host that is not allowed, or runs what it has decoded. At most quadratic in the line, which GUARD_HOLD bounds.
 */
bool guard_is_foreign_command(const struct guard_policy *policy, struct str line);

/* Whether a command may begin with the word where nothing else says that a command begins. */
bool guard_begins_command(struct str word);

#endif
