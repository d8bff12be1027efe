#include "sim/net/ca.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "base/strings.h"

namespace driveway::sim {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

constexpr char kServerNames[] =
    "DNS:localhost,IP:127.0.0.1,IP:::1,DNS:www.googleapis.com,DNS:oauth2.googleapis.com,"
    "DNS:accounts.google.com,DNS:*.googleapis.com,DNS:*.google.com,DNS:googleapis.com,"
    "DNS:metadata.google.internal";
constexpr long kDay = 24 * 3600;

Error openssl_error(std::string_view what) {
  char text[256] = "unknown";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return Error{ErrorCode::kInternal, cat("certificates: ", what, ": ", text)};
}

Key make_key() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value), &X509_EXTENSION_free);
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// A certificate without extensions and signature.
Certificate begin_certificate(EVP_PKEY* key, const char* common_name, long days) {
  Certificate certificate(X509_new(), &X509_free);
  // 159 random bits: unique, and positive within the 20 bytes that RFC 5280 allows.
  std::string serial = random_bytes(20);
  serial[0] = static_cast<char>(serial[0] & 0x7f);
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), 20, nullptr), &BN_free);
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get()));
  X509_set_version(certificate.get(), X509_VERSION_3);
  // From yesterday on: the clocks of the machines in a test need not agree.
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kDay);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const auto add = [&](const char* field, const char* value) {
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value), -1, -1, 0);
  };
  add("O", "driveway-sim");
  add("CN", common_name);
  return certificate;
}

Result<Certificate> make_ca(EVP_PKEY* key) {
  Certificate ca = begin_certificate(key, "driveway-sim test CA", 3650);
  X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
  if (!add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash") ||
      X509_sign(ca.get(), key, EVP_sha256()) == 0) {
    return openssl_error("making the CA");
  }
  return ca;
}

Result<Certificate> make_server_certificate(EVP_PKEY* key, X509* ca, EVP_PKEY* ca_key) {
  Certificate leaf = begin_certificate(key, "localhost", 365);
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(ca));
  if (!add_extension(leaf.get(), ca, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(leaf.get(), ca, NID_key_usage, "critical,digitalSignature") ||
      !add_extension(leaf.get(), ca, NID_ext_key_usage, "serverAuth") ||
      !add_extension(leaf.get(), ca, NID_subject_key_identifier, "hash") ||
      !add_extension(leaf.get(), ca, NID_authority_key_identifier, "keyid") ||
      !add_extension(leaf.get(), ca, NID_subject_alt_name, kServerNames) ||
      X509_sign(leaf.get(), ca_key, EVP_sha256()) == 0) {
    return openssl_error("making the server's certificate");
  }
  return leaf;
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string to_pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free_all);
  PEM_write_bio_X509(bio.get(), certificate);
  return bio_text(bio.get());
}

std::string to_pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free_all);
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return bio_text(bio.get());
}

struct Authority {
  Certificate certificate;
  Key key;
};

Result<Authority> load_authority(const std::string& certificate_pem, const std::string& key_pem) {
  const Bio certificate_bio(
      BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())),
      &BIO_free_all);
  const Bio key_bio(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())),
                    &BIO_free_all);
  Authority authority{
      {PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr), &X509_free},
      {PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free}};
  if (authority.certificate == nullptr || authority.key == nullptr ||
      X509_check_private_key(authority.certificate.get(), authority.key.get()) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::kCorrupt, "certificates: ca.pem and ca.key do not belong together"};
  }
  return authority;
}

Result<Authority> create_authority(const std::filesystem::path& folder) {
  Key key = make_key();
  if (key == nullptr) return openssl_error("making a key");
  DRIVEWAY_TRY(Certificate certificate, make_ca(key.get()));
  // The key first: a ca.pem without its key would never be replaced.
  DRIVEWAY_CHECK(write_file_atomically(folder / "ca.key", to_pem(key.get()), 0600));
  DRIVEWAY_CHECK(write_file_atomically(folder / "ca.pem", to_pem(certificate.get()), 0644));
  return Authority{std::move(certificate), std::move(key)};
}

}  // namespace

Result<Certificates> make_certificates(const std::filesystem::path& folder) {
  DRIVEWAY_CHECK(make_private_directory(folder));
  const auto load_or_create = [&]() -> Result<Authority> {
    std::error_code ignored;
    if (!std::filesystem::exists(folder / "ca.pem", ignored)) return create_authority(folder);
    DRIVEWAY_TRY(const std::string certificate, read_file(folder / "ca.pem"));
    DRIVEWAY_TRY(const std::string key, read_file(folder / "ca.key"));
    return load_authority(certificate, key);
  };
  DRIVEWAY_TRY(const Authority authority, load_or_create());
  const Key key = make_key();
  if (key == nullptr) return openssl_error("making a key");
  DRIVEWAY_TRY(
      const Certificate leaf,
      make_server_certificate(key.get(), authority.certificate.get(), authority.key.get()));
  return Certificates{folder / "ca.pem", to_pem(authority.certificate.get()), to_pem(leaf.get()),
                      to_pem(key.get())};
}

}  // namespace driveway::sim
