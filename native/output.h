#pragma once

#include <cstddef>

namespace node_dlb {

// Writes as many bytes as the descriptor takes at once. The descriptor does not become
// non-blocking: that would affect every user of it, such as the app's own synchronous writes to
// stdout, or the programs at its other end. Up to 4,096 bytes (PIPE_BUF) are written in one piece
// or not at all; of longer data, a part may be written. Returns the number of bytes written; a
// negative errno (EPIPE, ENOSPC, EBADF) if none could be written. Thread: any; threads that call it
// at the same time take turns.
long WriteWithoutWaiting(int fd, const char* data, size_t size);

}  // namespace node_dlb
