#include "listener.h"

#include <algorithm>
#include <net/if.h>
#include <netinet/in.h>
#include <string>
#include <utility>

#include "environment.h"
#include "properties.h"

namespace node_dlb {
namespace {

// The values of the last element of a batch's array: JS has not taken the batch, or has taken it.
// JS sets a third value when the ledger has all of the batch.
constexpr int kNotTaken = 0;
constexpr int kTaken = 1;

// The first argument of the constructor: an address to listen on, or a socket to share.
struct Target {
  Acceptor::Mode mode = Acceptor::Mode::kBatches;
  ListenSpec spec;
  int shared_fd = -1;

  SystemError Open(ListenSocket* socket) const {
    return mode == Acceptor::Mode::kBatches ? socket->Open(spec) : socket->Share(shared_fd);
  }
};

// The spec comes from lib/net/listening-socket.ts, which has checked it.
ListenSpec ReadSpec(Properties* from) {
  ListenSpec spec;
  spec.address = from->Text("address");
  spec.path = from->Text("path");
  spec.port = from->Int("port");
  spec.backlog = from->Int("backlog");
  spec.ipv6_only = from->Bool("ipv6Only");
  spec.reuse_port = from->Bool("reusePort");
  spec.no_delay = from->Bool("noDelay");
  spec.defer_accept = from->Bool("deferAccept");
  return spec;
}

Target ReadTarget(Properties* from) {
  Target target;
  if (from->Has("fd")) {
    target.mode = from->Bool("exclusive") ? Acceptor::Mode::kWatched : Acceptor::Mode::kOneByOne;
    target.shared_fd = from->Int("fd");
  } else {
    target.spec = ReadSpec(from);
  }
  return target;
}

Napi::Object TcpAddress(Napi::Env env, const sockaddr_storage& address) {
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
  const bool is_v6 = address.ss_family == AF_INET6;
  char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE] = "";
  if (is_v6) {
    uv_ip6_name(v6, text, sizeof text);
  } else {
    uv_ip4_name(v4, text, sizeof text);
  }
  std::string name = text;
  // A link-local address is useful only with its interface.
  char interface[IF_NAMESIZE];
  if (is_v6 && v6->sin6_scope_id != 0 && if_indextoname(v6->sin6_scope_id, interface) != nullptr) {
    name = name + '%' + interface;
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("address", name);
  object.Set("family", is_v6 ? "IPv6" : "IPv4");
  object.Set("port", Napi::Number::New(env, ntohs(is_v6 ? v6->sin6_port : v4->sin_port)));
  return object;
}

}  // namespace

Napi::Function Listener::Define(Napi::Env env) {
  return DefineClass(env, "Listener",
                     {
                         InstanceMethod<&Listener::Accept>("accept"),
                         InstanceMethod<&Listener::AcceptInto>("acceptInto"),
                         InstanceMethod<&Listener::Pause>("pause"),
                         InstanceMethod<&Listener::Resume>("resume"),
                         InstanceMethod<&Listener::Hold>("hold"),
                         InstanceMethod<&Listener::Close>("close"),
                         InstanceMethod<&Listener::FileDescriptor>("fd"),
                         InstanceMethod<&Listener::Address>("address"),
                         InstanceMethod<&Listener::IsInPlace>("isInPlace"),
                         InstanceMethod<&Listener::HasFile>("hasFile"),
                         InstanceMethod<&Listener::CopyPermissionsTo>("copyPermissionsTo"),
                         InstanceMethod<&Listener::HasWaiting>("hasWaiting"),
                         InstanceMethod<&Listener::IsConnection>("isConnection"),
                         InstanceMethod<&Listener::Counters>("counters"),
                     });
}

Listener::Listener(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Listener>(info) {
  Napi::Env env = info.Env();
  if (IsEmpty()) return;
  Arguments arguments(info);
  if (!info[0].IsObject()) arguments.Refuse(0, "an object");
  const Napi::Int32Array fds = arguments.Int32Array(1);
  const Napi::Function callback = arguments.Function(2);
  if (!arguments.ok()) return;
  Properties properties(info[0]);
  const Target target = ReadTarget(&properties);
  const bool is_port = target.spec.port >= 0 && target.spec.port <= UINT16_MAX;
  const size_t length = fds.ElementLength();
  if (target.mode == Acceptor::Mode::kBatches && length < 2) arguments.Refuse(1, "an Int32Array with room for two");
  if (!properties.all() || !is_port) arguments.Refuse(0, "a whole specification of what to listen on");
  if (!arguments.ok()) return;
  ListenSocket socket;
  SystemError error = target.Open(&socket);
  if (!error) {
    const int max_batch = static_cast<int>(std::min<size_t>(length - 1, Acceptor::kMaxBatch));
    acceptor_ = Acceptor::Start(Environment::Of(env), std::move(socket), target.mode, max_batch, this, &error);
  }
  if (error) {
    error.ToError(env).ThrowAsJavaScriptException();
    return;
  }
  fds_ = Napi::Reference<Napi::Int32Array>::New(fds, 1);
  callback_ = Napi::Persistent(callback);
  Ref();
}

void Listener::OnBatch(const Acceptor::Batch& batch) {
  Napi::HandleScope scope(Env());
  if (!Call(batch)) std::for_each_n(batch.fds, batch.count, CloseFd);
}

void Listener::OnReadable() {
  Napi::HandleScope scope(Env());
  MakeCallback({});
}

// Returns false if the callback has not taken the descriptors, so that they still belong to the
// addon: the environment is ending, and JS did not run, or was terminated before it took them.
bool Listener::Call(const Acceptor::Batch& batch) {
  Napi::Int32Array fds = fds_.Value();
  // JS owns the array and may have transferred its memory away, so its address is read each time.
  if (fds.ElementLength() <= static_cast<size_t>(batch.count)) return MakeCallback(batch) && batch.count == 0;
  std::copy_n(batch.fds, batch.count, fds.Data());
  const size_t taken = fds.ElementLength() - 1;
  fds[taken] = kNotTaken;
  // The result does not count: when the environment is ending, Node may report success for a
  // callback that did not run, or not to its end.
  MakeCallback(batch);
  if (fds.ElementLength() <= taken || fds[taken] == kNotTaken) return false;
  if (fds[taken] == kTaken) Environment::Of(Env())->Doubt(batch.fds, batch.count);
  return true;
}

// Returns false if JS did not run to its end. An exception that JS throws becomes an uncaught one.
bool Listener::MakeCallback(const Acceptor::Batch& batch) {
  Napi::Env env = Env();
  const napi_value arguments[] = {
      Napi::Number::New(env, batch.count),
      Napi::Number::New(env, batch.shed),
      batch.error ? batch.error.ToError(env).Value() : env.Undefined(),
  };
  // Unlike a plain call, napi_make_callback runs nextTicks and microtasks afterwards, as Node does
  // for any callback of the loop.
  const napi_status status =
      napi_make_callback(env, nullptr, Value(), callback_.Value(), std::size(arguments), arguments, nullptr);
  if (status == napi_ok) return true;
  if (!env.IsExceptionPending()) return false;
  napi_fatal_exception(env, env.GetAndClearPendingException().Value());
  return true;
}

void Listener::OnClose() {
  last_counters_ = acceptor_->counters();
  acceptor_ = nullptr;
  Unref();
}

Napi::Value Listener::Accept(const Napi::CallbackInfo& info) {
  if (info.Length() == 0) return Napi::Number::New(info.Env(), acceptor_ == nullptr ? -1 : acceptor_->AcceptOne());
  Arguments arguments(info);
  Napi::Int32Array complement = arguments.Int32Array(0);
  if (arguments.ok() && complement.ElementLength() == 0) arguments.Refuse(0, "an Int32Array with room for one");
  if (!arguments.ok()) return {};
  const int fd = acceptor_ == nullptr ? -1 : acceptor_->AcceptOne();
  if (fd >= 0) *complement.Data() = ~fd;
  return Napi::Number::New(info.Env(), fd);
}

Napi::Value Listener::AcceptInto(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  auto complements = arguments.Int32Array(0);
  const size_t max = arguments.Count(1);
  if (!arguments.ok()) return {};
  if (acceptor_ == nullptr) return Napi::Number::New(info.Env(), 0);
  const int count = acceptor_->AcceptInto(complements.Data(), std::min(max, complements.ElementLength()));
  return Napi::Number::New(info.Env(), count);
}

void Listener::Pause(const Napi::CallbackInfo&) {
  if (acceptor_ != nullptr) acceptor_->Pause();
}

void Listener::Resume(const Napi::CallbackInfo&) {
  if (acceptor_ != nullptr) acceptor_->Resume();
}

void Listener::Hold(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const bool held = arguments.Bool(0);
  if (arguments.ok() && acceptor_ != nullptr) acceptor_->Hold(held);
}

Napi::Value Listener::FileDescriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), acceptor_ == nullptr ? -1 : acceptor_->socket().fd());
}

