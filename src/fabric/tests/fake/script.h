/* What a fake library is told to do: the lines of the file `script` beside it,
 * read again whenever it has changed.
 *
 *     CALL WHAT [ARGUMENTS]      every time
 *     CALL#3 WHAT [ARGUMENTS]    only the third time since the file was read
 *
 * CALL is getinfo, fabric, eq_open, domain, cq_open, endpoint, enable, send,
 * cq_read, eq_read or close (of the endpoint). WHAT is one of
 *
 *     abort                      abort()
 *     hang                       never returns
 *     slow SECONDS
 *     error ERRNO                answers -ERRNO
 *     leak MIB                   touches so much more memory each second
 *     try WHAT [PATH]            see attempts.c; the outcome goes to stderr
 *     fails ERR PROV_ERRNO       send, cq_read, eq_read: an error entry comes of it
 *     data [NUMBER]              send: with this immediate data, as fi_senddata
 *     as efa                     getinfo: udp;ofi_rxd under the name of efa
 *     is NUMBER                  answers this, for libraries that ask for it
 */
#ifndef SCRIPT_H
#define SCRIPT_H

/* What the library says it is. */
#ifndef FAKE
#define FAKE "libfabric"
#endif

struct line {
	char call[24];
	int only;
	char what[24];
	char argument[160];
	int count;
};

/* The line for this call, or NULL; counts it. */
const struct line *script_line(const char *call);

/* Does what is told for every kind of call; what the call must answer, 0 to go on. */
int script_act(const struct line *line);

/* The folder this library is in. */
const char *script_folder(void);

/* Tries something a sandbox should refuse. */
void attempt(const char *argument);

#endif
