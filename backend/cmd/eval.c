#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cmd/eval_gate.h"
#include "cmd/eval_print.h"
#include "cmd/query.h"
#include "eval/baseline.h"
#include "eval/page.h"
#include "eval/routes.h"

enum {
	SET_BYTES_MAX = 64 << 20,
	REPORT_BYTES_MAX = 256 << 20,
	PROGRESS_BAR_US = 100000,
	PROGRESS_LINE_US = 5000000,
	CONTEXT_TOKENS = 2000,
	CONTEXT_TOKENS_MAX = 1000000,
};

const struct option eval_options[] = {
	{"profile", "docs-bot|kep", "which method to measure; repeatable, then side by side"},
	{"retrieval-only", NULL, "measure retrieval, do not answer"},
	{"routes-only", NULL, "measure how questions are routed; needs no index"},
	{"context-tokens", "N", "budget of the text for fact_recall@5; default 2000, 0 for none"},
	{"report", "FILE", "write an HTML page with the result of each question"},
	{"baseline", "FILE", "compare with an earlier run: the output of --json eval"},
	{"gate", "METRIC>=VALUE",
	 "exit 1 when a metric is lower (with <=: higher); repeatable. VALUE: a number, "
	 "baseline, kep, or one of these with +0.1 or -0.1"},
	{"from", "FILE", "run nothing, show earlier runs (--json eval); repeatable"},
	{NULL, NULL, NULL},
};

/* The last part of a path: what a set is called in the report. */
static struct str base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return str_c(slash ? slash + 1 : path);
}

static enum err_code read_set(struct context *ctx, const char *path, struct question_set *set,
			      struct err *err)
{
	struct buf text;
	buf_init(&text, ctx->alloc, SET_BYTES_MAX);
	enum err_code code = file_read(path, SET_BYTES_MAX, &text, err);
	if (!code &&
	    (code = question_set_parse(buf_str(&text), base_name(path), ctx->arena, set, err)))
		err_context(err, "%s", path);
	buf_release(&text);
	return code;
}

/* Questions whose route alone is known apart from those that are searched for; --routes-only: all. */
static enum err_code read_sets(struct context *ctx, struct question_set *searched,
			       struct question_set *routed, struct err *err)
{
	bool routes_only = context_option(ctx, "routes-only") != NULL;
	struct question_set *sets = arena_array(ctx->arena, ctx->arg_count, sizeof(*sets));
	struct question_set *routes = arena_array(ctx->arena, ctx->arg_count, sizeof(*routes));
	enum err_code code = sets && routes ? ERR_OK : arena_fail(ctx->arena, err);
	for (size_t i = 0; i < ctx->arg_count && !code; i++) {
		struct question_set all;
		code = read_set(ctx, ctx->args[i], &all, err);
		sets[i] = routes[i] = all;
		if (!code && !routes_only)
			code = question_set_pick(&all, true, ctx->arena, &routes[i], err);
		if (!code && !routes_only)
			code = question_set_pick(&all, false, ctx->arena, &sets[i], err);
	}
	if (!code)
		code = question_set_join(routes, ctx->arg_count, ctx->arena, routed, err);
	*searched = (struct question_set){NULL, 0};
	if (!code && !routes_only)
		code = question_set_join(sets, ctx->arg_count, ctx->arena, searched, err);
	return code;
}

static int parse_options(struct context *ctx, struct eval_options *out)
{
	uint64_t tokens = CONTEXT_TOKENS;
	const char *given = context_option(ctx, "context-tokens");
	bool any = false;
	*out = (struct eval_options){0};
	if (given && (!str_to_u64(str_c(given), &tokens) || tokens > CONTEXT_TOKENS_MAX))
		return context_usage(ctx, "--context-tokens wants a number up to %d, not '%s'",
				     CONTEXT_TOKENS_MAX, given);
	for (size_t i = 0; i < ctx->given_count; i++) {
		enum eval_profile profile;
		if (strcmp(ctx->given[i].option->name, "profile") != 0)
			continue;
		if (!eval_profile_parse(ctx->given[i].value, &profile))
			return context_usage(ctx, "--profile wants docs-bot or kep, not '%s'",
					     ctx->given[i].value);
		out->profiles[profile] = any = true;
	}
	if (!any)
		out->profiles[EVAL_DOCS_BOT] = true;
	out->context_tokens = (size_t)tokens;
	/* The KEP's method is one of retrieval: an answer would not be its own. */
	out->answers = out->profiles[EVAL_DOCS_BOT] && !context_option(ctx, "retrieval-only");
	return EXIT_DONE;
}

/* A line that is written over on a terminal, else one every few seconds. */
struct progress {
	const struct clock *clock;
	bool terminal, shown;
	int64_t started_us, last_us;
};

static void show_progress(void *ctx, size_t done, size_t total)
{
	struct progress *p = ctx;
	int64_t now = clock_monotonic_us(p->clock);
	bool last = done == total && p->shown && p->terminal;
	if (now - p->last_us < (p->terminal ? PROGRESS_BAR_US : PROGRESS_LINE_US) && !last)
		return;
	p->last_us = now;
	p->shown = true;
	double seconds = (double)(now - p->started_us) / 1e6;
	fprintf(stderr, "%s%zu of %zu questions, %.0f/s, %.0f s left%s", p->terminal ? "\r" : "",
		done, total, seconds > 0 ? (double)done / seconds : 0,
		seconds * (double)(total - done) / (double)done,
		p->terminal && !last ? "   " : "\n");
}

