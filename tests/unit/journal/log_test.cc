// D1, D2, D5: what the log takes, keeps, cuts off and refuses.
#include "journal/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/fault.h"
#include "journal/frame.h"
#include "unit/base/temporary_folder.h"
#include "unit/journal/test_files.h"

namespace driveway::journal {
namespace {

namespace fs = std::filesystem;

class LogTest : public testing::Test {
 public:
  ~LogTest() override { fault::disarm_all(); }

 protected:
  LogTest() {
    options_.folder = folder_ / "log";
    options_.account = "account";
    options_.boot_id = "boot";
  }

  Result<std::unique_ptr<Log>> open(std::uint64_t drained = 0) {
    return Log::open(options_, drained);
  }
  std::unique_ptr<Log> must_open(std::uint64_t drained = 0) {
    auto log = open(drained);
    EXPECT_TRUE(log.ok()) << log.error().to_string();
    return log.ok() ? *std::move(log) : nullptr;
  }
  static void append(Log& log, const std::string& payload) {
    const auto sequence = log.append(payload);
    ASSERT_TRUE(sequence.ok()) << sequence.error().to_string();
  }
  static std::vector<std::string> payloads(const Log& log) {
    std::vector<std::string> found;
    for (const auto& record : log.oldest(~std::uint64_t{0}, ~Bytes{0})) {
      found.push_back(record->payload);
    }
    return found;
  }
  static std::vector<std::uint64_t> sequences(const Log& log) {
    std::vector<std::uint64_t> found;
    for (const auto& record : log.oldest(~std::uint64_t{0}, ~Bytes{0})) {
      found.push_back(record->sequence);
    }
    return found;
  }
  fs::path segment(int number) const { return options_.folder / std::to_string(number); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(options_.folder), fs::directory_iterator()));
  }
  // Puts the folder back to `files`, by name.
  using Files = std::map<std::string, std::string>;
  Files save() const {
    Files saved;
    for (const auto& entry : fs::directory_iterator(options_.folder)) {
      saved[entry.path().filename()] = slurp(entry.path());
    }
    return saved;
  }
  void restore(const Files& files) const {
    fs::remove_all(options_.folder);
    fs::create_directory(options_.folder);
    for (const auto& [name, content] : files) spit(options_.folder / name, content);
  }
  static void fail_at(const char* point, ErrorCode code, int passage = 1) {
    fault::arm(
        point,
        [code]() -> Status {
          return Error{code, "injected"};
        },
        passage);
  }

  TemporaryFolder folder_;
  LogOptions options_;
};

using Texts = std::vector<std::string>;
using Sequences = std::vector<std::uint64_t>;

TEST_F(LogTest, GivesBackWhatWasAppendedInOrder) {
  {
    auto log = must_open();
    EXPECT_EQ(log->append("one").value_or(0), 1u);
    EXPECT_EQ(log->append("").value_or(0), 2u);
    EXPECT_EQ(log->append("three").value_or(0), 3u);
  }
  auto log = must_open();
  EXPECT_EQ(payloads(*log), (Texts{"one", "", "three"}));
  EXPECT_EQ(log->last(), 3u);
  EXPECT_EQ(log->cut_bytes(), 0u);
  EXPECT_EQ(log->append("four").value_or(0), 4u);
  EXPECT_EQ(sequences(*log), (Sequences{1, 2, 3, 4}));
}

TEST_F(LogTest, SkipsWhatIsDrainedAndRemovesItsSegments) {
  options_.segment_size = 300;
  auto log = must_open();
  for (int i = 0; i < 20; ++i) append(*log, std::string(50, static_cast<char>('a' + i)));
  const std::size_t before = files();
  EXPECT_GT(before, 5u);
  log->drained(15);
  EXPECT_LT(files(), before / 2);
  log.reset();
  log = must_open(17);
  EXPECT_EQ(sequences(*log), (Sequences{18, 19, 20}));
  log->drained(20);
  log->drained_all();
  EXPECT_EQ(files(), 0u);
  log.reset();
  log = must_open(20);
  EXPECT_EQ(log->append("next").value_or(0), 21u);
}

