#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <git2.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/source.h"
#include "support/fail_alloc.h"
#include "support/temp_dir.h"

struct fixture {
	struct temp_dir dir;
	struct arena arena;
	struct source_dir_options options;
	struct source *source;
	struct source_list list;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	temp_dir_make(&f->dir);
	arena_init(&f->arena, alloc_default(), 16 << 20);
	f->options = (struct source_dir_options){
		.root = f->dir.path, .max_file_bytes = 1000, .max_files = 100};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	source_close(f->source);
	temp_dir_remove(&f->dir);
	arena_release(&f->arena);
	free(f);
	return 0;
}

/* Opens and lists; the items and skips as "path size" and "path: reason" lines. */
static void check_list(struct fixture *f, const char *items, const char *skips)
{
	struct err err = {ERR_OK, ""};
	struct buf out;

	source_close(f->source);
	f->source = NULL;
	buf_init(&out, alloc_default(), 1 << 20);
	assert_int_equal(source_dir_open(&f->options, alloc_default(), &f->source, &err), ERR_OK);
	assert_int_equal(source_list(f->source, &f->arena, &f->list, &err), ERR_OK);
	for (size_t i = 0; i < f->list.count; i++)
		buf_printf(&out, "%.*s %zu\n", STR_ARG(f->list.items[i].path),
			   f->list.items[i].size);
	buf_append_byte(&out, '\0');
	assert_string_equal(out.ptr, items);
	buf_clear(&out);
	for (size_t i = 0; i < f->list.skip_count; i++)
		buf_printf(&out, "%.*s: %.*s\n", STR_ARG(f->list.skipped[i].path),
			   STR_ARG(f->list.skipped[i].reason));
	buf_append_byte(&out, '\0');
	assert_string_equal(out.ptr, skips);
	buf_release(&out);
}

static void link_to(struct fixture *f, const char *target, const char *name)
{
	char path[512];

	assert_int_equal(symlink(target, temp_dir_path(&f->dir, name, path)), 0);
}

static void test_formats(void **state)
{
	struct fixture *f = *state;

	temp_dir_write(&f->dir, "b.md", STR("12345"));
	temp_dir_write(&f->dir, "a/x.markdown", STR("1"));
	temp_dir_write(&f->dir, "a/y.MDX", STR(""));
	temp_dir_write(&f->dir, "a-b.txt", STR("12"));
	temp_dir_write(&f->dir, "image.png", STR("x"));
	temp_dir_write(&f->dir, ".hidden.md", STR("x"));
	temp_dir_write(&f->dir, ".git/c.md", STR("x"));
	temp_dir_write(&f->dir, "node_modules/d.md", STR("x"));
	temp_dir_write(&f->dir, "md", STR("x"));
	/* '-' sorts before '/' : by bytes */
	check_list(f, "a-b.txt 2\na/x.markdown 1\na/y.MDX 0\nb.md 5\n", "");
	assert_string_equal(f->source->revision, "");
}

static void test_globs(void **state)
{
	struct fixture *f = *state;
	struct str include[] = {STR("docs/**"), STR("*.adoc")};
	struct str exclude[] = {STR("drafts/"), STR("docs/old/*.md")};

	temp_dir_write(&f->dir, "docs/a.md", STR(""));
	temp_dir_write(&f->dir, "docs/x/drafts/b.md", STR(""));
	temp_dir_write(&f->dir, "docs/old/c.md", STR(""));
	temp_dir_write(&f->dir, "docs/old/d.txt", STR(""));
	temp_dir_write(&f->dir, "e.adoc", STR(""));
	temp_dir_write(&f->dir, "f.md", STR(""));
	f->options.exclude = exclude;
	f->options.exclude_count = 2;
	check_list(f, "docs/a.md 0\ndocs/old/d.txt 0\nf.md 0\n", "");
	f->options.include = include;
	f->options.include_count = 2;
	check_list(f, "docs/a.md 0\ndocs/old/d.txt 0\ne.adoc 0\n", "");
}

