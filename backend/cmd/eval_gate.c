#include "cmd/eval_gate.h"

#include <string.h>

#include "eval/report.h"

struct gate {
	struct str name;
	double minimum;
};

static const char *const answer_figures[] = {
	"fact_recall",       "citation_validity",  "citation_hit",     "abstention_precision",
	"abstention_recall", "refused_answerable", "off_topic_refusal"};

static bool is_retrieval_figure(struct str name)
{
	for (size_t m = 0; m < METRIC_COUNT; m++)
		if (str_eq(name, str_c(metric_name((enum metric)m))))
			return true;
	return false;
}

static bool is_answer_figure(struct str name)
{
	for (size_t i = 0; i < sizeof(answer_figures) / sizeof(answer_figures[0]); i++)
		if (str_eq(name, str_c(answer_figures[i])))
			return true;
	return false;
}

/* "hit@5", "retrieval.hit@5", "answers.fact_recall", "kep.hit@5", "metamorphic_kept". */
static bool is_figure(struct str name, const struct eval_options *options)
{
	size_t dot = str_find(name, STR("."), 0);
	if (dot == STR_NPOS)
		return is_retrieval_figure(name) || str_eq(name, STR("metamorphic_kept")) ||
		       (options->answers && is_answer_figure(name));
	struct str group = str_slice(name, 0, dot), rest = str_slice(name, dot + 1, name.len);
	if (str_eq(group, STR("answers")))
		return options->answers && is_answer_figure(rest);
	for (size_t p = 0; p < EVAL_PROFILES; p++)
		if (options->profiles[p] && str_eq(group, str_c(eval_profile_name(p))))
			return is_retrieval_figure(rest);
	return str_eq(group, STR("retrieval")) && is_retrieval_figure(rest);
}

static bool parse_gate(const char *text, struct gate *out)
{
	struct str gate = str_c(text);
	size_t at = str_find(gate, STR(">="), 0);
	if (at == STR_NPOS)
		return false;
	out->name = str_trim(str_slice(gate, 0, at));
	return str_to_double(str_trim(str_slice(gate, at + 2, gate.len)), &out->minimum);
}

static bool is_gate(const struct given_option *given)
{
	return strcmp(given->option->name, "gate") == 0;
}

int eval_gates_validate(struct context *ctx, const struct eval_options *options)
{
	for (size_t i = 0; i < ctx->given_count; i++) {
		struct gate gate;
		const char *text = ctx->given[i].value;
		if (!is_gate(&ctx->given[i]))
			continue;
		if (!parse_gate(text, &gate))
			return context_usage(
				ctx, "--gate wants METRIC>=VALUE, e.g. hit@5>=0.88, not '%s'",
				text);
		if (!is_figure(gate.name, options))
			return context_usage(ctx, "--gate %s: this run does not measure '%.*s'",
					     text, STR_ARG(gate.name));
	}
	return EXIT_DONE;
}

int eval_gates_check(struct context *ctx, const json_t *report)
{
	int status = EXIT_DONE;
	for (size_t i = 0; i < ctx->given_count; i++) {
		struct gate gate;
		double value;
		if (!is_gate(&ctx->given[i]) || !parse_gate(ctx->given[i].value, &gate))
			continue;
		if (!eval_report_figure(report, gate.name, &value)) {
			fprintf(stderr, "docs-bot: gate missed: there is no %.*s\n",
				STR_ARG(gate.name));
			status = EXIT_FAILED;
		} else if (value < gate.minimum) {
			fprintf(stderr,
				"docs-bot: gate missed: %.*s is %.4f, at least %.4f is wanted\n",
				STR_ARG(gate.name), value, gate.minimum);
			status = EXIT_FAILED;
		}
	}
	return status;
}
