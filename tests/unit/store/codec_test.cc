#include "store/codec.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace driveway::store {
namespace {

TEST(Codec, GivesBackWhatWasWritten) {
  Writer writer;
  writer.u8(7).varint(300).zigzag(-5).fixed32(0xdeadbeef).key64(42).text("name").raw("rest");
  Reader reader(writer.bytes());
  EXPECT_EQ(reader.u8(), 7);
  EXPECT_EQ(reader.varint(), 300u);
  EXPECT_EQ(reader.zigzag(), -5);
  EXPECT_EQ(reader.fixed32(), 0xdeadbeefu);
  EXPECT_EQ(reader.key64(), 42u);
  EXPECT_EQ(reader.text(), "name");
  EXPECT_FALSE(reader.at_end());
  EXPECT_EQ(reader.rest(), "rest");
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.at_end());
}

TEST(Codec, TakesExtremeNumbers) {
  const std::vector<std::uint64_t> unsigned_values = {
      0, 127, 128, 16383, 16384, std::numeric_limits<std::uint64_t>::max()};
  const std::vector<std::int64_t> signed_values = {
      0, -1, 1, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
  Writer writer;
  for (const auto value : unsigned_values) writer.varint(value);
  for (const auto value : signed_values) writer.zigzag(value);
  Reader reader(writer.bytes());
  for (const auto value : unsigned_values) EXPECT_EQ(reader.varint(), value);
  for (const auto value : signed_values) EXPECT_EQ(reader.zigzag(), value);
  EXPECT_TRUE(reader.ok());
}

TEST(Codec, KeysAreInNumberOrder) {
  const std::vector<std::uint64_t> values = {0, 1, 255, 256, 511, 65536, 1ull << 40, ~0ull};
  for (std::size_t i = 1; i < values.size(); ++i) {
    EXPECT_LT(Writer().key64(values[i - 1]).bytes(), Writer().key64(values[i]).bytes());
  }
}

TEST(Codec, FailureIsFinalAndGivesNothing) {
  Reader reader(std::string_view("\x05\x61", 2));  // a text of five bytes, one is there
  EXPECT_EQ(reader.text(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_EQ(reader.varint(), 0u);
  EXPECT_EQ(reader.fixed32(), 0u);
  EXPECT_EQ(reader.key64(), 0u);
  EXPECT_EQ(reader.rest(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(Codec, RefusesVarintThatIsTooLong) {
  const std::string bytes(11, '\xff');
  Reader reader(bytes);
  EXPECT_EQ(reader.varint(), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(Codec, ReadsRandomBytesWithoutHarm) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 24, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    Reader reader(bytes);
    for (int step = 0; step < 8; ++step) {
      switch (random() % 6) {
        case 0:
          reader.u8();
          break;
        case 1:
          reader.varint();
          break;
        case 2:
          reader.zigzag();
          break;
        case 3:
          reader.fixed32();
          break;
        case 4:
          reader.key64();
          break;
        default:
          EXPECT_LE(reader.text().size(), bytes.size());
          break;
      }
    }
    if (!reader.ok()) {
      EXPECT_EQ(reader.rest(), "");
    }
  }
}

}  // namespace
}  // namespace driveway::store