static void test_links(void **state)
{
	struct fixture *f = *state;

	temp_dir_write(&f->dir, "root/z/page.md", STR("text"));
	temp_dir_write(&f->dir, "root/.store/kept/k.md", STR("k"));
	temp_dir_write(&f->dir, "outside/o.md", STR("x"));
	link_to(f, "z", "root/a-link"); /* sorts before z, which is listed all the same */
	link_to(f, "..", "root/z/up");
	link_to(f, "../../outside", "root/z/out");
	link_to(f, "../../outside/o.md", "root/z/out.md");
	link_to(f, "page.md", "root/z/same.md");
	link_to(f, "self.md", "root/self.md");
	link_to(f, "nowhere.md", "root/broken.md");
	link_to(f, "nowhere", "root/broken.png");
	link_to(f, ".store/kept", "root/kept");
	char path[512];
	f->options.root = temp_dir_path(&f->dir, "root", path);
	check_list(f, "kept/k.md 1\nz/page.md 4\nz/same.md 4\n",
		   "a-link: the link leads to a folder that is listed already\n"
		   "broken.md: the link leads nowhere\n"
		   "self.md: the link leads to itself\n"
		   "z/out: the link leads out of the folder\n"
		   "z/out.md: the link leads out of the folder\n"
		   "z/up: the link leads to a folder that is listed already\n");
}

static void test_bad_files(void **state)
{
	struct fixture *f = *state;
	char path[512], long_text[1001];

	memset(long_text, 'x', sizeof(long_text));
	temp_dir_write(&f->dir, "large.md", (struct str){long_text, 1001});
	temp_dir_write(&f->dir, "fits.md", (struct str){long_text, 1000});
	temp_dir_write(&f->dir, "bad\xFFname.md", STR("x"));
	assert_int_equal(mkfifo(temp_dir_path(&f->dir, "pipe.md", path), 0600), 0);
	assert_int_equal(mkfifo(temp_dir_path(&f->dir, "pipe", path), 0600), 0);
	check_list(f, "fits.md 1000\n",
		   "bad\xEF\xBF\xBDname.md: the name is not valid UTF-8\n"
		   "large.md: too large: 1001 bytes, at most 1000 are read\n"
		   "pipe.md: not a regular file\n");
}

static void test_permission(void **state)
{
	struct fixture *f = *state;
	char file[512], folder[512];

	bool root = geteuid() == 0;

	temp_dir_write(&f->dir, "secret.md", STR("x"));
	temp_dir_write(&f->dir, "closed/a.md", STR("x"));
	chmod(temp_dir_path(&f->dir, "secret.md", file), 0);
	chmod(temp_dir_path(&f->dir, "closed", folder), 0);
	if (root) { /* who may read everything: look as somebody else */
		assert_int_equal(chmod(f->dir.path, 0755), 0);
		assert_int_equal(seteuid(65534), 0);
	}
	check_list(f, "",
		   "closed: cannot be read: Permission denied\n"
		   "secret.md: cannot be read: Permission denied\n");
	if (root)
		assert_int_equal(seteuid(0), 0);
	chmod(folder, 0700);
}

static void test_depth(void **state)
{
	struct fixture *f = *state;
	struct buf path;

	buf_init(&path, alloc_default(), 4096);
	for (int i = 0; i < 70; i++)
		buf_append(&path, STR("d/"));
	buf_append(&path, STR("a.md"));
	temp_dir_write(&f->dir, path.ptr, STR("x"));
	buf_clear(&path);
	for (int i = 0; i < 65; i++)
		buf_append(&path, i ? STR("/d") : STR("d"));
	buf_append(&path, STR(": folders are nested too deeply\n"));
	check_list(f, "", path.ptr);
	buf_release(&path);
}

static void test_open_errors(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	struct source *source = NULL;
	char path[512];

	f->options.root = temp_dir_path(&f->dir, "missing", path);
	assert_int_equal(source_dir_open(&f->options, alloc_default(), &source, &err),
			 ERR_NOTFOUND);
	assert_non_null(strstr(err.message, "missing"));
	temp_dir_write(&f->dir, "file", STR(""));
	f->options.root = temp_dir_path(&f->dir, "file", path);
	assert_int_equal(source_dir_open(&f->options, alloc_default(), &source, &err),
			 ERR_NOTFOUND);
	assert_non_null(strstr(err.message, "not a folder"));
	assert_null(source);
	f->options.root = f->dir.path;
	check_list(f, "", ""); /* an empty folder is fine here */
}

