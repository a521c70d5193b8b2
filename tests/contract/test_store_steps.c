/* What every store must do with chunks that wait for their vectors, and for readers that hold it. */
#include "contract/contract.h"

static const struct store_identity keyed = {{"model-a", 7}, FIXTURE_DIMENSION, {"key", 3}};

/* A document of `count` sections whose chunks have no vector; hashes are the chunk's number. */
static void put_bare(struct fixture *f, const char *path, const char *const *texts, size_t count,
		     uint32_t seed)
{
	static const char *const headings[] = {"One", "Two", "Three"};
	unsigned char hashes[FIXTURE_MAX_SECTIONS + 1][STORE_HASH_SIZE] = {0};
	struct fixture_document d;

	fixture_document(&d, "site", path, "h", headings, texts, count, seed);
	for (size_t i = 0; i < d.document.chunk_count; i++) {
		hashes[i][0] = (unsigned char)(seed + i);
		d.chunks[i].vector = NULL;
		d.chunks[i].hash = hashes[i];
	}
	d.chunks[0].embed_text = STR("heading and text");
	assert_ok(f, store_put(f->store, &d.document, &f->err));
}

static struct store_hits search_vector(struct fixture *f, struct store *s, enum store_unit unit,
				       uint32_t seed)
{
	float query[FIXTURE_DIMENSION];
	struct store_hits hits;

	fixture_vector(query, FIXTURE_DIMENSION, seed);
	assert_ok(f, store_search_vector(s, unit, query, FIXTURE_DIMENSION, 99, &f->arena, &hits,
					 &f->err));
	return hits;
}

static struct store_pending_list pending(struct fixture *f, const struct store_pending *after,
					 size_t max)
{
	struct store_pending_list list;

	assert_ok(f, store_pending(f->store, after, max, &f->arena, &list, &f->err));
	return list;
}

static void test_chunks_may_wait_for_their_vectors(void **state)
{
	static const char *const texts[] = {"alpha", "beta", "gamma"};
	struct fixture *f = *state;
	struct store *reader;
	struct store_pending_list list;
	float vector[FIXTURE_DIMENSION];

	assert_ok(f, store_begin(f->store, &keyed, false, &f->err));
	put_bare(f, "a.md", texts, 3, 1);
	put_text(f, "b.md", "h", "delta");
	publish(f);
	assert_ok(f, f->backend->open(f->dir.path, false, alloc_default(), &reader, &f->err));
	assert_int_equal(stats(f, reader).chunks, 6);
	assert_int_equal(stats(f, reader).pending_chunks, 4);
	assert_int_equal(count_text(f, reader, STORE_TEXT_SECTIONS, "beta"), 1);
	assert_true(search_vector(f, reader, STORE_SECTION, 1).partial);
	assert_int_equal(search_vector(f, reader, STORE_SECTION, 1).count, 1);
	assert_int_equal(search_vector(f, reader, STORE_WINDOW, 1).count, 1);

	/* Sections first; the text to embed, not the chunk's, where they differ. */
	list = pending(f, NULL, 2);
	assert_int_equal(list.count, 2);
	assert_true(str_eq(list.items[0].text, STR("heading and text")));
	assert_true(str_eq(list.items[1].text, STR("beta")));
	list = pending(f, &list.items[1], 99);
	assert_int_equal(list.count, 2);
	assert_true(str_eq(list.items[0].text, STR("gamma")));
	assert_true(str_eq(list.items[1].text, STR("window")));
	assert_int_equal(pending(f, &list.items[1], 99).count, 0);
	assert_int_equal(pending(f, NULL, 0).count, 0);

	assert_ok(f, store_resume(f->store, &keyed, &f->err));
	fixture_vector(vector, FIXTURE_DIMENSION, 77);
	assert_ok(f, store_set_vector(f->store, list.items[0].id, vector, &f->err));
	assert_int_equal(search_vector(f, reader, STORE_SECTION, 77).count, 1); /* not yet */
	publish(f);
	assert_int_equal(stats(f, reader).generation, 2);
	assert_int_equal(stats(f, reader).pending_chunks, 3);
	struct store_hits hits = search_vector(f, reader, STORE_SECTION, 77);
	assert_int_equal(hits.count, 2);
	assert_true(hits.partial);
	assert_int_equal(hits.items[0].first_section, 2);
	assert_true(hits.items[0].score > 0.9999F);

	list = pending(f, NULL, 99);
	assert_int_equal(list.count, 3);
	assert_ok(f, store_resume(f->store, &keyed, &f->err));
	for (size_t i = 0; i < list.count; i++)
		assert_ok(f, store_set_vector(f->store, list.items[i].id, vector, &f->err));
	publish(f);
	assert_int_equal(stats(f, reader).pending_chunks, 0);
	hits = search_vector(f, reader, STORE_SECTION, 77);
	assert_int_equal(hits.count, 4);
	assert_false(hits.partial);
	store_close(reader);
}

