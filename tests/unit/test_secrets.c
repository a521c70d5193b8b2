/* Every secret here is made up: random letters in the form that the real ones have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "index/secrets.h"

/* In two halves, so that no scanner of repositories takes this file for a leak. */
#define KEY_BEGIN                                                                                  \
	"-----BEGIN RSA PRIV"                                                                      \
	"ATE KEY-----"
#define KEY_END                                                                                    \
	"-----END RSA PRIV"                                                                        \
	"ATE KEY-----"
#define KEY_LINE "MIIEowIBAAKCAQEAq7nVb2x0yJ3kP9sDfG5hWmZcR8tLuQ1eXoKi4vNjBaTgHyUd"
#define JWT                                                                                        \
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0cmlhbCJ9"                                                \
	".k3Vb9Qx7LmZp2RtYw8sHd"

static void check(const char *text, const char *expected, uint64_t expected_count)
{
	struct arena arena;
	struct str out;
	struct err err = {ERR_OK, ""};
	uint64_t count = 0;
	arena_init(&arena, alloc_default(), 1 << 20);
	assert_int_equal(secrets_mask(str_c(text), &arena, &out, &count, &err), ERR_OK);
	if (!str_eq(out, str_c(expected)) || count != expected_count)
		fail_msg("'%s' became '%.*s' (%d)", text, STR_ARG(out), (int)count);
	arena_release(&arena);
}

struct positive {
	const char *text, *expected;
};

