#include "call_guard.h"

#include <cerrno>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <sys/stat.h>

namespace node_dlb::dlb {
namespace {

std::mutex& CallMutex() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}

// The descriptors that a child process would inherit. Empty if they are not known (there is no
// /proc, or no free descriptor to read it with).
std::set<int> InheritedDescriptors() {
  std::set<int> inherited;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), closedir);
  if (directory == nullptr) return inherited;
  while (const dirent* entry = readdir(directory.get())) {
    const int fd = std::atoi(entry->d_name);
    const int flags = entry->d_name[0] == '.' ? -1 : fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) inherited.insert(fd);
  }
  return inherited;
}

}  // namespace

CallGuard::CallGuard() {
  CallMutex().lock();
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &mask_);
  before_ = InheritedDescriptors();
}

CallGuard::~CallGuard() {
  const int error = errno;
  for (const int fd : InheritedDescriptors()) {
    if (fd > 2 && before_.count(fd) == 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  CallMutex().unlock();
  errno = error;
}

template <typename Fits>
int CallGuard::OnlyOpened(Fits fits) const {
  int found = -1;
  for (const int fd : InheritedDescriptors()) {
    struct stat about = {};
    if (before_.count(fd) != 0 || fstat(fd, &about) != 0 || !fits(about.st_mode & S_IFMT)) continue;
    if (found != -1) return -1;
    found = fd;
  }
  return found;
}

int CallGuard::Opened(unsigned kind) const {
  return OnlyOpened([kind](unsigned of) { return of == kind; });
}

int CallGuard::OpenedNoSocket() const {
  return OnlyOpened([](unsigned of) { return of != S_IFSOCK; });
}

SystemError LastError(const char* call) { return {errno > 0 ? errno : EIO, call}; }

}  // namespace node_dlb::dlb
