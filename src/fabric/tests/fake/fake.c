/* A libfabric.so.1 that fails when its script says so (script.h), and is the
 * real library otherwise: it opens `real.so` beside it, or else the loader's
 * libfabric.so.1, and puts copies of its tables of functions into the objects
 * it passes on. What a table has beyond libfabric 1.17's headers is copied as
 * it is; every table begins with its size.
 */
#define _GNU_SOURCE
#include "script.h"
#include <arpa/inet.h>
#include <dlfcn.h>
#include <limits.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *real(const char *name, const char *version)
{
	static void *library;
	char path[PATH_MAX];
	if (!library) {
		snprintf(path, sizeof path, "%s/real.so", script_folder());
		library = dlopen(access(path, R_OK) ? "libfabric.so.1" : path, RTLD_NOW | RTLD_LOCAL);
	}
	void *function = library ? dlvsym(library, name, version) : NULL;
	if (!function) {
		fprintf(stderr, "fake libfabric: no real %s: %s\n", name, dlerror());
		_exit(98);
	}
	return function;
}

/* A table of our own in place of the object's, in front of the one it stands for. */
struct table {
	void *real;
	/* Of an endpoint, the queue that is told of its sends. */
	void *queue;
	char copy[];
};

static void *instead(void *original)
{
	size_t size = *(size_t *)original;
	struct table *table = calloc(1, sizeof *table + size);
	if (!table)
		abort();
	table->real = original;
	memcpy(table->copy, original, size);
	return table->copy;
}

static struct table *table_of(void *ops)
{
	return (struct table *)((char *)ops - offsetof(struct table, copy));
}

/* The table that the one of ours in use stands for. */
#define REAL(ops) ((__typeof__(ops))table_of(ops)->real)

/* Errors that the next reads of queues must tell, the oldest first. */
#define MAX_ERRORS 1024
static struct entry {
	void *queue, *context;
	int err, prov_errno;
} errors[MAX_ERRORS];
static int error_count;

/* Takes in an error for this queue if the line tells of one. */
static int fails(const struct line *line, void *queue, void *context)
{
	struct entry entry = { .queue = queue, .context = context };
	if (!line || strcmp(line->what, "fails") || error_count == MAX_ERRORS)
		return 0;
	sscanf(line->argument, "%d %d", &entry.err, &entry.prov_errno);
	errors[error_count++] = entry;
	return 1;
}

/* The first error of this queue, or NULL. */
static struct entry *first(void *queue)
{
	for (int i = 0; i < error_count; i++)
		if (errors[i].queue == queue)
			return &errors[i];
	return NULL;
}

static struct entry taken(struct entry *entry)
{
	struct entry copy = *entry;
	error_count--;
	memmove(entry, entry + 1, (errors + error_count - entry) * sizeof *entry);
	return copy;
}

static ssize_t eq_read(struct fid_eq *eq, uint32_t *event, void *buffer, size_t length, uint64_t flags)
{
	const struct line *line = script_line("eq_read");
	int error = script_act(line);
	if (error)
		return error;
	fails(line, eq, NULL);
	return first(eq) ? -FI_EAVAIL : REAL(eq->ops)->read(eq, event, buffer, length, flags);
}

static ssize_t eq_readerr(struct fid_eq *eq, struct fi_eq_err_entry *buffer, uint64_t flags)
{
	if (!first(eq))
		return REAL(eq->ops)->readerr(eq, buffer, flags);
	struct entry entry = taken(first(eq));
	*buffer = (struct fi_eq_err_entry){ .fid = &eq->fid, .err = entry.err, .prov_errno = entry.prov_errno };
	return sizeof *buffer;
}

static ssize_t cq_read(struct fid_cq *cq, void *buffer, size_t count)
{
	const struct line *line = script_line("cq_read");
	int error = script_act(line);
	if (error)
		return error;
	fails(line, cq, NULL);
	return first(cq) ? -FI_EAVAIL : REAL(cq->ops)->read(cq, buffer, count);
}

static ssize_t cq_readerr(struct fid_cq *cq, struct fi_cq_err_entry *buffer, uint64_t flags)
{
	if (!first(cq))
		return REAL(cq->ops)->readerr(cq, buffer, flags);
	struct entry entry = taken(first(cq));
	*buffer = (struct fi_cq_err_entry){
		.op_context = entry.context,
		.flags = FI_MSG | FI_SEND,
		.err = entry.err,
		.prov_errno = entry.prov_errno,
	};
	return 1;
}

static const char *cq_strerror(struct fid_cq *cq, int prov_errno, const void *data, char *buffer, size_t length)
{
	(void)cq, (void)data;
	snprintf(buffer, length, "fake error %d", prov_errno);
	return buffer;
}

/* As EFA's: taken now, told as failed later. */
static ssize_t ep_send(struct fid_ep *ep, const void *buffer, size_t length, void *descriptor, fi_addr_t to,
		       void *context)
{
	const struct line *line = script_line("send");
	int error = script_act(line);
	if (error || fails(line, table_of(ep->fid.ops)->queue, context))
		return error;
	if (line && !strcmp(line->what, "data"))
		return REAL(ep->msg)->senddata(ep, buffer, length, descriptor, strtoull(line->argument, NULL, 0), to, context);
	return REAL(ep->msg)->send(ep, buffer, length, descriptor, to, context);
}

static int ep_close(struct fid *fid)
{
	int error = script_act(script_line("close"));
	return error ? error : REAL(fid->ops)->close(fid);
}

static int ep_bind(struct fid *fid, struct fid *other, uint64_t flags)
{
	if (other->fclass == FI_CLASS_CQ && flags & FI_TRANSMIT)
		table_of(fid->ops)->queue = other;
	return REAL(fid->ops)->bind(fid, other, flags);
}

