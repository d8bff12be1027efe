// The whole stack over DriveStore against a simulator that misbehaves in each way it knows (design:
// the simulator): what is read is right, or an error comes in time.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/strings.h"
#include "drive/decorated_store.h"
#include "drive/store_stack.h"
#include "unit/drive/sim_world.h"
#include "unit/drive/test_sinks.h"

namespace driveway::drive {
namespace {

using std::chrono::milliseconds;

struct FaultCase {
  std::string name;
  std::string patch;
  friend void PrintTo(const FaultCase& fault, std::ostream* out) { *out << fault.name; }
};

class DriveFaultsTest : public testing::TestWithParam<FaultCase> {
 protected:
  void SetUp() override {
    world = make_sim_world([&](std::unique_ptr<RemoteStore> base, Clock& clock) {
      StackOptions options;
      options.quota = QuotaModel::kUnlimited;
      // The proportions of the real ones, a hundred times faster.
      options.retry.first = milliseconds(10);
      options.retry.longest = milliseconds(320);
      options.retry.jitter = milliseconds(10);
      options.retry.quick = milliseconds(3);
      stack = make_store_stack(std::move(base), options, clock, metrics);
      return nullptr;
    });
    ASSERT_NE(world, nullptr);
    context.deadline = world->clock().now() + std::chrono::seconds(60);
    for (unsigned i = 0; i < 40; ++i) {
      std::string content(10'000 + 7'001 * i, '\0');
      std::mt19937 random(i);
      for (char& c : content) c = static_cast<char>(random());
      files.push_back(world->add_file(world->base(), cat("f", i), content));
      contents.push_back(std::move(content));
    }
  }
  RemoteStore& store() { return stack->store(); }

  void read_all(std::mt19937& random) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto item = store().get(context, files[i]);
      ASSERT_TRUE(item.ok()) << item.error().to_string();
      const std::string& content = contents[i];
      const Bytes offset = i % 3 == 0 ? 0 : random() % content.size();
      const Bytes length = i % 3 == 0 ? content.size() : 1 + random() % (content.size() - offset);
      StringSink sink;
      const Status status = store().read(context, *item, {offset, length}, sink);
      ASSERT_TRUE(status.ok()) << status.error().to_string();
      ASSERT_TRUE(sink.text == content.substr(offset, length)) << "file " << i;
    }
  }
  void list_all() {
    ListQuery query;
    query.parents = {world->base()};
    std::size_t items = 0;
    std::string token;
    do {
      const auto page = store().list(context, query, token);
      ASSERT_TRUE(page.ok()) << page.error().to_string();
      items += page->items.size();
      token = page->next_page_token;
    } while (!token.empty());
    EXPECT_EQ(items, files.size());
  }

  Metrics metrics;
  std::unique_ptr<StoreStack> stack;
  std::unique_ptr<World> world;
  Context context;
  std::vector<FileId> files;
  std::vector<std::string> contents;
};

TEST_P(DriveFaultsTest, WhatIsReadIsRight) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 random(seed);
  const Misbehaviour misbehaviour(GetParam().patch);
  for (int i = 0; i < 2; ++i) read_all(random);
  for (int i = 0; i < 10; ++i) list_all();
  EXPECT_GT(metrics.counter("drive.retries").value(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Simulator, DriveFaultsTest,
    testing::Values(
        FaultCase{"Error5xx", R"({"faults":{"error_5xx":0.2}})"},
        FaultCase{"Error5xxPlain", R"({"faults":{"error_5xx":0.2,"plain_error_bodies":true}})"},
        FaultCase{"Error429", R"({"faults":{"error_429":0.2}})"},
        FaultCase{"Error429Plain", R"({"faults":{"error_429":0.2,"plain_error_bodies":true}})"},
        FaultCase{"Error403Rate", R"({"faults":{"error_403_rate":0.2}})"},
        FaultCase{"Error403Plain",
                  R"({"faults":{"error_403_rate":0.2,"plain_error_bodies":true}})"},
        FaultCase{"Reset", R"({"faults":{"reset":0.2}})"},
        FaultCase{"Truncate", R"({"faults":{"truncate":0.2}})"},
        FaultCase{"WrongRange", R"({"faults":{"wrong_range":0.3}})"},
        FaultCase{"AllOfThem", R"({"faults":{"error_5xx":0.1,"error_429":0.05,"reset":0.05,
                                   "truncate":0.05,"wrong_range":0.1},"drive":{"short_page":0.5}})"}),
    [](const testing::TestParamInfo<FaultCase>& info) { return info.param.name; });

class DriveOutageTest : public DriveFaultsTest {};

TEST_P(DriveOutageTest, ADeadServerIsAnErrorWithinTheDeadline) {  // R5
  const auto item = store().get(context, files[0]);
  ASSERT_TRUE(item.ok());
  const Misbehaviour misbehaviour(GetParam().patch);
  const TimePoint begin = world->clock().now();
  context.deadline = begin + milliseconds(700);
  StringSink sink;
  EXPECT_FALSE(store().read(context, *item, {0, 10'000}, sink).ok());
  EXPECT_FALSE(store().get(context, files[0]).ok());
  EXPECT_LT(world->clock().now() - begin, std::chrono::seconds(5));
}

INSTANTIATE_TEST_SUITE_P(Simulator, DriveOutageTest,
                         testing::Values(FaultCase{"Dead", R"({"faults":{"dead":true}})"},
                                         FaultCase{"Refuse", R"({"faults":{"refuse":true}})"},
                                         FaultCase{"Stall", R"({"faults":{"stall":1.0}})"}),
                         [](const testing::TestParamInfo<FaultCase>& info) {
                           return info.param.name;
                         });

class DriveLoginTest : public DriveFaultsTest {};

TEST_P(DriveLoginTest, ExpiredTokensAreReplacedOnTheWay) {  // E1
  std::mt19937 random(1);
  for (int round = 0; round < 3; ++round) {
    ask_simulator("POST", "tokens/expire", R"({"account":"demo@example.com"})");
    read_all(random);
  }
}

INSTANTIATE_TEST_SUITE_P(Simulator, DriveLoginTest, testing::Values(FaultCase{"Expired", ""}),
                         [](const testing::TestParamInfo<FaultCase>& info) {
                           return info.param.name;
                         });

}  // namespace
}  // namespace driveway::drive
