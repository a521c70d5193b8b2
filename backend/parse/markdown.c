/*
 * Markdown as Hugo sites have it. The page goes through these steps: front matter is cut off,
 * shortcodes are replaced by placeholders (shortcode.h), cmark-gfm parses the rest, and a walk
 * over its tree (by iterator: nesting in the input must not become recursion here) feeds the
 * builder. Of cmark's extensions tables and strikethrough are used; "autolink" is not, since it
 * changes only markup, and we keep text.
 */
#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm-extension_api.h>
#include <cmark-gfm.h>
#include <pthread.h>
#include <string.h>

#include "parse/builder.h"
#include "parse/document.h"
#include "parse/frontmatter.h"
#include "parse/html.h"
#include "parse/markdown.h"
#include "parse/mdx.h"
#include "parse/shortcode.h"
#include "parse/tabs.h"

#define TEXT_MAX (64u << 20)

struct walk {
	struct builder *b;
	struct html_state html;
	struct shortcode_list shortcodes;
	struct str source; /* what cmark was given */
	size_t *lines;     /* where each of its lines begins */
	size_t line_count;
	struct line_map tab_lines, code_lines; /* of tabs_fence() and shortcode_replace() */
	size_t front_lines;                    /* of the page, in front of its body */
	struct buf scratch;
	int items;       /* open list items */
	bool in_heading; /* Markdown's own */
	bool in_cell;
};

static struct str literal(cmark_node *node)
{
	return str_c(cmark_node_get_literal(node));
}

/* Words of one shortcode at this place in running text. */
static void add_shortcode(struct walk *w, const struct shortcode *item)
{
	struct builder *b = w->b;

	if (!item)
		return;
	buf_clear(&w->scratch);
	shortcode_words(item, &w->scratch);
	builder_check(b, &w->scratch);
	if (!item->spread || w->in_heading || w->in_cell || w->html.in_cell) {
		builder_text(b, buf_str(&w->scratch));
		return;
	}
	if (item->blank_before || item->blank_after)
		builder_flush(b);
	if (b->text.len)
		builder_text(b, buf_str(&w->scratch));
	else if (item->closing)
		builder_flush_lead(b);
	else if (w->scratch.len)
		builder_lead(b, buf_str(&w->scratch));
}

/* Running text: placeholders become words, guards go. */
static void add_text(struct walk *w, struct str text)
{
	size_t copied = 0, at = 0;

	while (at < text.len) {
		const char *mark = memchr(text.ptr + at, 0xEF, text.len - at);
		const struct shortcode *item = NULL;
		size_t size;

		if (!mark)
			break;
		at = (size_t)(mark - text.ptr);
		size = shortcode_at(&w->shortcodes, text, at, &item);
		if (size == 0) {
			at++;
			continue;
		}
		builder_text(w->b, str_slice(text, copied, at));
		add_shortcode(w, item);
		at += size;
		copied = at;
	}
	builder_text(w->b, str_slice(text, copied, text.len));
}

static void add_code_span(struct walk *w, struct str text)
{
	buf_clear(&w->scratch);
	shortcode_restore(&w->shortcodes, text, &w->scratch);
	builder_check(w->b, &w->scratch);
	/* headings are names, and stand without marks in titles and paths */
	if (w->in_heading)
		builder_text(w->b, buf_str(&w->scratch));
	else
		builder_code_span(w->b, buf_str(&w->scratch));
}

/* True when there is nothing but shortcodes, some of which open or close a block. */
static bool only_shortcodes(const struct walk *w, struct str text)
{
	bool spread = false;

	text = str_trim(text);
	for (size_t at = 0; at < text.len;) {
		const struct shortcode *item = NULL;
		size_t size = shortcode_at(&w->shortcodes, text, at, &item);

		if (size == 0 && !ascii_space((unsigned char)text.ptr[at]))
			return false;
		spread = spread || (item && item->spread);
		at += size ? size : 1;
	}
	return spread;
}

static struct str code_language(cmark_node *node)
{
	struct str info = str_trim(str_c(cmark_node_get_fence_info(node)));
	size_t end = 0;

	while (end < info.len && !ascii_space((unsigned char)info.ptr[end]) &&
	       info.ptr[end] != '{' && info.ptr[end] != ',' && (unsigned char)info.ptr[end] != 0xEF)
		end++;
	return str_slice(info, 0, end);
}