TEST_F(LogTest, TornTailIsCutAtEveryByte) {
  {
    auto log = must_open();
    append(*log, "first");
    append(*log, "second");
    append(*log, "the last one");
  }
  const Files saved = save();
  const std::string whole = saved.at("1");
  const std::size_t last = kFrameOverhead + std::string_view("the last one").size();
  for (std::size_t cut = 1; cut <= last; ++cut) {
    restore({{"1", whole.substr(0, whole.size() - cut)}});
    auto log = must_open();
    ASSERT_EQ(payloads(*log), (Texts{"first", "second"})) << cut;
    ASSERT_EQ(log->cut_bytes(), last - cut);
    // What is appended now is found, with nothing of the old tail in it.
    ASSERT_EQ(log->append("third").value_or(0), 3u);
    log.reset();
    log = must_open();
    ASSERT_EQ(payloads(*log), (Texts{"first", "second", "third"})) << cut;
  }
}

TEST_F(LogTest, FlippedBitIsNeverReplayed) {
  const Texts all = {"first", "second", "third"};
  {
    auto log = must_open();
    for (const std::string& text : all) append(*log, text);
  }
  const std::string whole = save().at("1");
  const std::size_t last = whole.size() - kFrameOverhead - all.back().size();
  for (std::size_t bit = 0; bit < 8 * whole.size(); bit += 3) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    restore({{"1", damaged}});
    auto log = open();
    if (bit / 8 < last) {
      // Damage with something behind it is told, not passed over.
      ASSERT_TRUE(log.failed_with(ErrorCode::kCorrupt)) << bit;
    } else {
      ASSERT_TRUE(log.ok()) << bit << ' ' << log.error().to_string();
      ASSERT_EQ(payloads(**log), (Texts{"first", "second"})) << bit;
    }
  }
}

TEST_F(LogTest, PayloadThatLooksLikeARecordIsNone) {
  const std::string like = encode_frame(0, Frame{2, 0, "a fake"});
  {
    auto log = must_open();
    append(*log, "first");
    append(*log, like);
  }
  std::string bytes = slurp(segment(1));
  bytes[bytes.size() - like.size() - 1] ^= 1;  // the crc of the record that holds it
  spit(segment(1), bytes);
  EXPECT_EQ(payloads(*must_open()), (Texts{"first"}));
}

TEST_F(LogTest, DamageInTheMiddleIsToldWithWhatCanBeRead) {
  {
    auto log = must_open();
    for (const char* text : {"first", "second", "third", "fourth"}) append(*log, text);
  }
  std::string bytes = slurp(segment(1));
  bytes[bytes.find("second")] = 'S';
  spit(segment(1), bytes);
  const auto refused = open();
  ASSERT_TRUE(refused.failed_with(ErrorCode::kCorrupt));
  EXPECT_NE(refused.error().message.find("records from 2 on"), std::string::npos);
  EXPECT_NE(refused.error().message.find("1 before it can be read, and 2 behind it"),
            std::string::npos)
      << refused.error().message;
  EXPECT_EQ(slurp(segment(1)), bytes) << "what is refused stays as it is";

  options_.salvage = true;
  auto log = must_open();
  EXPECT_EQ(payloads(*log), (Texts{"first", "third", "fourth"}));
  EXPECT_EQ(sequences(*log), (Sequences{1, 3, 4}));
  log->drained(4);
  EXPECT_TRUE(fs::exists(options_.folder / "1.damaged")) << "kept for who wants to look";
  EXPECT_EQ(log->append("fifth").value_or(0), 5u);
}

TEST_F(LogTest, DamageAmongWhatIsDrainedDoesNotMatter) {
  {
    auto log = must_open();
    for (const char* text : {"first", "second", "third", "fourth"}) append(*log, text);
  }
  std::string bytes = slurp(segment(1));
  bytes[bytes.find("second")] = 'S';
  spit(segment(1), bytes);
  EXPECT_EQ(payloads(*must_open(2)), (Texts{"third", "fourth"}));
}

TEST_F(LogTest, MissingSegmentIsDamage) {
  options_.segment_size = 200;
  {
    auto log = must_open();
    for (int i = 0; i < 12; ++i) append(*log, std::string(40, 'x'));
    ASSERT_GT(files(), 3u);
  }
  fs::remove(segment(2));
  EXPECT_TRUE(open().failed_with(ErrorCode::kCorrupt));
}

