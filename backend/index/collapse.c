#include "index/collapse.h"

#include <stdlib.h>
#include <string.h>

#include "index/put.h"

#define LISTING_MEMORY_MAX ((size_t)1 << 30)

struct collapse {
	const struct index_deps *deps;
	const struct index_options *options;
	const struct index_source *source;
	const struct source_list *list;
	struct index_repo *repo;
	struct arena arena; /* of the listing */
	struct store_listing listing;
	struct duplicate_document *documents; /* of the listing, in its order */
};

enum err_code collapse_marks(const struct document *document, bool exact, const bool *flags,
			     struct arena *arena, struct str *out, struct err *err)
{
	size_t count = document->section_count;
	unsigned char *bytes = arena_array(arena, count, COLLAPSE_MARK_SIZE);
	if (!bytes)
		return arena_fail(arena, err);
	for (size_t i = 0; i < count; i++) {
		unsigned char *mark = bytes + i * COLLAPSE_MARK_SIZE;
		struct str text = section_text(&document->sections[i], arena);
		if (!text.ptr)
			return arena_fail(arena, err);
		struct duplicate_print print = duplicate_print_of(text, exact);
		duplicate_print_write(&print, mark);
		mark[DUPLICATE_PRINT_SIZE] = flags && flags[i];
	}
	*out = (struct str){(const char *)bytes, count * COLLAPSE_MARK_SIZE};
	return ERR_OK;
}

static enum err_code read_marks(struct collapse *c, const struct store_listed *from,
				struct duplicate_document *to, struct err *err)
{
	const unsigned char *bytes = (const unsigned char *)from->marks.ptr;
	size_t count = from->marks.len / COLLAPSE_MARK_SIZE;
	struct duplicate_print *prints = arena_array(&c->arena, count, sizeof(*prints));
	bool *hidden = arena_array(&c->arena, count, sizeof(*hidden));
	if (!prints || !hidden)
		return arena_fail(&c->arena, err);
	for (size_t i = 0; i < count; i++)
		prints[i] = duplicate_print_read(bytes + i * COLLAPSE_MARK_SIZE);
	*to = (struct duplicate_document){.path = from->path,
					  .version = from->version,
					  .archived = from->archived,
					  .prints = prints,
					  .count = count,
					  .hidden = hidden};
	return ERR_OK;
}

static bool differs(const struct store_listed *from, const struct duplicate_document *now)
{
	for (size_t i = 0; i < now->count; i++)
		if (now->hidden[i] !=
		    (from->marks.ptr[i * COLLAPSE_MARK_SIZE + DUPLICATE_PRINT_SIZE] != 0))
			return true;
	return false;
}

static int compare_path(const void *key, const void *item)
{
	return str_cmp(*(const struct str *)key, ((const struct source_item *)item)->path);
}

/* Stores the document again, with the sections hidden that are to be. */
static enum err_code store_again(struct collapse *c, const struct duplicate_document *document,
				 uint64_t *chunks, struct err *err)
{
	const struct source_item *item =
		c->list->count ? bsearch(&document->path, c->list->items, c->list->count,
					 sizeof(*item), compare_path)
			       : NULL;
	const struct prepare_hidden hidden = {document->hidden, document->count};
	struct prepared prepared;
	enum prepare_outcome outcome;
	struct arena scratch;
	struct str reason;
	uint64_t unused = 0;
	if (!item)
		return ERR_OK;
	arena_init(&scratch, c->deps->alloc, (size_t)1 << 20);
	enum err_code code = prepare_document(c->deps, c->options, c->source, item, &hidden,
					      &scratch, &prepared, &outcome, &reason, &unused, err);
	/* What can no longer be read stays as it is stored. */
	if (!code && outcome == PREPARE_READY) {
		code = put_document(c->deps, c->repo->name, &prepared, err);
		*chunks = prepared.chunks.count;
		arena_release(&prepared.arena);
	}
	arena_release(&scratch);
	return code;
}

static enum err_code decide(struct collapse *c, uint64_t *hidden, struct err *err)
{
	enum err_code code =
		store_list(c->deps->store, str_c(c->repo->name), &c->arena, &c->listing, err);
	if (code)
		return code;
	c->documents = arena_array(&c->arena, c->listing.count, sizeof(*c->documents));
	if (!c->documents)
		return arena_fail(&c->arena, err);
	for (size_t i = 0; i < c->listing.count && !code; i++)
		code = read_marks(c, &c->listing.items[i], &c->documents[i], err);
	return code ? code
		    : duplicate_decide(c->documents, c->listing.count, c->deps->alloc, hidden, err);
}

enum err_code collapse_duplicates(const struct index_deps *deps,
				  const struct index_options *options,
				  const struct index_source *source, const struct source_list *list,
				  struct index_repo *repo, uint64_t *hidden, struct err *err)
{
	struct collapse c = {
		.deps = deps, .options = options, .source = source, .list = list, .repo = repo};
	arena_init(&c.arena, deps->alloc, LISTING_MEMORY_MAX);
	enum err_code code = decide(&c, hidden, err);
	for (size_t i = 0; i < c.listing.count && !code; i++) {
		uint64_t chunks = c.listing.items[i].chunks;
		if (deps->stop && atomic_load(deps->stop))
			code = err_set(err, ERR_CANCELLED,
				       "stopped; the index is as it was before");
		else if (differs(&c.listing.items[i], &c.documents[i]))
			code = store_again(&c, &c.documents[i], &chunks, err);
		repo->chunks = repo->chunks + chunks - c.listing.items[i].chunks;
	}
	arena_release(&c.arena);
	return code;
}