static int ep_control(struct fid *fid, int command, void *argument)
{
	int error = command == FI_ENABLE ? script_act(script_line("enable")) : 0;
	return error ? error : REAL(fid->ops)->control(fid, command, argument);
}

/* The real names in place of efa's while the real library looks at an info. */
struct names {
	char *provider, *fabric;
};
static struct names efa_stands_for;

static struct names rename_to(struct fi_fabric_attr *attr, struct names names)
{
	struct names before = { attr->prov_name, attr->name };
	if (efa_stands_for.provider) {
		attr->prov_name = names.provider;
		attr->name = names.fabric;
	}
	return before;
}

static int domain_endpoint(struct fid_domain *domain, struct fi_info *info, struct fid_ep **ep, void *context)
{
	int error = script_act(script_line("endpoint"));
	if (error)
		return error;
	struct names told = rename_to(info->fabric_attr, efa_stands_for);
	error = REAL(domain->ops)->endpoint(domain, info, ep, context);
	rename_to(info->fabric_attr, told);
	if (error)
		return error;
	struct fi_ops *ops = (*ep)->fid.ops = instead((*ep)->fid.ops);
	ops->close = ep_close;
	ops->bind = ep_bind;
	ops->control = ep_control;
	struct fi_ops_msg *msg = (*ep)->msg = instead((*ep)->msg);
	msg->send = ep_send;
	return 0;
}

static int domain_cq_open(struct fid_domain *domain, struct fi_cq_attr *attr, struct fid_cq **cq, void *context)
{
	int error = script_act(script_line("cq_open"));
	if (!error)
		error = REAL(domain->ops)->cq_open(domain, attr, cq, context);
	if (error)
		return error;
	struct fi_ops_cq *ops = (*cq)->ops = instead((*cq)->ops);
	ops->read = cq_read;
	ops->readerr = cq_readerr;
	ops->strerror = cq_strerror;
	return 0;
}

static int fabric_domain(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain, void *context)
{
	int error = script_act(script_line("domain"));
	if (error)
		return error;
	struct names told = rename_to(info->fabric_attr, efa_stands_for);
	error = REAL(fabric->ops)->domain(fabric, info, domain, context);
	rename_to(info->fabric_attr, told);
	if (error)
		return error;
	struct fi_ops_domain *ops = (*domain)->ops = instead((*domain)->ops);
	ops->cq_open = domain_cq_open;
	ops->endpoint = domain_endpoint;
	return 0;
}

static int fabric_eq_open(struct fid_fabric *fabric, struct fi_eq_attr *attr, struct fid_eq **eq, void *context)
{
	int error = script_act(script_line("eq_open"));
	if (!error)
		error = REAL(fabric->ops)->eq_open(fabric, attr, eq, context);
	if (error)
		return error;
	struct fi_ops_eq *ops = (*eq)->ops = instead((*eq)->ops);
	ops->read = eq_read;
	ops->readerr = eq_readerr;
	return 0;
}

int fi_fabric(struct fi_fabric_attr *attr, struct fid_fabric **fabric, void *context)
{
	int (*open)(struct fi_fabric_attr *, struct fid_fabric **, void *) = real("fi_fabric", "FABRIC_1.1");
	int error = script_act(script_line("fabric"));
	if (error)
		return error;
	struct names told = rename_to(attr, efa_stands_for);
	error = open(attr, fabric, context);
	rename_to(attr, told);
	if (error)
		return error;
	struct fi_ops_fabric *ops = (*fabric)->ops = instead((*fabric)->ops);
	ops->domain = fabric_domain;
	ops->eq_open = fabric_eq_open;
	return 0;
}

typedef int getinfo(uint32_t, const char *, const char *, uint64_t, const struct fi_info *, struct fi_info **);

/* UDP on loopback, told as efa; the sandbox lets efa have no TCP. */
static int efa_getinfo(getinfo *ask, uint32_t version, const struct fi_info *hints, struct fi_info **list)
{
	char udp[] = "udp;ofi_rxd", *efa = hints->fabric_attr->prov_name;
	hints->fabric_attr->prov_name = udp;
	int error = ask(version, "127.0.0.1", NULL, FI_SOURCE | FI_NUMERICHOST, hints, list);
	hints->fabric_attr->prov_name = efa;
	if (error)
		return error;
	/* One entry is enough, and one pair of names. */
	struct fi_fabric_attr *attr = (*list)->fabric_attr;
	if ((*list)->next)
		fi_freeinfo((*list)->next);
	(*list)->next = NULL;
	efa_stands_for = (struct names){ attr->prov_name, attr->name };
	attr->prov_name = strdup("efa");
	attr->name = strdup("efa");
	return 0;
}

int fi_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags, const struct fi_info *hints,
	       struct fi_info **list)
{
	getinfo *ask = real("fi_getinfo", "FABRIC_1.3");
	const struct line *line = script_line("getinfo");
	int error = script_act(line);
	if (error)
		return error;
	if (line && !strcmp(line->what, "as"))
		return efa_getinfo(ask, version, hints, list);
	return ask(version, node, service, flags, hints, list);
}

struct fi_info *fi_dupinfo(const struct fi_info *info)
{
	return ((struct fi_info *(*)(const struct fi_info *))real("fi_dupinfo", "FABRIC_1.3"))(info);
}

void fi_freeinfo(struct fi_info *info)
{
	((void (*)(struct fi_info *))real("fi_freeinfo", "FABRIC_1.3"))(info);
}

uint32_t fi_version(void)
{
	return ((uint32_t(*)(void))real("fi_version", "FABRIC_1.0"))();
}

const char *fi_strerror(int errnum)
{
	return ((const char *(*)(int))real("fi_strerror", "FABRIC_1.0"))(errnum);
}
