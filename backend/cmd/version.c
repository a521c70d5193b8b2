#include <stdio.h>

#include "cmd/command.h"

int command_version(struct context *ctx)
{
	if (ctx->json)
		return context_print_json(json_pack("{s:s}", "version", DOCS_BOT_VERSION))
			       ? EXIT_DONE
			       : EXIT_FAILED;
	puts("docs-bot " DOCS_BOT_VERSION);
	return EXIT_DONE;
}
