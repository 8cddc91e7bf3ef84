#pragma once

#include <cstddef>
#include <cstdint>

// libdlb 8.8's C ABI on x86-64 Linux, declared from measured facts, so that the build needs no file
// of Intel's. The names are this project's; the comments give libdlb's. All argument structs are
// zeroed before they are filled, because fields that a version does not know, and unused parts of
// unions, must not hold arbitrary values.
namespace node_dlb::dlb::abi {

using DeviceHandle = void*;
using DomainHandle = void*;
using PortHandle = void*;

// dlb_dev_cap_t: a word of flags.
struct Capabilities {
  uint64_t flags;
};
enum CapabilityBit : uint64_t {
  kFlowIdOnReceive = 1u << 0,
  kPortClassOfService = 1u << 1,
  kQueueDepthThreshold = 1u << 2,
  kLockIdCompression = 1u << 3,
  kCombinedCredits = 1u << 4,
  kEventWeight = 1u << 5,
  kEventFragments = 1u << 6,
};

struct SeparateCredits {
  uint32_t ldb_credits;
  uint32_t max_contiguous_ldb_credits;
  uint32_t dir_credits;
  uint32_t max_contiguous_dir_credits;
  uint32_t ldb_pools;
  uint32_t dir_pools;
};
struct CombinedCredits {
  uint32_t credits;
  uint32_t pools;
};

// dlb_resources_t
struct Resources {
  uint32_t domains;
  uint32_t ldb_queues;
  uint32_t ldb_ports;
  uint32_t ldb_ports_per_class[4];
  uint32_t dir_ports;
  uint32_t event_state_entries;
  uint32_t max_contiguous_event_state_entries;
  union {
    SeparateCredits separate;
    CombinedCredits combined;
  };
  uint32_t sequence_number_slots[2];
};

// dlb_create_sched_domain_t
struct CreateDomain {
  uint32_t ldb_queues;
  uint32_t ldb_ports;
  uint32_t dir_ports;
  uint32_t event_state_entries;
  uint32_t sequence_number_slots[2];
  union {
    struct {
      uint32_t ldb_credits;
      uint32_t dir_credits;
      uint32_t ldb_pools;
      uint32_t dir_pools;
    } separate;
    CombinedCredits combined;
  };
  uint64_t producer_coremask[2];
};

// dlb_adv_create_sched_domain_t: ports of each class of service, in addition to `ldb_ports`.
struct CreateDomainAdvanced {
  uint32_t ldb_ports_per_class[4];
};

// dlb_create_ldb_queue_t
struct CreateQueue {
  uint32_t sequence_numbers;
  uint32_t lock_id_compression;
};

// dlb_create_port_t
struct CreatePort {
  union {
    struct {
      uint32_t ldb_pool;
      uint32_t dir_pool;
    } separate;
    uint32_t pool;
  };
  uint16_t cq_depth;
  uint32_t event_state_entries;
  union {
    uint32_t class_of_service;
    bool is_producer;
  };
};
constexpr uint32_t kAnyClass = 4;

// dlb_event_t, with the layout of dlb_send_t and dlb_recv_t; lib/device/event-buffer.ts documents
// the bytes.
struct alignas(8) Event {
  uint64_t data64;
  uint16_t data16;
  uint8_t queue;
  uint8_t target;  // scheduling type in bits 0-1, priority in bits 2-4
  uint16_t flow_id;
  uint8_t weight;
  uint8_t command;  // written by send; of a received event, bit 5 says that it is damaged
};

enum SchedulingType : uint8_t { kAtomic = 0, kUnordered = 1, kOrdered = 2, kDirected = 3 };
// The low bit returns a token, the next completes an event.
enum Command : uint8_t {
  kNoop = 0,
  kReturnTokens = 1,
  kRelease = 2,
  kNew = 8,
  kForward = 10,
  kFragment = 12,
};

enum WaitType : uint32_t { kInterrupt = 0, kLowPower = 1, kHardPoll = 2, kSleepPoll = 3 };
// dlb_wait_profile_t; passed by value.
struct WaitProfile {
  uint32_t type;
  uint64_t timeout_ns;
  uint64_t sleep_ns;
};

enum AlertId : uint32_t { kDeviceReset = 0, kDomainReset = 1, kCqWatchdog = 2 };
// dlb_alert_t
struct Alert {
  uint32_t id;
  uint64_t data;
};
using AlertCallback = void (*)(Alert*, int domain_id, void* context);

// The types of dlb_get_xstats.
enum Statistic : uint32_t {
  kQueueAtomic = 0x10002,
  kQueueEnqueued = 0x10006,
  kLdbPortDepth = 0x20000,
  kLdbPortInFlight = 0x20003,
  kDirPortDepth = 0x30001,
  kDirQueueEnqueued = 0x30003,
};

#define NODE_DLB_LAYOUT(type, size, align) static_assert(sizeof(type) == size && alignof(type) == align, #type)
#define NODE_DLB_AT(type, field, at) static_assert(offsetof(type, field) == at, #type "." #field)

NODE_DLB_LAYOUT(Capabilities, 8, 8);
NODE_DLB_LAYOUT(Resources, 72, 4);
NODE_DLB_AT(Resources, ldb_ports_per_class, 12);
NODE_DLB_AT(Resources, dir_ports, 28);
NODE_DLB_AT(Resources, max_contiguous_event_state_entries, 36);
NODE_DLB_AT(Resources, separate, 40);
NODE_DLB_AT(Resources, combined, 40);
NODE_DLB_AT(SeparateCredits, dir_pools, 20);
NODE_DLB_AT(Resources, sequence_number_slots, 64);
NODE_DLB_LAYOUT(CreateDomain, 56, 8);
NODE_DLB_AT(CreateDomain, event_state_entries, 12);
NODE_DLB_AT(CreateDomain, sequence_number_slots, 16);
NODE_DLB_AT(CreateDomain, separate, 24);
NODE_DLB_AT(CreateDomain, combined, 24);
NODE_DLB_AT(CreateDomain, producer_coremask, 40);
NODE_DLB_LAYOUT(CreateDomainAdvanced, 16, 4);
NODE_DLB_LAYOUT(CreateQueue, 8, 4);
NODE_DLB_LAYOUT(CreatePort, 20, 4);
NODE_DLB_AT(CreatePort, cq_depth, 8);
NODE_DLB_AT(CreatePort, event_state_entries, 12);
NODE_DLB_AT(CreatePort, class_of_service, 16);
NODE_DLB_AT(CreatePort, is_producer, 16);
NODE_DLB_LAYOUT(Event, 16, 8);
NODE_DLB_AT(Event, data16, 8);
NODE_DLB_AT(Event, queue, 10);
NODE_DLB_AT(Event, target, 11);
NODE_DLB_AT(Event, flow_id, 12);
NODE_DLB_AT(Event, weight, 14);
NODE_DLB_AT(Event, command, 15);
NODE_DLB_LAYOUT(WaitProfile, 24, 8);
NODE_DLB_AT(WaitProfile, timeout_ns, 8);
NODE_DLB_AT(WaitProfile, sleep_ns, 16);
NODE_DLB_LAYOUT(Alert, 16, 8);
NODE_DLB_AT(Alert, data, 8);
static_assert(sizeof(void*) == 8 && sizeof(bool) == 1, "x86-64");

#undef NODE_DLB_LAYOUT
#undef NODE_DLB_AT

}  // namespace node_dlb::dlb::abi
