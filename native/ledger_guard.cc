#include "ledger_guard.h"

#include <memory>
#include <utility>

#include "arguments.h"
#include "environment.h"
#include "fd.h"

namespace node_dlb {
namespace {

// An entry's state, as in lib/ledger/ledger.ts.
constexpr int32_t kStateMask = 0b111;
constexpr int32_t kHeld = 1;
constexpr int32_t kInDevice = 2;
constexpr int32_t kAdopting = 3;

// It can be taken away from nobody, and does not move.
bool IsShared(const Napi::Int32Array& array) { return !array.ArrayBuffer().IsArrayBuffer(); }

}  // namespace

LedgerGuard::LedgerGuard(const Napi::Int32Array& entries, const Napi::Int32Array& hands, size_t stride, size_t room)
    : kept_entries_(Napi::Reference<Napi::Int32Array>::New(entries, 1)),
      kept_hands_(Napi::Reference<Napi::Int32Array>::New(hands, 1)),
      entries_(entries.Data()),
      size_(entries.ElementLength()),
      hands_(hands.Data()),
      hands_size_(hands.ElementLength()),
      stride_(stride),
      room_(room) {}

void LedgerGuard::CloseAll(const std::function<bool(int)>& is_connection) const {
  for (size_t hand = 0; hand + room_ <= hands_size_; hand += stride_) {
    for (size_t place = hand; place < hand + room_; ++place) {
      const int fd = ~hands_[place];
      if (fd >= 0 && is_connection(fd)) ResetFd(fd);
    }
  }
  for (size_t i = 0; i < size_; ++i) {
    const int fd = static_cast<int>(i);
    const int32_t state = entries_[i] & kStateMask;
    if (state == kHeld || state == kInDevice || (state == kAdopting && is_connection(fd))) ResetFd(fd);
  }
}

Napi::Value LedgerGuard::GuardForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const Napi::Int32Array entries = arguments.Int32Array(0);
  const Napi::Int32Array hands = arguments.Int32Array(1);
  if (arguments.ok() && !IsShared(entries)) arguments.Refuse(0, "in shared memory");
  if (arguments.ok() && !IsShared(hands)) arguments.Refuse(1, "in shared memory");
  const uint32_t stride = arguments.Count(2);
  const uint32_t room = arguments.Count(3);
  if (arguments.ok() && (stride == 0 || room > stride)) arguments.Refuse(3, "at most the stride, which is not 0");
  if (!arguments.ok()) return {};
  auto guard = std::make_unique<LedgerGuard>(entries, hands, stride, room);
  return Napi::Number::New(info.Env(), Environment::Of(info.Env())->AddGuard(std::move(guard)));
}

Napi::Value LedgerGuard::ReleaseForJs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t number = arguments.Count(0);
  if (arguments.ok()) Environment::Of(info.Env())->RemoveGuard(number);
  return {};
}

}  // namespace node_dlb
