#include "environment.h"

#include <algorithm>
#include <utility>

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

Acceptor* Environment::StartAcceptor(ListenSocket socket, int most, Acceptor::Sink* sink, SystemError* error) {
  Acceptor* acceptor = Acceptor::Start(loop_, std::move(socket), most, sink, OnAcceptorFreed, this, error);
  if (acceptor != nullptr) acceptors_.insert(acceptor);
  return acceptor;
}

void Environment::OnAcceptorFreed(Acceptor* acceptor, void* context) {
  auto* self = static_cast<Environment*>(context);
  self->acceptors_.erase(acceptor);
  self->LetGoIfDone();
}

uint32_t Environment::AddGuard(std::unique_ptr<LedgerGuard> guard) {
  guards_.emplace(++last_guard_, std::move(guard));
  return last_guard_;
}

// While the listening sockets are open, by which connections are told from what else the numbers
// may be.
void Environment::CloseConnections() {
  const auto is_connection = [this](int fd) {
    return std::any_of(acceptors_.begin(), acceptors_.end(),
                       [fd](const Acceptor* acceptor) { return acceptor->socket().IsConnection(fd); });
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
  for (Acceptor* acceptor : self->acceptors_) acceptor->Close();
  // First the ports lose their thread, then their watchers close.
  self->dlb_.End();
  const std::vector<LoopUser*> users(self->loop_users_.begin(), self->loop_users_.end());
  for (LoopUser* user : users) user->Close();
  self->LetGoIfDone();
}

void Environment::Remove(LoopUser* user) {
  loop_users_.erase(user);
  LetGoIfDone();
}

void Environment::LetGoIfDone() {
  if (!ending_ || !acceptors_.empty() || !loop_users_.empty()) return;
  // Node deletes this object soon after.
  napi_remove_async_cleanup_hook(hook_);
}

}  // namespace node_dlb
