#include "fresh_stacks.h"

#include <cerrno>
#include <cstddef>

namespace node_dlb::dlb {

#ifdef __GLIBC__

namespace {

constexpr size_t kLarger = 65536;
size_t next_size = size_t{64} << 20;

}  // namespace

FreshStacks::FreshStacks() {
  pthread_attr_t fresh;
  if (pthread_getattr_default_np(&before_) != 0) return;
  if (pthread_getattr_default_np(&fresh) == 0) {
    next_size += kLarger;
    is_set_ = pthread_attr_setstacksize(&fresh, next_size) == 0 && pthread_setattr_default_np(&fresh) == 0;
    pthread_attr_destroy(&fresh);
  }
  if (!is_set_) pthread_attr_destroy(&before_);
}

FreshStacks::~FreshStacks() {
  if (!is_set_) return;
  // This keeps the errno of the call that was made while this object existed.
  const int error = errno;
  pthread_setattr_default_np(&before_);
  pthread_attr_destroy(&before_);
  errno = error;
}

#else

FreshStacks::FreshStacks() = default;
FreshStacks::~FreshStacks() = default;

#endif

}  // namespace node_dlb::dlb
