#pragma once

#include <string>
#include <sys/socket.h>

#include "fd.h"
#include "system_error.h"

namespace node_dlb {

// Where to listen. With a `path` it is a Unix socket (a first byte of 0: one in the abstract
// namespace), else TCP on `address`, an IPv4 or IPv6 literal.
struct ListenSpec {
  std::string address;
  std::string path;
  int port = 0;
  int backlog = 0;
  bool ipv6_only = false;
  bool reuse_port = false;
  bool no_delay = false;
  bool defer_accept = false;
};

// Another descriptor of a socket of this process that listens, for the caller to close. Returns a
// negative errno if there is none to be had (EMFILE), or if the descriptor is no such socket
// (EBADF).
int ShareListening(int fd);

// A socket that listens, set up with the options that libuv sets, so that it behaves as a listener
// of Node's own. Thread: any, one at a time. Ownership: holds the descriptor and, for a Unix
// socket, its name in the file system: Close (or the destructor) removes both, the name unless it
// leads to another file by then. What tells is `name_`, a descriptor of the file (O_PATH): while it
// is open, no other file gets the same number.
class ListenSocket {
 public:
  ListenSocket() = default;
  ListenSocket(ListenSocket&&) = default;
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket() { Close(); }

  // Errnos are libuv's choice: EADDRINUSE (also for a path that exists, stale or not),
  // EADDRNOTAVAIL, EACCES (also for a path whose directory does not exist), EINVAL (no literal,
  // path too long, family not supported here), EMFILE, ENFILE, ENOMEM.
  SystemError Open(const ListenSpec& spec);

  // As ShareListening. The name of a Unix socket stays the first one's. EBADF, EMFILE.
  SystemError Share(int fd);

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  // Of a Unix socket in the file system: whether its name still leads to it. True for others.
  bool HasName() const;
  // Of one in the file system: whether its file is anywhere, also by another name. True for others.
  bool HasFile() const;
  // Gives a file the owner and the permissions that the socket's own has, or had when it was
  // removed, as far as that is allowed.
  void CopyPermissionsTo(const std::string& path) const;

  // The bound address. ENOBUFS.
  SystemError Address(sockaddr_storage* address) const;

  // Whether a descriptor, of which nothing is known, is an open connection that was accepted here.
  bool IsConnection(int fd) const;
  // Whether there is something to accept; also once it is shut down.
  bool HasWaiting() const;

  // Nobody can connect any more, also where the socket is shared, and who waits in the backlog is
  // reset.
  void Shutdown();

  // Safe to repeat.
  void Close();

 private:
  SystemError OpenTcp(const ListenSpec& spec);
  SystemError OpenUnix(const ListenSpec& spec);

  bool IsInFileSystem() const { return !path_.empty() && path_[0] != '\0'; }

  Fd fd_;
  std::string path_;
  Fd name_;
};

}  // namespace node_dlb
