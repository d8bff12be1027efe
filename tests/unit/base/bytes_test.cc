#include "base/bytes.h"

#include <gtest/gtest.h>

namespace driveway {
namespace {

TEST(ByteRangeTest, IntersectsAndContains) {
  const ByteRange range{10, 20};
  EXPECT_EQ(range.end(), 30U);
  EXPECT_EQ(range.intersect({0, 15}), (ByteRange{10, 5}));
  EXPECT_EQ(range.intersect({25, 100}), (ByteRange{25, 5}));
  EXPECT_TRUE(range.intersect({30, 5}).empty());
  EXPECT_TRUE(range.intersect({0, 10}).empty());
  EXPECT_TRUE(range.contains({10, 20}));
  EXPECT_FALSE(range.contains({10, 21}));
  EXPECT_FALSE(range.contains({9, 2}));
}

TEST(ParseSizeTest, ReadsEveryForm) {
  const std::pair<std::string_view, Bytes> cases[] = {{"0", 0},
                                                      {"512", 512},
                                                      {"512B", 512},
                                                      {"10K", 10 * kKiB},
                                                      {"10k", 10 * kKiB},
                                                      {"4M", 4 * kMiB},
                                                      {"10G", 10 * kGiB},
                                                      {"10GiB", 10 * kGiB},
                                                      {"10GB", 10 * kGiB},
                                                      {"2T", 2048 * kGiB},
                                                      {"1P", kGiB * kMiB},
                                                      {"18446744073709551615", ~Bytes{0}}};
  for (const auto& [text, bytes] : cases) {
    const auto size = parse_size(text);
    ASSERT_TRUE(size.ok()) << text;
    EXPECT_EQ(*size, bytes) << text;
  }
}

TEST(ParseSizeTest, RefusesWhatIsNoSizeOrTooLarge) {
  for (const std::string_view text :
       {"", "K", "-1", "+1", "1.5G", " 1", "1 ", "1 K", "1KiBs", "1i", "1Ki", "1X", "0x10", "1KK",
        "18446744073709551616", "18014398509481984K", "16384P", "99999999999T"}) {
    EXPECT_TRUE(parse_size(text).failed_with(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(FormatSizeTest, HasThreeSignificantDigits) {
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(1023), "1023 B");
  EXPECT_EQ(format_size(1024), "1 KiB");
  EXPECT_EQ(format_size(1536 * kMiB), "1.5 GiB");
  EXPECT_EQ(format_size(1234 * kKiB), "1.21 MiB");
  EXPECT_EQ(format_size(12'345'678), "11.8 MiB");
  EXPECT_EQ(format_size(123'456'789), "118 MiB");
  EXPECT_EQ(format_size(1000 * kKiB), "1000 KiB");
  EXPECT_EQ(format_size(kMiB - 1), "1 MiB");  // not "1024 KiB"
  EXPECT_EQ(format_size(10 * kKiB - 1), "10 KiB");
  EXPECT_EQ(format_size(~Bytes{0}), "16 EiB");
}

}  // namespace
}  // namespace driveway
