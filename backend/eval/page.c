#include "eval/page.h"

#include <math.h>
#include <string.h>

#include "eval/metrics.h"

enum { PLOT_WIDTH = 100, BIN_WIDTH = 34, BAR_HEIGHT = 80 };

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" "
	"content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<title>docs-bot eval</title>\n<style>\n"
	":root{color-scheme:light dark;--line:#8884;--dim:#777;--good:#1a7f37;--bad:#c62828;"
	"--mark:#3b6fd4}\n"
	"@media (prefers-color-scheme:dark){:root{--dim:#9a9a9a;--good:#57ab5a;--bad:#f47067;"
	"--mark:#7aa2f7}}\n"
	"body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}\n"
	"table{border-collapse:collapse;margin:.5rem 0 1.5rem}\n"
	"th,td{border-bottom:1px solid var(--line);padding:.2rem .7rem;text-align:left;"
	"vertical-align:top}\n"
	"td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
	"small,.dim{color:var(--dim)}.good{color:var(--good)}.bad{color:var(--bad)}\n"
	"details{border-bottom:1px solid var(--line);padding:.25rem 0}\n"
	"summary{cursor:pointer}summary code{color:var(--dim)}\n"
	".q{white-space:pre-wrap;overflow-wrap:anywhere}\n"
	"svg{vertical-align:middle}svg text{fill:currentColor;font-size:9px}\n"
	"svg .l{stroke:var(--mark);stroke-width:3}svg .b{fill:var(--mark)}\n"
	"svg .a{stroke:var(--line)}\n"
	"</style>\n</head>\n<body>\n<h1>docs-bot eval</h1>\n";

static const char notes[] =
	"<p><small>In brackets: 95 % intervals by bootstrap over the questions; differences are "
	"paired by question. A page counts once, at its best rank. A dash: no gold page among the "
	"first ten.</small></p>\n";

static void html(struct buf *out, const char *markup)
{
	buf_append(out, str_c(markup));
}

/* Text or an attribute's value. */
static void text(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		switch (s.ptr[i]) {
		case '&':
			html(out, "&amp;");
			break;
		case '<':
			html(out, "&lt;");
			break;
		case '>':
			html(out, "&gt;");
			break;
		case '"':
			html(out, "&quot;");
			break;
		case '\'':
			html(out, "&#39;");
			break;
		default:
			buf_append_byte(out, s.ptr[i]);
		}
	}
}

static void member(struct buf *out, const json_t *object, const char *key)
{
	text(out, json_get_str(object, key));
}

static double real(const json_t *object, const char *key)
{
	double value = json_number_value(json_object_get(object, key));
	return isfinite(value) ? value : 0;
}

static double bound(const json_t *interval, size_t which)
{
	double value = json_number_value(json_array_get(interval, which));
	return isfinite(value) ? value : 0;
}

static double within(double value)
{
	return value < 0 ? 0 : value > 1 ? 1 : value;
}

/* A share with its interval: figures, and the same as a line from 0 to 1. */
static void share_cell(struct buf *out, double value, const json_t *interval)
{
	buf_printf(out, "<td class=\"n\">%.3f", value);
	if (json_is_array(interval)) {
		double low = bound(interval, 0), high = bound(interval, 1);
		buf_printf(out,
			   " <small>(%.3f–%.3f)</small> <svg width=\"%d\" height=\"10\" "
			   "viewBox=\"-5 0 %d 10\" aria-hidden=\"true\"><line class=\"a\" x1=\"0\" "
			   "x2=\"%d\" y1=\"5\" "
			   "y2=\"5\"/><line class=\"l\" x1=\"%.1f\" x2=\"%.1f\" y1=\"5\" "
			   "y2=\"5\"/><circle class=\"b\" cx=\"%.1f\" cy=\"5\" r=\"4\"/></svg>",
			   low, high, PLOT_WIDTH + 10, PLOT_WIDTH + 10, PLOT_WIDTH,
			   within(low) * PLOT_WIDTH, within(high) * PLOT_WIDTH,
			   within(value) * PLOT_WIDTH);
	}
	html(out, "</td>");
}

/* A difference, coloured when its interval leaves 0 out. */
static void difference_cell(struct buf *out, double value, const json_t *interval)
{
	double low = bound(interval, 0), high = bound(interval, 1);
	const char *colour = low > 0 ? " good" : high < 0 ? " bad" : "";
	buf_printf(out, "<td class=\"n%s\">%+.3f <small>(%+.3f to %+.3f)</small></td>", colour,
		   value, low, high);
}

