#include "serve/page.h"

#include "answer/passage.h"

static void append_text(struct buf *out, struct str text)
{
	size_t from = 0;
	for (size_t i = 0; i < text.len; i++) {
		const char *entity = NULL;
		switch (text.ptr[i]) {
		case '&':
			entity = "&amp;";
			break;
		case '<':
			entity = "&lt;";
			break;
		case '>':
			entity = "&gt;";
			break;
		case '"':
			entity = "&quot;";
			break;
		default:
			continue;
		}
		buf_append(out, str_slice(text, from, i));
		buf_append(out, str_c(entity));
		from = i + 1;
	}
	buf_append(out, str_slice(text, from, text.len));
}

static void append_element(struct buf *out, const char *open, struct str text, const char *close)
{
	buf_append(out, str_c(open));
	append_text(out, text);
	buf_append(out, str_c(close));
}

/* Paragraphs, lists and code of one section. */
static void append_units(struct buf *out, const struct unit_list *units)
{
	bool list = false, paragraph = false;
	for (size_t i = 0; i < units->count; i++) {
		const struct unit *unit = &units->items[i];
		bool goes_on = paragraph && unit->kind == UNIT_SENTENCE &&
			       unit->paragraph == units->items[i - 1].paragraph;
		if (paragraph && !goes_on) {
			buf_append(out, STR("</p>\n"));
			paragraph = false;
		}
		if (list && unit->kind != UNIT_LIST_ITEM) {
			buf_append(out, STR("</ul>\n"));
			list = false;
		}
		switch (unit->kind) {
		case UNIT_SENTENCE:
			append_element(out, goes_on ? " " : "<p>", unit->text, "");
			paragraph = true;
			break;
		case UNIT_LIST_ITEM:
			append_element(out, list ? "<li>" : "<ul>\n<li>", unit->text, "</li>\n");
			list = true;
			break;
		case UNIT_CODE:
			append_element(out, "<pre tabindex=\"0\"><code>", unit->text,
				       "</code></pre>\n");
			break;
		}
	}
	buf_append(out, paragraph ? STR("</p>\n") : list ? STR("</ul>\n") : STR(""));
}

static void append_head(struct buf *out, const struct store_passage *first)
{
	struct str title = first->title.len ? first->title : first->path;
	append_element(out,
		       "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		       "<title>",
		       title, "</title>\n");
	buf_append(out, STR("<link rel=\"icon\" href=\"/assets/favicon.svg\" "
			    "type=\"image/svg+xml\">\n"
			    "<link rel=\"stylesheet\" href=\"/assets/style.css\">\n</head>\n"
			    "<body>\n<header><a href=\"/\">Ask the documentation</a></header>\n"
			    "<main class=\"document\">\n"));
	append_element(out, "<h1>", title, "</h1>\n");
	append_element(out, "<p class=\"note\">", first->path, "</p>\n");
}

static enum err_code append_section(struct buf *out, const struct store_passage *passage,
				    struct arena *arena, struct err *err)
{
	struct unit_list units;
	/* The page's title is h1, and h6 is the deepest there is. */
	int level = passage->level < 2 ? 2 : passage->level > 6 ? 6 : passage->level;
	if (passage->heading.len && !str_eq(passage->heading, passage->title)) {
		buf_printf(out, "<h%d", level);
		if (passage->anchor.len)
			append_element(out, " id=\"", passage->anchor, "\"");
		append_element(out, ">", passage->heading, "");
		buf_printf(out, "</h%d>\n", level);
	} else if (passage->anchor.len) {
		append_element(out, "<span id=\"", passage->anchor, "\"></span>\n");
	}
	enum err_code code = passage_split(passage->text, passage->heading, arena, &units, err);
	if (code == ERR_OK)
		append_units(out, &units);
	return code;
}

enum err_code page_render(struct store *store, struct str path, struct arena *arena,
			  struct buf *out, struct err *err)
{
	int64_t id;
	uint32_t count;
	enum err_code code = store_find_document(store, path, &id, &count, err);
	for (uint32_t i = 0; code == ERR_OK && i < count; i++) {
		struct store_passage passage;
		code = store_passage(store, id, i, arena, &passage, err);
		if (code)
			break;
		if (!str_starts(passage.url, STR(PAGE_PREFIX)))
			return err_set(err, ERR_NOTFOUND, "this document is published elsewhere");
		if (i == 0)
			append_head(out, &passage);
		code = append_section(out, &passage, arena, err);
	}
	if (code == ERR_OK && !count)
		return err_set(err, ERR_NOTFOUND, "this document is empty");
	buf_append(out, STR("</main>\n</body>\n</html>\n"));
	return code ? code : buf_ok(out, "the page", err);
}