static void test_too_many(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};

	temp_dir_write(&f->dir, "a.md", STR(""));
	temp_dir_write(&f->dir, "b.md", STR(""));
	f->options.max_files = 1;
	assert_int_equal(source_dir_open(&f->options, alloc_default(), &f->source, &err), ERR_OK);
	assert_int_equal(source_list(f->source, &f->arena, &f->list, &err), ERR_LIMIT);
	assert_non_null(strstr(err.message, "--exclude"));
}

static void test_read(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	struct buf out;

	temp_dir_write(&f->dir, "root/d/a.md", STR("con\0tent"));
	temp_dir_write(&f->dir, "secret.md", STR("x"));
	link_to(f, "../secret.md", "root/link.md");
	char path[512];
	f->options.root = temp_dir_path(&f->dir, "root", path);
	f->options.name = "mine";
	check_list(f, "d/a.md 8\n", "link.md: the link leads out of the folder\n");
	assert_string_equal(f->source->name, "mine");
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(source_read(f->source, STR("d/a.md"), &out, &err), ERR_OK);
	assert_int_equal(out.len, 8);
	assert_memory_equal(out.ptr, "con\0tent", 8);
	static const char *const foreign[] = {
		"../secret.md", "d/../../secret.md", "/etc/passwd", "",
		"d//a.md",      "link.md",           "d/./a.md",    "d/"};
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_int_equal(source_read(f->source, str_c(foreign[i]), &out, &err),
				 ERR_INVALID);
	assert_int_equal(source_read(f->source, STR("d/\0.md"), &out, &err), ERR_INVALID);
	assert_int_not_equal(source_read(f->source, STR("gone.md"), &out, &err), ERR_OK);
	assert_int_equal(out.len, 8);
	buf_release(&out);
}

static void test_name(void **state)
{
	struct fixture *f = *state;
	char path[512];

	temp_dir_write(&f->dir, "my docs/a.md", STR(""));
	f->options.root = temp_dir_path(&f->dir, "my docs/.", path);
	check_list(f, "a.md 0\n", "");
	assert_string_equal(f->source->name, "my docs");
}

static void test_revision(void **state)
{
	struct fixture *f = *state;
	git_repository *repo = NULL;
	git_index *index = NULL;
	git_signature *author = NULL;
	git_tree *tree = NULL;
	git_oid tree_id, commit_id;
	char hex[65], path[512];

	temp_dir_write(&f->dir, "docs/a.md", STR("x"));
	f->options.root = temp_dir_path(&f->dir, "docs", path);
	git_libgit2_init();
	assert_int_equal(git_repository_init(&repo, f->dir.path, 0), 0);
	check_list(f, "a.md 1\n", "");
	assert_string_equal(f->source->revision, ""); /* no commit yet */
	assert_int_equal(git_repository_index(&index, repo), 0);
	assert_int_equal(git_index_add_bypath(index, "docs/a.md"), 0);
	assert_int_equal(git_index_write_tree(&tree_id, index), 0);
	assert_int_equal(git_tree_lookup(&tree, repo, &tree_id), 0);
	assert_int_equal(git_signature_new(&author, "n", "e@x", 1, 0), 0);
	assert_int_equal(
		git_commit_create_v(&commit_id, repo, "HEAD", author, author, NULL, "m", tree, 0),
		0);
	check_list(f, "a.md 1\n", "");
	git_oid_tostr(hex, sizeof(hex), &commit_id);
	assert_int_equal(strlen(f->source->revision), 40);
	assert_string_equal(f->source->revision, hex);
	git_signature_free(author);
	git_tree_free(tree);
	git_index_free(index);
	git_repository_free(repo);
	git_libgit2_shutdown();
}

