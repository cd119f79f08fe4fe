#define _GNU_SOURCE
#include "script.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINES 32

/* One thread calls libfabric, so nothing here is locked. */
static struct line lines[MAX_LINES];
static int line_count;
static struct timespec changed;
static ino_t inode;

const char *script_folder(void)
{
	static char folder[PATH_MAX];
	Dl_info here;
	if (!*folder && dladdr((void *)script_folder, &here)) {
		snprintf(folder, sizeof folder, "%s", here.dli_fname);
		char *slash = strrchr(folder, '/');
		if (slash)
			*slash = 0;
	}
	return folder;
}

static void read_again(const char *path)
{
	FILE *file = fopen(path, "re");
	char text[256];
	line_count = 0;
	while (file && line_count < MAX_LINES && fgets(text, sizeof text, file)) {
		struct line *line = &lines[line_count];
		memset(line, 0, sizeof *line);
		if (sscanf(text, "%23[^# ]#%d %23s %159[^\n]", line->call, &line->only, line->what, line->argument) >= 3 ||
		    sscanf(text, "%23s %23s %159[^\n]", line->call, line->what, line->argument) >= 2)
			line_count++;
	}
	if (file)
		fclose(file);
}

const struct line *script_line(const char *call)
{
	char path[PATH_MAX + 8];
	struct stat now = { 0 };
	snprintf(path, sizeof path, "%s/script", script_folder());
	if (stat(path, &now))
		line_count = 0;
	else if (now.st_ino != inode || memcmp(&now.st_mtim, &changed, sizeof changed))
		read_again(path);
	inode = now.st_ino;
	changed = now.st_mtim;
	const struct line *found = NULL;
	for (int i = 0; i < line_count; i++) {
		if (strcmp(lines[i].call, call))
			continue;
		lines[i].count++;
		if (!found && (!lines[i].only || lines[i].only == lines[i].count))
			found = &lines[i];
	}
	return found;
}

static void leak(double mib_per_second)
{
	static double last;
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	double now = time.tv_sec + time.tv_nsec / 1e9;
	size_t bytes = last ? (now - last) * mib_per_second * (1 << 20) : 0;
	/* Small pieces would be spent on malloc's own book-keeping. */
	if (last && bytes < 1 << 20)
		return;
	last = now;
	/* Where the compiler cannot see that nobody reads it. */
	static void *volatile lost;
	lost = malloc(bytes);
	if (lost)
		memset(lost, 1, bytes);
}

int script_act(const struct line *line)
{
	if (!line)
		return 0;
	if (!strcmp(line->what, "abort")) {
		fprintf(stderr, "fake " FAKE ": %s aborts\n", line->call);
		abort();
	}
	if (!strcmp(line->what, "hang")) {
		fprintf(stderr, "fake " FAKE ": %s hangs\n", line->call);
		for (;;)
			pause();
	}
	if (!strcmp(line->what, "slow"))
		sleep(atoi(line->argument));
	if (!strcmp(line->what, "leak"))
		leak(atof(line->argument));
	if (!strcmp(line->what, "try"))
		attempt(line->argument);
	return strcmp(line->what, "error") ? 0 : -atoi(line->argument);
}
