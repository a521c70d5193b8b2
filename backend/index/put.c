#include "index/put.h"

#include <openssl/evp.h>

static const enum store_unit units[] = {[CHUNK_WINDOW] = STORE_WINDOW,
					[CHUNK_SECTION] = STORE_SECTION,
					[CHUNK_PARAGRAPH] = STORE_PARAGRAPH};

static enum err_code make_sections(const struct prepared *document, struct arena *arena,
				   struct store_document *out, struct err *err)
{
	const struct document *tree = &document->document;
	struct store_section *sections = arena_array(arena, tree->section_count, sizeof(*sections));
	if (!sections)
		return arena_fail(arena, err);
	for (size_t i = 0; i < tree->section_count; i++) {
		const struct section *from = &tree->sections[i];
		sections[i] = (struct store_section){.heading = from->heading,
						     .anchor = from->anchor,
						     .path = from->path,
						     .text = section_text(from, arena),
						     .level = from->level,
						     .first_line = from->first_line,
						     .last_line = from->last_line,
						     .duplicate = document->hidden &&
								  document->hidden[i]};
		if (!sections[i].text.ptr)
			return arena_fail(arena, err);
	}
	out->sections = sections;
	out->section_count = tree->section_count;
	return ERR_OK;
}

static enum err_code make_chunks(const struct chunk_list *list, struct arena *arena,
				 struct store_document *out, struct err *err)
{
	struct store_chunk *chunks = arena_array(arena, list->count, sizeof(*chunks));
	unsigned char *hashes = arena_array(arena, list->count, STORE_HASH_SIZE);
	if (!chunks || !hashes)
		return arena_fail(arena, err);
	for (size_t i = 0; i < list->count; i++) {
		const struct chunk *from = &list->items[i];
		unsigned char *hash = hashes + i * STORE_HASH_SIZE;
		if (!EVP_Digest(from->embed_text.ptr, from->embed_text.len, hash, NULL,
				EVP_sha256(), NULL))
			return err_set(err, ERR_NOMEM, "out of memory while hashing");
		chunks[i] = (struct store_chunk){.unit = units[from->kind],
						 .ordinal = (uint32_t)from->ordinal,
						 .first_section = (uint32_t)from->first_section,
						 .last_section = (uint32_t)from->last_section,
						 .text = from->text,
						 .embed_text = from->embed_text,
						 .hash = hash};
	}
	out->chunks = chunks;
	out->chunk_count = list->count;
	return ERR_OK;
}

enum err_code put_document(const struct index_deps *deps, const char *source,
			   const struct prepared *document, struct err *err)
{
	/* The document's own arena is bounded to turn hostile pages away; this one has passed. */
	struct arena scratch;
	struct store_document stored = {.source = str_c(source),
					.path = document->path,
					.title = document->document.title,
					.description = document->document.description,
					.url = document->url,
					.type = document->type,
					.repo = document->repo,
					.version = document->version,
					.archived = document->archived,
					.marks = document->marks,
					.links = document->witness.links,
					.link_count = document->witness.link_count,
					.print = document->witness.print,
					.content_id = str_c(document->content_id),
					.content_hash = str_c(document->content_hash)};
	arena_init(&scratch, deps->alloc, SIZE_MAX);
	enum err_code code = make_sections(document, &scratch, &stored, err);
	if (!code)
		code = make_chunks(&document->chunks, &scratch, &stored, err);
	if (!code)
		code = store_put(deps->store, &stored, err);
	arena_release(&scratch);
	return code;
}
