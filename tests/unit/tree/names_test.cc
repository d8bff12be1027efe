#include "tree/names.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/strings.h"

namespace driveway::tree {
namespace {

const FileId kId{"1AbCdEf"};

TEST(Names, KeepsOrdinaryNames) {
  for (const char* name : {"a.txt", "Ünïcödé 你好", "with space ", " x", "-rf", "a\\b", "new\nline",
                           "...", ".hidden", "a:b*c?"}) {
    EXPECT_EQ(escape_name(name), name);
    EXPECT_EQ(unescape_name(name), name);
  }
}

TEST(Names, EscapesWhatADirectoryCannotHold) {
  EXPECT_EQ(escape_name("a/b"), "a\u2215b");
  EXPECT_EQ(escape_name(std::string("a\0b", 3)), "a\u2400b");
  EXPECT_EQ(escape_name("."), "\u241B.");
  EXPECT_EQ(escape_name(".."), "\u241B..");
  EXPECT_EQ(escape_name(""),
            "\u241B"
            "0");
  EXPECT_EQ(escape_name("\xFF"), "\u241Bxff");
  EXPECT_EQ(escape_name("a\u2215b"), "a\u241B\u2215b");
  EXPECT_EQ(escape_name("\u241B"), "\u241B\u241B");
}

TEST(Names, CutsOverlongNamesAndKeepsTheExtension) {
  const std::string longest(255, 'a');
  EXPECT_EQ(shown_name(longest, "", kId), longest);
  const std::string cut = shown_name(std::string(400, 'a') + ".tar", "", kId);
  EXPECT_EQ(cut.size(), 255u);
  EXPECT_TRUE(cut.ends_with(").tar")) << cut;
  EXPECT_NE(cut, shown_name(std::string(400, 'a') + ".tar", "", FileId("other")));
  std::string wide;
  for (int i = 0; i < 200; ++i) wide += "\u4F60";
  EXPECT_TRUE(is_valid_utf8(shown_name(wide, ".gdoc", kId)));
  EXPECT_TRUE(shown_name(wide, ".gdoc", kId).ends_with(").gdoc"));
}

TEST(Names, SuffixStandsBeforeTheExtension) {
  const std::string name = suffixed_name("report.pdf", kId, 8);
  EXPECT_TRUE(name.starts_with("report (")) << name;
  EXPECT_TRUE(name.ends_with(").pdf")) << name;
  EXPECT_EQ(name.size(), std::string("report (12345678).pdf").size());
  EXPECT_TRUE(suffixed_name("no extension", kId, 16).starts_with("no extension ("));
  EXPECT_TRUE(suffixed_name(".bashrc", kId, 8).starts_with(".bashrc ("));
  EXPECT_NE(suffixed_name("a", kId, 32, 0), suffixed_name("a", kId, 32, 1));
}

// Names made of what is hard.
std::string random_name(std::mt19937& random) {
  static const std::vector<std::string> parts = {
      "/",      ".",          "..", "\u2215", "\u2400", "\u241B", std::string(1, '\0'),
      "x",      "xff",        "0",  "a",      "\xFF",   "\xE2",   "\xE2\x88",
      "\u4F60", "\U0001F600", " (", ")",      ".txt",   "\n",     "\xC0\x80"};
  std::string name;
  const auto count = random() % 7;
  for (std::uint32_t i = 0; i < count; ++i) name += parts[random() % parts.size()];
  if (random() % 50 == 0) name += std::string(200 + random() % 200, 'z');
  return name;
}

TEST(Names, EscapingIsInjectiveAndReversible) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 random(seed);
  std::map<std::string, std::string> drive_name_of;
  for (int i = 0; i < 50'000; ++i) {
    const std::string name = random_name(random);
    const std::string shown = escape_name(name);
    ASSERT_EQ(unescape_name(shown), name) << hex(name) << " as " << hex(shown);
    const auto [entry, fresh] = drive_name_of.emplace(shown, name);
    ASSERT_EQ(entry->second, name);
    const std::string file_name = shown_name(name, "", FileId(cat("id", i)));
    ASSERT_FALSE(file_name.empty());
    ASSERT_LE(file_name.size(), kMaxNameBytes);
    ASSERT_EQ(file_name.find('/'), std::string::npos);
    ASSERT_EQ(file_name.find('\0'), std::string::npos);
    ASSERT_NE(file_name, ".");
    ASSERT_NE(file_name, "..");
    ASSERT_TRUE(is_valid_utf8(file_name)) << hex(file_name);
  }
}

}  // namespace
}  // namespace driveway::tree
