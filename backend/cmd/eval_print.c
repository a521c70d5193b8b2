#include "cmd/eval_print.h"

#include "eval/metrics.h"

enum { NAME_WIDTH = 22, CELL_WIDTH = 22 };

static double real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void print_metric(const json_t *profiles, const char *name, FILE *out)
{
	fprintf(out, "  %-*s", NAME_WIDTH, name);
	for (size_t i = 0; i < json_array_size(profiles); i++) {
		const json_t *profile = json_array_get(profiles, i);
		const json_t *interval =
			json_object_get(json_object_get(profile, "intervals"), name);
		fprintf(out, "  %.3f (%.3f–%.3f)  ",
			real(json_object_get(profile, "retrieval"), name),
			json_number_value(json_array_get(interval, 0)),
			json_number_value(json_array_get(interval, 1)));
	}
	fputc('\n', out);
}

static void print_retrieval(const json_t *profiles, FILE *out)
{
	fprintf(out, "  %-*s", NAME_WIDTH, "retrieval");
	for (size_t i = 0; i < json_array_size(profiles); i++)
		fprintf(out, "  %-*s", CELL_WIDTH - 1,
			json_string_value(json_object_get(json_array_get(profiles, i), "name")));
	fputc('\n', out);
	for (size_t m = 0; m < METRIC_COUNT; m++)
		print_metric(profiles, metric_name((enum metric)m), out);
	fprintf(out, "  %-*s", NAME_WIDTH, "context tokens");
	for (size_t i = 0; i < json_array_size(profiles); i++)
		fprintf(out, "  %-*.0f", CELL_WIDTH - 1,
			real(json_object_get(json_array_get(profiles, i), "retrieval"),
			     "context_tokens"));
	fprintf(out, "\n  %-*s", NAME_WIDTH, "search p50, p95 ms");
	for (size_t i = 0; i < json_array_size(profiles); i++) {
		const json_t *ms = json_object_get(json_array_get(profiles, i), "latency_ms");
		char cell[64];
		snprintf(cell, sizeof(cell), "%.1f, %.1f", real(ms, "p50"), real(ms, "p95"));
		fprintf(out, "  %-*s", CELL_WIDTH - 1, cell);
	}
	fputc('\n', out);
}

static void print_differences(const json_t *report, FILE *out)
{
	const json_t *list = json_object_get(report, "differences");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);
		fprintf(out, "\n%s minus %s, paired by question\n",
			json_string_value(json_object_get(d, "of")),
			json_string_value(json_object_get(d, "to")));
		for (size_t m = 0; m < METRIC_COUNT; m++) {
			const char *name = metric_name((enum metric)m);
			const json_t *interval =
				json_object_get(json_object_get(d, "intervals"), name);
			fprintf(out, "  %-*s  %+.3f (%+.3f to %+.3f)\n", NAME_WIDTH, name,
				real(json_object_get(d, "retrieval"), name),
				json_number_value(json_array_get(interval, 0)),
				json_number_value(json_array_get(interval, 1)));
		}
	}
}

static void print_rows(const json_t *rows, FILE *out)
{
	if (json_array_size(rows) < 2)
		return;
	fprintf(out, "\n  %-*s  %4s  %s\n", NAME_WIDTH, "", "n",
		"hit@1, mrr@10, hit@5, fact_recall@5 of each profile");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i), *profile;
		const char *name;
		fprintf(out, "  %-*s  %4lld", NAME_WIDTH,
			json_string_value(json_object_get(row, "name")), json_get_int(row, "n", 0));
		json_object_foreach(json_object_get(row, "profiles"), name, profile)
		{
			const json_t *r = json_object_get(profile, "retrieval");
			fprintf(out, "   %s %.3f %.3f %.3f %.3f", name,
				real(r, metric_name(METRIC_HIT_1)),
				real(r, metric_name(METRIC_MRR_10)),
				real(r, metric_name(METRIC_HIT_5)),
				real(r, metric_name(METRIC_FACT_RECALL_5)));
		}
		fputc('\n', out);
	}
}

static void print_kept(const json_t *profiles, FILE *out)
{
	for (size_t i = 0; i < json_array_size(profiles); i++) {
		const json_t *profile = json_array_get(profiles, i), *kept;
		const json_t *all = json_object_get(profile, "metamorphic");
		const char *change;
		if (!json_is_object(all))
			continue;
		fprintf(out, "\nvariants that keep the page among the five, %s: %.3f\n",
			json_string_value(json_object_get(profile, "name")), real(all, "share"));
		json_object_foreach(json_object_get(all, "changes"), change, kept)
		{
			fprintf(out, "  %-*s  %.3f  (%lld of %lld)\n", NAME_WIDTH, change,
				real(kept, "share"), json_get_int(kept, "kept", 0),
				json_get_int(kept, "counted", 0));
		}
	}
}

