#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <napi.h>

namespace node_dlb {

// Closes a balancer's connections that no Node handle owns, if the balancer's thread ends before
// the balancer is closed: no JS runs any more that could close them, and their clients would wait
// for as long as the process lives.
//
// The ledger (lib/ledger/ledger.ts, which documents the layout) tells which descriptors these are.
// The pending lists (accept-mode.ts) tell which ones a worker has accepted and not entered into the
// ledger yet. Node itself closes the connections that workers had handles on: a thread's workers
// end before its clean-up hooks run.
//
// Thread: its environment's. Ownership: the environment's, until JS releases the guard. The guard
// keeps the arrays from being collected.
class LedgerGuard {
 public:
  LedgerGuard(const Napi::Int32Array& entries, const Napi::Int32Array& pending, size_t stride, size_t length);

  // To be called when the environment ends and none of its workers lives. `is_connection(fd)` tells
  // whether a descriptor was accepted from a socket of the environment. It is asked about
  // descriptors that Node may have closed, whose numbers may then belong to something else: those
  // that a worker was making a handle on, and the pending ones.
  void CloseAll(const std::function<bool(int)>& is_connection) const;

  // (entries: Int32Array, pending: Int32Array, stride, length) => the guard's number. Both arrays
  // are in shared memory. A worker's pending list is the first `length` of each `stride` words.
  static Napi::Value GuardForJs(const Napi::CallbackInfo& info);
  // (the guard's number) => undefined
  static Napi::Value ReleaseForJs(const Napi::CallbackInfo& info);

 private:
  Napi::Reference<Napi::Int32Array> kept_entries_;
  Napi::Reference<Napi::Int32Array> kept_pending_;
  const int32_t* entries_;
  size_t size_;
  const int32_t* pending_;
  size_t pending_size_;
  size_t stride_;
  size_t length_;
};

}  // namespace node_dlb
