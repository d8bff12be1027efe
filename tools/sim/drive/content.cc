#include "sim/drive/content.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/hash.h"
#include "base/strings.h"

namespace driveway::sim {

namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;

// The finaliser of a 64-bit mixing function: about 2.5 cycles a word, so that media is never bound
// by it.
inline std::uint64_t mix(std::uint64_t word) {
  word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9ULL;
  word = (word ^ (word >> 27)) * 0x94D049BB133111EBULL;
  return word ^ (word >> 31);
}

template <std::size_t N>
void copy_digest(const std::string& digest, std::array<std::uint8_t, N>& out) {
  std::memcpy(out.data(), digest.data(), std::min(N, digest.size()));
}

}  // namespace

void SyntheticContent::read_at(Bytes offset, std::span<std::byte> buffer) const {
  const std::uint64_t base = mix(seed_ + kGolden);
  auto word_at = [base](std::uint64_t index) { return mix(base + index * kGolden); };
  std::byte* out = buffer.data();
  std::size_t left = buffer.size();
  std::uint64_t index = offset / 8;
  if (const std::size_t skip = offset % 8; skip != 0 && left > 0) {
    const std::uint64_t word = word_at(index++);
    const std::size_t count = std::min(left, 8 - skip);
    std::memcpy(out, reinterpret_cast<const char*>(&word) + skip, count);
    out += count;
    left -= count;
  }
  for (; left >= 8; left -= 8, out += 8) {
    const std::uint64_t word = word_at(index++);
    std::memcpy(out, &word, 8);
  }
  if (left > 0) {
    const std::uint64_t word = word_at(index);
    std::memcpy(out, &word, left);
  }
}

void MemoryContent::read_at(Bytes offset, std::span<std::byte> buffer) const {
  std::memcpy(buffer.data(), bytes_.data() + offset, buffer.size());
}

std::optional<Hashes> compute_hashes(const ContentSource& source, const std::atomic<bool>& stop) {
  Hashes result;
  result.only_md5 = source.size() > kFullHashLimit;
  Hasher md5(HashKind::kMd5);
  Hasher sha1(HashKind::kSha1);
  Hasher sha256(HashKind::kSha256);
  std::vector<std::byte> buffer(std::min<Bytes>(source.size(), 256 * kKiB));
  for (Bytes offset = 0; offset < source.size();) {
    if (stop.load(std::memory_order_relaxed)) return std::nullopt;
    const std::span<std::byte> piece(buffer.data(),
                                     std::min<Bytes>(buffer.size(), source.size() - offset));
    source.read_at(offset, piece);
    md5.update(piece);
    if (!result.only_md5) {
      sha1.update(piece);
      sha256.update(piece);
    }
    offset += piece.size();
  }
  copy_digest(md5.finish(), result.md5);
  if (!result.only_md5) {
    copy_digest(sha1.finish(), result.sha1);
    copy_digest(sha256.finish(), result.sha256);
  }
  return result;
}

Hashes compute_hashes(const ContentSource& source) {
  const std::atomic<bool> never{false};
  return *compute_hashes(source, never);
}

std::string hex_of(std::span<const std::uint8_t> digest) {
  return hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace driveway::sim
