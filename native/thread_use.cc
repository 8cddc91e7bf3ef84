#include "thread_use.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"

namespace node_dlb {
namespace {

// The kernel's name for the CPU clock of one thread. clock_getcpuclockid(3) makes the name for a
// process in the same way: the complement of the number, above 3 bits. In those bits, 4 stands for
// a thread, and 2 for the time that the scheduler counts.
clockid_t ClockOf(pid_t thread) { return static_cast<clockid_t>((~static_cast<unsigned>(thread) << 3) | 4U | 2U); }

}  // namespace

pid_t ThreadNumber() { return static_cast<pid_t>(syscall(SYS_gettid)); }

double ThreadCpu(pid_t thread) {
  timespec used{};
  if (thread <= 0 || clock_gettime(ClockOf(thread), &used) != 0) return -1;
  return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
}

bool IsReady(pid_t thread, int poll_fd) {
  if (thread <= 0) return false;
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/task/%d/syscall", static_cast<int>(thread));
  const Fd file(open(path.data(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  // The text is "running", or the number of the system call in which the thread sleeps and its
  // arguments: "281 0x12 …".
  std::array<char, 64> text{};
  if (read(file.get(), text.data(), text.size() - 1) <= 0) return false;
  if (std::strncmp(text.data(), "running", 7) == 0) return true;
  long number = -1;
  unsigned fd = 0;
  if (std::sscanf(text.data(), "%ld %x", &number, &fd) != 2 || fd != static_cast<unsigned>(poll_fd)) return false;
#ifdef SYS_epoll_wait
  if (number == SYS_epoll_wait) return true;
#endif
  return number == SYS_epoll_pwait;
}

}  // namespace node_dlb
