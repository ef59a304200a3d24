/* SPDX-License-Identifier: Apache-2.0 */
#include "config/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static char *redacted(struct redact *r, const char *text)
{
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);

    redact_yaml(r, text, strlen(text), "/etc", f);
    fclose(f);
    return out;
}

static void yaml_is_shown_without_its_secrets(void **state)
{
    static const struct {
        const char *name, *text, *shown;
    } cases[] = {
        {"plain values stay", "a: 1\nlist: [x, 'y z']\n", "a: 1\nlist: [x, 'y z']\n"},
        {"a password", "mqtt:\n  password: hunter2\n  port: 1\n",
         "mqtt:\n  password: [removed]\n  port: 1\n"},
        {"quoted", "password: \"hun # ter2\" \nx: 1\n", "password: [removed] \nx: 1\n"},
        {"in a flow map", "{url: x, Token: hunter2, n: 1}", "{url: x, Token: [removed], n: 1}"},
        {"over some lines, which keep their numbers", "password: |\n  hunter2\n  more\nx: 1\n",
         "password: [removed]\n\n\nx: 1\n"},
        {"a list of them", "tokens:\n  - hunter2\n  - hunter3\nx: 1\n",
         "tokens:\n  - [removed]\n  - [removed]\nx: 1\n"},
        {"a map of them", "credentials: {anna: hunter2}\nx: 1\n",
         "credentials: {[removed]: [removed]}\nx: 1\n"},
        {"an anchored one and what refers to it", "password: &p hunter2\nagain: *p\n",
         "password: [removed]\nagain: *p\n"},
        {"words of their own", "mqttPassword: a\napi_key: b\nuser: c\nbypass: d\ndrive-pwd: e\n",
         "mqttPassword: [removed]\napi_key: [removed]\nuser: [removed]\nbypass: d\ndrive-pwd: "
         "[removed]\n"},
        {"a user in a URL", "url: mqtt://anna:hun@ter2@host:1883/x\n",
         "url: mqtt://[removed]@host:1883/x\n"},
        {"comments", "a: 1 # hunter2\n# hunter3\nb: x#y\n", "a: 1 \n\nb: x#y\n"},
        {"a comment after a list", "- a\n- b\n  # hunter2\n", "- a\n- b\n  \n"},
        {"characters of several bytes", "unit: °C # °°\npassword: ü€\nx: ✓\n",
         "unit: °C \npassword: [removed]\nx: ✓\n"},
        {"a file that is there", "password_file: passwd\n", "password_file: passwd\n"},
        {"a file in a folder that is there", "token_file: /etc/is-not-there\n",
         "token_file: /etc/is-not-there\n"},
        {"a file in a folder of the environment", "key_file: ${DIR}/key\n",
         "key_file: ${DIR}/key\n"},
        {"a secret in place of a file's name", "password_file: hunter2\n",
         "password_file: [removed]\n"},
        {"a secret that looks like a path", "password_file: /hunter2/x\n",
         "password_file: [removed]\n"},
        {"an empty value", "password:\nx: 1\n", "password:\nx: 1\n"},
        {"an empty file", "", ""},
        {"what is no YAML", "a: 1\npassword: hunter2\nb: [1\nc: hunter2\n",
         "a: 1\npassword: [removed]\nb: [1\nc\n[the rest is left out: it is no YAML, so what is "
         "secret "
         "cannot be told]\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct redact r = {0};
        char *shown = redacted(&r, cases[i].text);
        if (strcmp(shown, cases[i].shown) != 0)
            fail_msg("%s: shown is\n%s", cases[i].name, shown);
        free(shown);
        redact_fini(&r);
    }
}

static void secrets_of_the_file_are_removed_from_every_text(void **state)
{
    (void)state;
    struct redact r = {0};
    char *out = NULL;
    size_t size;

    free(redacted(
        &r, "mqtt: {username: anna, password: hunter2}\nhttp: {token: hunter2more, pin: 12}"));
    FILE *f = open_memstream(&out, &size);
    redact_text(&r, "anna sent 'hunter2' or hunter2more, not hunter or 12\n", f);
    fclose(f);
    assert_string_equal(out, "anna sent '[removed]' or [removed], not hunter or 12\n");
    free(out);
    redact_fini(&r);
}

static void text_loses_what_looks_like_a_secret(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"to mqtts://anna:pw@host:1 and http://host/x\n",
         "to mqtts://[removed]@host:1 and http://host/x\n"},
        {"GET /?token=hunter2&x=1 HTTP\n", "GET /?token=[removed]&x=1 HTTP\n"},
        {"PASSWORD=hunter2\n", "PASSWORD=[removed]\n"},
        {"queue=3 passed=4\n", "queue=3 passed=4\n"},
        {"http.token_file: cannot read\n", "http.token_file: cannot read\n"},
        {"no newline mqtt://u@h", "no newline mqtt://[removed]@h"},
    };
    const struct redact none = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *out = NULL;
        size_t size;
        FILE *f = open_memstream(&out, &size);
        redact_text(&none, cases[i].text, f);
        fclose(f);
        assert_string_equal(out, cases[i].shown);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_is_shown_without_its_secrets),
        cmocka_unit_test(secrets_of_the_file_are_removed_from_every_text),
        cmocka_unit_test(text_loses_what_looks_like_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
