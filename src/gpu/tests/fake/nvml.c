/* A libnvidia-ml.so.1 of H100s that are well, unless the script beside it says
 * otherwise; script.h of the fake libfabric has its words, and here CALL is
 *
 *     init                       nvmlInit; `count is 0` there: the GPUs it finds, 8 else
 *     gpu.3                      anything about GPU 3 (`gpu`: about any)
 *     VALUE.3                    one value of GPU 3 (`VALUE`: of all); `is` sets it, and
 *                                `error 3` says that it is not supported
 *
 * VALUE is each name below that `ask` is called with; fields are `field142` and
 * so on. Errors are nvmlReturn_t: 9 no driver, 15 lost, 16 reset required, 18
 * other versions, 999 unknown. */
#define _GNU_SOURCE
#include "script.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_GPUS 64
#define LINKS 18
#define INVALID_ARGUMENT 2
#define INSUFFICIENT_SIZE 7

typedef unsigned int code;
typedef const char *device;
typedef unsigned long long number;

static const char gpus[MOST_GPUS];
/* As with NVML, what there is at its start is all it ever knows. */
static unsigned count;

static const struct line *own_line(const char *call, unsigned gpu)
{
	char own[24];
	snprintf(own, sizeof own, "%s.%u", call, gpu);
	const struct line *line = script_line(own);
	return line ? line : script_line(call);
}

static code ask(const char *value, device of, number usual, number *told)
{
	unsigned gpu = of - gpus;
	if (gpu >= count)
		return INVALID_ARGUMENT;
	code gone = -script_act(own_line("gpu", gpu));
	if (gone)
		return gone;
	const struct line *line = own_line(value, gpu);
	*told = line && !strcmp(line->what, "is") ? strtoull(line->argument, NULL, 0) : usual;
	return -script_act(line);
}

static code ask_small(const char *value, device of, unsigned usual, unsigned *told)
{
	number wide = 0;
	code answer = ask(value, of, usual, &wide);
	*told = wide;
	return answer;
}

code nvmlInitWithFlags(unsigned flags)
{
	(void)flags;
	code answer = -script_act(script_line("init"));
	const struct line *line = script_line("count");
	count = line && !strcmp(line->what, "is") ? atoi(line->argument) : 8;
	return answer;
}

code nvmlShutdown(void) { return 0; }

code nvmlSystemGetDriverVersion(char *text, unsigned size)
{
	snprintf(text, size, "580.95.05");
	return 0;
}

code nvmlSystemGetNVMLVersion(char *text, unsigned size)
{
	snprintf(text, size, "13.580.95.05");
	return 0;
}

code nvmlDeviceGetCount_v2(unsigned *told)
{
	*told = count;
	return 0;
}

code nvmlDeviceGetHandleByIndex_v2(unsigned index, device *told)
{
	number none;
	*told = gpus + index;
	return ask("handle", *told, 0, &none);
}

struct pci {
	char legacy[16];
	unsigned domain, bus, device, id, subsystem;
	char text[32];
};

code nvmlDeviceGetPciInfo_v3(device of, struct pci *told)
{
	memset(told, 0, sizeof *told);
	code answer = ask_small("bus", of, 0x50 + (of - gpus), &told->bus);
	snprintf(told->text, sizeof told->text, "00000000:%02X:00.0", told->bus);
	return answer;
}

code nvmlDeviceGetUUID(device of, char *text, unsigned size)
{
	number id;
	code answer = ask("uuid", of, of - gpus, &id);
	snprintf(text, size, "GPU-00000000-0000-0000-0000-%012llu", id);
	return answer;
}

code nvmlDeviceGetName(device of, char *text, unsigned size)
{
	number none;
	snprintf(text, size, "NVIDIA H100 80GB HBM3");
	return ask("name", of, 0, &none);
}

code nvmlDeviceGetEccMode(device of, unsigned *now, unsigned *pending)
{
	code answer = ask_small("ecc_mode", of, 1, now);
	*pending = *now;
	return answer;
}