static void heading(struct buf *out, const char *before, const json_t *object, const char *key,
		    const char *after)
{
	html(out, before);
	member(out, object, key);
	html(out, after);
}

static void write_summary(const json_t *report, struct buf *out)
{
	const json_t *profiles = json_object_get(report, "profiles"), *profile;
	const json_t *differences = json_object_get(report, "differences"), *d;
	size_t i;
	html(out, "<table>\n<tr><th></th>");
	json_array_foreach(profiles, i, profile)
	{
		heading(out, "<th class=\"n\">", profile, "name", "</th>");
	}
	json_array_foreach(differences, i, d)
	{
		heading(out, "<th class=\"n\">", d, "of", "");
		heading(out, " − ", d, "to", "</th>");
	}
	for (size_t m = 0; m < METRIC_COUNT; m++) {
		const char *name = metric_name((enum metric)m);
		buf_printf(out, "</tr>\n<tr><th>%s</th>", name);
		json_array_foreach(profiles, i, profile)
		{
			share_cell(out, real(json_object_get(profile, "retrieval"), name),
				   json_object_get(json_object_get(profile, "intervals"), name));
		}
		json_array_foreach(differences, i, d)
		{
			difference_cell(out, real(json_object_get(d, "retrieval"), name),
					json_object_get(json_object_get(d, "intervals"), name));
		}
	}
	html(out, "</tr>\n<tr><th>context tokens</th>");
	json_array_foreach(profiles, i, profile)
	{
		long long budget = json_get_int(profile, "context_budget", 0);
		buf_printf(out, "<td class=\"n\">%.0f",
			   real(json_object_get(profile, "retrieval"), "context_tokens"));
		if (budget)
			buf_printf(out, " <small>(at most %lld)</small>", budget);
		html(out, "</td>");
	}
	html(out, "</tr>\n<tr><th>search p50, p95</th>");
	json_array_foreach(profiles, i, profile)
	{
		const json_t *ms = json_object_get(profile, "latency_ms");
		buf_printf(out, "<td class=\"n\">%.1f, %.1f ms</td>", real(ms, "p50"),
			   real(ms, "p95"));
	}
	html(out, "</tr>\n</table>\n");
}

static void write_rows(const json_t *report, struct buf *out)
{
	static const enum metric shown[] = {METRIC_HIT_1, METRIC_MRR_10, METRIC_HIT_5,
					    METRIC_FACT_RECALL_5};
	const json_t *rows = json_object_get(report, "rows"), *row, *entry;
	const char *name;
	size_t i;
	if (json_array_size(rows) == 0)
		return;
	html(out, "<h3>By file, group and kind</h3>\n<table>\n<tr><th></th><th class=\"n\">n</th>"
		  "<th></th>");
	for (size_t m = 0; m < sizeof(shown) / sizeof(shown[0]); m++)
		buf_printf(out, "<th class=\"n\">%s</th>", metric_name(shown[m]));
	html(out, "<th class=\"n\">tokens</th></tr>\n");
	json_array_foreach(rows, i, row)
	{
		bool first = true;
		json_object_foreach(json_object_get(row, "profiles"), name, entry)
		{
			const json_t *r = json_object_get(entry, "retrieval");
			heading(out, "<tr><td>", row, first ? "name" : "", "");
			if (first)
				heading(out, " <small>", row, "by", "</small>");
			html(out, "</td><td class=\"n\">");
			if (first)
				buf_printf(out, "%lld", json_get_int(row, "n", 0));
			html(out, "</td><td class=\"dim\">");
			text(out, str_c(name));
			html(out, "</td>");
			for (size_t m = 0; m < sizeof(shown) / sizeof(shown[0]); m++)
				share_cell(out, real(r, metric_name(shown[m])), NULL);
			buf_printf(out, "<td class=\"n\">%.0f</td></tr>\n",
				   real(r, "context_tokens"));
			first = false;
		}
	}
	html(out, "</table>\n");
}

