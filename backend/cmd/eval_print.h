/* The report of `docs-bot eval` as text for a terminal. */
#ifndef DOCS_BOT_CMD_EVAL_PRINT_H
#define DOCS_BOT_CMD_EVAL_PRINT_H

#include <stdio.h>

#include "base/json.h"

void eval_print(const json_t *report, FILE *out);

#endif