static void add_code_block(struct walk *w, cmark_node *node)
{
	struct str text = literal(node);
	int length = 0, offset = 0;
	char fence = 0;
	bool fenced = cmark_node_get_fenced(node, &length, &offset, &fence);

	/* an indented tab or alert line outside a list is not meant as code */
	if (!fenced && only_shortcodes(w, text)) {
		builder_flush(w->b);
		add_text(w, text);
		builder_flush(w->b);
		return;
	}
	buf_clear(&w->scratch);
	shortcode_restore(&w->shortcodes, text, &w->scratch);
	builder_check(w->b, &w->scratch);
	if (w->html.in_cell)
		builder_text(w->b, buf_str(&w->scratch));
	else
		builder_code(w->b, buf_str(&w->scratch), code_language(node));
}

static struct str source_line(const struct walk *w, size_t number)
{
	size_t end;

	if (number >= w->line_count)
		return STR("");
	end = number + 1 < w->line_count ? w->lines[number + 1] - 1 : w->source.len;
	return str_slice(w->source, w->lines[number], end);
}

/* Line of the page, from 1, that cmark's line (from 1) comes from; 0 for none. */
static size_t page_line(const struct walk *w, int line)
{
	size_t number;

	if (line <= 0)
		return 0;
	number = line_map_get(&w->code_lines, (size_t)line - 1);
	return w->front_lines + line_map_get(&w->tab_lines, number) + 1;
}

static void note_lines(struct walk *w, cmark_node *node)
{
	int end = cmark_node_get_end_line(node);
	size_t last = page_line(w, end), next = page_line(w, end > 0 ? end + 1 : 0);

	/* a shortcode may have made several lines one */
	builder_lines(w->b, page_line(w, cmark_node_get_start_line(node)),
		      next > last + 1 ? next - 1 : last);
}

static bool is_underline(struct str line)
{
	struct str text = str_trim(line);
	char mark;

	while (text.len && text.ptr[0] == '>')
		text = str_trim(str_slice(text, 1, text.len));
	mark = text.len ? text.ptr[0] : 0;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] != mark)
			return false;
	return mark == '=' || mark == '-';
}

/*
 * The source of a heading without its marks: what goldmark makes the id from. Of one that is
 * underlined that is its last line.
 */
static struct str heading_source(const struct walk *w, cmark_node *node)
{
	size_t first = (size_t)cmark_node_get_start_line(node) - 1;
	size_t last = (size_t)cmark_node_get_end_line(node);
	int column = cmark_node_get_start_column(node);
	struct str line = source_line(w, first);

	line = str_trim(str_slice(line, column > 0 ? (size_t)column - 1 : 0, line.len));
	if (line.len && line.ptr[0] == '#') {
		while (line.len && line.ptr[0] == '#')
			line = str_slice(line, 1, line.len);
		return str_trim(line);
	}
	for (size_t i = first + 1; i < last && !is_underline(source_line(w, i)); i++)
		line = str_trim(source_line(w, i));
	return line;
}

/* "Title ##" is "Title": the marks that close a heading. */
static struct str drop_closing_marks(struct str text)
{
	size_t end = text.len;

	while (end > 0 && text.ptr[end - 1] == '#')
		end--;
	if (end == text.len || (end > 0 && !ascii_space((unsigned char)text.ptr[end - 1])))
		return text;
	return str_trim(str_slice(text, 0, end));
}

/* Drops the placeholders of a heading's source, whose expansion we cannot know. */
static struct str without_shortcodes(struct walk *w, struct str text)
{
	size_t at = 0;

	buf_clear(&w->scratch);
	while (at < text.len) {
		const struct shortcode *item = NULL;
		size_t size = shortcode_at(&w->shortcodes, text, at, &item);

		if (size == 0)
			buf_append_byte(&w->scratch, text.ptr[at++]);
		at += size;
	}
	builder_check(w->b, &w->scratch);
	return str_trim(buf_str(&w->scratch));
}

static void end_heading(struct walk *w, cmark_node *node)
{
	struct builder *b = w->b;
	struct str raw, id, shown, ignored, anchor = STR("");

	w->in_heading = false;
	anchor_split_attributes(without_shortcodes(w, heading_source(w, node)), &raw, &id);
	anchor_split_attributes(buf_str(&b->text), &shown, &ignored);
	/* cmark takes closing marks off only where they end the line */
	if (shown.len + 2 < b->text.len)
		shown = drop_closing_marks(shown);
	b->text.len = shown.len ? (size_t)(shown.ptr - b->text.ptr) + shown.len : 0;
	if (builder_failed(b))
		return;
	if (id.len) {
		anchor = arena_str(b->arena, id);
		b->code = anchor.ptr ? anchor_take(&b->anchors, anchor, b->err)
				     : arena_fail(b->arena, b->err);
	} else {
		b->code = anchor_make(&b->anchors, drop_closing_marks(raw), &anchor, b->err);
	}
	if (!builder_failed(b))
		builder_section(b, cmark_node_get_heading_level(node), anchor);
	note_lines(w, node);
}

