#include "sim/oauth/jwt.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <utility>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/strings.h"

namespace driveway::sim {
namespace {

constexpr unsigned kKeyBits = 2048;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

using nlohmann::json;

std::string text_claim(const json& claims, const char* name) {
  const auto found = claims.find(name);
  return found != claims.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_claim(const json& claims, const char* name) {
  // Of any size in a token, but a time that can be reckoned with is not farther off than this.
  constexpr std::int64_t kMost = 1'000'000'000'000;
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number_integer()) return 0;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > kMost) return 0;
  const auto number = found->get<std::int64_t>();
  return number >= -kMost ? number : 0;
}

}  // namespace

struct RsaKey::State {
  std::unique_ptr<EVP_PKEY, FreeKey> key;
};

RsaKey::RsaKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
RsaKey::RsaKey(RsaKey&&) noexcept = default;
RsaKey& RsaKey::operator=(RsaKey&&) noexcept = default;
RsaKey::~RsaKey() = default;

Result<RsaKey> RsaKey::generate() {
  auto state = std::make_unique<State>();
  state->key.reset(EVP_RSA_gen(kKeyBits));
  if (!state->key) return Error{ErrorCode::kInternal, "OpenSSL made no RSA key"};
  return RsaKey(std::move(state));
}

Result<RsaKey> RsaKey::from_pem(std::string_view private_key_pem) {
  const Bio bio(BIO_new_mem_buf(private_key_pem.data(), static_cast<int>(private_key_pem.size())));
  auto state = std::make_unique<State>();
  state->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!state->key) return Error{ErrorCode::kCorrupt, "not a private key"};
  return RsaKey(std::move(state));
}

Result<RsaKey> RsaKey::from_public_pem(std::string_view public_key_pem) {
  const Bio bio(BIO_new_mem_buf(public_key_pem.data(), static_cast<int>(public_key_pem.size())));
  auto state = std::make_unique<State>();
  state->key.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  if (!state->key) return Error{ErrorCode::kCorrupt, "not a public key"};
  return RsaKey(std::move(state));
}

std::string RsaKey::public_key_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), state_->key.get());
  return text_of(bio.get());
}

std::string RsaKey::sign(std::string_view message) const {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(state_->key.get())), '\0');
  std::size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, state_->key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     bytes, message.size()) != 1) {
    return "";
  }
  signature.resize(size);
  return signature;
}

std::string RsaKey::private_key_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), state_->key.get(), nullptr, nullptr, 0, nullptr,
                                nullptr);
  return text_of(bio.get());
}

std::string RsaKey::id() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  i2d_PUBKEY_bio(bio.get(), state_->key.get());
  return hash_hex(HashKind::kSha1, text_of(bio.get()));
}

bool RsaKey::verifies(std::string_view message, std::string_view signature) const {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  const auto* signed_bytes = reinterpret_cast<const unsigned char*>(signature.data());
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, state_->key.get()) ==
             1 &&
         EVP_DigestVerify(context.get(), signed_bytes, signature.size(), bytes, message.size()) ==
             1;
}

Result<Jwt> split_jwt(std::string_view compact) {
  const auto parts = split(compact, '.');
  if (parts.size() != 3) return Error{ErrorCode::kInvalidArgument, "a JWT has three parts"};
  Jwt jwt;
  jwt.signed_part = compact.substr(0, compact.rfind('.'));
  DRIVEWAY_TRY(jwt.header, from_base64url(parts[0]));
  DRIVEWAY_TRY(jwt.claims, from_base64url(parts[1]));
  DRIVEWAY_TRY(jwt.signature, from_base64url(parts[2]));
  return jwt;
}

std::optional<JwtClaims> claims_of(const Jwt& jwt) {
  const json claims = json::parse(jwt.claims, nullptr, false);
  if (!claims.is_object()) return std::nullopt;
  return JwtClaims{text_claim(claims, "iss"),   text_claim(claims, "sub"),
                   text_claim(claims, "aud"),   text_claim(claims, "scope"),
                   number_claim(claims, "iat"), number_claim(claims, "exp")};
}

std::string header_text(const Jwt& jwt, const char* name) {
  const json header = json::parse(jwt.header, nullptr, false);
  return header.is_object() ? text_claim(header, name) : "";
}

}  // namespace driveway::sim
