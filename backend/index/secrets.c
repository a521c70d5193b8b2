#include "index/secrets.h"

enum err_code secrets_mask_document(struct document *document, struct arena *arena, uint64_t *count,
				    struct err *err)
{
	uint64_t again = 0; /* paths repeat the headings */
	enum err_code code = secrets_mask(document->title, arena, &document->title, count, err);
	if (!code)
		code = secrets_mask(document->description, arena, &document->description, count,
				    err);
	for (size_t i = 0; i < document->section_count && !code; i++) {
		struct section *section = &document->sections[i];
		code = secrets_mask(section->heading, arena, &section->heading, count, err);
		if (!code)
			code = secrets_mask(section->path, arena, &section->path, &again, err);
		for (size_t b = 0; b < section->block_count && !code; b++) {
			struct str *text = &section->blocks[b].text;
			code = secrets_mask(*text, arena, text, count, err);
		}
	}
	return code;
}
