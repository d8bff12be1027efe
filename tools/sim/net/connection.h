// One connection: requests one after the other until one side ends it.
#pragma once

#include <cstdint>
#include <memory>

#include "base/file.h"
#include "sim/net/engine.h"
#include "sim/net/stream.h"

namespace driveway::sim {

struct ConnectionOptions {
  std::size_t head_limit = 64 * 1024;    // longer heads are answered 431
  std::size_t target_limit = 16 * 1024;  // longer targets are answered 414
};

// Serves the connected socket `fd` on the calling thread, until its end or until somebody shuts the
// socket down. `tls` is null for plain HTTP. On return the connection has been ended in the right
// way (FIN, or set up so that closing sends RST); the caller closes `fd`.
void serve_connection(Engine& engine, int fd, const TlsContext* tls,
                      const ConnectionOptions& options);

}  // namespace driveway::sim
