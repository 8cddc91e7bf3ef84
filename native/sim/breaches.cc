#include "breaches.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "owned_fd.h"

namespace dlb_sim {
namespace {

// Each line is one write, and O_APPEND is set, so that lines of several threads and processes do
// not mix.
void Publish(const std::string& line) {
  const char* file = std::getenv("DLB_SIM_BREACH_FILE");
  const OwnedFd opened(file != nullptr ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1);
  const int fd = opened.valid() ? opened.get() : STDERR_FILENO;
  if (write(fd, line.data(), line.size()) < 0) return;
}

bool AbortsOnBreach() {
  const char* value = std::getenv("DLB_SIM_ABORT_ON_BREACH");
  return value != nullptr && std::strcmp(value, "1") == 0;
}

}  // namespace

void Breaches::Add(const char* format, ...) {
  char text[300];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const std::lock_guard lock(mutex_);
  count_++;
  if (lines_.size() < kKept) {
    lines_.push_back(std::string("breach: ") + text + "\n");
    Publish(lines_.back());
  }
  if (AbortsOnBreach()) std::abort();
}

unsigned Breaches::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

std::string Breaches::Text() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const std::string& line : lines_) all += line;
  return all;
}

void Breaches::Clear() {
  const std::lock_guard lock(mutex_);
  count_ = 0;
  lines_.clear();
}

}  // namespace dlb_sim