/* Searches and answers; *report is the caller's. */
static enum err_code run_searches(struct context *ctx, const struct eval_options *options,
				  const struct question_set *set, json_t **report, struct err *err)
{
	struct query_session session;
	struct eval_result result;
	enum err_code code = query_open(ctx, &session, err);
	if (code)
		return code;
	if (options->answers && (code = query_open_llm(ctx, &session, err))) {
		query_close(&session);
		return code;
	}
	const struct answer_deps deps = query_answer_deps(ctx, &session);
	const struct eval_setup setup = {session.embedder->model, session.embedder->precision};
	struct progress progress = {.clock = ctx->clock,
				    .terminal = isatty(STDERR_FILENO),
				    .started_us = clock_monotonic_us(ctx->clock)};
	progress.last_us = progress.started_us;
	struct eval_options watched = *options;
	watched.progress = show_progress;
	watched.progress_ctx = &progress;
	code = eval_run(&deps, set, &watched, ctx->arena, &result, err);
	if (!code)
		code = eval_report_make(&result, &setup, ctx->arena, report, err);
	query_close(&session);
	return code;
}

/* Runs the sets and makes the report; *report is the caller's. */
static enum err_code run_sets(struct context *ctx, const struct eval_options *options,
			      json_t **report, struct err *err)
{
	struct question_set searched, routed;
	json_t *routes = NULL;
	enum err_code code = read_sets(ctx, &searched, &routed, err);
	if (!code && searched.count)
		code = run_searches(ctx, options, &searched, report, err);
	else if (!code)
		*report = json_pack("{s:I}", "n", (json_int_t)routed.count);
	if (!code && routed.count)
		code = eval_routes(&routed, ctx->clock, ctx->alloc, &routes, err);
	if (!code && (!*report || (routes && json_object_set_new(*report, "routes", routes))))
		code = err_set(err, ERR_NOMEM, "out of memory");
	return code;
}

/* A former report; the caller's. */
static enum err_code read_report(struct context *ctx, const char *path, json_t **out,
				 struct err *err)
{
	struct buf text;
	buf_init(&text, ctx->alloc, REPORT_BYTES_MAX);
	enum err_code code = file_read(path, REPORT_BYTES_MAX, &text, err);
	if (!code && (code = eval_report_parse(buf_str(&text), out, err)))
		err_context(err, "%s", path);
	buf_release(&text);
	return code;
}

static enum err_code write_page(struct context *ctx, const json_t *const *reports, size_t count,
				struct err *err)
{
	struct buf page;
	const char *path = context_option(ctx, "report");
	if (!path)
		return ERR_OK;
	buf_init(&page, ctx->alloc, REPORT_BYTES_MAX);
	enum err_code code = eval_page_write(reports, count, &page, err);
	if (!code)
		code = file_write_atomic(path, buf_str(&page), err);
	buf_release(&page);
	return code;
}

/* --from: several reports of earlier runs on one page, and as one document. */
static int show_reports(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	enum err_code code = ERR_OK;
	size_t count = 0;
	json_t *list = json_array();
	const json_t **reports = arena_array(ctx->arena, ctx->given_count, sizeof(*reports));
	if (!list || !reports)
		code = err_set(&err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < ctx->given_count && !code; i++) {
		json_t *report = NULL;
		if (strcmp(ctx->given[i].option->name, "from") != 0)
			continue;
		code = read_report(ctx, ctx->given[i].value, &report, &err);
		if (!code && json_array_append_new(list, report))
			code = err_set(&err, ERR_NOMEM, "out of memory");
		if (!code)
			reports[count++] = report;
	}
	if (!code)
		code = write_page(ctx, reports, count, &err);
	int status = code ? context_fail(ctx, &err) : EXIT_DONE;
	if (!code && ctx->json && !context_print_json(json_pack("{s:O}", "reports", list)))
		status = EXIT_FAILED;
	for (size_t i = 0; i < count && !code && !ctx->json; i++) {
		printf("%s%s\n", i ? "\n" : "",
		       json_string_value(json_object_get(reports[i], "model")));
		eval_print(reports[i], stdout);
	}
	json_decref(list);
	return status;
}

/* The run itself, its comparison and its page; *report and *baseline are the caller's. */
static enum err_code make_report(struct context *ctx, const struct eval_options *options,
				 json_t **report, json_t **baseline, struct err *err)
{
	const char *path = context_option(ctx, "baseline");
	/* The baseline first: a wrong name is not to cost a run. */
	enum err_code code = path ? read_report(ctx, path, baseline, err) : ERR_OK;
	if (!code)
		code = run_sets(ctx, options, report, err);
	if (!code && path)
		code = eval_report_compare(*report, *baseline, ctx->arena, err);
	if (!code)
		code = write_page(ctx, (const json_t *const *)report, 1, err);
	return code;
}

int command_eval(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct eval_options options;
	json_t *report = NULL, *baseline = NULL;
	int status = parse_options(ctx, &options);
	bool from = context_option(ctx, "from") != NULL;
	if (!status && from && ctx->arg_count)
		status = context_usage(ctx, "--from runs nothing: leave the question sets out");
	if (!status && !from && !ctx->arg_count)
		status =
			context_usage(ctx, "which question sets? usage: docs-bot eval FILE.jsonl…");
	if (!status && from)
		return show_reports(ctx);
	if (!status && context_option(ctx, "routes-only") && context_option(ctx, "report"))
		status = context_usage(ctx, "--routes-only has no page: leave --report out");
	if (!status)
		status = eval_gates_validate(ctx, &options);
	if (status)
		return status;
	if (make_report(ctx, &options, &report, &baseline, &err))
		status = context_fail(ctx, &err);
	else if (ctx->json)
		status = context_print_json(json_incref(report)) ? EXIT_DONE : EXIT_FAILED;
	else
		eval_print(report, stdout);
	if (!status)
		status = eval_gates_check(ctx, report, baseline);
	json_decref(report);
	json_decref(baseline);
	return status;
}