static void print_baseline(const json_t *baseline, FILE *out)
{
	const json_t *profile, *figure, *question;
	const char *name;
	size_t i, j;
	json_array_foreach(json_object_get(baseline, "profiles"), i, profile)
	{
		const json_t *changed = json_object_get(profile, "changed");
		fprintf(out, "\n%s against the earlier run, %lld questions of both\n",
			json_string_value(json_object_get(profile, "name")),
			json_get_int(profile, "n", 0));
		json_object_foreach(json_object_get(profile, "retrieval"), name, figure)
		{
			const json_t *interval = json_object_get(figure, "interval");
			fprintf(out, "  %-*s  %.3f → %.3f  %+.3f (%+.3f to %+.3f)\n", NAME_WIDTH,
				name, real(figure, "before"), real(figure, "now"),
				real(figure, "difference"),
				json_number_value(json_array_get(interval, 0)),
				json_number_value(json_array_get(interval, 1)));
		}
		json_array_foreach(changed, j, question)
		{
			const json_t *rank = json_object_get(question, "rank");
			fprintf(out, "  %-*s  rank %lld → %lld\n", NAME_WIDTH,
				json_string_value(json_object_get(question, "id")),
				(long long)json_integer_value(json_array_get(rank, 0)),
				(long long)json_integer_value(json_array_get(rank, 1)));
		}
	}
	json_object_foreach(json_object_get(baseline, "figures"), name, figure)
	{
		fprintf(out, "  %-*s  %.3f → %.3f\n", NAME_WIDTH, name, real(figure, "before"),
			real(figure, "now"));
	}
}

static void print_routes(const json_t *routes, FILE *out)
{
	static const char *const figures[] = {"accuracy", "sources_accuracy", "fishing_refused",
					      "answerable"};
	const json_t *entry, *ms = json_object_get(routes, "latency_us");
	const char *tag;
	size_t i;
	if (!routes)
		return;
	fprintf(out, "\nroutes of %lld questions\n", json_get_int(routes, "n", 0));
	for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		fprintf(out, "  %-*s  %.3f\n", NAME_WIDTH, figures[i], real(routes, figures[i]));
	json_object_foreach(json_object_get(routes, "by_tag"), tag, entry)
	{
		fprintf(out, "    %-*s  %.3f of %lld\n", NAME_WIDTH, tag, real(entry, "accuracy"),
			json_get_int(entry, "n", 0));
	}
	json_array_foreach(json_object_get(routes, "failures"), i, entry)
	{
		fprintf(out, "  %s: %s, not %s: %s\n",
			json_string_value(json_object_get(entry, "id")),
			json_string_value(json_object_get(entry, "got")),
			json_string_value(json_object_get(entry, "want")),
			json_string_value(json_object_get(entry, "question")));
	}
	fprintf(out, "  time p50 %.0f us, p95 %.0f us, at most %.0f us\n", real(ms, "p50"),
		real(ms, "p95"), real(ms, "max"));
}

void eval_print(const json_t *report, FILE *out)
{
	const json_t *profiles = json_object_get(report, "profiles"), *value;
	const json_t *ms = json_object_get(report, "latency_ms");
	const char *name;
	if (!profiles) {
		print_routes(json_object_get(report, "routes"), out);
		return;
	}
	fprintf(out, "%lld questions, %lld of them with pages to find\n\n",
		json_get_int(report, "n", 0), json_get_int(json_array_get(profiles, 0), "n", 0));
	print_retrieval(profiles, out);
	print_differences(report, out);
	print_baseline(json_object_get(report, "baseline"), out);
	print_rows(json_object_get(report, "rows"), out);
	print_kept(profiles, out);
	if (json_object_get(report, "answers"))
		fputs("\nanswers\n", out);
	json_object_foreach(json_object_get(report, "answers"), name, value)
	{
		fprintf(out, "  %-*s  %.3f\n", NAME_WIDTH, name, json_number_value(value));
	}
	if (json_object_get(report, "answer_bytes"))
		fprintf(out, "  %-*s  %.0f\n", NAME_WIDTH, "bytes of an answer",
			real(report, "answer_bytes"));
	print_routes(json_object_get(report, "routes"), out);
	fprintf(out, "\nlatency p50 %.1f ms, p95 %.1f ms\n", real(ms, "p50"), real(ms, "p95"));
}