code nvmlDeviceGetTotalEccErrors(device of, unsigned uncorrected, unsigned aggregate, number *told)
{
	static const char *names[2][2] = { { "ecc_corrected", "ecc_corrected_ever" },
					   { "ecc_uncorrected", "ecc_uncorrected_ever" } };
	return ask(names[!!uncorrected][!!aggregate], of, 0, told);
}

/* Before Ampere. */
code nvmlDeviceGetRetiredPagesPendingStatus(device of, unsigned *told)
{
	const struct line *line = own_line("retired_pending", of - gpus);
	code answer = ask_small("retired_pending", of, 0, told);
	return answer || line ? answer : 3;
}

struct field {
	unsigned id, scope;
	long long time, latency;
	unsigned type;
	code answer;
	number value;
};

code nvmlDeviceGetFieldValues(device of, int wanted, struct field *fields)
{
	number none;
	code answer = ask("fields", of, 0, &none);
	for (int i = 0; !answer && i < wanted; i++) {
		char name[24];
		snprintf(name, sizeof name, "field%u", fields[i].id);
		fields[i].type = 1;
		fields[i].answer = ask(name, of, 0, &fields[i].value);
	}
	return answer;
}

code nvmlDeviceGetNvLinkState(device of, unsigned link, unsigned *told)
{
	number links, inactive;
	code answer = ask("links", of, LINKS, &links);
	if (answer)
		return answer;
	answer = ask("inactive_link", of, LINKS, &inactive);
	*told = link != inactive;
	return link < links ? answer : INVALID_ARGUMENT;
}

code nvmlDeviceGetNvLinkErrorCounter(device of, unsigned link, unsigned counter, number *told)
{
	(void)link;
	(void)counter;
	return ask("link_errors", of, 0, told);
}

code nvmlDeviceGetComputeRunningProcesses_v3(device of, unsigned *told, void *list)
{
	(void)list;
	code answer = ask_small("processes", of, 0, told);
	return !answer && *told ? INSUFFICIENT_SIZE : answer;
}

struct memory {
	unsigned version;
	number total, reserved, free, used;
};

code nvmlDeviceGetMemoryInfo_v2(device of, struct memory *told)
{
	told->total = 80ull << 30;
	return ask("memory_used", of, 1 << 30, &told->used);
}

struct utilization {
	unsigned gpu, memory;
};

code nvmlDeviceGetUtilizationRates(device of, struct utilization *told)
{
	return ask_small("utilization", of, 0, &told->gpu);
}

code nvmlDeviceGetTemperature(device of, unsigned sensor, unsigned *told)
{
	(void)sensor;
	return ask_small("temperature", of, 35, told);
}

code nvmlDeviceGetTemperatureThreshold(device of, unsigned kind, unsigned *told)
{
	(void)kind;
	return ask_small("slowdown", of, 87, told);
}

code nvmlDeviceGetCurrentClocksThrottleReasons(device of, number *told)
{
	return ask("throttle", of, 1, told);
}

#define SMALL(function, name, usual) \
	code function(device of, unsigned *told) { return ask_small(name, of, usual, told); }

SMALL(nvmlDeviceGetPersistenceMode, "persistence", 1)
SMALL(nvmlDeviceGetPowerUsage, "power", 70500)
SMALL(nvmlDeviceGetEnforcedPowerLimit, "power_limit", 700000)
SMALL(nvmlDeviceGetCurrPcieLinkGeneration, "generation", 1)
SMALL(nvmlDeviceGetMaxPcieLinkGeneration, "max_generation", 5)
SMALL(nvmlDeviceGetCurrPcieLinkWidth, "width", 16)
SMALL(nvmlDeviceGetMaxPcieLinkWidth, "max_width", 16)
SMALL(nvmlDeviceGetPcieReplayCounter, "replays", 0)
