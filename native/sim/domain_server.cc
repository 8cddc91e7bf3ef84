#include "domain_server.h"

#include <alloca.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace dlb_sim {
namespace {

// How far down the stack the msghdr is: below the thread's other calls, and within the 16 KiB that
// glibc does not give back to the kernel when a thread ends.
constexpr size_t kBelowOtherCalls = 10240;
// How much of a stack is filled: more than the part that is used.
constexpr size_t kDirt = 131072;
constexpr int kDirtyStacks = 4;

union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

__attribute__((noinline)) ssize_t SendDescriptor(int to, int fd) {
  auto* const message = static_cast<msghdr*>(alloca(kBelowOtherCalls));
  char byte = 0;
  iovec data{&byte, 1};
  Control control{};
  message->msg_iov = &data;
  message->msg_iovlen = 1;
  message->msg_control = control.bytes;
  message->msg_controllen = sizeof control.bytes;
  cmsghdr* const header = CMSG_FIRSTHDR(message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return sendmsg(to, message, MSG_NOSIGNAL);
}

void* Dirty(void* all) {
  auto* const stack = static_cast<volatile char*>(alloca(kDirt));
  for (size_t i = 0; i < kDirt; i++) stack[i] = static_cast<char>(0xa5);
  // All threads run at the same time; otherwise one would get the stack of one that has ended.
  pthread_barrier_wait(static_cast<pthread_barrier_t*>(all));
  return nullptr;
}

}  // namespace

bool DomainServer::Start(int socket, int domain) {
  socket_ = socket;
  domain_ = domain;
  if (pthread_create(&thread_, nullptr, Run, this) == 0) return true;
  socket_ = -1;
  return false;
}

void DomainServer::Stop() {
  if (!runs()) return;
  shutdown(socket_, SHUT_RDWR);
  pthread_join(thread_, nullptr);
  socket_ = -1;
}

void* DomainServer::Run(void* of) {
  const auto* const self = static_cast<DomainServer*>(of);
  for (;;) {
    const OwnedFd peer(accept4(self->socket_, nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer.valid() && errno == EINVAL) return nullptr;
    if (peer.valid() && SendDescriptor(peer.get(), self->domain_) < 0) {
      std::printf("[dlb_domain_server()] Error: failed to share domain fd: %s\n", std::strerror(errno));
    }
  }
}

OwnedFd ReceiveDomain(const std::string& socket_path) {
  const size_t slash = socket_path.rfind('/');
  const OwnedFd folder(open(socket_path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string path = "/proc/self/fd/" + std::to_string(folder.get()) + socket_path.substr(slash);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const OwnedFd peer(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!peer.valid() || path.size() >= sizeof address.sun_path) return OwnedFd();
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (connect(peer.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return OwnedFd();
  char byte = 0;
  iovec data{&byte, 1};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const ssize_t count = recvmsg(peer.get(), &message, 0);
  const cmsghdr* const header = count > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr) return OwnedFd();
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return OwnedFd(fd);
}

void LeaveDirtyStacks() {
  pthread_barrier_t all;
  pthread_barrier_init(&all, nullptr, kDirtyStacks);
  std::array<pthread_t, kDirtyStacks> threads{};
  int started = 0;
  while (started < kDirtyStacks && pthread_create(&threads[static_cast<size_t>(started)], nullptr, Dirty, &all) == 0) {
    started++;
  }
  // The threads that were started would wait for the others for ever.
  if (started < kDirtyStacks) std::abort();
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  pthread_barrier_destroy(&all);
}

}  // namespace dlb_sim