TEST_F(LogTest, HeaderOfALaterSegmentSaysWhatHadBeenSynced) {
  options_.segment_size = 200;
  {
    auto log = must_open();
    append(*log, std::string(40, 'a'));
    ASSERT_TRUE(log->sync().ok());
    append(*log, std::string(150, 'b'));
  }
  // Record 1 was synced; of segment 2 only the header reached the disk.
  std::string bytes = slurp(segment(1));
  bytes[bytes.size() - 1] ^= 1;
  spit(segment(1), bytes);
  const std::string second = slurp(segment(2));
  spit(segment(2), second.substr(0, second.size() - kFrameOverhead - 150));
  options_.boot_id = "a later boot";
  EXPECT_TRUE(open().failed_with(ErrorCode::kCorrupt));
}

// D2: what a crash of the machine leaves of writes that nobody had synced is no damage; what was
// synced and is gone is.
TEST_F(LogTest, GapAfterACrashOfTheMachineIsCutUnlessItHadBeenSynced) {
  for (const bool synced : {false, true}) {
    restore({});
    options_.boot_id = "boot";
    {
      auto log = must_open();
      append(*log, "first");
      append(*log, "second");
      if (synced) {
        ASSERT_TRUE(log->sync().ok());
      }
      append(*log, "third");
      append(*log, "fourth");
    }
    std::string bytes = slurp(segment(1));
    bytes[bytes.find("second")] = '\0';
    spit(segment(1), bytes);
    EXPECT_TRUE(open().failed_with(ErrorCode::kCorrupt)) << "the same boot lost no write";
    options_.boot_id = "a later boot";
    auto log = open();
    if (synced) {
      EXPECT_TRUE(log.failed_with(ErrorCode::kCorrupt));
      continue;
    }
    ASSERT_TRUE(log.ok()) << log.error().to_string();
    EXPECT_EQ(payloads(**log), (Texts{"first"}));
    EXPECT_EQ((*log)->cut_records(), 2u);
    // The records that were cut off never come back beside new ones of their numbers.
    append(**log, "another second");
    log->reset();
    EXPECT_EQ(payloads(*must_open()), (Texts{"first", "another second"}));
  }
}

TEST_F(LogTest, LaterSegmentsOfACutGoToo) {
  options_.segment_size = 200;
  {
    auto log = must_open();
    for (int i = 0; i < 12; ++i) append(*log, std::string(40, 'x'));
  }
  spit(segment(2), slurp(segment(2)).substr(0, 150));
  options_.boot_id = "a later boot";
  const std::size_t kept = [&] {
    auto log = must_open();
    EXPECT_GT(log->cut_records(), 0u);
    append(*log, "new");
    return payloads(*log).size();
  }();
  EXPECT_LT(kept, 12u);
  auto log = must_open();
  EXPECT_EQ(payloads(*log).size(), kept);
  EXPECT_EQ(payloads(*log).back(), "new");
}

TEST_F(LogTest, RefusesAnotherAccountAndAnotherVersion) {
  { append(*must_open(), "mine"); }
  options_.account = "somebody else";
  EXPECT_TRUE(open().failed_with(ErrorCode::kPermissionDenied));  // D5
  options_.account = "account";
  std::string bytes = slurp(segment(1));
  bytes[8] = static_cast<char>(kLogVersion + 1);
  spit(segment(1), bytes);
  const auto refused = open();
  ASSERT_TRUE(refused.failed_with(ErrorCode::kCorrupt));
  EXPECT_NE(refused.error().message.find("version 2"), std::string::npos)
      << refused.error().message;
}

TEST_F(LogTest, UnfinishedSegmentIsNoSegment) {
  { append(*must_open(), "one"); }
  spit(options_.folder / "2.tmp", "half of a header");
  EXPECT_EQ(payloads(*must_open()), (Texts{"one"}));
  EXPECT_FALSE(fs::exists(options_.folder / "2.tmp"));
}