static void end_paragraph(struct walk *w)
{
	/* paragraphs of one list item or cell are joined; what follows it flushes them */
	if (w->html.in_cell || w->in_cell || w->b->kind == BLOCK_LIST_ITEM)
		builder_space(w->b);
	else
		builder_flush(w->b);
}

static void start_block(struct walk *w)
{
	if (w->html.in_cell)
		builder_space(w->b);
	else
		builder_flush(w->b);
}

/* Nodes of the table extension, whose types are known by name alone. */
static void extension_node(struct walk *w, cmark_node *node, bool enter)
{
	const char *type = cmark_node_get_type_string(node);

	if (strcmp(type, "table") == 0) {
		if (enter)
			html_end(&w->html, w->b);
		builder_flush(w->b);
		builder_table_end(w->b);
	} else if (strcmp(type, "table_cell") == 0) {
		w->in_cell = enter;
		if (!enter)
			builder_cell(w->b);
	} else if (!enter && strcmp(type, "table_header") == 0) {
		builder_row(w->b, true);
	} else if (!enter && strcmp(type, "table_row") == 0) {
		builder_row(w->b, false);
	}
}

static void item_node(struct walk *w, bool enter)
{
	start_block(w);
	w->items += enter ? 1 : -1;
	if (enter && !w->html.in_cell) {
		w->b->kind = BLOCK_LIST_ITEM;
		w->b->depth = w->items - 1;
	}
}

static void heading_node(struct walk *w, cmark_node *node, bool enter)
{
	if (!enter) {
		end_heading(w, node);
		return;
	}
	html_end(&w->html, w->b);
	builder_flush(w->b);
	builder_flush_lead(w->b);
	w->in_heading = true;
}

/* What stands alone in the iteration: entered, never left. */
static bool leaf_node(struct walk *w, cmark_node *node, cmark_node_type type)
{
	if (type == CMARK_NODE_TEXT)
		add_text(w, literal(node));
	else if (type == CMARK_NODE_CODE)
		add_code_span(w, literal(node));
	else if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK)
		builder_space(w->b);
	else if (type == CMARK_NODE_HTML_INLINE || type == CMARK_NODE_HTML_BLOCK)
		html_feed(&w->html, w->b, &w->shortcodes, literal(node));
	else if (type == CMARK_NODE_CODE_BLOCK)
		add_code_block(w, node);
	else if (type == CMARK_NODE_THEMATIC_BREAK)
		start_block(w);
	else
		return false;
	return true;
}

/* Blocks whose text goes to the section that is open when they are met. */
static bool has_lines(cmark_node_type type)
{
	return ((unsigned)type & CMARK_NODE_TYPE_MASK) == CMARK_NODE_TYPE_BLOCK &&
	       type != CMARK_NODE_DOCUMENT && type != CMARK_NODE_BLOCK_QUOTE &&
	       type != CMARK_NODE_LIST && type != CMARK_NODE_ITEM && type != CMARK_NODE_HEADING &&
	       type != CMARK_NODE_THEMATIC_BREAK;
}

static void visit(struct walk *w, cmark_node *node, bool enter)
{
	cmark_node_type type = cmark_node_get_type(node);

	if (type == CMARK_NODE_HTML_BLOCK && w->b->kind == BLOCK_LIST_ITEM)
		start_block(w);
	if (enter && has_lines(type))
		note_lines(w, node);
	if (leaf_node(w, node, type)) {
		/* headings in it have started sections */
		if (type == CMARK_NODE_HTML_BLOCK)
			note_lines(w, node);
		if (type == CMARK_NODE_HTML_BLOCK && !w->html.in_cell &&
		    w->b->kind != BLOCK_LIST_ITEM)
			builder_flush(w->b);
		return;
	}
	if (type == CMARK_NODE_HEADING)
		heading_node(w, node, enter);
	else if (type == CMARK_NODE_ITEM)
		item_node(w, enter);
	else if (type == CMARK_NODE_PARAGRAPH && !enter)
		end_paragraph(w);
	else if (type == CMARK_NODE_LIST || type == CMARK_NODE_BLOCK_QUOTE)
		start_block(w);
	else if (type != CMARK_NODE_PARAGRAPH)
		extension_node(w, node, enter);
}

static enum err_code walk_tree(struct walk *w, cmark_node *root, struct err *err)
{
	cmark_iter *iter = cmark_iter_new(root);
	cmark_event_type event;