static void test_ignore_files(void **state)
{
	struct fixture *f = *state;

	temp_dir_write(&f->dir, ".gitignore",
		       STR("# build\n/build/\n*.txt\n!keep.txt\nout*\n\ndocs/gen\n\\!odd.md\n"
			   "sp.md  \nesc.md\\ \n**/deep/x.md\r\n"));
	temp_dir_write(&f->dir, ".docsbotignore", STR("notes/\n"));
	temp_dir_write(&f->dir, "sub/.gitignore", STR("/a.md\n!b.txt\n!*.log.txt\n"));
	temp_dir_write(&f->dir, "a.md", STR(""));
	temp_dir_write(&f->dir, "sub/a.md", STR(""));
	temp_dir_write(&f->dir, "sub/b.txt", STR(""));
	temp_dir_write(&f->dir, "sub/c.txt", STR(""));
	temp_dir_write(&f->dir, "sub/inner/a.md", STR(""));
	temp_dir_write(&f->dir, "sub/inner/x.log.txt", STR(""));
	temp_dir_write(&f->dir, "b.txt", STR(""));
	temp_dir_write(&f->dir, "keep.txt", STR(""));
	temp_dir_write(&f->dir, "build/a.md", STR(""));
	temp_dir_write(&f->dir, "sub/build/a.md", STR(""));
	temp_dir_write(&f->dir, "output/keep.txt", STR(""));
	temp_dir_write(&f->dir, "docs/gen/a.md", STR(""));
	temp_dir_write(&f->dir, "sub/docs/gen/b.md", STR(""));
	temp_dir_write(&f->dir, "!odd.md", STR(""));
	temp_dir_write(&f->dir, "sp.md", STR(""));
	temp_dir_write(&f->dir, "k/l/deep/x.md", STR(""));
	temp_dir_write(&f->dir, "notes/a.md", STR(""));
	temp_dir_write(&f->dir, "notes.md", STR(""));
	link_to(f, "build", "linked"); /* a link to an ignored folder is another name for it */
	link_to(f, "a.md", "outlink.md");
	check_list(f,
		   "a.md 0\nkeep.txt 0\nlinked/a.md 0\nnotes.md 0\nsub/b.txt 0\nsub/build/a.md 0\n"
		   "sub/docs/gen/b.md 0\nsub/inner/a.md 0\nsub/inner/x.log.txt 0\n",
		   "");
	f->options.no_ignore = true;
	check_list(f,
		   "!odd.md 0\na.md 0\nb.txt 0\nbuild/a.md 0\ndocs/gen/a.md 0\nk/l/deep/x.md 0\n"
		   "keep.txt 0\nnotes.md 0\nnotes/a.md 0\noutlink.md 0\noutput/keep.txt 0\n"
		   "sp.md 0\nsub/a.md 0\nsub/b.txt 0\nsub/build/a.md 0\nsub/c.txt 0\n"
		   "sub/docs/gen/b.md 0\nsub/inner/a.md 0\nsub/inner/x.log.txt 0\n",
		   "linked: the link leads to a folder that is listed already\n");
}

static void test_bad_ignore_files(void **state)
{
	struct fixture *f = *state;
	char path[512];
	FILE *large;

	temp_dir_write(&f->dir, "a.md", STR(""));
	temp_dir_write(&f->dir, "b/b.md", STR(""));
	temp_dir_write(&f->dir, "b/.gitignore", STR("\xff\xfe[\n!\n/\n\\\n[a-\n"));
	assert_int_equal(mkdir(temp_dir_path(&f->dir, ".docsbotignore", path), 0755), 0);
	large = fopen(temp_dir_path(&f->dir, ".gitignore", path), "w");
	assert_non_null(large);
	for (int i = 0; i < 600000; i++)
		assert_true(fputs("x\n", large) >= 0);
	assert_int_equal(fclose(large), 0);
	f->source = NULL;
	struct err err;
	assert_int_equal(source_dir_open(&f->options, alloc_default(), &f->source, &err), ERR_OK);
	assert_int_equal(source_list(f->source, &f->arena, &f->list, &err), ERR_OK);
	assert_int_equal(f->list.count, 2);
	assert_int_equal(f->list.skip_count, 2);
	assert_true(str_find(f->list.skipped[0].reason, STR("not a regular file"), 0) != STR_NPOS);
	assert_true(str_find(f->list.skipped[1].reason, STR("limit"), 0) != STR_NPOS);
}

/* An allocator that writes to a file when the reader asks for memory: in the middle of reading. */
struct meddler {
	struct alloc alloc;
	char path[512];
	int times, bytes;
};

