// What the decorators make of changes: which are repeated, counted, paid for and broken.
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "drive/fault_store.h"
#include "drive/metered_store.h"
#include "drive/quota_store.h"
#include "drive/retry_store.h"
#include "unit/drive/edit_stub.h"
#include "unit/drive/test_sinks.h"
#include "unit/drive/test_sources.h"

namespace driveway::drive {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Error kFault{ErrorCode::kUnavailable, "503", true};
const Error kLimited{ErrorCode::kRateLimited, "429", true};

class EditDecoratorsTest : public testing::Test {
 protected:
  EditDecoratorsTest() {
    item.id = FileId("new");
    options.seed = 1;
    options.jitter = Duration::zero();
  }

  FakeClock clock{true};
  Metrics metrics;
  FakeStore fake{clock};
  EditStub stub{fake};
  FaultPlan plan{clock};
  FaultStore faulty{stub, plan};
  RetryOptions options;
  RetryStore store{faulty, clock, metrics, options};
  Context context;
  NewItem item;
  const UploadSession session{Secret("u"), 10'000, FileId("new")};
};

// --- Retry.

struct Repeatable {
  const char* name;
  Method method;
  std::function<bool(RemoteStore&, const Context&)> call;
  friend void PrintTo(const Repeatable& each, std::ostream* out) { *out << each.name; }
};

class RepeatableTest : public EditDecoratorsTest, public testing::WithParamInterface<Repeatable> {};

TEST_P(RepeatableTest, IsRepeatedAfterFaultsAndLostAnswers) {
  plan.fail(GetParam().method, kFault);
  plan.fail(GetParam().method, kLimited);
  plan.lose_answer(GetParam().method, 2);
  EXPECT_TRUE(GetParam().call(store, context));
  EXPECT_EQ(stub.calls, 3);
  EXPECT_EQ(metrics.counter("drive.retries").value(), 4U);
}

TEST_P(RepeatableTest, IsNotRepeatedAfterWhatIsForGood) {
  plan.fail(GetParam().method, {ErrorCode::kPermissionDenied, "403"});
  EXPECT_FALSE(GetParam().call(store, context));
  EXPECT_EQ(stub.calls, 0);
}

const FileId kId("f");
const Revision kRevision("r");

INSTANTIATE_TEST_SUITE_P(
    , RepeatableTest,
    testing::Values(
        Repeatable{"GenerateIds", Method::kGenerateIds,
                   [](auto& s, auto& c) { return s.generate_ids(c, 1).ok(); }},
        Repeatable{"Create", Method::kCreate,
                   [](auto& s, auto& c) {
                     NewItem item;
                     item.id = kId;
                     StringSource content("x");
                     return s.create(c, item, &content).ok();
                   }},
        Repeatable{"Copy", Method::kCopy,
                   [](auto& s, auto& c) {
                     NewItem item;
                     item.id = kId;
                     return s.copy(c, FileId("s"), item).ok();
                   }},
        Repeatable{"Update", Method::kUpdate,
                   [](auto& s, auto& c) { return s.update(c, kId, {}, nullptr).ok(); }},
        Repeatable{"Remove", Method::kRemove,
                   [](auto& s, auto& c) { return s.remove(c, kId).ok(); }},
        Repeatable{"BeginCreate", Method::kBeginUpload,
                   [](auto& s, auto& c) { return s.begin_create(c, {}, 1).ok(); }},
        Repeatable{"BeginUpdate", Method::kBeginUpload,
                   [](auto& s, auto& c) { return s.begin_update(c, kId, {}, 1).ok(); }},
        Repeatable{"Progress", Method::kProgress,
                   [](auto& s, auto& c) { return s.progress(c, {}).ok(); }},
        Repeatable{"Cancel", Method::kCancelUpload,
                   [](auto& s, auto& c) { return s.cancel(c, {}).ok(); }},
        Repeatable{"Revisions", Method::kRevisions,
                   [](auto& s, auto& c) { return s.revisions(c, kId).ok(); }},
        Repeatable{"KeepRevision", Method::kKeepRevision,
                   [](auto& s, auto& c) { return s.keep_revision(c, kId, kRevision, true).ok(); }},
        Repeatable{"RemoveRevision", Method::kRemoveRevision,
                   [](auto& s, auto& c) { return s.remove_revision(c, kId, kRevision).ok(); }}),
    [](const testing::TestParamInfo<Repeatable>& info) { return info.param.name; });

TEST_F(EditDecoratorsTest, WithoutAnIdNothingIsMadeTwice) {
  item.id = FileId();
  for (const bool copies : {false, true}) {
    const Method method = copies ? Method::kCopy : Method::kCreate;
    const auto make = [&] {
      return copies ? store.copy(context, FileId("s"), item) : store.create(context, item, nullptr);
    };
    stub.calls = 0;
    plan.lose_answer(method);
    EXPECT_TRUE(make().failed_with(ErrorCode::kUnavailable));
    EXPECT_EQ(stub.calls, 1);
    plan.fail(method, {ErrorCode::kCorrupt, "not understood", true});
    EXPECT_TRUE(make().failed_with(ErrorCode::kCorrupt));
    EXPECT_EQ(stub.calls, 1);
    plan.fail(method, kLimited, 2);  // that it was refused is certain
    EXPECT_TRUE(make().ok());
    EXPECT_EQ(stub.calls, 2);
  }
}

TEST_F(EditDecoratorsTest, ASendIsNeverRepeated) {
  StringSource content(std::string(10'000, 'x'));
  plan.lose_answer(Method::kSend);
  EXPECT_TRUE(store.send(context, session, {0, 10'000}, content).failed_with(kFault.code));
  for (const Error& error : {kFault, kLimited}) {
    plan.fail(Method::kSend, error);
    EXPECT_TRUE(store.send(context, session, {0, 10'000}, content).failed_with(error.code));
  }
  EXPECT_EQ(stub.calls, 1);
}

TEST_F(EditDecoratorsTest, ARepeatedContentIsReadFromItsStart) {
  const std::string text = "0123456789";
  StringSource content(text);
  plan.lose_answer(Method::kCreate);
  plan.lose_answer(Method::kUpdate);
  ASSERT_TRUE(store.create(context, item, &content).ok());
  EXPECT_EQ(stub.received, text + text);
  ASSERT_TRUE(store.update(context, item.id, {}, &content).ok());
  EXPECT_EQ(stub.received, text + text + text + text);
}

TEST_F(EditDecoratorsTest, AnErrorOfTheContentIsNotRepeated) {
  StringSource content(std::string(10'000, 'x'));
  content.fails_from = 5000;
  const auto made = store.create(context, item, &content);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().to_string(), content.failure.message);
  EXPECT_TRUE(made.error().retryable);  // as the source gave it
  EXPECT_FALSE(store.update(context, item.id, {}, &content).ok());
  EXPECT_EQ(stub.calls, 2);
}

TEST_F(EditDecoratorsTest, ARevisionIsReadOnWhereItBrokeOff) {
  for (int i = 0; i < 10'000; ++i) stub.revision += static_cast<char>(i % 251);
  plan.cut(Method::kReadRevision, 3000, kFault);
  plan.cut(Method::kReadRevision, 500, kFault);
  StringSink sink;
  ASSERT_TRUE(store.read_revision(context, kId, kRevision, 10'000, {100, 9000}, sink).ok());
  EXPECT_EQ(sink.text, stub.revision.substr(100, 9000));
  EXPECT_EQ(stub.ranges.back(), (ByteRange{3600, 5500}));
  EXPECT_EQ(sink.new_answers, 2);
}

// --- Faults.

TEST_F(EditDecoratorsTest, ACutContentIsReadSoFar) {
  StringSource content(std::string(10'000, 'x'));
  plan.cut(Method::kSend, 4000, kFault);
  EXPECT_TRUE(
      faulty.send(context, session, {0, 10'000}, content).failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(stub.received.size(), 4000U);
  EXPECT_TRUE(faulty.send(context, session, {4000, 6000}, content).ok());
  plan.cut(Method::kCreate, 0, kFault);
  EXPECT_TRUE(faulty.create(context, item, nullptr).ok());  // there is nothing to cut
  EXPECT_FALSE(faulty.create(context, item, &content).ok());
}

TEST_F(EditDecoratorsTest, OnlyAnAnswerThatThereWasIsLost) {
  plan.fail(Method::kRemove, {ErrorCode::kNotFound, "404"});
  plan.lose_answer(Method::kRemove);
  EXPECT_TRUE(faulty.remove(context, kId).failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(faulty.remove(context, kId).failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(faulty.remove(context, kId).ok());
  EXPECT_EQ(stub.calls, 2);
  plan.lose_answer(Method::kRemove);
  plan.clear();
  EXPECT_TRUE(faulty.remove(context, kId).ok());
}

TEST_F(EditDecoratorsTest, HooksSeeWhatChanges) {
  std::vector<CallInfo> seen;
  plan.set_hook([&](const Context&, const CallInfo& call) -> Status {
    seen.push_back(call);
    return {};
  });
  item.name = "name";
  StringSource content(std::string(10'000, 'x'));
  ASSERT_TRUE(store.create(context, item, nullptr).ok());
  ASSERT_TRUE(store.copy(context, FileId("s"), item).ok());
  ASSERT_TRUE(store.send(context, session, {1000, 9000}, content).ok());
  ASSERT_TRUE(store.keep_revision(context, kId, kRevision, true).ok());
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen[0].method, Method::kCreate);
  EXPECT_EQ(seen[0].id, FileId("new"));
  EXPECT_EQ(seen[0].name, "name");
  EXPECT_EQ(seen[1].source, FileId("s"));
  EXPECT_EQ(seen[2].range, (ByteRange{1000, 9000}));
  EXPECT_EQ(seen[2].id, FileId("new"));
  EXPECT_EQ(seen[3].revision, kRevision);
}

// --- Metrics.

TEST_F(EditDecoratorsTest, WhatIsSentIsCounted) {
  MeteredStore metered(faulty, clock, metrics);
  StringSource content(std::string(10'000, 'x'));
  plan.lose_answer(Method::kCreate);
  EXPECT_FALSE(metered.create(context, item, &content).ok());
  EXPECT_EQ(metrics.counter("drive.bytes_sent").value(), 10'000U);
  EXPECT_TRUE(metered.update(context, item.id, {}, &content).ok());
  EXPECT_TRUE(metered.update(context, item.id, {}, nullptr).ok());
  EXPECT_TRUE(metered.send(context, session, {0, 3000}, content).ok());
  EXPECT_EQ(metrics.counter("drive.bytes_sent").value(), 23'000U);
  EXPECT_EQ(metrics.counter("drive.create.calls").value(), 1U);
  EXPECT_EQ(metrics.counter("drive.create.errors").value(), 1U);
  EXPECT_EQ(metrics.counter("drive.update.calls").value(), 2U);
  EXPECT_EQ(metrics.histogram("drive.send.latency").count(), 1U);
  stub.revision = "0123456789";
  StringSink sink;
  EXPECT_TRUE(metered.read_revision(context, kId, kRevision, 10, {2, 5}, sink).ok());
  EXPECT_EQ(metrics.counter("drive.bytes_read").value(), 5U);
}

// --- Quota.

class WritePaceTest : public testing::Test {
 protected:
  double time_of(QuotaBudget& budget, Method method, int calls) {
    const TimePoint begin = clock.now();
    for (int i = 0; i < calls; ++i) EXPECT_TRUE(budget.take(context, method).ok());
    return std::chrono::duration<double>(clock.now() - begin).count();
  }
  FakeClock clock{true};
  Metrics metrics;
  Context context;
};

TEST_F(WritePaceTest, ThreeASecondAfterTen) {  // J11
  for (const QuotaModel model : {QuotaModel::kAuto, QuotaModel::k2026, QuotaModel::kLegacy}) {
    QuotaBudget budget(model, clock, metrics);
    EXPECT_EQ(time_of(budget, Method::kCreate, 10), 0);
    EXPECT_NEAR(time_of(budget, Method::kUpdate, 30), 10, 0.01);
    EXPECT_NEAR(time_of(budget, Method::kRemove, 3), 1, 0.01);
    EXPECT_NEAR(time_of(budget, Method::kCopy, 3), 1, 0.01);
    EXPECT_NEAR(time_of(budget, Method::kBeginUpload, 3), 1, 0.01);
    EXPECT_NEAR(time_of(budget, Method::kKeepRevision, 3), 1, 0.01);
    EXPECT_NEAR(time_of(budget, Method::kRemoveRevision, 3), 1, 0.01);
    clock.advance(seconds(60));
    EXPECT_EQ(time_of(budget, Method::kCreate, 10), 0);
  }
  EXPECT_GE(metrics.histogram("drive.quota.write_wait").count(), 3U * 55);
  EXPECT_GT(metrics.histogram("drive.quota.write_wait").percentile(50), milliseconds(250));
}

TEST_F(WritePaceTest, UnlimitedHasNone) {
  QuotaBudget budget(QuotaModel::kUnlimited, clock, metrics);
  EXPECT_EQ(time_of(budget, Method::kCreate, 1000), 0);
}

TEST_F(WritePaceTest, ReadsDoNotWaitForWrites) {
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  EXPECT_EQ(time_of(budget, Method::kCreate, 10), 0);
  context.priority = Priority::kBackground;
  EXPECT_EQ(time_of(budget, Method::kGet, 100), 0);
  EXPECT_EQ(time_of(budget, Method::kGenerateIds, 100), 0);
}

TEST_F(WritePaceTest, BackgroundLeavesHalfOfTheBurst) {
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  context.priority = Priority::kBackground;
  EXPECT_EQ(time_of(budget, Method::kCreate, 5), 0);
  EXPECT_NEAR(time_of(budget, Method::kCreate, 30), 10, 0.01);
  context.priority = Priority::kForeground;
  EXPECT_EQ(time_of(budget, Method::kCreate, 5), 0);
}

TEST_F(WritePaceTest, WaitingEndsWithTheContext) {  // R5
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  EXPECT_EQ(time_of(budget, Method::kCreate, 10), 0);
  context.deadline = clock.now() + milliseconds(10);
  EXPECT_TRUE(budget.take(context, Method::kCreate).failed_with(ErrorCode::kDeadlineExceeded));
  EXPECT_EQ(budget.waiting(), 0);
}

TEST_F(WritePaceTest, WhatIsSentToASessionCostsNothing) {
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  const TimePoint begin = clock.now();
  while (clock.now() == begin) EXPECT_TRUE(budget.take(context, Method::kRead).ok());
  const std::uint64_t units = budget.units_last_minute();
  context.priority = Priority::kBackground;
  for (const Method method : {Method::kSend, Method::kProgress, Method::kCancelUpload}) {
    EXPECT_EQ(time_of(budget, method, 100), 0);
  }
  EXPECT_EQ(budget.units_last_minute(), units);
  budget.refused(seconds(7));  // but Drive's own word counts
  EXPECT_NEAR(time_of(budget, Method::kSend, 1), 7, 0.01);
}

TEST_F(WritePaceTest, UnitsOfChanges) {  // drive-api reference 1.7
  EXPECT_EQ(units_of(Method::kCreate), 50U);
  EXPECT_EQ(units_of(Method::kBeginUpload), 50U);
  EXPECT_EQ(units_of(Method::kGenerateIds), 5U);
  EXPECT_EQ(units_of(Method::kRevisions), 100U);
  EXPECT_EQ(units_of(Method::kReadRevision), 200U);
  EXPECT_EQ(units_of(Method::kSend), 0U);
}

TEST(WritePaceOrderTest, ForegroundGoesFirst) {
  FakeClock clock;
  Metrics metrics;
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  Context context;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(budget.take(context, Method::kCreate).ok());
  std::mutex mutex;
  std::vector<Priority> order;
  std::vector<std::thread> callers;
  for (const Priority priority :
       {Priority::kBackground, Priority::kPrefetch, Priority::kForeground}) {
    callers.emplace_back([&, priority] {
      const Context mine = context.with_priority(priority);
      ASSERT_TRUE(budget.take(mine, Method::kUpdate).ok());
      const std::lock_guard lock(mutex);
      order.push_back(priority);
    });
    while (budget.waiting() < static_cast<int>(callers.size())) std::this_thread::yield();
  }
  const auto noted = [&] {
    const std::lock_guard lock(mutex);
    return static_cast<int>(order.size());
  };
  // Three writes a second, of ten: a tenth of them is kept from the prefetch, half from the
  // background. So one call is let through at a time, and notes it before the next one may be.
  int expected = 0;
  for (const Duration until_next : {milliseconds(334), milliseconds(667), milliseconds(1'667)}) {
    EXPECT_EQ(noted(), expected++);
    clock.advance(until_next);
    while (noted() < expected) std::this_thread::yield();
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(order,
            (std::vector{Priority::kForeground, Priority::kPrefetch, Priority::kBackground}));
}

}  // namespace
}  // namespace driveway::drive