	if (!iter)
		return err_set(err, ERR_NOMEM, "out of memory");
	while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE && !builder_failed(w->b)) {
		cmark_node *node = cmark_iter_get_node(iter);

		if (event == CMARK_EVENT_ENTER || event == CMARK_EVENT_EXIT)
			visit(w, node, event == CMARK_EVENT_ENTER);
	}
	cmark_iter_free(iter);
	html_end(&w->html, w->b);
	builder_flush(w->b);
	builder_flush_lead(w->b);
	return w->b->code;
}

static enum err_code index_lines(struct walk *w, struct err *err)
{
	size_t count = 1, bytes;

	for (size_t i = 0; i < w->source.len; i++)
		count += w->source.ptr[i] == '\n';
	if (size_mul(count, sizeof(size_t), &bytes))
		w->lines = alloc_get(w->b->arena->alloc, bytes);
	if (!w->lines)
		return err_set(err, ERR_NOMEM, "out of memory");
	w->lines[w->line_count++] = 0;
	for (size_t i = 0; i < w->source.len; i++)
		if (w->source.ptr[i] == '\n')
			w->lines[w->line_count++] = i + 1;
	return ERR_OK;
}

static cmark_node *parse_tree(struct str source)
{
	static pthread_once_t registered = PTHREAD_ONCE_INIT;
	static const char *const names[] = {"table", "strikethrough"};
	cmark_parser *parser;
	cmark_node *root;

	/* the library keeps its list of extensions in a global */
	if (pthread_once(&registered, cmark_gfm_core_extensions_ensure_registered) != 0)
		return NULL;
	/* a single '~' is a word's own in technical text ("~/bin", "~5 s") */
	parser = cmark_parser_new(CMARK_OPT_UNSAFE | CMARK_OPT_STRIKETHROUGH_DOUBLE_TILDE);
	if (!parser)
		return NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cmark_syntax_extension *extension = cmark_find_syntax_extension(names[i]);

		if (extension)
			cmark_parser_attach_syntax_extension(parser, extension);
	}
	cmark_parser_feed(parser, source.ptr, source.len);
	root = cmark_parser_finish(parser);
	cmark_parser_free(parser);
	return root;
}

enum err_code markdown_feed(struct builder *b, struct str body, size_t front_lines, struct err *err)
{
	const struct alloc *alloc = b->arena->alloc;
	struct walk w = {.b = b, .front_lines = front_lines};
	struct buf source;
	cmark_node *root = NULL;
	enum err_code code;

	line_map_init(&w.tab_lines, alloc);
	line_map_init(&w.code_lines, alloc);
	shortcode_list_init(&w.shortcodes, alloc);
	/* placeholders and guards lengthen the text, each at most as often as it has bytes */
	buf_init(&source, alloc, body.len * 4 + 64);
	buf_init(&w.scratch, alloc, body.len * 4 + 4096);
	if (body.len && !(body = tabs_fence(body, b->arena, &w.tab_lines)).ptr) {
		code = arena_fail(b->arena, err);
		goto out;
	}
	code = shortcode_replace(body, &w.shortcodes, &source, &w.code_lines, err);
	if (code != ERR_OK)
		goto out;
	w.source = buf_str(&source);
	code = index_lines(&w, err);
	if (code != ERR_OK)
		goto out;
	root = parse_tree(w.source);
	code = root ? walk_tree(&w, root, err) : err_set(err, ERR_NOMEM, "out of memory");
out:
	if (root)
		cmark_node_free(root);
	alloc_free(alloc, w.lines);
	line_map_release(&w.tab_lines);
	line_map_release(&w.code_lines);
	shortcode_list_release(&w.shortcodes);
	buf_release(&w.scratch);
	buf_release(&source);
	return code;
}

enum err_code parse_markdown(struct str text, struct arena *arena, struct document *out,
			     struct err *err)
{
	struct frontmatter front;
	struct builder b;
	size_t front_lines = 0;
	enum err_code code;

	document_init(out);
	if (text.len > TEXT_MAX)
		return err_set(err, ERR_LIMIT,
			       "page of %zu bytes is too large, at most %u are read", text.len,
			       TEXT_MAX);
	code = frontmatter_read(text, arena, &front, err);
	if (code != ERR_OK)
		return code;
	out->title = front.title;
	out->description = front.description;
	out->url = front.url;
	out->slug = front.slug;
	out->draft = front.draft;
	for (const char *c = text.ptr; c < front.body.ptr; c++)
		front_lines += *c == '\n';
	if (front.body.len && !(front.body = mdx_plain(front.body, arena)).ptr)
		return arena_fail(arena, err);
	builder_init(&b, arena, out, front.body.len * 4 + 4096, err);
	code = markdown_feed(&b, front.body, front_lines, err);
	if (code == ERR_OK)
		code = builder_finish(&b);
	builder_release(&b);
	return code;
}
