// When it asks again, how long it waits, and that a read never repeats a byte.
#include "drive/retry_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>

#include "base/strings.h"
#include "drive/fake_store.h"
#include "drive/fault_store.h"
#include "drive/metered_store.h"
#include "drive/retry_hint.h"
#include "unit/drive/test_sinks.h"

namespace driveway::drive {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Error kFault{ErrorCode::kUnavailable, "503", true};
const Error kLimited{ErrorCode::kRateLimited, "429", true};

class RetryTest : public testing::Test {
 protected:
  RetryTest() {
    options.seed = 1;
    options.jitter = Duration::zero();
  }
  RetryStore& store() {
    if (!store_) store_ = std::make_unique<RetryStore>(fake, clock, metrics, options);
    return *store_;
  }
  Duration elapsed() const { return clock.now() - begin; }

  FakeClock clock{true};  // a wait jumps to its end
  FakeStore fake{clock};
  Metrics metrics;
  RetryOptions options;
  Context context;
  TimePoint begin = clock.now();

 private:
  std::unique_ptr<RetryStore> store_;
};

TEST_F(RetryTest, AFaultIsTriedAgainSoonThenLater) {
  fake.faults().fail(Method::kAbout, kFault, 4);
  EXPECT_TRUE(store().about(context).ok());
  EXPECT_EQ(fake.calls(Method::kAbout), 5);
  EXPECT_EQ(elapsed(), milliseconds(250) + seconds(1 + 2 + 4));
  EXPECT_EQ(metrics.counter("drive.retries").value(), 4U);
}

TEST_F(RetryTest, ARateLimitIsGivenTimeFromTheStart) {
  fake.faults().fail(Method::kAbout, kLimited, 3);
  EXPECT_TRUE(store().about(context).ok());
  EXPECT_EQ(elapsed(), seconds(1 + 2 + 4));
}

TEST_F(RetryTest, PausesGrowTo32Seconds) {
  fake.faults().fail(Method::kAbout, kLimited, 8);
  EXPECT_TRUE(store().about(context).ok());
  EXPECT_EQ(elapsed(), seconds(1 + 2 + 4 + 8 + 16 + 32 + 32 + 32));
}

TEST_F(RetryTest, JitterIsAddedUpToOneSecond) {
  options.jitter = seconds(1);
  fake.faults().fail(Method::kAbout, kLimited, 3);
  EXPECT_TRUE(store().about(context).ok());
  EXPECT_GT(elapsed(), seconds(7));
  EXPECT_LE(elapsed(), seconds(10));
}

TEST_F(RetryTest, RetryAfterIsWaitedFor) {
  fake.faults().fail(Method::kAbout, with_retry_after(kLimited, seconds(20)));
  fake.faults().fail(Method::kAbout, with_retry_after(kLimited, milliseconds(1)));
  EXPECT_TRUE(store().about(context).ok());
  EXPECT_EQ(elapsed(), seconds(20 + 2));  // a shorter one does not shorten ours
  fake.faults().fail(Method::kAbout, with_retry_after(kLimited, std::chrono::hours(1)));
  EXPECT_TRUE(store().about(context).failed_with(ErrorCode::kRateLimited));
  EXPECT_EQ(elapsed(), seconds(22));
}

TEST_F(RetryTest, WhatIsPermanentIsNotRepeated) {
  fake.faults().fail(Method::kAbout, {ErrorCode::kPermissionDenied, "403"});
  EXPECT_TRUE(store().about(context).failed_with(ErrorCode::kPermissionDenied));
  EXPECT_EQ(fake.calls(Method::kAbout), 1);
}

TEST_F(RetryTest, WithoutADeadlineItEndsAllTheSame) {
  for (const Error& error : {kFault, kLimited}) {
    fake.reset_calls();
    fake.faults().fail(Method::kAbout, error, 1000);
    EXPECT_TRUE(store().about(context).failed_with(error.code));
    EXPECT_EQ(fake.calls(Method::kAbout), options.max_tries);
    fake.faults().clear();
  }
  EXPECT_EQ(metrics.counter("drive.about.gave_up").value(), 2U);
}

TEST_F(RetryTest, ItGoesOnUntilTheDeadline) {  // R5
  for (const Error& error : {kFault, kLimited}) {
    for (const auto deadline : {seconds(300), seconds(3600)}) {
      fake.faults().fail(Method::kAbout, error, 1000);
      begin = clock.now();
      context.deadline = begin + deadline;
      EXPECT_TRUE(store().about(context).failed_with(error.code));
      EXPECT_GE(elapsed(), deadline - seconds(2));
      EXPECT_LT(elapsed(), deadline);
      fake.faults().clear();
    }
  }
}

TEST_F(RetryTest, TheLastTryComesASecondBeforeTheDeadline) {  // R5
  fake.faults().fail(Method::kAbout, kLimited, 5);
  context.deadline = clock.now() + seconds(30);
  EXPECT_TRUE(store().about(context).ok());
  EXPECT_EQ(elapsed(), seconds(29));  // 1 + 2 + 4 + 8, and 16 more would pass it
}

TEST_F(RetryTest, TheLastTryComesNotBeforeDriveAllowsIt) {
  fake.faults().fail(Method::kAbout, with_retry_after(kLimited, seconds(40)));
  context.deadline = clock.now() + seconds(30);
  EXPECT_TRUE(store().about(context).failed_with(ErrorCode::kRateLimited));
  EXPECT_EQ(elapsed(), Duration::zero());
  EXPECT_EQ(fake.calls(Method::kAbout), 1);
}

TEST(RetryCancelTest, APauseIsInterruptedAtOnce) {  // R5
  FakeClock clock;
  FakeStore fake(clock);
  Metrics metrics;
  RetryStore store(fake, clock, metrics);
  fake.faults().fail(Method::kAbout, kLimited, 1000);
  CancelSource cancel;
  Context context;
  context.cancel = cancel.token();
  Status status;
  std::thread caller([&] {
    if (auto about = store.about(context); !about.ok()) status = about.error();
  });
  while (clock.waiting() == 0) std::this_thread::yield();
  cancel.cancel();
  caller.join();
  EXPECT_TRUE(status.failed_with(ErrorCode::kCancelled));
}

class RetryReadTest : public RetryTest {
 protected:
  RetryReadTest() {
    std::mt19937 random(7);
    for (Bytes i = 0; i < kMiB; ++i) content += static_cast<char>(random());
    item = fake.get(context, fake.add_file(fake.root(), "f", content)).value();
  }
  std::string content;
  Item item;
  StringSink sink;
};

TEST_F(RetryReadTest, GoesOnWhereItBrokeOff) {
  fake.set_read_piece(1000);
  fake.faults().cut(Method::kRead, 5'000, kFault);
  fake.faults().cut(Method::kRead, 0, {ErrorCode::kCorrupt, "wrong range", true});
  fake.faults().cut(Method::kRead, 77'777, kFault);
  ASSERT_TRUE(store().read(context, item, {100, 500'000}, sink).ok());
  EXPECT_EQ(sink.text, content.substr(100, 500'000));
  const auto log = fake.log();
  EXPECT_EQ(log.back().range, (ByteRange{100 + 82'777, 500'000 - 82'777}));
}

TEST_F(RetryReadTest, NewAnswersAreToldThroughEveryDecorator) {  // R1
  FaultPlan plan(clock);
  FaultStore faulty(store(), plan);
  MeteredStore metered(faulty, clock, metrics);
  plan.cut(Method::kRead, 10'000, kFault);
  fake.faults().cut(Method::kRead, 5'000, kFault);
  EXPECT_TRUE(metered.read(context, item, {0, 20'000}, sink).failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(sink.text, content.substr(0, 10'000));
  EXPECT_EQ(sink.new_answers, 1);
}

TEST_F(RetryReadTest, ProgressStartsTheCountAnew) {
  options.max_tries = 3;
  for (int i = 0; i < 3; ++i) fake.faults().cut(Method::kRead, 300'000, kFault);
  EXPECT_TRUE(store().read(context, item, {0, content.size()}, sink).ok());
  EXPECT_EQ(sink.text, content);
  EXPECT_EQ(elapsed(), 3 * milliseconds(250));
  sink = StringSink();
  for (int i = 0; i < 3; ++i) fake.faults().cut(Method::kRead, 1, kFault);
  EXPECT_TRUE(
      store().read(context, item, {0, content.size()}, sink).failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(sink.text, content.substr(0, 3));  // a valid prefix
}

TEST_F(RetryReadTest, ABreakBehindTheLastByteIsNoError) {
  fake.faults().cut(Method::kRead, 1000, kFault);
  fake.set_read_piece(600);
  ASSERT_TRUE(store().read(context, item, {0, 1000}, sink).ok());
  EXPECT_EQ(sink.text, content.substr(0, 1000));
}

TEST_F(RetryReadTest, AnErrorOfTheSinkIsNotRetried) {
  sink.fails_after = 100'000;
  EXPECT_TRUE(store().read(context, item, {0, kMiB}, sink).failed_with(ErrorCode::kNoSpace));
  EXPECT_EQ(fake.calls(Method::kRead), 1);
}

TEST_F(RetryReadTest, RandomBreaksNeverSpoilTheBytes) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    const Bytes offset = random() % content.size();
    const Bytes length = 1 + random() % (content.size() - offset);
    fake.set_read_piece(1 + random() % 70'000);
    for (unsigned cuts = random() % 8; cuts > 0; --cuts) {
      fake.faults().cut(Method::kRead, random() % 200'000, random() % 2 == 0 ? kFault : kLimited);
    }
    sink = StringSink();
    ASSERT_TRUE(store().read(context, item, {offset, length}, sink).ok());
    ASSERT_EQ(sink.text, content.substr(offset, length));
    fake.faults().clear();
  }
}

TEST_F(RetryReadTest, AnExportComesWholeOrNotAtAll) {
  const FileId document = fake.add_document(
      fake.root(), "doc", "application/vnd.google-apps.document", {{"text/plain", content}});
  fake.faults().cut(Method::kExport, 1000, kFault);
  ASSERT_TRUE(store().export_document(context, document, "text/plain", sink).ok());
  EXPECT_EQ(sink.text, content);
  sink = StringSink();
  fake.faults().cut(Method::kExport, 1000, {ErrorCode::kPermissionDenied, "403"});
  EXPECT_FALSE(store().export_document(context, document, "text/plain", sink).ok());
  EXPECT_EQ(sink.text, "");
}

}  // namespace
}  // namespace driveway::drive
