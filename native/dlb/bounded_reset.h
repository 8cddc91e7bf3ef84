#pragma once

#include "../system_error.h"
#include "library.h"

namespace node_dlb::dlb {

// dlb_reset_sched_domain, which waits for the domain's alert thread for ever if the driver refuses
// to wake that: 5 s at most. After ETIMEDOUT libdlb may hold the device handle's lock: nothing may
// be called with that any more.
SystemError ResetBounded(const Library& library, abi::DeviceHandle device, int domain);

}  // namespace node_dlb::dlb
