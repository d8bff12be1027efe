// The certificates that servers are checked against: the system's, or SSL_CERT_FILE and
// SSL_CERT_DIR in the place of them, as OpenSSL's own programs do it.
//
// They are parsed once and shared by all connections. libcurl before 7.87 (Ubuntu 22.04 has 7.81)
// parses the whole bundle for each connection: 64 of them would cost the I/O thread over a second.
#pragma once

#include <curl/curl.h>

#include <string>

namespace driveway::http {

// Used by one thread, and outlives the handles that it was applied to.
class TlsRoots {
 public:
  // Reads the environment; the certificates are loaded at the first TLS connection.
  TlsRoots();
  ~TlsRoots();
  TlsRoots(const TlsRoots&) = delete;
  TlsRoots& operator=(const TlsRoots&) = delete;

  // Makes `easy` verify servers and HTTPS proxies against these roots; false if libcurl refused.
  bool apply(CURL* easy);
  // "SSL_CERT_FILE=/path", or what the system has: for the error text of a refused certificate.
  const std::string& description() const { return description_; }

 private:
  static CURLcode configure(CURL* easy, void* ssl_context, void* self);
  void load();

  std::string file_;
  std::string directory_;
  std::string description_;
  bool shareable_ = false;  // libcurl uses the OpenSSL that this program is linked with
  bool loaded_ = false;
  void* store_ = nullptr;  // X509_STORE
};

}  // namespace driveway::http
