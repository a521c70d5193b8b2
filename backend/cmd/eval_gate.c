#include "cmd/eval_gate.h"

#include <string.h>

#include "eval/report.h"

/* "hit@1>=0.7", "hit@1>=baseline-0.02", "hit@1>=kep+0.1". */
struct gate {
	struct str name;      /* of the figure */
	struct str reference; /* "baseline", a profile, or empty: the minimum is a number */
	double minimum;       /* or what is added to the reference's figure */
	bool at_most;         /* it is a maximum: "false_abstention<=0.05" */
};

static const char *const answer_figures[] = {
	"fact_recall",          "citation_validity", "citation_hit",     "first_source",
	"abstention_precision", "abstention_recall", "false_abstention", "off_topic_refusal"};

static const char *const route_figures[] = {"accuracy", "sources_accuracy", "fishing_refused",
					    "answerable"};

static bool is_route_figure(struct str name)
{
	for (size_t i = 0; i < sizeof(route_figures) / sizeof(route_figures[0]); i++)
		if (str_eq(name, str_c(route_figures[i])))
			return true;
	return false;
}

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

/* "hit@5", "follow_up.hit@5", "answers.fact_recall", "routes.accuracy", "kep.hit@5", … */
static bool is_figure(struct str name, const struct eval_options *options)
{
	size_t dot = str_find(name, STR("."), 0);
	if (dot == STR_NPOS)
		return is_retrieval_figure(name) || str_eq(name, STR("metamorphic_kept")) ||
		       (options->answers && is_answer_figure(name));
	struct str group = str_slice(name, 0, dot), rest = str_slice(name, dot + 1, name.len);
	if (str_eq(group, STR("routes")))
		return is_route_figure(rest);
	if (str_eq(group, STR("answers")))
		return options->answers && is_answer_figure(rest);
	for (size_t p = 0; p < EVAL_PROFILES; p++)
		if (options->profiles[p] && str_eq(group, str_c(eval_profile_name(p))))
			return is_retrieval_figure(rest);
	return (str_eq(group, STR("retrieval")) || str_eq(group, STR("follow_up"))) &&
	       is_retrieval_figure(rest);
}

/* The reference that a value begins with; empty when it is a number. */
static struct str find_reference(struct str value)
{
	if (str_starts(value, STR("baseline")))
		return STR("baseline");
	for (size_t p = 0; p < EVAL_PROFILES; p++)
		if (str_starts(value, str_c(eval_profile_name((enum eval_profile)p))))
			return str_c(eval_profile_name((enum eval_profile)p));
	return STR("");
}

static bool parse_gate(const char *text, struct gate *out)
{
	struct str gate = str_c(text);
	size_t at = str_find(gate, STR(">="), 0);
	out->at_most = at == STR_NPOS;
	if (out->at_most)
		at = str_find(gate, STR("<="), 0);
	if (at == STR_NPOS)
		return false;
	out->name = str_trim(str_slice(gate, 0, at));
	struct str value = str_trim(str_slice(gate, at + 2, gate.len));
	out->reference = find_reference(value);
	value = str_slice(value, out->reference.len, value.len);
	out->minimum = 0;
	if (out->reference.len && !value.len)
		return true;
	if (out->reference.len && value.ptr[0] == '+')
		value = str_slice(value, 1, value.len);
	else if (out->reference.len && value.ptr[0] != '-')
		return false;
	return str_to_double(value, &out->minimum);
}

/* Whether this run has what the gate compares with. */
static bool has_reference(struct context *ctx, const struct gate *gate,
			  const struct eval_options *options)
{
	if (str_eq(gate->reference, STR("baseline")))
		return context_option(ctx, "baseline") != NULL;
	for (size_t p = 0; p < EVAL_PROFILES; p++)
		if (str_eq(gate->reference, str_c(eval_profile_name((enum eval_profile)p))))
			return options->profiles[p] && is_retrieval_figure(gate->name);
	return true;
}

/* The lowest value that passes; false when the reference has no such figure. */
static bool find_minimum(const struct gate *gate, const json_t *report, const json_t *baseline,
			 double *out)
{
	char name[64];
	double value = 0;
	if (str_eq(gate->reference, STR("baseline"))) {
		if (!eval_report_figure(baseline, gate->name, &value))
			return false;
	} else if (gate->reference.len) {
		int len = snprintf(name, sizeof(name), "%.*s.%.*s", STR_ARG(gate->reference),
				   STR_ARG(gate->name));
		if (len < 0 || (size_t)len >= sizeof(name) ||
		    !eval_report_figure(report, str_c(name), &value))
			return false;
	}
	*out = value + gate->minimum;
	return true;
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
				ctx,
				"--gate wants METRIC>=VALUE or METRIC<=VALUE, e.g. hit@5>=0.88 or "
				"hit@5>=baseline-0.01, not '%s'",
				text);
		if (!is_figure(gate.name, options))
			return context_usage(ctx, "--gate %s: this run does not measure '%.*s'",
					     text, STR_ARG(gate.name));
		if (!has_reference(ctx, &gate, options))
			return context_usage(ctx, "--gate %s: this run has no '%.*s' of it", text,
					     STR_ARG(gate.reference));
	}
	return EXIT_DONE;
}

int eval_gates_check(struct context *ctx, const json_t *report, const json_t *baseline)
{
	int status = EXIT_DONE;
	for (size_t i = 0; i < ctx->given_count; i++) {
		struct gate gate;
		double value, minimum;
		if (!is_gate(&ctx->given[i]) || !parse_gate(ctx->given[i].value, &gate))
			continue;
		if (!eval_report_figure(report, gate.name, &value) ||
		    !find_minimum(&gate, report, baseline, &minimum)) {
			fprintf(stderr, "docs-bot: gate missed: there is no %.*s\n",
				STR_ARG(gate.name));
			status = EXIT_FAILED;
		} else if (gate.at_most ? value > minimum : value < minimum) {
			fprintf(stderr,
				"docs-bot: gate missed: %.*s is %.4f, at %s %.4f is wanted\n",
				STR_ARG(gate.name), value, gate.at_most ? "most" : "least",
				minimum);
			status = EXIT_FAILED;
		}
	}
	return status;
}
