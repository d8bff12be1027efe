#include "rescue/safe_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace driveway::rescue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(SafePath, UsualNamesStayAsTheyAre) {
  EXPECT_THAT(safe_names("/a b/ä.tar.gz/.hidden/..."),
              ElementsAre("a b", "ä.tar.gz", ".hidden", "..."));
  EXPECT_THAT(safe_names(""), IsEmpty());
  EXPECT_THAT(safe_names("///"), IsEmpty());
}

TEST(SafePath, NothingLeadsOutOfTheFolder) {
  EXPECT_THAT(safe_names("/../a/./../.."), ElementsAre("__", "a", "_", "__", "__"));
  EXPECT_THAT(safe_names(std::string_view("a\0b/\0", 5)), ElementsAre("a_b", "_"));
}

TEST(SafePath, WhatATerminalOrAMountTakesForSomethingElse) {
  EXPECT_THAT(safe_names("a\x1b[31m\nb\x7f\xc2\x9b/\xe2\x90\x9b.."),
              ElementsAre("a_[31m_b__", "_.."));
  EXPECT_THAT(safe_names("a\xff\xc3/\xed\xa0\x80"), ElementsAre("a__", "___"));
}

TEST(SafePath, LongOnesAreCut) {
  const auto name = safe_names(std::string(300, 'x') + ".txt").front();
  EXPECT_EQ(name, std::string(251, 'x') + ".txt");
  std::string umlauts;
  for (int i = 0; i < 200; ++i) umlauts += "ä";
  EXPECT_EQ(safe_names(umlauts).front().size(), 254u);
  EXPECT_THAT(safe_names("." + std::string(400, 'y')).front(), SizeIs(255));
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "/d";
  const auto names = safe_names(deep + "/file");
  EXPECT_THAT(names, SizeIs(100));
  EXPECT_EQ(names.back(), "file");
}

TEST(SafePath, NumbersStandBeforeTheExtension) {
  EXPECT_EQ(numbered("a.txt", 1), "a.txt");
  EXPECT_EQ(numbered("a.txt", 2), "a (2).txt");
  EXPECT_EQ(numbered(".bashrc", 3), ".bashrc (3)");
  EXPECT_EQ(numbered("v1.a very long last part", 2), "v1.a very long last part (2)");
  EXPECT_EQ(numbered(std::string(255, 'x'), 12), std::string(250, 'x') + " (12)");
}

}  // namespace
}  // namespace driveway::rescue
