/* SPDX-License-Identifier: Apache-2.0 */
/* The machine in a support bundle: versions, files, disks, and what other programs say. */
#include "config/config.h"
#include "gateway/cli/support.h"
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <gnu/libc-version.h>
#include <grp.h>
#include <limits.h>
#include <link.h>
#include <pwd.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- other programs --- */

static pid_t spawn(const char *command, int out)
{
    char sh[] = "sh", option[] = "-c", text[512];
    char *const argv[] = {sh, option, text, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    snprintf(text, sizeof(text), "%s", command);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int err = posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return err == 0 ? pid : -1;
}

/* What the command prints, if its program is there and has anything to say. */
static void run_command(struct support *s, const char *command)
{
    int ends[2];
    char buf[4096];
    ssize_t n;
    size_t all = 0;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    pid_t pid = spawn(command, ends[1]);
    close(ends[1]);
    while (pid > 0 && (n = read(ends[0], buf, sizeof(buf))) > 0)
        all += fwrite(buf, 1, (size_t)n, s->f);
    close(ends[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    if (all == 0)
        fprintf(s->f, "(nothing from: %s)\n", command);
}

/* --- versions --- */

static int print_library(struct dl_phdr_info *info, size_t size, void *arg)
{
    char path[PATH_MAX];

    (void)size;
    if (info->dlpi_name[0] == '/' && realpath(info->dlpi_name, path))
        fprintf(arg, "  %s\n", path);
    return 0;
}

static void print_release(FILE *f)
{
    FILE *in = fopen("/etc/os-release", "re");
    char line[256];

    while (in && fgets(line, sizeof(line), in)) {
        if (strncmp(line, "PRETTY_NAME=", 12) == 0)
            fprintf(f, "system: %s", line + 12);
    }
    if (in)
        fclose(in);
}

/* A Raspberry Pi says which one it is. */
static void print_model(FILE *f)
{
    FILE *in = fopen("/proc/device-tree/model", "re");
    char model[128] = "";

    if (!in)
        return;
    size_t n = fread(model, 1, sizeof(model) - 1, in);
    model[n] = '\0';
    fprintf(f, "model: %s\n", model);
    fclose(in);
}

void support_versions(struct support *s)
{
    struct utsname u;

    fprintf(s->f, "sensorgw: %s\nbuilt with: %s\nC library: %s\n", SENSORGW_VERSION, __VERSION__,
            gnu_get_libc_version());
    if (uname(&u) == 0)
        fprintf(s->f, "kernel: %s %s %s\nmachine: %s, %ld processors, %ld MB of memory\n",
                u.sysname, u.release, u.version, u.machine, sysconf(_SC_NPROCESSORS_ONLN),
                sysconf(_SC_PHYS_PAGES) / 1024 * sysconf(_SC_PAGESIZE) / 1024);
    print_release(s->f);
    print_model(s->f);
    fputs("libraries:\n", s->f);
    dl_iterate_phdr(print_library, s->f);
    fputs("packages:\n", s->f);
    run_command(s, "timeout 10 dpkg-query -W sensorgw libc6 libcjson1 libmicrohttpd12 libmodbus5 "
                   "libpaho-mqtt1.3 libsqlite3-0 libssl3 libsystemd0 libyaml-0-2");
}

void support_journal(struct support *s)
{
    run_command(s, "timeout 10 systemctl show sensorgw -p "
                   "ActiveState,SubState,Result,NRestarts,ExecMainStatus,UnitFileState");
    run_command(s, "timeout 20 journalctl -u sensorgw -n 300 -o short-iso --no-pager -q");
}

/* --- files --- */

/* A command has one thread. */
static const char *user_name(uid_t id)
{
    const struct passwd *user = getpwuid(id); /* cppcheck-suppress getpwuidCalled */

    return user ? user->pw_name : "?";
}

static const char *group_name(gid_t id)
{
    const struct group *group = getgrgid(id); /* cppcheck-suppress getgrgidCalled */

    return group ? group->gr_name : "?";
}

static void print_file(struct support *s, const char *what, const char *path)
{
    struct stat st;

    if (!path)
        return;
    if (stat(path, &st) != 0) {
        fprintf(s->f, "%-22s %s: %s\n", what, path, strerror(errno));
        return;
    }
    fprintf(s->f, "%-22s %s: %04o %s:%s, %lld bytes\n", what, path, (unsigned)st.st_mode & 07777,
            user_name(st.st_uid), group_name(st.st_gid), (long long)st.st_size);
}

static void print_disk(struct support *s, const char *path)
{
    struct statvfs v;

    if (statvfs(path, &v) != 0) {
        support_cannot(s, path);
        return;
    }
    double mb = (double)v.f_frsize / 1e6;
    fprintf(s->f, "disk of %s: %.0f MB, %.0f MB free, %llu of %llu files free%s\n", path,
            (double)v.f_blocks * mb, (double)v.f_bavail * mb, (unsigned long long)v.f_favail,
            (unsigned long long)v.f_files, v.f_flag & ST_RDONLY ? ", READ-ONLY" : "");
}

static void print_me(struct support *s)
{
    gid_t groups[64];
    int n = getgroups(64, groups);

    fprintf(s->f, "this was run by %s, of the groups", user_name(geteuid()));
    for (int i = 0; i < n; i++)
        fprintf(s->f, " %s", group_name(groups[i]));
    fputc('\n', s->f);
}

static void database_files(struct support *s)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock", ".counters", ".control"};
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", s->database, ends[i]);
        print_file(s, i == 0 ? "database" : "", path);
    }
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0';
    const char *folder = slash ? path : ".";
    print_file(s, "its folder", folder);
    print_disk(s, folder);
}

static void secret_files(struct support *s)
{
    const struct mqtt_section *m = &s->config->mqtt;

    print_file(s, "broker's certificates", m->ca_file);
    print_file(s, "own certificate", m->cert_file);
    print_file(s, "its key", m->key_file);
}

static void serial_ports(struct support *s)
{
    static const char *const patterns[] = {"/dev/ttyUSB*", "/dev/ttyACM*", "/dev/ttyAMA*",
                                           "/dev/serial/by-id/*"};
    glob_t found;

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (glob(patterns[i], 0, NULL, &found) != 0)
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++)
            print_file(s, "serial port", found.gl_pathv[k]);
        globfree(&found);
    }
}

void support_files(struct support *s)
{
    print_me(s);
    print_file(s, "configuration", s->config_path);
    print_file(s, "its folder", s->folder);
    print_file(s, "templates", s->templates);
    print_file(s, "installed templates", config_installed_templates());
    if (s->config)
        secret_files(s);
    if (s->database)
        database_files(s);
    serial_ports(s);
    print_disk(s, "/");
}
