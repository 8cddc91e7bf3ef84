#pragma once

#include <string>
#include <sys/socket.h>

#include "fd.h"
#include "system_error.h"

namespace node_dlb {

// Where to listen. With a `path`, on a Unix socket (a first byte of 0 puts it in the abstract
// namespace); without one, on TCP at `address`, an IPv4 or IPv6 literal.
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

// Returns another descriptor of a listening socket of this process, which the caller has to close,
// or a negative errno: EMFILE if no descriptor is free, EBADF if `fd` is not a listening socket.
int ShareListening(int fd);

// A listening socket, set up with the options that libuv sets, so that it behaves like a listener
// of Node's own. Thread: any, one at a time. Ownership: the object owns the descriptor and, for a
// Unix socket, the name in the file system. Close (or the destructor) removes both, except a name
// that leads to another file by then. It compares with `name_`, a descriptor of the file (O_PATH):
// while that is open, no other file gets the same inode number.
class ListenSocket {
 public:
  ListenSocket() = default;
  ListenSocket(ListenSocket&&) = default;
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket() { Close(); }

  // The errnos are those that libuv reports: EADDRINUSE (also for a path that exists, stale or
  // not), EADDRNOTAVAIL, EACCES (also for a path whose directory does not exist), EINVAL (`address`
  // is not a literal, the path is too long, or this machine lacks the address family), EMFILE,
  // ENFILE, ENOMEM.
  SystemError Open(const ListenSpec& spec);

  // Shares the socket of another ListenSocket, by ShareListening. The other one keeps the name of a
  // Unix socket. Errors: EBADF, EMFILE.
  SystemError Share(int fd);

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  // Whether the name of a Unix socket in the file system still leads to it. True for other sockets.
  bool HasName() const;
  // Whether the file of a Unix socket in the file system still exists, under any name. True for
  // other sockets.
  bool HasFile() const;
  // Gives a file the owner and the permissions that the socket's own file has, or had when it was
  // removed. What this process may not change is left as it is.
  void CopyPermissionsTo(const std::string& path) const;

  // The bound address. Error: ENOBUFS.
  SystemError Address(sockaddr_storage* address) const;

  // Whether a descriptor, about which nothing is known, is an open connection that was accepted
  // from this socket.
  bool IsConnection(int fd) const;
  // Whether connections wait in the backlog. True also once the socket is shut down.
  bool HasWaiting() const;

  // Shuts the socket down, even if it is shared: nobody can connect any more, and the connections
  // in the backlog are reset.
  void Shutdown();

  // May be called again.
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
