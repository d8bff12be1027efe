// RS256 keys and the JWTs of service accounts (oauth-headless reference 7).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace driveway::sim {

// An RSA key of 2,048 bits. Thread-safe once made.
class RsaKey {
 public:
  static Result<RsaKey> generate();
  static Result<RsaKey> from_pem(std::string_view private_key_pem);
  // Can verify, not sign. Errors: kCorrupt.
  static Result<RsaKey> from_public_pem(std::string_view public_key_pem);
  RsaKey(RsaKey&&) noexcept;
  RsaKey& operator=(RsaKey&&) noexcept;
  ~RsaKey();

  std::string private_key_pem() const;  // PKCS#8; REQUIRES: has the private part
  std::string public_key_pem() const;
  std::string id() const;  // hex, of the public key
  // The signature's bytes. REQUIRES: has the private part.
  std::string sign(std::string_view message) const;
  // RSASSA-PKCS1-v1_5 with SHA-256.
  bool verifies(std::string_view message, std::string_view signature) const;

 private:
  struct State;
  explicit RsaKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The parts of a compact JWT. Nothing is verified yet. Errors: kInvalidArgument.
struct Jwt {
  std::string signed_part;  // header.claims, as signed
  std::string signature;    // bytes
  std::string header;       // JSON texts
  std::string claims;
};
Result<Jwt> split_jwt(std::string_view compact);

// What a JWT says of itself, unverified: "" and 0 where a claim is missing or of another type.
struct JwtClaims {
  std::string issuer;
  std::string subject;
  std::string audience;
  std::string scope;
  std::int64_t issued = 0;  // seconds since 1970
  std::int64_t expires = 0;
};
// Nothing unless the claims are an object.
std::optional<JwtClaims> claims_of(const Jwt& jwt);
// A text of its header: "alg", "kid".
std::string header_text(const Jwt& jwt, const char* name);

}  // namespace driveway::sim
