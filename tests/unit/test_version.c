#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "index/version.h"

static void check(const char *path, const char *title, bool code, const char *version,
		  bool archived)
{
	struct version_label label = version_of_document(str_c(path), str_c(title), code);
	if (!str_eq(label.version, str_c(version)) || label.archived != archived)
		fail_msg("%s (%s): version '%.*s', archived %d", path, title,
			 STR_ARG(label.version), label.archived);
}

static void folders_name_versions(void **state)
{
	check("v1.9/install.md", "Install", false, "1.9", false);
	check("docs/1.8/install.md", "", false, "1.8", false);
	check("docs/release-1.7/x/install.md", "", false, "1.7", false);
	check("docs/v0.7-branch/install.md", "", false, "0.7-branch", false);
	check("docs/1.9.0-rc.2/install.md", "", false, "1.9.0-rc.2", false);
	check("docs/1.9.0rc1/install.md", "", false, "1.9.0rc1", false);
	check("docs/2.x/install.md", "", false, "2.x", false);
	check("docs/v2/install.md", "", false, "2", false);
	check("pipelines/legacy-v1/sdk/gcp.md", "GCP", false, "1", true);
	/* the innermost one */
	check("v1.9/upgrade/version-1.8/a.md", "", false, "1.8", false);
	/* versions of an API, years, parts of names */
	check("pkg/apis/v1/types.go", "types.go", true, "", false);
	check("pkg/apis/v1beta1/types.go", "", true, "", false);
	check("docs/v1beta1/a.md", "", false, "", false);
	check("docs/2024/a.md", "", false, "", false);
	check("docs/python-3.9/a.md", "", false, "", false);
	check("docs/v2-migration/a.md", "", false, "", false);
	check("docs/vision/a.md", "", false, "", false);
}

static void files_name_versions(void **state)
{
	check("docs/releases/kubeflow-1.8.md", "", false, "1.8", false);
	check("docs/releases/kubeflow-26.03.md", "", false, "26.03", false);
	check("docs/v1.9.md", "", false, "1.9", false);
	check("docs/release-notes-1.7.1.md", "", false, "1.7.1", false);
	check("v1.9", "", false, "1.9", false);
	check("docs/kubernetes-1.22.md", "", false, "", false);
	check("docs/notebook-v1.md", "Notebook (v1)", false, "", false);
	check("docs/a.md", "", false, "", false);
	check("", "", false, "", false);
	check("docs/-.md", "", false, "", false);
}

static void titles_name_versions(void **state)
{
	check("a.md", "Kubeflow 1.9", false, "1.9", false);
	check("a.md", "Kubeflow Community Distribution 1.10", false, "1.10", false);
	check("a.md", "Version: v0.7", false, "0.7", false);
	check("a.md", "Kubeflow 1.8 release notes", false, "1.8", false);
	check("a.md", "Kubeflow 1.8 release of the year", false, "", false);
	check("a.md", "How to install the package with Python 3.9", false, "", false);
	check("a.md", "Migrate to Pipelines v2", false, "", false);
	/* the path decides */
	check("v1.7/a.md", "Kubeflow 1.9", false, "1.7", false);
}

static void old_pages_are_archived(void **state)
{
	check("archive/a.md", "", false, "", true);
	check("x/_archive/a.md", "", false, "", true);
	check("x/Archived/y/a.md", "", false, "", true);
	check("docs-old/a.md", "", false, "", true);
	check("old/a.md", "", false, "", true);
	check("legacy_sdk/a.md", "", false, "", true);
	check("x/sdk-legacy.md", "", false, "", true);
	check("x/a.md", "Visualizations (Deprecated)", false, "", true);
	check("x/a.md", "Legacy (v1)", false, "", true);
	check("x/a.md", "[Archived] Roadmap", false, "", true);
	check("x/a.md", "Deprecated: the old way", false, "", true);
	/* about archiving and deprecation, or words that contain the others */
	check("x/archive.md", "Archive a run", false, "", false);
	check("x/archive-runs.md", "Archive runs", false, "", false);
	check("x/a.md", "Upgrade from legacy notebooks", false, "", false);
	check("threshold/a.md", "Hold", false, "", false);
	check("x/archiver/a.md", "Archiver", false, "", false);
	check("x/deprecation.md", "Deprecation policy", false, "", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_name_versions),
		cmocka_unit_test(files_name_versions),
		cmocka_unit_test(titles_name_versions),
		cmocka_unit_test(old_pages_are_archived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
