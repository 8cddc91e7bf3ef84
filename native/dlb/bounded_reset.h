#pragma once

#include "../system_error.h"
#include "library.h"

namespace node_dlb::dlb {

// Calls dlb_reset_sched_domain, and waits for it for at most 5 s. Without the bound, it would wait
// for the domain's alert thread for ever if the driver refused to wake that thread. After
// ETIMEDOUT, libdlb may hold the device handle's lock, and nothing may be called with the handle
// any more.
SystemError ResetBounded(const Library& library, abi::DeviceHandle device, int domain);

}  // namespace node_dlb::dlb
