// What the stand-in has beside libdlb's own symbols. `dlb_sim_version` tells it from the real
// library.
#ifndef DLB_SIM_LIBDLB_SIM_H
#define DLB_SIM_LIBDLB_SIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

// "node-dlb stand-in 1 …": a software model for tests, not the device.
const char* dlb_sim_version(void);

// One command of README.md's table, such as "fail dlb_create_ldb_port 3 EINVAL". 0, or -1 and
// dlb_sim_error().
int dlb_sim_control(const char* command);

// Why the calling thread's last dlb_sim_control failed.
const char* dlb_sim_error(void);

// How often libdlb's rules were broken since the start, or the last dlb_sim_reset.
unsigned dlb_sim_breach_count(void);

// The breaches, a line each, as much as fits with the final zero; returns the length of all, as
// snprintf does.
size_t dlb_sim_breaches(char* buffer, size_t size);

// As after loading: devices fresh, settings from DLB_SIM, breaches forgotten, every handle dead,
// the files of domains removed. For tests, when no other thread is in the library.
int dlb_sim_reset(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