/* What waits goes with its document, and a vector that comes late finds nothing. */
static void test_late_vectors_find_nothing(void **state)
{
	static const char *const texts[] = {"alpha"}, *const others[] = {"beta"};
	struct fixture *f = *state;
	struct store_pending_list old;
	float vector[FIXTURE_DIMENSION];

	assert_ok(f, store_begin(f->store, &keyed, false, &f->err));
	put_bare(f, "a.md", texts, 1, 1);
	publish(f);
	old = pending(f, NULL, 99);
	assert_int_equal(old.count, 2);
	assert_ok(f, store_begin(f->store, &keyed, false, &f->err));
	put_bare(f, "a.md", others, 1, 9);
	assert_int_equal(pending(f, NULL, 99).count, 2);
	fixture_vector(vector, FIXTURE_DIMENSION, 77);
	for (size_t i = 0; i < old.count; i++)
		assert_ok(f, store_set_vector(f->store, old.items[i].id, vector, &f->err));
	vector[0] = NAN;
	assert_int_equal(store_set_vector(f->store, old.items[0].id, vector, &f->err), ERR_INVALID);
	publish(f);
	assert_int_equal(stats(f, f->store).chunks, 2);
	assert_int_equal(stats(f, f->store).pending_chunks, 2);
	assert_int_equal(store_set_vector(f->store, 1, vector, &f->err), ERR_INVALID); /* no run */
}

static void test_cached_vectors_are_there_at_once(void **state)
{
	static const char *const texts[] = {"alpha", "beta"};
	struct fixture *f = *state;
	unsigned char hash[STORE_HASH_SIZE] = {2}; /* of beta */
	float vector[FIXTURE_DIMENSION];

	fixture_vector(vector, FIXTURE_DIMENSION, 77);
	assert_ok(f,
		  store_cache_put(f->store, STR("key"), hash, vector, FIXTURE_DIMENSION, &f->err));
	assert_ok(f, store_begin(f->store, &keyed, false, &f->err));
	put_bare(f, "a.md", texts, 2, 1);
	assert_int_equal(stats(f, f->store).pending_chunks, 2);
	publish(f);
	struct store_hits hits = search_vector(f, f->store, STORE_SECTION, 77);
	assert_int_equal(hits.count, 1);
	assert_int_equal(hits.items[0].first_section, 1);
	assert_true(hits.items[0].score > 0.9999F);
	/* Without a key the cache is not asked. */
	begin(f);
	put_bare(f, "b.md", texts, 2, 1);
	assert_int_equal(stats(f, f->store).pending_chunks, 5);
}

/* From the first stage to the last vector nobody else may write; a crash gives the right back. */
static void test_steps_keep_the_right_to_write(void **state)
{
	static const char *const texts[] = {"alpha"};
	static const struct store_identity precise = {
		{"model-a", 7}, FIXTURE_DIMENSION, {"other", 5}};
	struct fixture *f = *state;
	struct store *second;

	assert_ok(f, f->backend->open(f->dir.path, true, alloc_default(), &second, &f->err));
	assert_ok(f, store_begin(f->store, &keyed, false, &f->err));
	put_bare(f, "a.md", texts, 1, 1);
	publish(f);
	assert_int_equal(store_begin(second, &keyed, false, &f->err), ERR_BUSY);
	assert_int_equal(store_resume(second, &keyed, &f->err), ERR_BUSY);
	store_close(f->store);
	assert_int_equal(store_resume(second, &precise, &f->err), ERR_MISMATCH);
	assert_int_equal(store_resume(second, &model_b, &f->err), ERR_MISMATCH);
	assert_ok(f, store_resume(second, &keyed, &f->err));
	f->store = second;
	publish(f);
}

/* One question is answered from one state, whatever is published meanwhile. */
static void test_held_reader_sees_one_state(void **state)
{
	struct fixture *f = *state;
	struct store *reader;
	struct store_passage passage;
	uint64_t generation;

	begin(f);
	put_text(f, "a.md", "h1", "alpha");
	publish(f);
	assert_ok(f, f->backend->open(f->dir.path, false, alloc_default(), &reader, &f->err));
	store_release(reader); /* not held: nothing */
	assert_ok(f, store_hold(reader, &generation, &f->err));
	assert_int_equal(generation, 1);
	assert_int_equal(store_hold(f->store, &generation, &f->err), ERR_OK);
	assert_int_equal(store_begin(f->store, &model_a, false, &f->err), ERR_INVALID);
	store_release(f->store);

	assert_ok(f, store_begin(f->store, &model_a, true, &f->err));
	assert_int_equal(store_hold(f->store, &generation, &f->err), ERR_INVALID);
	put_text(f, "b.md", "h1", "beta");
	put_text(f, "c.md", "h1", "beta");
	publish(f);
	struct store_hits hits = search_vector(f, reader, STORE_SECTION, 1);
	assert_int_equal(hits.count, 1);
	assert_ok(f, store_passage(reader, hits.items[0].document_id, 0, &f->arena, &passage,
				   &f->err));
	assert_true(str_eq(passage.path, STR("a.md")));
	assert_int_equal(count_text(f, reader, STORE_TEXT_PAGES, "alpha"), 1);
	assert_int_equal(stats(f, reader).generation, 1);

	assert_ok(f, store_hold(reader, &generation, &f->err)); /* lets go of the old state */
	assert_int_equal(generation, 2);
	assert_int_equal(search_vector(f, reader, STORE_SECTION, 1).count, 2);
	store_release(reader);
	store_maintain(reader);
	begin(f);
	put_text(f, "d.md", "h1", "beta");
	publish(f);
	assert_int_equal(search_vector(f, reader, STORE_SECTION, 1).count, 3);
	assert_ok(f, store_hold(reader, &generation, &f->err));
	store_close(reader); /* held or not */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CONTRACT(test_chunks_may_wait_for_their_vectors),
		CONTRACT(test_late_vectors_find_nothing),
		CONTRACT(test_cached_vectors_are_there_at_once),
		CONTRACT(test_steps_keep_the_right_to_write),
		CONTRACT(test_held_reader_sees_one_state),
	};

	return run_contract(tests, sizeof(tests) / sizeof(tests[0]));
}
