#pragma once

#include <napi.h>

#include "listen_socket.h"

namespace node_dlb {

// The JS class `SharedSocket`: accepts from a listening socket of another thread's, when it is asked to, and never polls it.
// lib/worker/relief.ts says what for.
//
//     new SharedSocket(fd)   throws EBADF if nothing listens there, EMFILE
//
// Thread: the JS thread of its environment. Ownership: a descriptor of its own for the socket, closed by `close`, or when the object
// goes, which is with its environment at the latest.
class SharedSocket : public Napi::ObjectWrap<SharedSocket> {
 public:
  static Napi::Function Define(Napi::Env env);

  explicit SharedSocket(const Napi::CallbackInfo& info);

 private:
  // (into: Int32Array) => count. Fills it from the front, each place with the complement of a descriptor (so that it is negative), until
  // it is full or no connection can be had, for whatever reason. The array may be in shared memory: a connection is there before JS
  // goes on, or is terminated.
  Napi::Value Accept(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  ListenSocket socket_;
};

}  // namespace node_dlb
