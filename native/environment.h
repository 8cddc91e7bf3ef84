#pragma once

#include <memory>
#include <napi.h>
#include <unordered_map>
#include <unordered_set>
#include <uv.h>
#include <vector>

#include "acceptor.h"
#include "dlb/tenancy.h"
#include "ledger_guard.h"

namespace node_dlb {

// Something with handles on an environment's loop.
class LoopUser {
 public:
  // The environment ends. When the loop has let go of the last handle, it calls
  // Environment::Remove.
  virtual void Close() = 0;

 protected:
  ~LoopUser() = default;
};

// What one Node environment (the main thread, or a worker) has of the addon: its loop, the
// acceptors and others that have handles on it, and its share of the DLB device.
//
// An environment may end at any moment (worker.terminate(), process.exit()), and Node aborts the
// process if a loop still has handles then. So a clean-up hook closes them and lets the environment
// go on ending only when the loop has let go of the last one. Hooks run before the finalizers of JS
// objects.
//
// Thread: the environment's. Ownership: instance data of the environment, which deletes it last of
// all.
class Environment {
 public:
  // Null, with a JS exception pending, if Node refuses the loop or the hook.
  static Environment* Install(Napi::Env env);
  static Environment* Of(Napi::Env env) { return env.GetInstanceData<Environment>(); }

  uv_loop_t* loop() const { return loop_; }

  // Each Add has its Remove, after the loop has let go.
  void Add(LoopUser* user) { loop_users_.insert(user); }
  void Remove(LoopUser* user);

  dlb::Tenancy& dlb() { return dlb_; }

  // Of a balancer of this thread's, until it is closed. Numbers are not used again.
  uint32_t AddGuard(std::unique_ptr<LedgerGuard> guard);
  void RemoveGuard(uint32_t number) { guards_.erase(number); }
  // JS was terminated when it had taken these descriptors: no ledger may know of them.
  void Doubt(const int* fds, int count) { doubtful_.insert(doubtful_.end(), fds, fds + count); }

  // Starts an acceptor that is closed with the environment at the latest. See Acceptor::Start.
  Acceptor* StartAcceptor(ListenSocket socket, int most, Acceptor::Sink* sink, SystemError* error);

 private:
  static void OnAcceptorFreed(Acceptor* acceptor, void* self);
  static void OnCleanUp(napi_async_cleanup_hook_handle hook, void* self);
  void CloseConnections();
  void LetGoIfDone();

  uv_loop_t* loop_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool ending_ = false;
  std::unordered_set<Acceptor*> acceptors_;
  std::unordered_set<LoopUser*> loop_users_;
  dlb::Tenancy dlb_;
  std::unordered_map<uint32_t, std::unique_ptr<LedgerGuard>> guards_;
  uint32_t last_guard_ = 0;
  std::vector<int> doubtful_;
};

}  // namespace node_dlb
