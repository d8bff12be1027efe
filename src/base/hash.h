// Hashes, over OpenSSL's EVP; and crc32c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace driveway {

enum class HashKind { kMd5, kSha1, kSha256 };

// Incremental. Move-only; not thread-safe. Copying the state: clone().
class Hasher {
 public:
  explicit Hasher(HashKind kind);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void update(std::span<const std::byte> data);
  void update(std::string_view data);
  Hasher clone() const;
  // The digest in lower-case hex; the hasher must not be used afterwards.
  std::string finish_hex();
  // The digest's bytes; likewise.
  std::string finish();

 private:
  struct State;
  explicit Hasher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

std::string hash_hex(HashKind kind, std::string_view data);
std::string hash_bytes(HashKind kind, std::string_view data);
// crc32c (Castagnoli), continuing from `crc`; uses the CPU's instruction where there is one.
std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t crc = 0);

// `count` bytes from the system's random source.
std::string random_bytes(std::size_t count);

}  // namespace driveway
