#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace driveway {
namespace {

using testing::ElementsAre;

TEST(CatTest, TakesEveryKindOfPart) {
  const char* pointer = "pointer";
  EXPECT_EQ(cat("literal ", pointer, ' ', std::string("string"), ' ', true, ' ', -5, ' ',
                std::uint64_t{18446744073709551615U}, ' ', 0.5, ' ', InodeId(7), ' ', FileId("id"),
                ' ', Error{ErrorCode::kInternal, "error"}),
            "literal pointer string true -5 18446744073709551615 0.5 7 id error");
}

TEST(SplitTest, KeepsEmptyParts) {
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_THAT(split(",", ','), ElementsAre("", ""));
  EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
}

TEST(TrimTest, CutsWhiteSpaceAtBothEnds) {
  EXPECT_EQ(trim(" \t\r\na b\v\f "), "a b");
  EXPECT_EQ(trim("  \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(CaseTest, IsAsciiOnly) {
  EXPECT_EQ(to_lower("Content-TYPE \xC3\x84"), "content-type \xC3\x84");
  EXPECT_TRUE(equals_ignoring_case("ETag", "etag"));
  EXPECT_FALSE(equals_ignoring_case("ETag", "etags"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
}

TEST(ParseNumberTest, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_uint("18446744073709551615"), 18446744073709551615U);
  EXPECT_EQ(parse_int("-9223372036854775808"), INT64_MIN);
  for (const std::string_view text : {"", " 1", "1 ", "+1", "1a", "0x1", "18446744073709551616"}) {
    EXPECT_EQ(parse_uint(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_uint("-1"), std::nullopt);
  EXPECT_EQ(parse_int("9223372036854775808"), std::nullopt);
}

TEST(HexTest, RoundTripsAndRefusesJunk) {
  EXPECT_EQ(hex(std::string_view("\x00\xFF\x1a", 3)), "00ff1a");
  EXPECT_EQ(*from_hex("00FF1a"), std::string("\x00\xFF\x1a", 3));
  EXPECT_TRUE(from_hex("abc").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(from_hex("0g").failed_with(ErrorCode::kInvalidArgument));
}

TEST(Base64Test, AgreesWithRfc4648) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(base64(plain), encoded);
    EXPECT_EQ(*from_base64(encoded), plain);
    EXPECT_EQ(*from_base64url(encoded), plain);
  }
  EXPECT_EQ(base64("\xFB\xFF"), "+/8=");
  EXPECT_EQ(base64url("\xFB\xFF"), "-_8");
  EXPECT_EQ(*from_base64url("-_8"), "\xFB\xFF");
}

TEST(Base64Test, RefusesJunk) {
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v\n", "Zm 9", "Zh==", "-_8=", "Zg==Zg=="}) {
    EXPECT_TRUE(from_base64(text).failed_with(ErrorCode::kInvalidArgument)) << text;
  }
  for (const std::string_view text : {"Z", "Zg=", "+/8", "Zh", "Zm8=="}) {
    EXPECT_TRUE(from_base64url(text).failed_with(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(EncodingTest, RandomBytesRoundTrip) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::string bytes(random() % 100, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_EQ(*from_base64(base64(bytes)), bytes);
    EXPECT_EQ(*from_base64url(base64url(bytes)), bytes);
    EXPECT_EQ(*from_hex(hex(bytes)), bytes);
    EXPECT_EQ(percent_decode(percent_encode(bytes)), bytes);
    EXPECT_EQ(percent_decode(percent_encode(bytes), true), bytes);
  }
}

TEST(PercentTest, EncodesAllButTheUnreserved) {
  EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(percent_encode("a b/c+d'\xC3\xA4"), "a%20b%2Fc%2Bd%27%C3%A4");
}

TEST(PercentTest, DecodesOnceAndLeavesMalformedEscapes) {
  EXPECT_EQ(percent_decode("%2525"), "%25");
  EXPECT_EQ(percent_decode("a%2fb%2F"), "a/b/");
  EXPECT_EQ(percent_decode("%"), "%");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("%zz%41"), "%zzA");
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("a+b%2B", true), "a b+");
}

TEST(Utf8Test, AcceptsWellFormedTextOnly) {
  for (const std::string_view text :
       {"", "plain", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "\xF0\x9F\x98\x80"}) {
    EXPECT_TRUE(is_valid_utf8(text)) << hex(text);
  }
  for (const std::string_view text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC3(",
        "\xE2(\xA1"}) {
    EXPECT_FALSE(is_valid_utf8(text)) << hex(text);
  }
}

TEST(Utf8Test, PrefixCutsNoSequence) {
  const std::string_view text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z";  // a ä € 😀 z
  for (std::size_t max = 0; max <= text.size() + 1; ++max) {
    const auto prefix = utf8_prefix(text, max);
    EXPECT_LE(prefix.size(), max);
    EXPECT_TRUE(is_valid_utf8(prefix)) << max;
    EXPECT_GE(prefix.size() + 3, std::min(max, text.size())) << max;
  }
  EXPECT_EQ(utf8_prefix(text, 3), "a\xC3\xA4");
  EXPECT_EQ(utf8_prefix(text, 2), "a");
  // What is no UTF-8 is cut where it is.
  EXPECT_EQ(utf8_prefix("\x80\x80\x80\x80\x80\x80", 5).size(), 5U);
}

}  // namespace
}  // namespace driveway
