// A certificate authority made for one test, and TestServer connections that speak TLS under it.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "unit/http/test_server.h"

namespace driveway::test {

class TlsChannel final : public Channel {
 public:
  TlsChannel(int fd, SSL* ssl) : Channel(fd), ssl_(ssl) {}
  ~TlsChannel() override { SSL_free(ssl_); }
  ssize_t read(char* data, std::size_t size) override {
    ERR_clear_error();
    return SSL_read(ssl_, data, static_cast<int>(size));
  }
  ssize_t write(const char* data, std::size_t size) override {
    ERR_clear_error();
    return SSL_write(ssl_, data, static_cast<int>(size));
  }

 private:
  SSL* ssl_;
};

// A CA and a certificate of it for 127.0.0.1 (or `name` instead).
class TestAuthority {
 public:
  explicit TestAuthority(const std::filesystem::path& ca_file, const char* name = "IP:127.0.0.1")
      : ca_key_(EVP_EC_gen("P-256")), key_(EVP_EC_gen("P-256")) {
    ca_ = make_certificate("driveway test CA", ca_key_, nullptr, "CA:TRUE", nullptr);
    certificate_ = make_certificate("server", key_, ca_, "CA:FALSE", name);
    std::FILE* file = std::fopen(ca_file.c_str(), "w");
    PEM_write_X509(file, ca_);
    std::fclose(file);
    ::signal(SIGPIPE, SIG_IGN);  // SSL_write to a client that has gone
    context_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context_, certificate_);
    SSL_CTX_use_PrivateKey(context_, key_);
    // No name, or the sessions that clients resume would be refused.
    SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>("t"), 1);
  }
  ~TestAuthority() {
    SSL_CTX_free(context_);
    X509_free(certificate_);
    X509_free(ca_);
    EVP_PKEY_free(key_);
    EVP_PKEY_free(ca_key_);
  }
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  // The server's certificate ended an hour ago.
  void expire() {
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -48 * 3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), -3600);
    X509_sign(certificate_, ca_key_, EVP_sha256());
    SSL_CTX_use_certificate(context_, certificate_);
  }
  // Chooses HTTP/2 for every client that offers it.
  void prefer_http2() {
    const auto choose = +[](SSL*, const unsigned char** chosen, unsigned char* length,
                            const unsigned char* offered, unsigned int size, void*) {
      static constexpr unsigned char kHttp2[] = {2, 'h', '2'};
      auto* protocol = const_cast<unsigned char*>(*chosen);
      const int found =
          SSL_select_next_proto(&protocol, length, kHttp2, sizeof(kHttp2), offered, size);
      *chosen = protocol;
      return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
    };
    SSL_CTX_set_alpn_select_cb(context_, choose, nullptr);
  }

  TestServer::Wrap wrap() {
    return [this](int fd) -> std::unique_ptr<Channel> {
      SSL* ssl = SSL_new(context_);
      SSL_set_fd(ssl, fd);
      if (SSL_accept(ssl) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return nullptr;
      }
      return std::make_unique<TlsChannel>(fd, ssl);
    };
  }

 private:
  static void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  X509* make_certificate(const char* name, EVP_PKEY* key, X509* issuer, const char* constraints,
                         const char* alternative_name) {
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer == nullptr ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(certificate, issuer == nullptr ? subject : X509_get_subject_name(issuer));
    add_extension(certificate, issuer == nullptr ? certificate : issuer, NID_basic_constraints,
                  constraints);
    if (alternative_name != nullptr) {
      add_extension(certificate, issuer, NID_subject_alt_name, alternative_name);
    }
    X509_sign(certificate, ca_key_, EVP_sha256());
    return certificate;
  }

  EVP_PKEY* ca_key_;
  EVP_PKEY* key_;
  X509* ca_ = nullptr;
  X509* certificate_ = nullptr;
  SSL_CTX* context_ = nullptr;
};

}  // namespace driveway::test
