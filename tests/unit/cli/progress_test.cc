#include "cli/progress.h"

#include <gtest/gtest.h>

#include <sstream>

namespace driveway::cli {
namespace {

using namespace std::chrono_literals;

TEST(ProgressTest, OnATerminalOneLineIsWrittenOver) {
  FakeClock clock;
  std::ostringstream out;
  Progress progress(Progress::Style::kTerminal, clock, out);
  progress.say("7 files in 2 folders so far");
  progress.show({1, 10 * kMiB}, {4, 110 * kMiB});
  clock.advance(2s);
  progress.show({2, 30 * kMiB}, {4, 110 * kMiB});
  progress.end();
  progress.end();
  EXPECT_EQ(out.str(),
            "\r7 files in 2 folders so far"
            "\r1 of 4 files, 10 MiB of 110 MiB"
            "\r2 of 4 files, 30 MiB of 110 MiB, 10 MiB/s, 8 s left\n");
}

TEST(ProgressTest, AShorterLineLeavesNothingOfALongerOne) {
  FakeClock clock;
  std::ostringstream out;
  Progress progress(Progress::Style::kTerminal, clock, out);
  progress.say("long text");
  progress.say("short");
  EXPECT_EQ(out.str(), "\rlong text\rshort    ");
}

TEST(ProgressTest, ElsewhereALineEveryTenSeconds) {
  FakeClock clock;
  std::ostringstream out;
  Progress progress(Progress::Style::kLines, clock, out);
  progress.say("7 files in 2 folders so far");
  for (Bytes second = 0; second <= 25; ++second) {
    progress.show({0, second * kMiB}, {4, 100 * kMiB});
    clock.advance(1s);
  }
  progress.end();
  EXPECT_EQ(out.str(),
            "0 of 4 files, 10 MiB of 100 MiB, 1 MiB/s, 90 s left\n"
            "0 of 4 files, 20 MiB of 100 MiB, 1 MiB/s, 80 s left\n");
}

TEST(ProgressTest, TheRateIsThatOfTheLastTenSeconds) {
  FakeClock clock;
  std::ostringstream out;
  Progress progress(Progress::Style::kTerminal, clock, out);
  for (Bytes second = 0; second < 20; ++second) {
    progress.show({0, 50 * kMiB * second}, {1, 100 * kGiB});
    clock.advance(1s);
  }
  for (int second = 0; second < 11; ++second) {
    out.str("");
    progress.show({0, 1000 * kMiB}, {1, 100 * kGiB});
    clock.advance(1s);
  }
  EXPECT_EQ(out.str().find("/s"), std::string::npos) << out.str();
}

TEST(ProgressTest, SilentSaysNothing) {
  FakeClock clock;
  std::ostringstream out;
  Progress progress(Progress::Style::kSilent, clock, out);
  progress.say("x");
  progress.show({1, 1}, {2, 2});
  progress.end();
  EXPECT_EQ(out.str(), "");
  EXPECT_EQ(Progress::style_for(true), Progress::Style::kSilent);
}

}  // namespace
}  // namespace driveway::cli
