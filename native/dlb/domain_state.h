#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "library.h"
#include "lookout.h"

namespace node_dlb::dlb {

// The state that a domain's ports share, and that they read for every batch. Thread: any.
// Ownership: shared by the domain and its ports.
struct DomainState {
  enum Target : uint8_t { kUnknown = 0, kFits = 1, kWrongType = 2 };

  const Library* library;
  std::atomic<bool> started{false};
  // The device reports that it was reset, and the ports confirm it.
  std::atomic<bool> device_was_reset{false};

  // An index into `targets`, below 1024: (scheduling type << 8) | queue id, which are two bytes of
  // the event.
  static size_t TargetOf(const abi::Event& event) {
    uint16_t bytes = 0;
    std::memcpy(&bytes, &event.queue, sizeof bytes);
    return bytes & 0x3ff;
  }
  // The Target of each index from TargetOf. Written before `started` is set, and never after.
  // libdlb itself looks ids up in a table that is too short for a byte.
  std::array<uint8_t, 1024> targets{};

  // The number of events that the domain may still queue. libdlb's pools cannot hold the contract's
  // bound: ports take credits from them 32 at a time and keep up to 96. The pools therefore get 96
  // more for each port, and this count enforces the bound, at one locked addition per batch. It may
  // be below 0 for an instant, while a sender finds out that it asked for too much.
  alignas(64) std::atomic<int64_t> credits_free{0};
  // The contract's bound.
  int64_t credits = 0;

  Lookout lookout{this};
};

}  // namespace node_dlb::dlb
