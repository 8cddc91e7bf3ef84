#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <napi.h>

namespace node_dlb {

// What a balancer has accepted and has no handle on, should its thread end before it has closed the
// balancer: then no JS runs any more that could close it, and its clients would wait for as long as
// the process lives.
//
// The ledger (lib/ledger/ledger.ts, where the layout is) says which descriptors these are, and its
// hands (accept-mode.ts) those that a worker has accepted and not entered yet. What workers had
// handles on Node has closed: a thread's workers end before its clean-up hooks run.
//
// Thread: that of its environment. Ownership: the environment's, until JS releases it. The arrays
// are kept from being collected.
class LedgerGuard {
 public:
  LedgerGuard(const Napi::Int32Array& entries, const Napi::Int32Array& hands, size_t stride, size_t room);

  // The environment ends, and no worker lives. `is_connection(fd)`: whether it was accepted from a
  // socket of the environment's. It is asked of descriptors that a worker was just making a handle
  // on: if Node has closed one, the number may be somebody else's.
  void CloseAll(const std::function<bool(int)>& is_connection) const;

  // (entries: Int32Array, hands: Int32Array, stride, room) => number. Both arrays are in shared
  // memory. A hand is the first `room` of each `stride` words.
  static Napi::Value GuardForJs(const Napi::CallbackInfo& info);
  // (number) => undefined
  static Napi::Value ReleaseForJs(const Napi::CallbackInfo& info);

 private:
  Napi::Reference<Napi::Int32Array> kept_entries_;
  Napi::Reference<Napi::Int32Array> kept_hands_;
  const int32_t* entries_;
  size_t size_;
  const int32_t* hands_;
  size_t hands_size_;
  size_t stride_;
  size_t room_;
};

}  // namespace node_dlb
