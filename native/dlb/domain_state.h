#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "library.h"
#include "lookout.h"

namespace node_dlb::dlb {

// What a domain's ports share, and look at for every batch.
// Thread: any. Ownership: shared by the domain and its ports.
struct DomainState {
  enum Target : uint8_t { kUnknown = 0, kFits = 1, kWrongType = 2 };

  const Library* library;
  std::atomic<bool> started{false};
  // The device says that it was reset, and the ports confirm it.
  std::atomic<bool> device_was_reset{false};

  // An index of `targets`: (scheduling type << 8) | queue id, the event's two bytes as they are. It
  // is less than 1024.
  static size_t TargetOf(const abi::Event& event) {
    uint16_t bytes = 0;
    std::memcpy(&bytes, &event.queue, sizeof bytes);
    return bytes & 0x3ff;
  }
  // By TargetOf. Written before `started` is, and never after; libdlb itself looks ids up in a
  // table that is too short for a byte.
  std::array<uint8_t, 1024> targets{};

  // The contract's bound on all queued events. libdlb's pools cannot be it: ports take credits from
  // them 32 at a time and keep up to 96. So the pools get 96 more for each port, and this is the
  // count: one locked addition for each batch. It may be below 0 for an instant, while a sender
  // finds out that it asked for too much.
  alignas(64) std::atomic<int64_t> credits_free{0};
  // The bound itself.
  int64_t credits = 0;

  Lookout lookout{this};
};

}  // namespace node_dlb::dlb
