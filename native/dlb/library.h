#pragma once

#include <string>

#include "abi.h"

namespace node_dlb::dlb {

// The functions of libdlb that the binding calls: X(result, name, arguments). A library that lacks
// one of the first list is not libdlb, or is too old; functions of the second list may be absent.
#define NODE_DLB_FUNCTIONS(X)                                                          \
  X(int, open, (int, abi::DeviceHandle*))                                              \
  X(int, close, (abi::DeviceHandle))                                                   \
  X(int, get_dev_capabilities, (abi::DeviceHandle, abi::Capabilities*))                \
  X(int, get_num_resources, (abi::DeviceHandle, abi::Resources*))                      \
  X(int, get_ldb_sequence_number_allocation, (abi::DeviceHandle, unsigned, unsigned*)) \
  X(int, set_ldb_sequence_number_allocation, (abi::DeviceHandle, unsigned, unsigned))  \
  X(int, get_ldb_sequence_number_occupancy, (abi::DeviceHandle, unsigned, unsigned*))  \
  X(int, get_num_ldb_sequence_number_groups, (abi::DeviceHandle))                      \
  X(int, create_sched_domain, (abi::DeviceHandle, abi::CreateDomain*))                 \
  X(abi::DomainHandle, attach_sched_domain, (abi::DeviceHandle, int))                  \
  X(int, detach_sched_domain, (abi::DomainHandle))                                     \
  X(int, reset_sched_domain, (abi::DeviceHandle, int))                                 \
  X(int, create_ldb_credit_pool, (abi::DomainHandle, int))                             \
  X(int, create_dir_credit_pool, (abi::DomainHandle, int))                             \
  X(int, create_ldb_queue, (abi::DomainHandle, abi::CreateQueue*))                     \
  X(int, create_dir_queue, (abi::DomainHandle, int))                                   \
  X(int, create_ldb_port, (abi::DomainHandle, abi::CreatePort*))                       \
  X(int, create_dir_port, (abi::DomainHandle, abi::CreatePort*, int))                  \
  X(abi::PortHandle, attach_ldb_port, (abi::DomainHandle, int))                        \
  X(abi::PortHandle, attach_dir_port, (abi::DomainHandle, int))                        \
  X(int, detach_port, (abi::PortHandle))                                               \
  X(int, link_queue, (abi::PortHandle, int, int))                                      \
  X(int, unlink_queue, (abi::PortHandle, int))                                         \
  X(int, enable_cq_epoll, (abi::PortHandle, bool, int))                                \
  X(int, launch_domain_alert_thread, (abi::DomainHandle, abi::AlertCallback, void*))   \
  X(int, start_sched_domain, (abi::DomainHandle))                                      \
  X(int, send, (abi::PortHandle, uint32_t, abi::Event*))                               \
  X(int, forward, (abi::PortHandle, uint32_t, abi::Event*))                            \
  X(int, release, (abi::PortHandle, uint32_t))                                         \
  X(int, pop_cq, (abi::PortHandle, uint32_t))                                          \
  X(int, recv, (abi::PortHandle, uint32_t, bool, abi::Event*))                         \
  X(int, recv_no_pop, (abi::PortHandle, uint32_t, bool, abi::Event*))                  \
  X(int, enable_port, (abi::PortHandle))                                               \
  X(int, disable_port, (abi::PortHandle))                                              \
  X(int, enable_port_sched, (abi::PortHandle))                                         \
  X(int, disable_port_sched, (abi::PortHandle))

#define NODE_DLB_OPTIONAL_FUNCTIONS(X)                                                                 \
  X(int, adv_create_sched_domain, (abi::DeviceHandle, abi::CreateDomain*, abi::CreateDomainAdvanced*)) \
  X(int, create_credit_pool, (abi::DomainHandle, int))                                                 \
  X(int, enable_cq_weight, (abi::PortHandle))                                                          \
  X(int, set_wait_profile, (abi::PortHandle, uint32_t, abi::WaitProfile))                              \
  X(int, get_wait_profile, (abi::PortHandle, uint32_t, abi::WaitProfile*))                             \
  X(int, get_min_ldb_sequence_number_allocation, (abi::DeviceHandle))                                  \
  X(int, adv_send, (abi::PortHandle, uint32_t, abi::Event*))                                           \
  X(int, get_xstats, (abi::DeviceHandle, uint32_t, uint32_t, uint64_t*))                               \
  X(int64_t, adv_read_queue_depth_counter, (abi::DomainHandle, int, bool, uint32_t))                   \
  X(int, adv_reset_queue_depth_counter, (abi::DomainHandle, int, bool, uint32_t))

// libdlb, found at run time. It is never unloaded, because its threads outlive the objects that
// they were made for. Thread: any; the struct does not change.
struct Library {
  std::string path;
  // The library is the stand-in for tests (native/sim), and there is no device behind it.
  bool stand_in = false;
#define NODE_DLB_MEMBER(result, name, arguments) result(*name) arguments = nullptr;
  NODE_DLB_FUNCTIONS(NODE_DLB_MEMBER)
  NODE_DLB_OPTIONAL_FUNCTIONS(NODE_DLB_MEMBER)
#undef NODE_DLB_MEMBER
};

// Loads a library by path, or by a name that dlopen(3) resolves. The same file gives the same
// object. On failure it returns null and describes in `problem`, in one sentence, what is missing.
const Library* LoadLibrary(const std::string& name, std::string* problem);

}  // namespace node_dlb::dlb
