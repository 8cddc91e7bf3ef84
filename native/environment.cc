#include "environment.h"

#include <algorithm>
#include <utility>

#include "fd.h"

namespace node_dlb {

Environment* Environment::Install(Napi::Env env) {
  auto self = std::make_unique<Environment>();
  napi_status status = napi_get_uv_event_loop(env, &self->loop_);
  if (status == napi_ok) status = napi_add_async_cleanup_hook(env, OnCleanUp, self.get(), &self->hook_);
  if (status != napi_ok) {
    Napi::Error::New(env, "Node gave the addon no event loop").ThrowAsJavaScriptException();
    return nullptr;
  }
  Environment* installed = self.release();
  env.SetInstanceData(installed);
  return installed;
}

uint32_t Environment::AddGuard(std::unique_ptr<LedgerGuard> guard) {
  guards_.emplace(++last_guard_, std::move(guard));
  return last_guard_;
}

// Runs while the listening sockets are open: a descriptor's number may be something else's by now,
// and only a listening socket can tell its connections from that.
void Environment::CloseConnections() {
  const auto is_connection = [this](int fd) {
    return std::any_of(loop_users_.begin(), loop_users_.end(),
                       [fd](const LoopUser* user) { return user->IsConnection(fd); });
  };
  for (const auto& [number, guard] : guards_) guard->CloseAll(is_connection);
  for (const int fd : doubtful_) {
    if (is_connection(fd)) ResetFd(fd);
  }
  guards_.clear();
}

void Environment::OnCleanUp(napi_async_cleanup_hook_handle, void* context) {
  auto* self = static_cast<Environment*>(context);
  self->ending_ = true;
  self->CloseConnections();
  // The handles close first: to end the share of the DLB device can take seconds, during which the
  // listening sockets would be open and nobody would accept.
  for (LoopUser* user : self->loop_users_) user->Close();
  self->dlb_.End();
  self->LetGoIfDone();
}

void Environment::Remove(LoopUser* user) {
  loop_users_.erase(user);
  LetGoIfDone();
}

void Environment::LetGoIfDone() {
  if (!ending_ || !loop_users_.empty()) return;
  // Node deletes this object soon after.
  napi_remove_async_cleanup_hook(hook_);
}

}  // namespace node_dlb
