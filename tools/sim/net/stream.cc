#include "sim/net/stream.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "base/strings.h"

namespace driveway::sim {
namespace {

Error broken(std::string_view what) {
  return Error{ErrorCode::kUnavailable, cat("connection: ", what), true};
}

Error socket_error(int error_number) {
  if (error_number == EAGAIN || error_number == EWOULDBLOCK) {
    return Error{ErrorCode::kDeadlineExceeded, "connection: the peer is silent"};
  }
  return broken(errno_error(error_number, "socket").message);
}

class PlainStream final : public Stream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    for (;;) {
      const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) return socket_error(errno);
    }
  }

  Status write(std::span<const std::byte> data, bool more) override {
    while (!data.empty()) {
      const ssize_t count =
          ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL | (more ? MSG_MORE : 0));
      if (count >= 0) {
        data = data.subspan(static_cast<std::size_t>(count));
      } else if (errno != EINTR) {
        return socket_error(errno);
      }
    }
    return {};
  }

  void finish() override { ::shutdown(fd_, SHUT_WR); }

 private:
  int fd_;
};

using SslHandle = std::unique_ptr<SSL, decltype(&SSL_free)>;

std::string openssl_words() {
  char text[256] = "unknown";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

// SIGPIPE: connection threads run with all signals blocked, so a write to a closed socket is EPIPE.
class TlsStream final : public Stream {
 public:
  TlsStream(SslHandle ssl, int fd) : ssl_(std::move(ssl)), fd_(fd) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    ERR_clear_error();
    std::size_t count = 0;
    if (SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &count) == 1) return count;
    const int error = errno;
    switch (SSL_get_error(ssl_.get(), 0)) {
      case SSL_ERROR_ZERO_RETURN:
        return std::size_t{0};
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return socket_error(EAGAIN);
      case SSL_ERROR_SYSCALL:
        failed_ = true;
        return socket_error(error == 0 ? ECONNRESET : error);
      default:
        failed_ = true;
        return broken(openssl_words());
    }
  }

  Status write(std::span<const std::byte> data, bool /*more*/) override {
    if (data.empty()) return {};
    ERR_clear_error();
    std::size_t count = 0;
    // Without SSL_MODE_ENABLE_PARTIAL_WRITE this returns when all is written.
    if (SSL_write_ex(ssl_.get(), data.data(), data.size(), &count) == 1) return {};
    const int error = errno;
    failed_ = true;
    switch (SSL_get_error(ssl_.get(), 0)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return socket_error(EAGAIN);
      case SSL_ERROR_SYSCALL:
        return socket_error(error == 0 ? EPIPE : error);
      default:
        return broken(openssl_words());
    }
  }

  void finish() override {
    // After a fatal error OpenSSL forbids SSL_shutdown.
    if (!failed_) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ::shutdown(fd_, SHUT_WR);
  }

 private:
  SslHandle ssl_;
  int fd_;
  bool failed_ = false;
};

int choose_http11(SSL*, const unsigned char** out, unsigned char* out_length,
                  const unsigned char* in, unsigned in_length, void*) {
  static constexpr unsigned char kProtocols[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kProtocols, sizeof kProtocols - 1, in,
                            in_length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::unique_ptr<BIO, decltype(&BIO_free_all)> memory_bio(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free_all};
}

}  // namespace

std::unique_ptr<Stream> plain_stream(int fd) { return std::make_unique<PlainStream>(fd); }

Result<TlsContext> TlsContext::create(const std::string& certificate, const std::string& key) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  const std::unique_ptr<X509, decltype(&X509_free)> x509(
      PEM_read_bio_X509(memory_bio(certificate).get(), nullptr, nullptr, nullptr), &X509_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> private_key(
      PEM_read_bio_PrivateKey(memory_bio(key).get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  if (context == nullptr || x509 == nullptr || private_key == nullptr ||
      SSL_CTX_use_certificate(context.get(), x509.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), private_key.get()) != 1) {
    return Error{ErrorCode::kInternal, cat("TLS: ", openssl_words())};
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_http11, nullptr);
  // A peer that goes without close_notify is an ordinary end here.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
  return TlsContext(std::move(context));
}

Result<std::unique_ptr<Stream>> TlsContext::accept(int fd) const {
  SslHandle ssl(SSL_new(context_.get()), &SSL_free);
  ERR_clear_error();
  if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1 || SSL_accept(ssl.get()) != 1) {
    return broken(cat("TLS handshake: ", openssl_words()));
  }
  return std::unique_ptr<Stream>(std::make_unique<TlsStream>(std::move(ssl), fd));
}

}  // namespace driveway::sim
