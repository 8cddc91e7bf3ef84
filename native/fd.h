#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace node_dlb {

// One open file descriptor and the duty to close it. Move-only.
// Thread: any, one at a time. Ownership: closes what it holds when destroyed, reset or assigned to.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.Release()) {}
  Fd& operator=(Fd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

// Closes a descriptor. Returns 0 or an errno (EBADF, EIO); the descriptor is gone in either case.
int CloseFd(int fd);

// Another descriptor of the same open file, or a negative errno (EBADF, EMFILE). It is closed in
// child processes.
int DuplicateFd(int fd);

// Closes a TCP connection with a reset: unsent data is dropped and the peer sees ECONNRESET. On a
// socket of another kind it is CloseFd. Returns 0 or an errno (EBADF, EIO).
int ResetFd(int fd);

// Copies what has arrived and leaves it there. How many bytes; 0 at the end of the stream; a
// negative errno, EAGAIN if nothing has.
int PeekFd(int fd, char* to, size_t size);

// Takes so many bytes that have arrived. 0 or an errno; EAGAIN if they have not.
int SkipFd(int fd, size_t size);

// How many bytes have arrived and are not read; 0 also if nobody can know.
int UnreadOfFd(int fd);

// Sends so much of it as the socket takes at once, then ends the connection; what the peer has sent
// is read first, since closing with it unread would reset the connection, and the peer might lose
// what we sent. Returns 0 or CloseFd's errno.
int ReplyAndCloseFd(int fd, const char* data, size_t size);

// A number for the address (not the port) of a connection's other end, the same for IPv4 and IPv4
// in IPv6. 0: it has none, as on a Unix socket, or is gone.
uint32_t ClientOf(int fd);

}  // namespace node_dlb