/* Appends to the file whenever the reader asks for memory. */
static void *meddle(void *ctx, void *ptr, size_t size)
{
	struct meddler *m = ctx;

	if (size && m->times > 0) {
		FILE *file = fopen(m->path, "a");

		m->times--;
		assert_non_null(file);
		for (int i = 0; i < m->bytes; i++)
			assert_true(fputc('x', file) != EOF);
		assert_int_equal(fclose(file), 0);
	}
	if (size == 0) {
		alloc_free(alloc_default(), ptr);
		return NULL;
	}
	return alloc_resize(alloc_default(), ptr, size);
}

/* A process, because threads take turns under valgrind. Ends with its parent, or killed by it. */
static pid_t start_toucher(const char *path)
{
	pid_t parent = getpid(), child = fork();

	if (child != 0)
		return child;
	while (getppid() == parent) {
		static long n;
		const struct timespec times[2] = {{.tv_sec = n}, {.tv_sec = n}};

		n++;
		(void)utimensat(AT_FDCWD, path, times, 0);
	}
	_exit(0);
}

static void test_file_that_never_rests(void **state)
{
	struct fixture *f = *state;
	struct err err = {ERR_OK, ""};
	char path[512];
	enum err_code code = ERR_OK;
	struct buf out;

	temp_dir_write(&f->dir, "a.md", STR("text"));
	check_list(f, "a.md 4\n", "");
	pid_t child = start_toucher(temp_dir_path(&f->dir, "a.md", path));
	assert_true(child > 0);
	buf_init(&out, alloc_default(), 1000);
	for (int i = 0; i < 1000000 && code == ERR_OK; i++) {
		buf_clear(&out);
		code = source_read(f->source, STR("a.md"), &out, &err);
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(code, ERR_BUSY);
	assert_int_equal(out.len, 0);
	assert_non_null(strstr(err.message, "changes while it is read"));
	buf_release(&out);
}

static void test_file_that_changes(void **state)
{
	struct fixture *f = *state;
	struct meddler m = {.alloc = {meddle, &m}, .bytes = 4};
	struct err err = {ERR_OK, ""};
	struct buf out;

	temp_dir_write(&f->dir, "a.md", STR("text"));
	temp_dir_path(&f->dir, "a.md", m.path);
	check_list(f, "a.md 4\n", "");
	buf_init(&out, &m.alloc, 1000);
	m.times = 1;
	assert_int_equal(source_read(f->source, STR("a.md"), &out, &err), ERR_OK);
	assert_true(str_eq(buf_str(&out), STR("textxxxx")));
	buf_release(&out);
	temp_dir_delete(&f->dir, "a.md");
	buf_init(&out, alloc_default(), 1000);
	assert_int_equal(source_read(f->source, STR("a.md"), &out, &err), ERR_IO);
	assert_int_equal(out.len, 0);
	buf_release(&out);
}

static void test_failing_allocations(void **state)
{
	struct fixture *f = *state;
	struct str exclude[] = {STR("*.txt")};
	char root[512];
	bool done = false;

	temp_dir_write(&f->dir, "root/a/b.md", STR("x"));
	temp_dir_write(&f->dir, "root/.gitignore", STR("*.tmp\n!a/\n"));
	temp_dir_write(&f->dir, "root/bad\xFF.md", STR("x"));
	link_to(f, "a", "root/link");
	f->options.root = temp_dir_path(&f->dir, "root", root);
	f->options.exclude = exclude;
	f->options.exclude_count = 1;
	for (size_t n = 1; !done; n++) {
		struct fail_alloc fail;
		struct arena arena;
		struct source *source = NULL;
		struct source_list list;
		struct err err = {ERR_OK, ""};
		enum err_code code;

		assert_true(n < 1000);
		fail_alloc_init(&fail, n, true);
		arena_init(&arena, &fail.alloc, 1 << 20);
		code = source_dir_open(&f->options, &fail.alloc, &source, &err);
		if (code == ERR_OK)
			code = source_list(source, &arena, &list, &err);
		done = atomic_load(&fail.failures) == 0;
		assert_true(done ? code == ERR_OK : code == ERR_NOMEM);
		source_close(source);
		arena_release(&arena);
		assert_int_equal(atomic_load(&fail.live), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_formats, setup, teardown),
		cmocka_unit_test_setup_teardown(test_globs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_permission, setup, teardown),
		cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revision, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ignore_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_ignore_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_that_never_rests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_that_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failing_allocations, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
