#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cmd/query.h"
#include "eval/run.h"

enum { SET_BYTES_MAX = 64 << 20 };

const struct option eval_options[] = {
	{"retrieval-only", NULL, "measure retrieval, do not answer"},
	{"gate", "METRIC>=VALUE", "exit 1 when a metric is lower; repeatable"},
	{NULL, NULL, NULL},
};

struct metric {
	const char *name;
	double value;
};

enum { RETRIEVAL_METRICS = 7, ANSWER_METRICS = 7, METRICS = RETRIEVAL_METRICS + ANSWER_METRICS };

static void list_retrieval(const struct eval_retrieval *r, struct metric *out)
{
	const struct metric list[RETRIEVAL_METRICS] = {{"hit@1", r->hit1},
						       {"hit@3", r->hit3},
						       {"hit@5", r->hit5},
						       {"hit@10", r->hit10},
						       {"mrr@10", r->mrr10},
						       {"ndcg@10", r->ndcg10},
						       {"fact_recall@5", r->fact_recall5}};
	memcpy(out, list, sizeof(list));
}

static void list_answers(const struct eval_answers *a, struct metric *out)
{
	const struct metric list[ANSWER_METRICS] = {
		{"fact_recall", a->fact_recall},
		{"citation_validity", a->citation_validity},
		{"citation_hit", a->citation_hit},
		{"abstention_precision", a->abstention_precision},
		{"abstention_recall", a->abstention_recall},
		{"refused_answerable", a->refused_answerable},
		{"off_topic_refusal", a->off_topic_refusal}};
	memcpy(out, list, sizeof(list));
}

static json_t *metrics_json(const struct metric *metrics, size_t count)
{
	json_t *object = json_object();
	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, metrics[i].name, json_real(metrics[i].value));
	return object;
}

static json_t *failures_json(const struct eval_result *result)
{
	json_t *list = json_array();
	for (size_t i = 0; i < result->n; i++) {
		const struct eval_outcome *o = &result->outcomes[i];
		bool wants_page = o->question->kind == QUESTION_DOCS ||
				  o->question->kind == QUESTION_FOLLOW_UP;
		bool away = o->route == ROUTE_ABSTAINED || o->route == ROUTE_REFUSED;
		bool missed = wants_page ? o->rank == 0 || o->rank > 5 || away : !away;
		if (!missed)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:o, s:o, s:I, s:o, s:o, s:f, s:f, s:f, s:s}", "id",
				  json_from_str(o->question->id), "question",
				  json_from_str(o->question->text), "rank", (json_int_t)o->rank,
				  "gold",
				  json_from_str(o->question->gold_count ? o->question->gold_pages[0]
									: STR("")),
				  "first", json_from_str(o->first_page), "fact_recall@5",
				  o->fact_recall5, "answer_fact_recall", o->answer_fact_recall,
				  "cosine", (double)o->cosine, "route",
				  answer_route_name(o->route)));
	}
	return list;
}

static json_t *result_json(const struct eval_result *result, const struct metric *metrics,
			   bool answers)
{
	struct metric follow_up[RETRIEVAL_METRICS];
	list_retrieval(&result->follow_up, follow_up);
	json_t *object =
		json_pack("{s:I, s:o, s:o, s:{s:f, s:f}, s:o}", "n", (json_int_t)result->n,
			  "retrieval", metrics_json(metrics, RETRIEVAL_METRICS), "follow_up",
			  metrics_json(follow_up, RETRIEVAL_METRICS), "latency_ms", "p50",
			  result->p50_ms, "p95", result->p95_ms, "failures", failures_json(result));
	if (answers && object)
		json_object_set_new(object, "answers",
				    metrics_json(metrics + RETRIEVAL_METRICS, ANSWER_METRICS));
	return object;
}

static void print_result(const struct eval_result *result, const struct metric *metrics,
			 bool answers)
{
	printf("%zu questions, %zu of them with pages to find\n\n", result->n, result->retrieval.n);
	for (size_t i = 0; i < (answers ? METRICS : RETRIEVAL_METRICS); i++) {
		if (i == 0 || i == RETRIEVAL_METRICS)
			puts(i ? "\nanswers" : "retrieval");
		printf("  %-22s %.3f\n", metrics[i].name, metrics[i].value);
	}
	printf("\nlatency p50 %.1f ms, p95 %.1f ms\n", result->p50_ms, result->p95_ms);
}