static void write_kept(const json_t *report, struct buf *out)
{
	const json_t *profile, *kept;
	const char *change;
	size_t i;
	if (!json_object_get(report, "metamorphic_kept"))
		return;
	html(out, "<h3>Variants that keep the page among the five</h3>\n<table>\n<tr><th></th>"
		  "<th>change</th><th class=\"n\">kept</th><th class=\"n\">of</th>"
		  "<th class=\"n\">share</th></tr>\n");
	json_array_foreach(json_object_get(report, "profiles"), i, profile)
	{
		const json_t *all = json_object_get(profile, "metamorphic");
		heading(out, "<tr><th>", profile, "name", "</th><th>all</th>");
		buf_printf(out, "<td class=\"n\">%lld</td><td class=\"n\">%lld</td>",
			   json_get_int(all, "kept", 0), json_get_int(all, "counted", 0));
		share_cell(out, real(all, "share"), NULL);
		html(out, "</tr>\n");
		json_object_foreach(json_object_get(all, "changes"), change, kept)
		{
			html(out, "<tr><td></td><td>");
			text(out, str_c(change));
			buf_printf(out, "</td><td class=\"n\">%lld</td><td class=\"n\">%lld</td>",
				   json_get_int(kept, "kept", 0), json_get_int(kept, "counted", 0));
			share_cell(out, real(kept, "share"), NULL);
			html(out, "</tr>\n");
		}
	}
	html(out, "</table>\n");
}

static void write_answers(const json_t *report, struct buf *out)
{
	const json_t *value;
	const char *name;
	if (!json_object_get(report, "answers"))
		return;
	html(out, "<h3>Answers</h3>\n<table>\n");
	json_object_foreach(json_object_get(report, "answers"), name, value)
	{
		html(out, "<tr><th>");
		text(out, str_c(name));
		html(out, "</th>");
		share_cell(out, json_number_value(value), NULL);
		html(out, "</tr>\n");
	}
	html(out, "</table>\n");
}

static void rank_text(struct buf *out, long long rank)
{
	const char *colour = rank == 1 ? "good" : rank == 0 || rank > 5 ? "bad" : "";
	if (rank)
		buf_printf(out, "<span class=\"%s\">%lld</span>", colour, rank);
	else
		buf_printf(out, "<span class=\"%s\">–</span>", colour);
}

static void write_changed(const json_t *changed, struct buf *out)
{
	const json_t *question;
	size_t i;
	const char *facts = metric_name(METRIC_FACT_RECALL_5);
	buf_printf(out,
		   "<p>%zu questions changed.</p>\n<table>\n<tr><th>id</th><th>question</th>"
		   "<th class=\"n\">rank</th><th class=\"n\">%s</th></tr>\n",
		   json_array_size(changed), facts);
	json_array_foreach(changed, i, question)
	{
		const json_t *rank = json_object_get(question, "rank");
		const json_t *share = json_object_get(question, facts);
		heading(out, "<tr><td>", question, "id", "</td>");
		heading(out, "<td class=\"q\">", question, "question", "</td><td class=\"n\">");
		rank_text(out, json_integer_value(json_array_get(rank, 0)));
		html(out, " → ");
		rank_text(out, json_integer_value(json_array_get(rank, 1)));
		buf_printf(out, "</td><td class=\"n\">%.2f → %.2f</td></tr>\n", bound(share, 0),
			   bound(share, 1));
	}
	html(out, "</table>\n");
}

static void write_baseline(const json_t *report, struct buf *out)
{
	const json_t *baseline = json_object_get(report, "baseline"), *profile, *figure;
	const char *name;
	size_t i;
	if (!baseline)
		return;
	heading(out, "<h3>Against the earlier run (", baseline, "model", ")</h3>\n");
	json_array_foreach(json_object_get(baseline, "profiles"), i, profile)
	{
		heading(out, "<h4>", profile, "name", "</h4>\n<table>\n");
		html(out, "<tr><th></th><th class=\"n\">before</th><th class=\"n\">now</th>"
			  "<th class=\"n\">difference</th></tr>\n");
		json_object_foreach(json_object_get(profile, "retrieval"), name, figure)
		{
			html(out, "<tr><th>");
			text(out, str_c(name));
			buf_printf(out, "</th><td class=\"n\">%.3f</td><td class=\"n\">%.3f</td>",
				   real(figure, "before"), real(figure, "now"));
			difference_cell(out, real(figure, "difference"),
					json_object_get(figure, "interval"));
			html(out, "</tr>\n");
		}
		html(out, "</table>\n");
		write_changed(json_object_get(profile, "changed"), out);
	}
	html(out, "<table>\n");
	json_object_foreach(json_object_get(baseline, "figures"), name, figure)
	{
		html(out, "<tr><th>");
		text(out, str_c(name));
		buf_printf(out, "</th><td class=\"n\">%.3f → %.3f</td></tr>\n",
			   real(figure, "before"), real(figure, "now"));
	}
	html(out, "</table>\n");
}

