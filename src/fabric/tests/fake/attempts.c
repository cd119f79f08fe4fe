/* What code that has taken over the worker would try. */
#define _GNU_SOURCE
#include "script.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* By number: the C library may have another way. */
static long forked(long child)
{
	if (child == 0)
		syscall(SYS_exit_group, 0);
	if (child > 0)
		waitpid(child, NULL, 0);
	return child;
}

static long opened(int descriptor)
{
	if (descriptor >= 0)
		close(descriptor);
	return descriptor;
}

static long unix_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
	long outcome = descriptor < 0 ? -1 : connect(descriptor, (struct sockaddr *)&address, sizeof address);
	int error = errno;
	opened(descriptor);
	errno = error;
	return outcome;
}

static long parent_memory(void)
{
	char byte;
	struct iovec here = { &byte, 1 };
	/* Any address: a refusal comes before it is looked at. */
	struct iovec there = { (void *)parent_memory, 1 };
	return process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

static long code_page(void)
{
	void *page = mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page == MAP_FAILED ? -1 : munmap(page, 4096);
}

/* What is written first and run then. */
static long code_file(void)
{
	int descriptor = memfd_create("code", MFD_CLOEXEC);
	if (descriptor < 0)
		return -1;
	void *page = write(descriptor, "code", 4) < 4
			     ? MAP_FAILED
			     : mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0);
	int error = errno;
	opened(descriptor);
	errno = error;
	return page == MAP_FAILED ? -1 : munmap(page, 4096);
}

/* `call` is bind or connect. */
static long tcp(int (*call)(int, const struct sockaddr *, socklen_t), const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int number = 0, one = 1;
	sscanf(port, "%d", &number);
	address.sin_port = htons(number);
	int descriptor = socket(AF_INET, SOCK_STREAM, 0);
	if (descriptor >= 0)
		setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	long outcome = descriptor < 0 ? -1 : call(descriptor, (struct sockaddr *)&address, sizeof address);
	int error = errno;
	opened(descriptor);
	errno = error;
	return outcome;
}

static long make(const char *what, const char *path)
{
	char *none[] = { NULL };
	if (!strcmp(what, "execve"))
		return syscall(SYS_execve, path, none, none);
	if (!strcmp(what, "fork"))
		return forked(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	if (!strcmp(what, "ptrace"))
		/* ESRCH where it is allowed: it was not attached before. */
		return syscall(SYS_ptrace, PTRACE_PEEKDATA, getppid(), NULL, NULL);
	if (!strcmp(what, "unshare"))
		return unshare(CLONE_FS);
	if (!strcmp(what, "read"))
		return opened(open(path, O_RDONLY | O_CLOEXEC));
	if (!strcmp(what, "write"))
		return opened(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (!strcmp(what, "chmod"))
		return chmod(path, 0600);
	/* By number: the headers may be older. */
	if (!strcmp(what, "fchmodat2"))
		return syscall(452, AT_FDCWD, path, 0600, 0);
	if (!strcmp(what, "setxattrat"))
		/* Arguments of no size: EINVAL where it is allowed. */
		return syscall(463, AT_FDCWD, path, 0, "user.x", NULL, 0);
	if (!strcmp(what, "removexattrat"))
		/* No name: EFAULT where it is allowed. */
		return syscall(466, AT_FDCWD, path, 0, NULL);
	if (!strcmp(what, "packet"))
		return opened(socket(AF_PACKET, SOCK_RAW, 0));
	if (!strcmp(what, "vsock"))
		return opened(socket(AF_VSOCK, SOCK_STREAM, 0));
	if (!strcmp(what, "unix"))
		return unix_socket(path);
	if (!strcmp(what, "port"))
		return tcp(bind, path);
	if (!strcmp(what, "connect"))
		return tcp(connect, path);
	if (!strcmp(what, "kill-parent"))
		return kill(getppid(), SIGURG);
	if (!strcmp(what, "parent-memory"))
		return parent_memory();
	if (!strcmp(what, "dumpable"))
		return prctl(PR_SET_DUMPABLE, 1);
	if (!strcmp(what, "code-page"))
		return code_page();
	if (!strcmp(what, "code-file"))
		return code_file();
	if (!strcmp(what, "io-uring"))
		/* Without parameters: EFAULT where it is allowed. */
		return syscall(SYS_io_uring_setup, 1, NULL);
	fprintf(stderr, "fake " FAKE ": no attempt is called %s\n", what);
	_exit(99);
}

void attempt(const char *argument)
{
	char what[32] = "", path[sizeof((struct sockaddr_un *)0)->sun_path] = "";
	sscanf(argument, "%31s %107s", what, path);
	errno = 0;
	long outcome = make(what, path);
	fprintf(stderr, "tried %s: %s\n", argument, outcome < 0 ? strerrorname_np(errno) : "done");
}
