#pragma once

#include <napi.h>

#include "acceptor.h"

namespace node_dlb {

// The JS class `Listener`: an acceptor with a face that JS can call. lib/net/listening-socket.ts
// documents it.
//
//     new Listener(spec, fds: Int32Array, callback: (count, shed, error?) => void)
//
// A batch has as many connections as fit into `fds`, at most 64; its last element is no descriptor,
// but set to 1 by the callback once it has them, and to 2 when the ledger knows of all of them.
//
//     new Listener({ fd, exclusive }, an empty Int32Array, callback)
//
// shares a listening socket, and accepts only when it is asked: the callback is called when there
// may be a connection, and calls `accept()`, or at any time `acceptInto(places, room)`. So a
// connection is taken from the backlog only if there is somebody to have it. `exclusive`: of those
// that wait for the socket so, one is told of a connection; it calls `acceptInto()`.
//
// Thread: the JS thread of its environment. Ownership: keeps itself from being collected while its
// acceptor is open; the acceptor belongs to the environment, which closes it if JS never does. The
// constructor throws what ListenSocket::Open and Acceptor::Start report.
//
// The callback owns the descriptors that it is called with, whatever it does, and an exception that
// it throws is an uncaught one. If it cannot be called any more, since the environment is ending,
// they are closed.
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

  // (place?: Int32Array) => a descriptor, or -1. Its complement is in `place` before JS goes on, or
  // is terminated.
  Napi::Value Accept(const Napi::CallbackInfo& info);
  // (places: Int32Array) => count or a negative errno; see Acceptor::AcceptInto
  Napi::Value AcceptInto(const Napi::CallbackInfo& info);
  void Pause(const Napi::CallbackInfo& info);
  void Resume(const Napi::CallbackInfo& info);
  // (held: boolean): whether it keeps the loop alive.
  void Hold(const Napi::CallbackInfo& info);
  // (everywhere: boolean): see Acceptor::Close.
  void Close(const Napi::CallbackInfo& info);
  // The listening socket's, for other threads to share; -1 once closed.
  Napi::Value FileDescriptor(const Napi::CallbackInfo& info);
  // {address, family, port}, or the path of a Unix socket; undefined once closed.
  Napi::Value Address(const Napi::CallbackInfo& info);
  // See ListenSocket::HasName; false once closed.
  Napi::Value IsInPlace(const Napi::CallbackInfo& info);
  // See ListenSocket::HasFile; false once closed.
  Napi::Value HasFile(const Napi::CallbackInfo& info);
  // (path): see ListenSocket::CopyPermissionsTo.
  void CopyPermissionsTo(const Napi::CallbackInfo& info);
  // See ListenSocket::HasWaiting; false once closed.
  Napi::Value HasWaiting(const Napi::CallbackInfo& info);
  // (fd) => boolean, see ListenSocket::IsConnection; false once closed.
  Napi::Value IsConnection(const Napi::CallbackInfo& info);
  // Acceptor::Counters, also after close.
  Napi::Value Counters(const Napi::CallbackInfo& info);

  Acceptor* acceptor_ = nullptr;
  Acceptor::Counters last_counters_;
  Napi::Reference<Napi::Int32Array> fds_;
  Napi::FunctionReference callback_;
};

}  // namespace node_dlb