static const json_t *entry_of(const json_t *question, const json_t *profile)
{
	const char *name = json_string_value(json_object_get(profile, "name"));
	return name ? json_object_get(json_object_get(question, "profiles"), name) : NULL;
}

/* How long searches took, one bar for each doubling. */
static void write_histogram(const json_t *questions, const json_t *profile, struct buf *out)
{
	enum { BINS = 14 }; /* up to 1, 2, 4 … 4096 ms, and longer */
	size_t bins[BINS] = {0}, most = 1, i;
	const json_t *question;
	json_array_foreach(questions, i, question)
	{
		double ms = real(entry_of(question, profile), "took_ms");
		size_t bin = 0;
		while (bin + 1 < BINS && ms > (double)(1 << bin))
			bin++;
		bins[bin]++;
		most = bins[bin] > most ? bins[bin] : most;
	}
	heading(out, "<p>", profile, "name", ", milliseconds of one search:</p>\n");
	buf_printf(out, "<svg width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"histogram\">",
		   BINS * BIN_WIDTH, BAR_HEIGHT + 30);
	for (size_t bin = 0; bin < BINS; bin++) {
		double height = (double)bins[bin] * BAR_HEIGHT / (double)most;
		size_t x = bin * BIN_WIDTH;
		buf_printf(out,
			   "<rect class=\"b\" x=\"%zu\" y=\"%.1f\" width=\"%d\" "
			   "height=\"%.1f\"/>",
			   x + 2, 14 + BAR_HEIGHT - height, BIN_WIDTH - 4, height);
		if (bins[bin])
			buf_printf(out, "<text x=\"%zu\" y=\"%.1f\">%zu</text>", x + 4,
				   11 + BAR_HEIGHT - height, bins[bin]);
		buf_printf(out, "<text x=\"%zu\" y=\"%d\">%s%d</text>", x + 4, BAR_HEIGHT + 26,
			   bin + 1 < BINS ? "≤" : ">", bin + 1 < BINS ? 1 << bin : 1 << (bin - 1));
	}
	html(out, "</svg>\n");
}

static void write_link(const json_t *hit, struct buf *out)
{
	struct str url = json_get_str(hit, "url");
	bool safe = str_starts(url, STR("https://")) || str_starts(url, STR("http://"));
	if (safe) {
		html(out, "<a rel=\"noreferrer\" href=\"");
		text(out, url);
		html(out, "\">");
	}
	member(out, hit, "path");
	if (safe)
		html(out, "</a>");
}

static bool is_gold(const json_t *question, struct str path)
{
	const json_t *gold = json_object_get(question, "gold_pages"), *page;
	size_t i;
	json_array_foreach(gold, i, page)
	{
		if (json_is_string(page) && str_eq(path, str_c(json_string_value(page))))
			return true;
	}
	return false;
}

static void write_strings(const json_t *list, const char *label, struct buf *out)
{
	const json_t *item;
	size_t i;
	if (json_array_size(list) == 0)
		return;
	buf_printf(out, "<p>%s:", label);
	json_array_foreach(list, i, item)
	{
		html(out, " <code>");
		text(out, str_c(json_string_value(item)));
		html(out, "</code>");
	}
	html(out, "</p>\n");
}

static void write_hits(const json_t *question, const json_t *profile, struct buf *out)
{
	const json_t *entry = entry_of(question, profile), *hit;
	size_t i;
	heading(out, "<table>\n<tr><th colspan=\"3\">", profile, "name", "");
	buf_printf(out, " <small>%lld tokens, %.1f ms</small></th></tr>\n",
		   json_get_int(entry, "context_tokens", 0), real(entry, "took_ms"));
	json_array_foreach(json_object_get(entry, "results"), i, hit)
	{
		bool gold = is_gold(question, json_get_str(hit, "path"));
		buf_printf(out, "<tr><td class=\"n\">%zu</td><td class=\"n\">%.4f</td><td>", i + 1,
			   real(hit, "score"));
		html(out, gold ? "<b class=\"good\">✓</b> " : "");
		write_link(hit, out);
		html(out, "</td></tr>\n");
	}
	html(out, "</table>\n");
	write_strings(json_object_get(entry, "missing_facts"), "Facts not in the text", out);
}

