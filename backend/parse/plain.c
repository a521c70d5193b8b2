#include "parse/builder.h"
#include "parse/document.h"

enum err_code parse_plain(struct str text, struct arena *arena, struct document *out,
			  struct err *err)
{
	struct builder b;
	struct str rest = text, line;
	size_t number = 0;
	enum err_code code;

	if (str_starts(text, STR("\xEF\xBB\xBF")))
		rest = str_slice(text, 3, text.len);
	document_init(out);
	builder_init(&b, arena, out, text.len + 64, err);
	while (!builder_failed(&b) && str_cut(&rest, '\n', &line)) {
		line = str_trim(line);
		number++;
		if (line.len == 0) {
			builder_flush(&b);
			continue;
		}
		builder_lines(&b, number, number);
		builder_space(&b);
		builder_text(&b, line);
	}
	code = builder_finish(&b);
	builder_release(&b);
	return code;
}
