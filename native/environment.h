#pragma once

#include <memory>
#include <napi.h>
#include <unordered_map>
#include <unordered_set>
#include <uv.h>
#include <vector>

#include "dlb/tenancy.h"
#include "ledger_guard.h"

namespace node_dlb {

// An object with handles on an environment's loop.
//
// Thread: the loop's. Ownership: the object is created by `new`, calls Environment::Add once its
// handles are open, and deletes itself after Close: when the loop has let go of the last handle, it
// calls Environment::Remove.
class LoopUser {
 public:
  // Closes the handles. Calling it again has no effect. It does not call Environment::Remove before
  // it returns. The environment calls it when it ends, if nobody has called it before.
  virtual void Close() = 0;

  // Whether a descriptor, about which nothing is known, is an open connection that was accepted
  // from the object's listening socket.
  virtual bool IsConnection(int) const { return false; }

 protected:
  ~LoopUser() = default;
};

// The addon's part of one Node environment (the main thread or a worker): its loop, the objects
// that have handles on the loop, and the environment's share of the DLB device.
//
// An environment may end at any moment (worker.terminate(), process.exit()), and Node aborts the
// process if the loop still has handles then. A clean-up hook therefore closes all handles, and
// lets the environment go on ending only when the loop has let go of the last one. The hook runs
// before the finalizers of JS objects.
//
// Thread: the environment's. Ownership: the object is the environment's instance data; the
// environment deletes it after everything else.
class Environment {
 public:
  // Returns null, with a JS exception pending, if Node provides no loop or refuses the hook.
  static Environment* Install(Napi::Env env);
  static Environment* Of(Napi::Env env) { return env.GetInstanceData<Environment>(); }

  uv_loop_t* loop() const { return loop_; }

  void Add(LoopUser* user) { loop_users_.insert(user); }
  void Remove(LoopUser* user);

  dlb::Tenancy& dlb() { return dlb_; }

  // Adds the guard of a balancer of this thread, until the balancer is closed. Returns the guard's
  // number. Numbers are not reused.
  uint32_t AddGuard(std::unique_ptr<LedgerGuard> guard);
  void RemoveGuard(uint32_t number) { guards_.erase(number); }
  // Notes descriptors that JS had taken when it was terminated: the ledger may or may not have
  // them.
  void Doubt(const int* fds, int count) { doubtful_.insert(doubtful_.end(), fds, fds + count); }

 private:
  static void OnCleanUp(napi_async_cleanup_hook_handle hook, void* self);
  void CloseConnections();
  void LetGoIfDone();

  uv_loop_t* loop_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool ending_ = false;
  std::unordered_set<LoopUser*> loop_users_;
  dlb::Tenancy dlb_;
  std::unordered_map<uint32_t, std::unique_ptr<LedgerGuard>> guards_;
  uint32_t last_guard_ = 0;
  std::vector<int> doubtful_;
};

}  // namespace node_dlb