TEST_F(LogTest, FailedWriteLeavesNothingAndTheNextOneGoesOn) {
  auto log = must_open();
  append(*log, "first");
  const Bytes size = fs::file_size(segment(1));
  fail_at("journal.torn_append", ErrorCode::kNoSpace);
  EXPECT_TRUE(log->append("half of it").failed_with(ErrorCode::kNoSpace));
  EXPECT_EQ(fs::file_size(segment(1)), size);
  fault::disarm_all();
  EXPECT_EQ(log->append("second").value_or(0), 2u);
  log.reset();
  EXPECT_EQ(payloads(*must_open()), (Texts{"first", "second"}));
}

TEST_F(LogTest, WhereTheRestOfAFailedWriteStaysTheNextRecordBeginsASegment) {
  auto log = must_open();
  append(*log, "first");
  const Bytes size = fs::file_size(segment(1));
  fail_at("journal.torn_append", ErrorCode::kLocalDisk);
  fail_at("journal.cut", ErrorCode::kLocalDisk);
  EXPECT_FALSE(log->append("half of it").ok());
  EXPECT_GT(fs::file_size(segment(1)), size);
  fault::disarm_all();
  EXPECT_EQ(log->append("second").value_or(0), 2u);
  EXPECT_TRUE(fs::exists(segment(2)));
  append(*log, "third");
  log.reset();
  EXPECT_EQ(payloads(*must_open()), (Texts{"first", "second", "third"}));
}

TEST_F(LogTest, SegmentThatCannotBeMadeLosesNothing) {
  options_.segment_size = 200;
  for (const char* point : {"journal.before_segment", "journal.preallocate",
                            "journal.before_segment_rename", "journal.after_segment_rename"}) {
    restore({});
    auto log = must_open();
    for (int i = 0; i < 2; ++i) append(*log, std::string(40, 'x'));
    fail_at(point, ErrorCode::kNoSpace);
    EXPECT_TRUE(log->append(std::string(150, 'y')).failed_with(ErrorCode::kNoSpace)) << point;
    fault::disarm_all();
    append(*log, "small");  // perhaps still into the segment before
    append(*log, std::string(150, 'z'));
    log.reset();
    EXPECT_EQ(payloads(*must_open()),
              (Texts{std::string(40, 'x'), std::string(40, 'x'), "small", std::string(150, 'z')}))
        << point;
  }
}

// D2: a failed fdatasync proves nothing about what it covered, nor does the next one.
TEST_F(LogTest, AfterAFailedSyncEverythingHeldIsWrittenAnew) {
  auto log = must_open();
  append(*log, "first");
  append(*log, "second");
  log->drained(1);
  fail_at("journal.log_sync", ErrorCode::kLocalDisk);
  const auto synced = log->sync();
  ASSERT_TRUE(synced.ok()) << synced.error().to_string();
  EXPECT_EQ(*synced, 2u);
  EXPECT_FALSE(fs::exists(segment(1)));
  EXPECT_TRUE(fs::exists(segment(2)));
  append(*log, "third");
  log.reset();
  EXPECT_EQ(payloads(*must_open(1)), (Texts{"second", "third"}));
}

TEST_F(LogTest, WhereNothingCanBeMadeSafeTheLogIsBroken) {
  auto log = must_open();
  append(*log, "first");
  fail_at("journal.log_sync", ErrorCode::kLocalDisk);
  fail_at("journal.before_segment_rename", ErrorCode::kLocalDisk);
  EXPECT_TRUE(log->sync().failed_with(ErrorCode::kLocalDisk));
  fault::disarm_all();
  EXPECT_TRUE(log->broken().has_value());
  EXPECT_TRUE(log->sync().failed_with(ErrorCode::kLocalDisk)) << "a later sync proves nothing";
  EXPECT_TRUE(log->append("second").failed_with(ErrorCode::kLocalDisk));
  log.reset();
  EXPECT_EQ(payloads(*must_open()), (Texts{"first"}));
}

TEST_F(LogTest, RecordsOfAnySizeUpToTheLimit) {
  options_.segment_size = 4096;
  const std::string large(3 * kMiB, 'l');
  {
    auto log = must_open();
    append(*log, "small");
    append(*log, large);
    append(*log, "small again");
    EXPECT_TRUE(log->append(std::string(kMaxPayload + 1, 'x')).failed_with(ErrorCode::kTooLarge));
  }
  EXPECT_EQ(payloads(*must_open()), (Texts{"small", large, "small again"}));
}

}  // namespace
}  // namespace driveway::journal
