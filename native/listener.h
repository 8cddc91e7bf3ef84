#pragma once

#include <napi.h>

#include "acceptor.h"

namespace node_dlb {

// The JS class `Listener`: an acceptor that JS can call. lib/native.ts types it.
//
//     new Listener(spec, fds: Int32Array, callback: (count, shed, error?) => void)
//
// opens a listening socket and accepts in batches (Acceptor::Mode::kBatches). A batch has up to 64
// connections, and at most one less than `fds` has elements. The last element of `fds` is not a
// descriptor: the callback sets it to 1 once it has the descriptors, and to 2 when the ledger has
// all of them.
//
//     new Listener({ fd, exclusive }, an empty Int32Array, callback)
//
// shares a listening socket of this process. The callback is called when connections may wait, and
// JS accepts them, so that a connection is taken from the backlog only if there is a server for it.
// With `exclusive` false the callback calls `accept(complement)` for one connection (kOneByOne).
// With `exclusive` true it calls `acceptInto(complements, max)`, and of all threads that share the
// socket in this way, one is told of a connection (kWatched).
//
// Thread: the JS thread of its environment. Ownership: the object keeps itself from being collected
// while its acceptor is open; the acceptor is closed with the environment if JS never closes it.
// The constructor throws what ListenSocket::Open and Acceptor::Start report.
//
// The callback owns the descriptors that it is called with, whatever it does, and an exception that
// it throws is an uncaught one. If it cannot be called because the environment is ending, the
// descriptors are closed.
class Listener : public Napi::ObjectWrap<Listener>, private Acceptor::Sink {
 public:
  static Napi::Function Define(Napi::Env env);

  explicit Listener(const Napi::CallbackInfo& info);

 private:
  void OnBatch(const Acceptor::Batch& batch) override;
  void OnReadable() override;
  void OnClose() override;
  bool Call(const Acceptor::Batch& batch);
  bool MakeCallback(const Acceptor::Batch& batch);

  // (complement?: Int32Array) => a descriptor, or -1. The descriptor's complement is in
  // `complement` before JS continues or is terminated.
  Napi::Value Accept(const Napi::CallbackInfo& info);
  // (complements: Int32Array, max) => count or a negative errno; see Acceptor::AcceptInto
  Napi::Value AcceptInto(const Napi::CallbackInfo& info);
  void Pause(const Napi::CallbackInfo& info);
  void Resume(const Napi::CallbackInfo& info);
  // (held: boolean): whether it keeps the loop alive.
  void Hold(const Napi::CallbackInfo& info);
  // (everywhere: boolean): with true, the socket is shut down for all that share it.
  void Close(const Napi::CallbackInfo& info);
  // () => the listening socket's descriptor, for other threads to share; -1 once closed.
  Napi::Value FileDescriptor(const Napi::CallbackInfo& info);
  // () => {address, family, port}, or the path of a Unix socket; undefined once closed.
  Napi::Value Address(const Napi::CallbackInfo& info);
  // () => ListenSocket::HasName; false once closed.
  Napi::Value IsInPlace(const Napi::CallbackInfo& info);
  // () => ListenSocket::HasFile; false once closed.
  Napi::Value HasFile(const Napi::CallbackInfo& info);
  // (path): see ListenSocket::CopyPermissionsTo.
  void CopyPermissionsTo(const Napi::CallbackInfo& info);
  // () => ListenSocket::HasWaiting; false once closed.
  Napi::Value HasWaiting(const Napi::CallbackInfo& info);
  // (fd) => ListenSocket::IsConnection; false once closed.
  Napi::Value IsConnection(const Napi::CallbackInfo& info);
  // () => Acceptor::Counters, also after close.
  Napi::Value Counters(const Napi::CallbackInfo& info);

  Acceptor* acceptor_ = nullptr;
  Acceptor::Counters last_counters_;
  Napi::Reference<Napi::Int32Array> fds_;
  Napi::FunctionReference callback_;
};

}  // namespace node_dlb
