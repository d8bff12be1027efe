// The bytes of one accepted connection, plain or TLS, blocking. Reads and writes wait at most the
// socket's timeout. One thread uses a stream; another one may shut the socket down, which ends a
// wait.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

struct ssl_ctx_st;

namespace driveway::sim {

class Stream {
 public:
  virtual ~Stream() = default;
  // What has come, at least one byte; 0 at the peer's end. Errors: kDeadlineExceeded after the
  // socket's timeout, kUnavailable when the connection broke.
  virtual Result<std::size_t> read(std::span<std::byte> buffer) = 0;
  // All of it. `more`: further bytes follow at once (they may share a packet). Errors: as read.
  virtual Status write(std::span<const std::byte> data, bool more) = 0;
  // Says that nothing more comes (close_notify, FIN).
  virtual void finish() = 0;

  Status write(std::string_view text, bool more) {
    return write(std::as_bytes(std::span(text.data(), text.size())), more);
  }
};

// REQUIRES: `fd` is a connected stream socket and outlives the stream, which does not close it.
std::unique_ptr<Stream> plain_stream(int fd);

// The server's side of TLS (>= 1.2) with one certificate; HTTP/1.1 by ALPN.
class TlsContext {
 public:
  // PEM texts. Errors: kInternal (OpenSSL's words).
  static Result<TlsContext> create(const std::string& certificate, const std::string& key);
  // Does the handshake. Errors: kUnavailable.
  Result<std::unique_ptr<Stream>> accept(int fd) const;

 private:
  explicit TlsContext(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}
  std::shared_ptr<ssl_ctx_st> context_;
};

}  // namespace driveway::sim
