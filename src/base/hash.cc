#include "base/hash.h"

#include <openssl/evp.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/strings.h"

namespace driveway {

namespace {

// These calls fail for want of memory or of a working OpenSSL only; there is no digest to go on
// with, and a wrong one would be worse than none.
void require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "driveway: %s failed\n", what);
  std::abort();
}

// Looked up once: OpenSSL 3 otherwise searches its providers at every start of a hash.
const EVP_MD* algorithm(HashKind kind) {
  static const EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  switch (kind) {
    case HashKind::kMd5:
      return md5 != nullptr ? md5 : EVP_md5();
    case HashKind::kSha1:
      return sha1 != nullptr ? sha1 : EVP_sha1();
    case HashKind::kSha256:
      return sha256 != nullptr ? sha256 : EVP_sha256();
  }
  return nullptr;
}

}  // namespace

struct Hasher::State {
  State() : context(EVP_MD_CTX_new()) { require(context != nullptr, "EVP_MD_CTX_new"); }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  EVP_MD_CTX* context;
};

Hasher::Hasher(HashKind kind) : state_(std::make_unique<State>()) {
  require(EVP_DigestInit_ex(state_->context, algorithm(kind), nullptr) == 1, "EVP_DigestInit_ex");
}

Hasher::Hasher(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(std::span<const std::byte> data) {
  require(EVP_DigestUpdate(state_->context, data.data(), data.size()) == 1, "EVP_DigestUpdate");
}

void Hasher::update(std::string_view data) { update(std::as_bytes(std::span(data))); }

Hasher Hasher::clone() const {
  auto copy = std::make_unique<State>();
  require(EVP_MD_CTX_copy_ex(copy->context, state_->context) == 1, "EVP_MD_CTX_copy_ex");
  return Hasher(std::move(copy));
}

std::string Hasher::finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  require(EVP_DigestFinal_ex(state_->context, digest, &length) == 1, "EVP_DigestFinal_ex");
  return {reinterpret_cast<const char*>(digest), length};
}

std::string Hasher::finish_hex() { return hex(finish()); }

std::string hash_bytes(HashKind kind, std::string_view data) {
  Hasher hasher(kind);
  hasher.update(data);
  return hasher.finish();
}

std::string hash_hex(HashKind kind, std::string_view data) { return hex(hash_bytes(kind, data)); }

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = getrandom(out.data() + done, count - done, 0);
    if (got < 0 && errno == EINTR) continue;
    require(got > 0, "getrandom");
    done += static_cast<std::size_t>(got);
  }
  return out;
}

}  // namespace driveway