static const struct positive positives[] = {
	{"use ghp_"
	 "Zk3VbQx7LmTp2RtYw8sHdNc5FgJ4aUe9KoXi now",
	 "use [masked: GitHub token] now"},
	{"gho_"
	 "Zk3VbQx7LmTp2RtYw8sHdNc5FgJ4aUe9KoXi",
	 "[masked: GitHub token]"},
	{"(ghs_"
	 "Zk3VbQx7LmTp2RtYw8sHdNc5FgJ4aUe9KoXi)",
	 "([masked: GitHub token])"},
	{"github_pat_"
	 "11AB3VbQx7LmTp2RtYw8_sHdNc5FgJ4aUe9KoXi",
	 "[masked: GitHub token]"},
	{"glpat-"
	 "x7LmTp2RtYw8sHdNc5Fg",
	 "[masked: GitLab token]"},
	{"id AKIA"
	 "Q3X7LMTP2RTYW8SH.",
	 "id [masked: AWS access key]."},
	{"ASIA"
	 "Q3X7LMTP2RTYW8SH",
	 "[masked: AWS access key]"},
	{"aws_secret_access_key = k3Vb9Qx7LmZp2RtYw8sHdNc5FgJ4aUe9KoXi/v1+",
	 "aws_secret_access_key = [masked: access key]"},
	{"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	 "aws_secret_access_key = [masked: access key]"},
	{"xoxb-"
	 "123456789012-AbCdEfGhIjKlMnOpQrStUvWx",
	 "[masked: Slack token]"},
	{"glpat-"
	 "AbCdEfGhIjKlMnOpQrSt",
	 "[masked: GitLab token]"},
	{"client_secret: GOCSPX-abcdefghijklmnopqrstuvwx12", "client_secret: [masked: secret]"},
	{"redis://:k3Vb9Qx7@cache:6379/0", "redis://:[masked: password]@cache:6379/0"},
	{"--from-literal=password=Sup3rS3cret", "--from-literal=password=[masked: password]"},
	{"key=AIza"
	 "Sy3Vb9Qx7LmZp2RtYw8sHdNc5FgJ4aUe9Ko",
	 "key=[masked: Google API key]"},
	{"xoxb-"
	 "2718281828-31415926535-k3Vb9Qx7LmZp2RtY",
	 "[masked: Slack token]"},
	{"hf_"
	 "kVbQxLmZpRtYwsHdNcFgJaUeKoXiMnBvCz",
	 "[masked: Hugging Face token]"},
	{"Bearer " JWT "\n", "Bearer [masked: token]\n"},
	{"cookie=" JWT ";", "cookie=[masked: JSON web token];"},
	{KEY_BEGIN "\n" KEY_LINE "\n" KEY_LINE "\n" KEY_END "\nafter",
	 "[masked: private key]\nafter"},
	{"key: \"" KEY_BEGIN "\\n" KEY_LINE "\\n" KEY_END "\\n\"",
	 "key: \"[masked: private key]\\n\""},
	{KEY_BEGIN " " KEY_LINE " and no end", "[masked: private key]"},
	{"postgres://kf:Tr4il-x9@db:5432/kf", "postgres://kf:[masked: password]@db:5432/kf"},
	{"https://x-access-token:k3Vb9Qx7@github.com/a/b",
	 "https://x-access-token:[masked: password]@github.com/a/b"},
	{"password: S3cr3tP@ssw0rd", "password: [masked: password]"},
	{"\"adminPassword\": \"a1b2c3d4e5\",", "\"adminPassword\": \"[masked: password]\","},
	{"export DB_PASSWORD='p4ss!w0rd#9'", "export DB_PASSWORD='[masked: password]'"},
	{"curl -H 'X-Auth-Token: 9f8e7d6c5b4a39281706'", "curl -H 'X-Auth-Token: [masked: token]'"},
	{"client_secret=8Qx7LmZp2RtYw8sH&grant=x", "client_secret=[masked: secret]&grant=x"},
	{"mysql --password k3Vb9Qx7Lm -u root", "mysql --password [masked: password] -u root"},
	{"Authorization: Bearer 8Qx7LmZp2RtYw8sHdNc5",
	 "Authorization: Bearer [masked: credentials]"},
	{"- name: MINIO_SECRET_KEY\n  value: \"k3Vb9Qx7Lm\"\n",
	 "- name: MINIO_SECRET_KEY\n  value: \"[masked: secret key]\"\n"},
	{"{\"auths\":{\"ghcr.io\":{\"auth\":\"dHJpYWw6azNWYjlReDc=\"}}}",
	 "{\"auths\":{\"ghcr.io\":{\"auth\":\"[masked: registry credentials]\"}}}"},
	{".dockerconfigjson: eyJhdXRocyI6eyJnaGNyLmlvIjp7ImF1dGgiOiJrM1ZiOVF4NyJ9fX0=",
	 ".dockerconfigjson: [masked: registry credentials]"},
};

static void secrets_are_masked(void **state)
{
	for (size_t i = 0; i < sizeof(positives) / sizeof(positives[0]); i++)
		check(positives[i].text, positives[i].expected, 1);
	check("a ghp_"
	      "Zk3VbQx7LmTp2RtYw8sHdNc5FgJ4aUe9KoXi b glpat-"
	      "x7LmTp2RtYw8sHdNc5Fg c",
	      "a [masked: GitHub token] b [masked: GitLab token] c", 2);
}

static void what_only_looks_like_one_stays(void **state)
{
	static const char *const table[] = {
		"",
		"token: <YOUR_TOKEN>",
		"token: ${GITHUB_TOKEN}",
		"password: $(cat password.txt)",
		"password: xxxxxxxx1x2x",
		"password: ********",
		"password: your-password-1a2b3c4d",
		"password: 12341234",
		"password: minio123",
		"accesskey: minio\nsecretkey: minio123",
		"token: {{ .Values.token }}",
		"secretName: mlpipeline-minio-artifact",
		"secret: my-s3-secret-v1beta1",
		"secretKeyRef:\n  name: a1b2c3d4e5\n",
		"token: kubeflow-v1.9.0-token",
		"token = get_token(\"a1b2c3d4\")",
		"token = tokens[0]",
		"token=os.environ[\"KF_PIPELINES_SA_TOKEN_PATH\"]",
		"max_tokens: 4096",
		"next_page_token: a1b2c3d4e5f6",
		"The token: it is read from /var/run/secrets/kubeflow/pipelines/token.",
		"A password is a secret. Token refresh takes 1h30m0s.",
		"ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		"ghp_<token>",
		"the ghp_ prefix",
		"AKIAxxxxxxxxxxxxxxxx",
		"AKIAQ3X7LMTP2RTYW8SHLONGER",
		"xoxb-your-token-here",
		"sk-learn-is-a-package-with-a-very-long-name-indeed",
		"eyJ is how a JWT starts, eyJhbGciOi.too.short",
		KEY_BEGIN "\n...\n" KEY_END,
		"the line `" KEY_BEGIN "` begins a key",
		"-----BEGIN CERTIFICATE-----\n" KEY_LINE "\n-----END CERTIFICATE-----",
		"https://www.kubeflow.org:8080/docs/@latest",
		"https://user:password@host/",
		"https://<user>:<password>@host/",
		"https://$USER:$TOKEN@host/",
		"git clone git@github.com:kubeflow/katib.git",
		"image: x@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"password: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d",
		"postgresql://[DB_USER[:DB_PASSWORD]@][HOST][:PORT][/DATABASE]",
		"https://zoom.example/meeting/1?password=3f2504e0-4f89-11d3-9a0c-0305e82c3301",
		"uid: 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
		"commit e98d71a0cc5b7a9f3d2e1f00aa11bb22cc33dd44",
		"kind: ConfigMap\ndata:\n  key: dmFsdWUgb2YgdGhlIG1hcA==\n",
		"kind: Secret\nmetadata:\n  name: abcdefgh\ndata:\n  key: <base64>\n  other: |\n",
		"«[masked: token]» token: «[masked: token]»",
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check(table[i], table[i], 0);
}

static void data_of_a_kubernetes_secret_is_masked(void **state)
{
	check("apiVersion: v1\ndata:\n  user: dHJpYWwtdXNlcg== # base64\n  pass: \"aHVudGVyMg==\"\n"
	      "  empty: \"\"\nkind: Secret\nmetadata:\n  name: abcdefgh\n---\nkind: ConfigMap\n"
	      "data:\n  user: dHJpYWwtdXNlcg==\n",
	      "apiVersion: v1\ndata:\n  user: [masked: Kubernetes secret] # base64\n"
	      "  pass: \"[masked: Kubernetes secret]\"\n"
	      "  empty: \"\"\nkind: Secret\nmetadata:\n  name: abcdefgh\n---\nkind: ConfigMap\n"
	      "data:\n  user: dHJpYWwtdXNlcg==\n",
	      2);
	check("kind: Secret\nstringData:\n  url: k3Vb9Qx7Lm\n  name: plain-words\ntype: Opaque\n",
	      "kind: Secret\nstringData:\n  url: [masked: Kubernetes secret]\n"
	      "  name: plain-words\ntype: Opaque\n",
	      1);
	check("{\n  \"kind\": \"Secret\",\n  \"data\": {\n    \"a\": \"dHJpYWwtdXNlcg==\",\n"
	      "    \"b\": \"x\"\n  }\n}",
	      "{\n  \"kind\": \"Secret\",\n  \"data\": {\n    \"a\": \"[masked: Kubernetes "
	      "secret]\",\n"
	      "    \"b\": \"x\"\n  }\n}",
	      1);
	check("kind: Secret\ndata:\n  key: |\n    " KEY_LINE "\n    " KEY_LINE "\n",
	      "kind: Secret\ndata:\n  key: |\n    [masked: Kubernetes secret]\n"
	      "    [masked: Kubernetes secret]\n",
	      2);
}

static void a_document_is_masked_everywhere(void **state)
{
	struct block blocks[] = {
		{.kind = BLOCK_PARAGRAPH, .text = STR("password: S3cr3tP@ssw0rd")},
		{.kind = BLOCK_CODE, .text = STR("plain")},
	};
	struct section section = {.heading = STR("token=a1b2c3d4e5"),
				  .anchor = STR("anchor"),
				  .path = STR("Outer > token=a1b2c3d4e5"),
				  .blocks = blocks,
				  .block_count = 2};
	struct document document = {.title = STR("Title"),
				    .description = STR("pwd: a1b2c3d4e5"),
				    .sections = &section,
				    .section_count = 1};
	struct arena arena;
	struct err err = {ERR_OK, ""};
	uint64_t count = 0;
	arena_init(&arena, alloc_default(), 1 << 16);
	assert_int_equal(secrets_mask_document(&document, &arena, &count, &err), ERR_OK);
	assert_int_equal(count, 3);
	assert_true(str_eq(section.heading, STR("token=[masked: token]")));
	assert_true(str_eq(section.path, STR("Outer > token=[masked: token]")));
	assert_true(str_eq(document.description, STR("pwd: [masked: password]")));
	assert_true(str_eq(blocks[0].text, STR("password: [masked: password]")));
	assert_true(str_eq(blocks[1].text, STR("plain")));
	arena_release(&arena);
}

static void running_out_of_memory_is_an_error(void **state)
{
	struct arena arena;
	struct str out;
	struct err err = {ERR_OK, ""};
	uint64_t count = 0;
	arena_init(&arena, alloc_default(), 8);
	assert_int_equal(secrets_mask(STR("password: S3cr3tP@ssw0rd"), &arena, &out, &count, &err),
			 ERR_LIMIT);
	assert_int_equal(count, 0);
	arena_release(&arena);
}

/* Millions of beginnings of secrets that never end: done at all only if the time is linear. */
static void hostile_text_takes_linear_time(void **state)
{
	static const char *const units[] = {"glpat-",
					    "eyJ-",
					    "eyJaaaaaaaaaaaa.",
					    "token=",
					    "token='",
					    "://a:b",
					    "-----BEGIN PRIVATE KEY-----",
					    "kind: Secret\n---\n",
					    "password: \"",
					    "pypi-a"};
	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		struct buf text;
		struct arena arena;
		struct str out;
		struct err err = {ERR_OK, ""};
		uint64_t count = 0;
		arena_init(&arena, alloc_default(), (size_t)64 << 20);
		buf_init(&text, alloc_default(), (size_t)4 << 20);
		while (text.len < (size_t)2 << 20)
			assert_true(buf_append(&text, str_c(units[u])));
		assert_int_equal(secrets_mask(buf_str(&text), &arena, &out, &count, &err), ERR_OK);
		buf_release(&text);
		arena_release(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_masked),
		cmocka_unit_test(what_only_looks_like_one_stays),
		cmocka_unit_test(data_of_a_kubernetes_secret_is_masked),
		cmocka_unit_test(a_document_is_masked_everywhere),
		cmocka_unit_test(running_out_of_memory_is_an_error),
		cmocka_unit_test(hostile_text_takes_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
