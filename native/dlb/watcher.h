#pragma once

#include <memory>
#include <napi.h>
#include <uv.h>

#include "../environment.h"
#include "port.h"

namespace node_dlb::dlb {

// Calls a function on the loop of the thread that has a port, while there is something to receive.
//
// Thread: the loop's. Ownership: as for every LoopUser.
class Watcher final : public LoopUser {
 public:
  enum class Mode {
    kInterrupts,  // sleeps until the port's eventfd is readable
    kPolls,       // never sleeps: each turn of the loop waits in libdlb for as long as the port's wait profile says
  };

  // Returns null, with a PortCode in `code`, if there is no eventfd.
  static Watcher* Open(Napi::Env env, std::shared_ptr<Port> port, uint64_t ticket, Mode mode, int* code);

  // A callback that is not a function stops the calls. While there is a callback, `port` is kept
  // from the garbage collector, whose finalizer would end this object.
  void Set(Napi::Value callback, Napi::Value port);
  void Hold(bool held);
  void Close() override;

 private:
  Watcher(Napi::Env env, std::shared_ptr<Port> port, uint64_t ticket, Mode mode);
  ~Watcher() = default;

  static void OnPoll(uv_poll_t* poll, int status, int events);
  static void OnIdle(uv_idle_t* idle);
  static void OnHandleClosed(uv_handle_t* handle);
  void OnTurn();
  void Call();
  void Start();
  void Stop();
  uv_handle_t* main_handle();

  Napi::Env env_;
  Environment* environment_;
  const std::shared_ptr<Port> port_;
  std::shared_ptr<const Fd> eventfd_;
  const uint64_t ticket_;
  const Mode mode_;
  Napi::FunctionReference callback_;
  Napi::ObjectReference port_object_;
  bool closing_ = false;
  uv_poll_t poll_{};
  uv_idle_t idle_{};
};

}  // namespace node_dlb::dlb
