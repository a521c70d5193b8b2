/* The file of packed weights by itself; test_inproc.c damages the one of a whole model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "embed/inproc/packed.h"
#include "support/temp_dir.h"

static int make_dir(void **state)
{
	static struct temp_dir dir;
	temp_dir_make(&dir);
	*state = &dir;
	return 0;
}

static int remove_dir(void **state)
{
	temp_dir_remove(*state);
	return 0;
}

/* Makes a file whose hash of the weights begins with `hash`, and loads it. */
static enum err_code make_and_load(const struct temp_dir *dir, const char *hash,
				   struct packed_source *loaded, struct err *err)
{
	static const float weights[6 * 8], biases[6];
	const struct packed_layer layer = {.k = 8, .parts = 1, .part = {{weights, biases, 6, 1}}};
	const struct packed_options options = {.dir = dir->path,
					       .ops = gemm_ops_at(0),
					       .type = GEMM_F32,
					       .layers = &layer,
					       .layer_count = 1};
	struct packed_source source = {.bytes = 1, .modified_ns = 2};
	struct packed *packed;
	memset(source.sha256, 'a', sizeof(source.sha256) - 1);
	memcpy(source.sha256, hash, strlen(hash));
	assert_int_equal(packed_make(&options, &source, alloc_default(), &packed, err), ERR_OK);
	packed_close(packed);
	*loaded = (struct packed_source){.bytes = 1, .modified_ns = 2};
	enum err_code code = packed_load(&options, loaded, alloc_default(), &packed, err);
	packed_close(packed);
	return code;
}

/* The hash goes on into the index and into JSON, so the checksum alone is not enough. */
static void test_hash_must_be_one(void **state)
{
	const struct temp_dir *dir = *state;
	struct packed_source source;
	struct err err = {ERR_OK, ""};
	assert_int_equal(make_and_load(dir, "0123456789abcdef", &source, &err), ERR_OK);
	assert_memory_equal(source.sha256, "0123456789abcdefaa", 18);
	assert_int_equal(strlen(source.sha256), 64);
	static const char *const wrong[] = {"\xff", "A", "g", "aaaa ", "a\n"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(make_and_load(dir, wrong[i], &source, &err), ERR_NOTFOUND);
		assert_non_null(strstr(err.message, "damaged"));
		assert_int_equal(source.sha256[0], '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hash_must_be_one, make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
