#include "ledger_guard.h"

#include <memory>
#include <utility>

#include "arguments.h"
#include "environment.h"
#include "fd.h"

namespace node_dlb {
namespace {

// The states of an entry that the guard closes, as in lib/ledger/entries.ts.
constexpr int32_t kStateMask = 0b111;
constexpr int32_t kWaiting = 1;
constexpr int32_t kInDevice = 2;
constexpr int32_t kAdopting = 3;

// Whether the array is in shared memory, which JS cannot transfer away and which does not move.
bool IsShared(const Napi::Int32Array& array) { return !array.ArrayBuffer().IsArrayBuffer(); }

}  // namespace

LedgerGuard::LedgerGuard(const Napi::Int32Array& entries, const Napi::Int32Array& pending, size_t stride, size_t length)
    : kept_entries_(Napi::Reference<Napi::Int32Array>::New(entries, 1)),
      kept_pending_(Napi::Reference<Napi::Int32Array>::New(pending, 1)),
      entries_(entries.Data()),
      size_(entries.ElementLength()),
      pending_(pending.Data()),
      pending_size_(pending.ElementLength()),
      stride_(stride),
      length_(length) {}

void LedgerGuard::CloseAll(const std::function<bool(int)>& is_connection) const {
  for (size_t list = 0; list + length_ <= pending_size_; list += stride_) {
    for (size_t i = list; i < list + length_; ++i) {
      const int fd = ~pending_[i];
      if (fd >= 0 && is_connection(fd)) ResetFd(fd);
    }
  }
  for (size_t i = 0; i < size_; ++i) {
    const int fd = static_cast<int>(i);
    const int32_t state = entries_[i] & kStateMask;
    if (state == kWaiting || state == kInDevice || (state == kAdopting && is_connection(fd))) ResetFd(fd);
  }
}

Napi::Value LedgerGuard::GuardForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Int32Array entries = arguments.Int32Array(0);
  const Napi::Int32Array pending = arguments.Int32Array(1);
  if (arguments.ok() && !IsShared(entries)) arguments.Refuse(0, "in shared memory");
  if (arguments.ok() && !IsShared(pending)) arguments.Refuse(1, "in shared memory");
  const uint32_t stride = arguments.Count(2);
  const uint32_t length = arguments.Count(3);
  if (arguments.ok() && (stride == 0 || length > stride)) arguments.Refuse(3, "at most the stride, which is not 0");
  if (!arguments.ok()) return {};
  auto guard = std::make_unique<LedgerGuard>(entries, pending, stride, length);
  return Napi::Number::New(info.Env(), Environment::Of(info.Env())->AddGuard(std::move(guard)));
}

Napi::Value LedgerGuard::ReleaseForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t number = arguments.Count(0);
  if (arguments.ok()) Environment::Of(info.Env())->RemoveGuard(number);
  return {};
}

}  // namespace node_dlb