void Listener::Close(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const bool everywhere = arguments.Bool(0);
  if (!arguments.ok() || acceptor_ == nullptr) return;
  if (everywhere) acceptor_->ShutDown();
  acceptor_->Close();
}

Napi::Value Listener::Address(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (acceptor_ == nullptr) return env.Undefined();
  const ListenSocket& socket = acceptor_->socket();
  if (!socket.path().empty()) return Napi::String::New(env, socket.path());
  sockaddr_storage address{};
  if (const SystemError error = socket.Address(&address)) {
    error.ToError(env).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return TcpAddress(env, address);
}

Napi::Value Listener::IsInPlace(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), acceptor_ != nullptr && acceptor_->socket().HasName());
}

Napi::Value Listener::HasFile(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), acceptor_ != nullptr && acceptor_->socket().HasFile());
}

void Listener::CopyPermissionsTo(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string path = arguments.Text(0);
  if (arguments.ok() && acceptor_ != nullptr) acceptor_->socket().CopyPermissionsTo(path);
}

Napi::Value Listener::HasWaiting(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), acceptor_ != nullptr && acceptor_->socket().HasWaiting());
}

Napi::Value Listener::IsConnection(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.Fd(0);
  if (!arguments.ok()) return {};
  return Napi::Boolean::New(info.Env(), acceptor_ != nullptr && acceptor_->socket().IsConnection(fd));
}

Napi::Value Listener::Counters(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Acceptor::Counters& counters = acceptor_ == nullptr ? last_counters_ : acceptor_->counters();
  const auto number = [env](uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
  Napi::Object object = Napi::Object::New(env);
  object.Set("accepted", number(counters.accepted));
  object.Set("shed", number(counters.shed));
  object.Set("aborted", number(counters.aborted));
  object.Set("backoffs", number(counters.backoffs));
  return object;
}

}  // namespace node_dlb
