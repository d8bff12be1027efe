#include "http/tls_roots.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <string_view>

#include "base/strings.h"

namespace driveway::http {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? "" : value;
}

// "OpenSSL/3.0.22" of both: a libcurl built on another TLS library brings its own types.
bool libcurl_uses_our_openssl(const curl_version_info_data& info) {
  if (info.ssl_version == nullptr) return false;
  const std::string ours = cat("OpenSSL/", OPENSSL_VERSION_MAJOR, ".");
  return std::string_view(info.ssl_version).starts_with(ours);
}

// A CA of the right name and another key leaves errors of other libraries in OpenSSL's queue,
// before the one that says that the certificate was refused; libcurl looks at the first one only.
int note_verification(int verified, X509_STORE_CTX*) {
  if (verified == 0) ERR_clear_error();
  return verified;
}

}  // namespace

TlsRoots::TlsRoots() {
  const curl_version_info_data& info = *curl_version_info(CURLVERSION_NOW);
  shareable_ = libcurl_uses_our_openssl(info);
  const std::string file = environment("SSL_CERT_FILE");
  const std::string directory = environment("SSL_CERT_DIR");
  if (!file.empty() || !directory.empty()) {
    file_ = file;
    directory_ = directory;
    description_ = file.empty() ? cat("SSL_CERT_DIR=", directory) : cat("SSL_CERT_FILE=", file);
    return;
  }
  // What this libcurl was built to use (both fields are there since 7.70).
  if (info.age >= CURLVERSION_SEVENTH) {
    if (info.cainfo != nullptr) file_ = info.cainfo;
    if (info.capath != nullptr) directory_ = info.capath;
  }
  description_ = cat("the system's certificates (", file_.empty() ? directory_ : file_, ")");
}

TlsRoots::~TlsRoots() { X509_STORE_free(static_cast<X509_STORE*>(store_)); }

bool TlsRoots::apply(CURL* easy) {
  const auto text = [](const std::string& path) { return path.empty() ? nullptr : path.c_str(); };
  const bool verified = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
                        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
  curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, text(file_));
  curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, text(directory_));
  if (shareable_ && curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, &configure) == CURLE_OK) {
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, this);
    curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    return verified;
  }
  return curl_easy_setopt(easy, CURLOPT_CAINFO, text(file_)) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_CAPATH, text(directory_)) == CURLE_OK && verified;
}

CURLcode TlsRoots::configure(CURL*, void* ssl_context, void* self) {
  auto& roots = *static_cast<TlsRoots*>(self);
  roots.load();
  if (roots.store_ == nullptr) return CURLE_SSL_CACERT_BADFILE;
  auto* context = static_cast<SSL_CTX*>(ssl_context);
  SSL_CTX_set1_cert_store(context, static_cast<X509_STORE*>(roots.store_));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &note_verification);
  return CURLE_OK;
}

void TlsRoots::load() {
  if (std::exchange(loaded_, true)) return;
  X509_STORE* store = X509_STORE_new();
  if (store == nullptr) return;
  const bool file_loaded = !file_.empty() && X509_STORE_load_file(store, file_.c_str()) == 1;
  const bool directory_loaded =
      !directory_.empty() && X509_STORE_load_path(store, directory_.c_str()) == 1;
  ERR_clear_error();
  if (!file_loaded && !directory_loaded) {
    X509_STORE_free(store);
    loaded_ = false;  // the file may be there next time
    return;
  }
  // As libcurl sets them on a store of its own.
  X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
  store_ = store;
}

}  // namespace driveway::http
