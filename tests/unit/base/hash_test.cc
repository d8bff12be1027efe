#include "base/hash.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/crc32c.h"
#include "base/strings.h"

namespace driveway {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(HasherTest, KnowsTheVectorsOfTheStandards) {
  EXPECT_EQ(hash_hex(HashKind::kMd5, ""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hash_hex(HashKind::kMd5, "abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hash_hex(HashKind::kSha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hash_hex(HashKind::kSha256, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(hash_bytes(HashKind::kMd5, "abc")), "900150983cd24fb0d6963f7d28e17f72");
}

TEST(HasherTest, IsIncrementalAndClones) {
  Hasher hasher(HashKind::kSha256);
  hasher.update("a");
  hasher.update(std::string_view());
  Hasher copy = hasher.clone();
  hasher.update(bytes_of("bc"));
  copy.update("x");
  Hasher moved = std::move(hasher);
  EXPECT_EQ(moved.finish_hex(), hash_hex(HashKind::kSha256, "abc"));
  EXPECT_EQ(copy.finish_hex(), hash_hex(HashKind::kSha256, "ax"));
}

TEST(Crc32cTest, KnowsTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\0'))), 0x8A9136AAU);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\xFF'))), 0x62A8AB43U);
  EXPECT_EQ(internal::crc32c_portable(bytes_of("123456789"), 0), 0xE3069283U);
}

TEST(Crc32cTest, HardwareAndTablesAgreeOnAnyLengthAndContinue) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 random(seed);
  std::string data(100'000, '\0');
  for (char& byte : data) byte = static_cast<char>(random());
  for (int round = 0; round < 300; ++round) {
    const std::size_t from = random() % 64;
    const std::size_t length = round < 50 ? round : random() % (data.size() - from);
    const auto part = bytes_of(data).subspan(from, length);
    const std::uint32_t expected = internal::crc32c_portable(part, 0);
    EXPECT_EQ(crc32c(part), expected);
    if (internal::has_crc32c_hardware()) {
      EXPECT_EQ(internal::crc32c_hardware(part, 0), expected);
    }
    const std::size_t cut = random() % (length + 1);
    EXPECT_EQ(crc32c(part.subspan(cut), crc32c(part.first(cut))), expected);
  }
}

TEST(RandomBytesTest, AreManyAndDifferent) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(random_bytes(16));
  EXPECT_EQ(seen.size(), 100U);
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(1000).size(), 1000U);
}

}  // namespace
}  // namespace driveway