struct gate {
	struct str name;
	const struct metric *metric;
	double minimum;
};

/* "hit@5>=0.88" or "answers.fact_recall>=0.7": the group may be left out. */
static bool parse_gate(const char *text, const struct metric *metrics, struct gate *out)
{
	struct str gate = str_c(text);
	size_t at = str_find(gate, STR(">="), 0);
	if (at == STR_NPOS ||
	    !str_to_double(str_trim(str_slice(gate, at + 2, gate.len)), &out->minimum))
		return false;
	out->name = str_trim(str_slice(gate, 0, at));
	struct str name = out->name;
	bool answers_only = str_starts(name, STR("answers."));
	if (answers_only)
		name = str_slice(name, 8, name.len);
	else if (str_starts(name, STR("retrieval.")))
		name = str_slice(name, 10, name.len);
	out->metric = NULL;
	for (size_t i = answers_only ? RETRIEVAL_METRICS : 0; i < METRICS; i++)
		if (!out->metric && str_eq(str_c(metrics[i].name), name))
			out->metric = &metrics[i];
	return out->metric != NULL;
}

static int check_gates(struct context *ctx, const struct metric *metrics)
{
	int status = EXIT_DONE;
	for (size_t i = 0; i < ctx->given_count; i++) {
		struct gate gate;
		if (strcmp(ctx->given[i].option->name, "gate") != 0 ||
		    !parse_gate(ctx->given[i].value, metrics, &gate))
			continue;
		if (gate.metric->value >= gate.minimum)
			continue;
		fprintf(stderr, "docs-bot: gate missed: %.*s is %.4f, at least %.4f is wanted\n",
			STR_ARG(gate.name), gate.metric->value, gate.minimum);
		status = EXIT_FAILED;
	}
	return status;
}

/* Gates are read before the run, so that a typing error costs nothing. */
static int validate_gates(struct context *ctx)
{
	struct metric metrics[METRICS];
	const struct eval_result empty = {0};
	struct gate gate;
	list_retrieval(&empty.retrieval, metrics);
	list_answers(&empty.answers, metrics + RETRIEVAL_METRICS);
	for (size_t i = 0; i < ctx->given_count; i++)
		if (strcmp(ctx->given[i].option->name, "gate") == 0 &&
		    !parse_gate(ctx->given[i].value, metrics, &gate))
			return context_usage(
				ctx, "--gate wants METRIC>=VALUE, e.g. hit@5>=0.88, not '%s'",
				ctx->given[i].value);
	return EXIT_DONE;
}

static enum err_code read_set(struct context *ctx, const char *path, struct question_set *set,
			      struct err *err)
{
	struct buf text;
	buf_init(&text, ctx->alloc, SET_BYTES_MAX);
	enum err_code code = file_read(path, SET_BYTES_MAX, &text, err);
	if (!code && (code = question_set_parse(buf_str(&text), ctx->arena, set, err)))
		err_context(err, "%s", path);
	buf_release(&text);
	return code;
}

int command_eval(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct question_set set;
	struct query_session session;
	struct eval_result result;
	struct metric metrics[METRICS];
	bool answers = context_option(ctx, "retrieval-only") == NULL;
	int status = validate_gates(ctx);
	if (status)
		return status;
	if (read_set(ctx, ctx->args[0], &set, &err) || query_open(ctx, &session, &err))
		return context_fail(ctx, &err);
	const struct answer_deps deps = {.store = session.store,
					 .embedder = session.embedder,
					 .clock = ctx->clock,
					 .cancelled = ctx->stop};
	if (eval_run(&deps, &set, answers, ctx->arena, &result, &err)) {
		status = context_fail(ctx, &err);
	} else {
		list_retrieval(&result.retrieval, metrics);
		list_answers(&result.answers, metrics + RETRIEVAL_METRICS);
		if (ctx->json)
			status = context_print_json(result_json(&result, metrics, answers))
					 ? EXIT_DONE
					 : EXIT_FAILED;
		else
			print_result(&result, metrics, answers);
		if (!status)
			status = check_gates(ctx, metrics);
	}
	query_close(&session);
	return status;
}
