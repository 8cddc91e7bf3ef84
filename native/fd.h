#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace node_dlb {

// One open file descriptor and the duty to close it. Move-only. Thread: any, one at a time.
// Ownership: the object closes its descriptor when it is destroyed, reset or assigned to.
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

// Closes a descriptor. Returns 0 or a negative errno (EBADF, EIO); the descriptor is gone in both
// cases.
int CloseFd(int fd);

// Returns another descriptor of the same open file, or a negative errno (EBADF, EMFILE). The new
// descriptor is closed in child processes.
int DuplicateFd(int fd);

// Closes a TCP connection with a reset: unsent data is dropped, and the peer sees ECONNRESET. On a
// socket of another kind it does what CloseFd does. Returns 0 or a negative errno (EBADF, EIO).
int ResetFd(int fd);

// Copies the bytes that have arrived, and leaves them unread. Returns how many; 0 at the end of the
// stream; a negative errno (EAGAIN if no byte has arrived).
int PeekFd(int fd, char* to, size_t size);

// Reads and drops `size` bytes that have arrived. Returns 0 or a negative errno (EAGAIN if fewer
// have arrived).
int SkipFd(int fd, size_t size);

// Returns the number of bytes that have arrived and are not read; 0 also if the kernel does not
// tell.
int UnreadOfFd(int fd);

// Sends as much of the data as the socket takes at once, then ends the connection. What the peer
// has sent is read first: closing with unread data would reset the connection, and the peer might
// lose what was sent to it. Returns what CloseFd does.
int ReplyAndCloseFd(int fd, const char* data, size_t size);

// Returns a number for the address (not the port) of a connection's peer. It is the same for an
// IPv4 address and for that address mapped into IPv6. 0 means that the peer has no address, as on a
// Unix socket, or is gone.
uint32_t ClientOf(int fd);

}  // namespace node_dlb