static void write_question(const json_t *report, const json_t *question, struct buf *out)
{
	const json_t *profiles = json_object_get(report, "profiles"), *profile;
	const json_t *answer = json_object_get(question, "answer");
	size_t i;
	heading(out, "<details>\n<summary><code>", question, "id", "</code> ");
	json_array_foreach(profiles, i, profile)
	{
		const json_t *rank = json_object_get(entry_of(question, profile), "rank");
		if (!json_is_integer(rank))
			continue;
		heading(out, "<small>", profile, "name", "</small> ");
		rank_text(out, json_integer_value(rank));
		buf_printf(out, " <small>facts %.2f</small> · ",
			   real(json_object_get(entry_of(question, profile), "scores"),
				metric_name(METRIC_FACT_RECALL_5)));
	}
	heading(out, "<span class=\"q\">", question, "question", "</span></summary>\n");
	heading(out, "<p><small>", question, "file", " · ");
	heading(out, "", question, "kind", " ");
	heading(out, "", question, "group", " ");
	heading(out, "", question, "change", "</small></p>\n");
	write_strings(json_object_get(question, "gold_pages"), "Gold pages", out);
	json_array_foreach(profiles, i, profile)
	{
		write_hits(question, profile, out);
	}
	if (answer) {
		heading(out, "<p>Answer: ", answer, "route", "");
		buf_printf(out, ", facts %.2f, %.1f ms</p>\n", real(answer, "fact_recall"),
			   real(answer, "took_ms"));
	}
	html(out, "</details>\n");
}

/* A variant is worth a look when it lost a page that the first profile finds among ten. */
static bool is_lost(const json_t *report, const json_t *question)
{
	const json_t *profile = json_array_get(json_object_get(report, "profiles"), 0);
	long long rank = json_get_int(entry_of(question, profile), "rank", 0);
	return rank == 0 || rank > 5;
}

/* The files that its questions come from, which tell reports of one model apart. */
static void write_files(const json_t *rows, struct buf *out)
{
	const json_t *row;
	size_t i;
	json_array_foreach(rows, i, row)
	{
		if (str_eq(json_get_str(row, "by"), STR("file")))
			heading(out, "<code>", row, "name", "</code> ");
	}
}

static void write_report(const json_t *report, struct buf *out)
{
	const json_t *questions = json_object_get(report, "questions"), *question, *profile;
	size_t i;
	heading(out, "<h2>", report, "model", "");
	heading(out, " <small>", report, "precision", "</small></h2>\n");
	html(out, "<p>");
	write_files(json_object_get(report, "rows"), out);
	buf_printf(out, "%lld questions, %lld of them with pages to find.</p>\n",
		   json_get_int(report, "n", 0),
		   json_get_int(json_array_get(json_object_get(report, "profiles"), 0), "n", 0));
	write_summary(report, out);
	write_baseline(report, out);
	write_rows(report, out);
	write_kept(report, out);
	write_answers(report, out);
	html(out, "<h3>Latency</h3>\n");
	json_array_foreach(json_object_get(report, "profiles"), i, profile)
	{
		write_histogram(questions, profile, out);
	}
	html(out, "<h3>Questions</h3>\n");
	json_array_foreach(questions, i, question)
	{
		if (!json_object_get(question, "variant_of"))
			write_question(report, question, out);
	}
	if (!json_object_get(report, "metamorphic_kept"))
		return;
	html(out, "<h3>Variants without the page among the five</h3>\n");
	json_array_foreach(questions, i, question)
	{
		if (json_object_get(question, "variant_of") && is_lost(report, question))
			write_question(report, question, out);
	}
}

enum err_code eval_page_write(const json_t *const *reports, size_t count, struct buf *out,
			      struct err *err)
{
	html(out, head);
	html(out, notes);
	for (size_t i = 0; i < count; i++)
		write_report(reports[i], out);
	html(out, "</body>\n</html>\n");
	return buf_ok(out, "the page of the report", err);
}
