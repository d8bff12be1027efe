// The bytes behind a revision: synthetic ones (a seed and a size, made by position, no disk and no
// memory) and stored ones (what was uploaded).
//
// A Content never changes once it is published, so it is read without locks. Hashes of synthetic
// content come later, from a background pool (design: the simulator): until then hashes() says that
// it has none.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "sim/net/service.h"

namespace driveway::sim {

struct Hashes {
  std::array<std::uint8_t, 16> md5{};
  std::array<std::uint8_t, 20> sha1{};
  std::array<std::uint8_t, 32> sha256{};
  // Contents above kFullHashLimit have an md5 only, as some real files do (drive-api reference 2).
  bool only_md5 = false;
};

// Three hashes of one pass cost about 3 s a GiB and core; a file of 50 GiB gets its md5 alone.
inline constexpr Bytes kFullHashLimit = 4 * kGiB;

class Content : public ContentSource {
 public:
  // Null while they are being computed.
  const Hashes* hashes() const {
    return has_hashes_.load(std::memory_order_acquire) ? &hashes_ : nullptr;
  }
  // REQUIRES: called once.
  void set_hashes(const Hashes& hashes) {
    hashes_ = hashes;
    has_hashes_.store(true, std::memory_order_release);
  }

 private:
  Hashes hashes_;
  std::atomic<bool> has_hashes_{false};
};

using ContentPtr = std::shared_ptr<const Content>;

// Byte i is byte (i mod 8) of mix(seed, i / 8): any range is made without what lies before it.
class SyntheticContent final : public Content {
 public:
  SyntheticContent(std::uint64_t seed, Bytes size) : seed_(seed), size_(size) {}
  Bytes size() const override { return size_; }
  void read_at(Bytes offset, std::span<std::byte> buffer) const override;
  std::uint64_t seed() const { return seed_; }

 private:
  std::uint64_t seed_;
  Bytes size_;
};

// Small uploads, texts of Docs.
class MemoryContent final : public Content {
 public:
  explicit MemoryContent(std::string bytes) : bytes_(std::move(bytes)) {}
  Bytes size() const override { return bytes_.size(); }
  void read_at(Bytes offset, std::span<std::byte> buffer) const override;

 private:
  std::string bytes_;
};

// The hashes of all of `source`, in one pass of 256 KiB pieces; nothing once `stop` is set, which
// is looked at between two pieces.
std::optional<Hashes> compute_hashes(const ContentSource& source, const std::atomic<bool>& stop);
Hashes compute_hashes(const ContentSource& source);
std::string hex_of(std::span<const std::uint8_t> digest);

}  // namespace driveway::sim
