// The stand-in's functions beside libdlb's own. `dlb_sim_version` tells it from the real library.
#ifndef DLB_SIM_LIBDLB_SIM_H
#define DLB_SIM_LIBDLB_SIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

// "node-dlb stand-in 1 …": a software model for tests, not the device.
const char* dlb_sim_version(void);

// Runs one command of README.md's table, such as "fail dlb_create_ldb_port 3 EINVAL". Returns 0, or
// -1; dlb_sim_error() tells why.
int dlb_sim_control(const char* command);

// Why the calling thread's last dlb_sim_control failed.
const char* dlb_sim_error(void);

// The number of breaches of libdlb's rules since the start, or the last dlb_sim_reset.
unsigned dlb_sim_breach_count(void);

// Writes the breaches, one per line, up to the space in the buffer for them and the final zero.
// Returns the length of all, like snprintf.
size_t dlb_sim_breaches(char* buffer, size_t size);

// Restores the state after loading: fresh devices, the settings of DLB_SIM, and no breaches; every
// handle is dead, and the files of domains are removed. For tests, when no other thread is in the
// library.
int dlb_sim_reset(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
