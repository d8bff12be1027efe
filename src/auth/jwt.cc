#include "auth/jwt.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <limits>
#include <memory>

#include "base/strings.h"

namespace driveway::auth {

namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

// A key that wants a passphrase is none: nobody is there to ask.
int no_passphrase(char*, int, int, void*) { return -1; }

Key read_key(const Secret& pem) {
  const std::string& text = pem.reveal();
  if (text.size() > std::numeric_limits<int>::max()) return nullptr;
  const std::unique_ptr<BIO, FreeBio> bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (key && EVP_PKEY_is_a(key.get(), "RSA") != 1) return nullptr;
  return key;
}

// RSASSA-PKCS1-v1_5 with SHA-256; "" where OpenSSL fails.
std::string sign(EVP_PKEY* key, std::string_view text) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = signature.size();
  const bool done =
      context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  signature.resize(done ? size : 0);
  return signature;
}

}  // namespace

Result<Secret> signed_jwt(std::string_view header, std::string_view claims,
                          const Secret& private_key_pem) {
  const Key key = read_key(private_key_pem);
  if (!key) return Error{ErrorCode::kInvalidArgument, "the private key is no RSA key in PEM"};
  const std::string text = cat(base64url(header), ".", base64url(claims));
  const std::string signature = sign(key.get(), text);
  if (signature.empty()) {
    return Error{ErrorCode::kInvalidArgument, "the private key cannot sign"};
  }
  return Secret(cat(text, ".", base64url(signature)));
}

}  // namespace driveway::auth
