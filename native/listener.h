#pragma once

#include <napi.h>

#include "acceptor.h"

namespace node_dlb {

// The JS class `Listener`: an acceptor with a face that JS can call. lib/balancer/listener.ts documents it.
//
//     new Listener(spec, fds: Int32Array, callback: (count, shed, error?) => void)
//
// Thread: the JS thread of its environment. Ownership: keeps itself from being collected while its acceptor is open;
// the acceptor belongs to the environment, which closes it if JS never does. The constructor throws what
// ListenSocket::Open and Acceptor::Start report.
//
// The callback owns the descriptors that it is called with, whatever it does, and an exception that it throws is an
// uncaught one. If it cannot be called any more, since the environment is ending, they are closed.
class Listener : public Napi::ObjectWrap<Listener>, private Acceptor::Sink {
 public:
  static Napi::Function Define(Napi::Env env);

  explicit Listener(const Napi::CallbackInfo& info);

 private:
  void OnBatch(const Acceptor::Batch& batch) override;
  void OnClose() override;
  bool Call(const Acceptor::Batch& batch);

  void Pause(const Napi::CallbackInfo& info);
  void Resume(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  // {address, family, port}, or the path of a Unix socket; undefined once closed.
  Napi::Value Address(const Napi::CallbackInfo& info);
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
