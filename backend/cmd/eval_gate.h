/* The gates of `docs-bot eval`: figures that must not fall below a value. */
#ifndef DOCS_BOT_CMD_EVAL_GATE_H
#define DOCS_BOT_CMD_EVAL_GATE_H

#include "cmd/command.h"
#include "eval/run.h"

/* Before the run, so that a typing error costs nothing; EXIT_DONE or EXIT_USAGE with a message. */
int eval_gates_validate(struct context *ctx, const struct eval_options *options);

/* EXIT_FAILED, with one line on stderr for each, when a gate is missed. `baseline` may be NULL. */
int eval_gates_check(struct context *ctx, const json_t *report, const json_t *baseline);

#endif
