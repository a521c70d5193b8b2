/*
 * MCP over standard input and output, for editors: one message a line. The index and the models are
 * opened with the first search, so that an editor gets its list of tools at once, and a search says
 * what is wrong with them.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cmd/query.h"
#include "serve/mcp_tools.h"

#define LINE_MAX_BYTES   ((size_t)1 << 20)
#define ANSWER_MAX_BYTES ((size_t)8 << 20) /* of a batch */
#define SEARCH_ARENA_MAX ((size_t)256 << 20)
#define READ_BYTES       65536
#define STOP_MS          500 /* how soon a signal between two polls is seen */

struct server {
	struct context *ctx;
	struct query_session session;
	struct arena session_arena; /* of what opening it leaves behind */
	bool open;
	uint64_t generation; /* of the index, when it was opened */
	const char *agreed;  /* version that initialize agreed on, or NULL */
	struct arena arena;  /* of one search */
	struct buf line, answer;
	bool too_long; /* the rest of this line is dropped */
};

static void session_close(struct server *server)
{
	if (server->open)
		query_close(&server->session);
	server->open = false;
	arena_release(&server->session_arena);
}

/* Opens the index, or opens it again after something was published. */
static enum err_code session_open(struct server *server, struct err *err)
{
	uint64_t now;
	if (server->open && store_generation(server->session.store, &now, NULL) == ERR_OK &&
	    now == server->generation)
		return ERR_OK;
	session_close(server);
	/* An index that is published often must not fill the arena of the whole run. */
	struct context ctx = *server->ctx;
	ctx.arena = &server->session_arena;
	enum err_code code = query_open(&ctx, &server->session, err);
	if (code) {
		arena_release(&server->session_arena);
		return code;
	}
	server->open = true;
	return store_generation(server->session.store, &server->generation, err);
}

static enum err_code run_call(struct server *server, struct mcp_call *call, struct err *err)
{
	json_t *result = NULL;
	struct err failed = {ERR_OK, ""};
	enum err_code code = session_open(server, &failed);
	if (!code) {
		const struct mcp_deps deps = {.store = server->session.store,
					      .embedder = server->session.embedder,
					      .clock = server->ctx->clock,
					      .tuning = &server->session.tuning,
					      .rerank = server->session.rerank};
		code = mcp_tool_run(&deps, &call->query, &server->arena, &result, &failed);
		arena_release(&server->arena);
	}
	if (code) {
		log_warn(&server->ctx->log, "mcp", "search failed: %s", failed.message);
		result = mcp_tool_failure("Search failed", failed.message);
	}
	return mcp_answer(call, result, err);
}

/* An answer, or nothing, as one line; ERR_IO when nobody reads it. */
static enum err_code print_answer(struct server *server, struct err *err)
{
	if (!server->answer.len)
		return ERR_OK;
	if (fwrite(server->answer.ptr, 1, server->answer.len, stdout) != server->answer.len ||
	    putchar('\n') == EOF || fflush(stdout) == EOF)
		return err_set(err, ERR_IO, "cannot write the answer: %s", strerror(errno));
	return ERR_OK;
}

static enum err_code answer_line(struct server *server, struct err *err)
{
	const struct mcp_frame frame = {.agreed = server->agreed};
	struct str line = str_trim(buf_str(&server->line));
	struct mcp_plan plan;
	enum err_code code;
	buf_clear(&server->answer);
	if (server->too_long) {
		code = mcp_write_error(MCP_PARSE_ERROR, "the message is longer than 1 MiB",
				       &server->answer, err);
		return code ? code : print_answer(server, err);
	}
	if (!line.len)
		return ERR_OK;
	code = mcp_read(line, &frame, &plan, err);
	for (size_t i = 0; i < plan.count && !code; i++)
		if (!plan.calls[i].response)
			code = run_call(server, &plan.calls[i], err);
	if (!code)
		code = mcp_write(&plan, &server->answer, err);
	if (plan.initialized)
		server->agreed = plan.initialized;
	mcp_release(&plan);
	return code ? code : print_answer(server, err);
}

/* Takes bytes that were read, and answers the lines that they end. */
static enum err_code take_bytes(struct server *server, struct str bytes, struct err *err)
{
	enum err_code code = ERR_OK;
	while (bytes.len && !code) {
		const char *end = memchr(bytes.ptr, '\n', bytes.len);
		size_t size = end ? (size_t)(end - bytes.ptr) : bytes.len;
		if (!server->too_long && !buf_append(&server->line, str_slice(bytes, 0, size))) {
			server->too_long = true;
			buf_clear(&server->line);
		}
		bytes = str_slice(bytes, end ? size + 1 : size, bytes.len);
		if (!end)
			break;
		code = answer_line(server, err);
		server->too_long = false;
		buf_clear(&server->line);
	}
	return code;
}

/* Until the client closes its end, or a signal asks us to stop. */
static enum err_code converse(struct server *server, struct err *err)
{
	char bytes[READ_BYTES];
	enum err_code code = ERR_OK;
	while (!code && !atomic_load(server->ctx->stop)) {
		/* A read may be restarted after a signal, a poll is not. */
		struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
		if (poll(&input, 1, STOP_MS) < 0 && errno != EINTR)
			return err_set(err, ERR_IO, "cannot wait for input: %s", strerror(errno));
		if (!input.revents)
			continue;
		ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return err_set(err, ERR_IO, "cannot read: %s", strerror(errno));
		if (got == 0) /* a last line may lack its end */
			return server->line.len || server->too_long ? answer_line(server, err)
								    : ERR_OK;
		if (got > 0)
			code = take_bytes(server, (struct str){bytes, (size_t)got}, err);
	}
	return code;
}

int command_mcp(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct server server = {.ctx = ctx};
	if (ctx->json)
		return context_usage(ctx, "mcp speaks JSON-RPC on its output; leave --json out");
	arena_init(&server.arena, ctx->alloc, SEARCH_ARENA_MAX);
	arena_init(&server.session_arena, ctx->alloc, SEARCH_ARENA_MAX);
	buf_init(&server.line, ctx->alloc, LINE_MAX_BYTES);
	buf_init(&server.answer, ctx->alloc, ANSWER_MAX_BYTES);
	enum err_code code = converse(&server, &err);
	int status = code ? context_fail(ctx, &err) : EXIT_DONE;
	session_close(&server);
	arena_release(&server.arena);
	buf_release(&server.line);
	buf_release(&server.answer);
	return status;
}
