// DriveStore's changes and uploads against the simulator: what is there afterwards, also where
// connections break, answers are lost and sessions end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "drive/store_stack.h"
#include "unit/drive/sim_world.h"
#include "unit/drive/test_sinks.h"
#include "unit/drive/test_sources.h"

namespace driveway::drive {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::Pair;
using testing::SizeIs;

class DriveEditSimTest : public testing::Test {
 protected:
  void SetUp() override {
    world = make_sim_world(nullptr);
    ASSERT_NE(world, nullptr);
    context.deadline = world->clock().now() + std::chrono::seconds(60);
  }
  RemoteStore& store() { return world->store(); }

  NewItem new_file(const std::string& name) {
    NewItem item;
    const auto ids = store().generate_ids(context, 1);
    EXPECT_TRUE(ids.ok());
    item.id = ids.ok() ? ids->front() : FileId();
    item.name = name;
    item.parent = world->base();
    return item;
  }
  Item make(const std::string& name, const std::string& content) {
    StringSource source(content);
    const auto made = store().create(context, new_file(name), &source);
    EXPECT_TRUE(made.ok()) << made.error().to_string();
    return made.ok() ? *made : Item();
  }
  std::string read(const FileId& id) {
    const auto item = store().get(context, id);
    if (!item.ok()) return item.error().to_string();
    if (item->size == Bytes{0}) return "";
    StringSink sink;
    const Status status = store().read(context, *item, {0, *item->size}, sink);
    return status.ok() ? sink.text : status.error().to_string();
  }
  static bool is_finished(const Result<UploadProgress>& progress, const std::string& content) {
    return progress.ok() && progress->item && progress->stored == content.size() &&
           progress->item->md5 == hash_hex(HashKind::kMd5, content) &&
           progress->item->size == content.size();
  }
  // Sends the rest of `content` in requests of `step`, as progress() says.
  Result<UploadProgress> send_all(RemoteStore& through, const UploadSession& session,
                                  const std::string& content, Bytes step) {
    StringSource source(content);
    DRIVEWAY_TRY(UploadProgress at, through.progress(context, session));
    while (!at.item) {
      const Bytes length = std::min<Bytes>(step, session.size - at.stored);
      auto sent = through.send(context, session, {at.stored, length}, source);
      if (!sent.ok() && sent.error().retryable) sent = through.progress(context, session);
      if (!sent.ok()) return sent;
      at = *std::move(sent);
    }
    return at;
  }

  std::unique_ptr<World> world;
  Context context;
};

TEST_F(DriveEditSimTest, SmallContentsInOneRequest) {
  for (const Bytes size : {Bytes{0}, Bytes{1}, Bytes{100'000}, kMostInOneRequest}) {
    const std::string content = some_bytes(size, 1);
    NewItem item = new_file(cat("f", size));
    item.mime_type = "text/x-test";
    item.modified = parse_rfc3339("2020-01-02T03:04:05.678Z").value();
    item.created = parse_rfc3339("2019-01-02T03:04:05.678Z").value();
    item.properties = {{"mode", "0640"}};
    StringSource source(content);
    const auto made = store().create(context, item, &source);
    ASSERT_TRUE(made.ok()) << made.error().to_string();
    EXPECT_EQ(made->id, item.id);
    EXPECT_EQ(made->name, item.name);
    EXPECT_EQ(made->mime_type, "text/x-test");
    EXPECT_EQ(made->md5, hash_hex(HashKind::kMd5, content));
    EXPECT_EQ(made->size, size);
    EXPECT_EQ(made->modified, *item.modified);
    EXPECT_EQ(made->created, *item.created);
    EXPECT_THAT(made->properties, ElementsAre(Pair("mode", "0640")));
    EXPECT_EQ(made->parent, world->base());
    EXPECT_TRUE(read(item.id) == content);
    EXPECT_TRUE(store().create(context, item, &source).failed_with(ErrorCode::kAlreadyExists));
  }
}

TEST_F(DriveEditSimTest, ItemsWithoutContent) {
  NewItem folder = new_file("folder");
  folder.kind = ItemKind::kFolder;
  const auto made = store().create(context, folder, nullptr);
  ASSERT_TRUE(made.ok()) << made.error().to_string();
  EXPECT_EQ(made->kind, ItemKind::kFolder);
  NewItem empty = new_file("empty");
  empty.parent = folder.id;
  const auto file = store().create(context, empty, nullptr);
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  EXPECT_EQ(file->size, Bytes{0});
  NewItem shortcut = new_file("shortcut");
  shortcut.id = FileId();
  shortcut.kind = ItemKind::kShortcut;
  shortcut.shortcut = Shortcut{empty.id, "", ""};
  const auto link = store().create(context, shortcut, nullptr);
  ASSERT_TRUE(link.ok()) << link.error().to_string();
  EXPECT_EQ(link->shortcut->target, empty.id);
  EXPECT_TRUE(store().copy(context, folder.id, new_file("c")).failed_with(ErrorCode::kUnsupported));
  ASSERT_TRUE(store().remove(context, folder.id).ok());
  EXPECT_TRUE(store().get(context, empty.id).failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(store().remove(context, folder.id).failed_with(ErrorCode::kNotFound));
}

TEST_F(DriveEditSimTest, AttributesAndMoves) {
  const Item file = make("before", "content");
  const FileId folder = world->add_folder(world->base(), "folder");
  ItemPatch patch;
  patch.name = "after";
  patch.move = Move{world->base(), folder};
  patch.modified = parse_rfc3339("2020-01-02T03:04:05.678Z").value();
  patch.properties = {{"a", "1"}, {"b", "2"}};
  auto now = store().update(context, file.id, patch, nullptr);
  ASSERT_TRUE(now.ok()) << now.error().to_string();
  EXPECT_EQ(now->name, "after");
  EXPECT_EQ(now->parent, folder);
  EXPECT_EQ(now->modified, *patch.modified);
  EXPECT_EQ(now->head_revision, file.head_revision);
  EXPECT_GT(now->version, file.version);
  patch = {};
  patch.properties = {{"a", std::nullopt}, {"c", "3"}};
  patch.trashed = true;
  now = store().update(context, file.id, patch, nullptr);
  ASSERT_TRUE(now.ok()) << now.error().to_string();
  EXPECT_THAT(now->properties, ElementsAre(Pair("b", "2"), Pair("c", "3")));
  EXPECT_TRUE(now->trashed);
  EXPECT_EQ(now->name, "after");
  patch = {};
  patch.trashed = false;
  EXPECT_FALSE(store().update(context, file.id, patch, nullptr)->trashed);
  EXPECT_TRUE(store()
                  .update(context, FileId("nonsense"), patch, nullptr)
                  .failed_with(ErrorCode::kNotFound));
}

TEST_F(DriveEditSimTest, FoldersDoNotMoveIntoSharedDrives) {
  const DriveId drive = world->add_shared_drive("team");
  const FileId folder = world->add_folder(world->base(), "folder");
  ItemPatch patch;
  patch.move = Move{world->base(), FileId(drive.value())};
  EXPECT_TRUE(store().update(context, folder, patch, nullptr).failed_with(ErrorCode::kCrossDevice));
  NewItem item = new_file("in the team's drive");
  item.parent = FileId(drive.value());
  StringSource source("x");
  const auto made = store().create(context, item, &source);
  ASSERT_TRUE(made.ok()) << made.error().to_string();
  EXPECT_EQ(made->drive, drive);
}

TEST_F(DriveEditSimTest, ANewContentAndACopy) {
  const Item file = make("f", "one");
  StringSource two("two!");
  ItemPatch patch;
  patch.mime_type = "text/x-two";
  const auto changed = store().update(context, file.id, patch, &two);
  ASSERT_TRUE(changed.ok()) << changed.error().to_string();
  EXPECT_EQ(changed->id, file.id);
  EXPECT_NE(changed->head_revision, file.head_revision);
  EXPECT_EQ(changed->mime_type, "text/x-two");
  EXPECT_EQ(changed->md5, hash_hex(HashKind::kMd5, "two!"));
  StringSource empty("");
  EXPECT_EQ(store().update(context, file.id, patch, &empty)->size, Bytes{0});
  NewItem copy = new_file("copy");
  const Item source = make("source", "copied bytes");
  const auto made = store().copy(context, source.id, copy);
  ASSERT_TRUE(made.ok()) << made.error().to_string();
  EXPECT_EQ(made->id, copy.id);
  EXPECT_EQ(made->name, "copy");
  EXPECT_EQ(made->md5, source.md5);
  EXPECT_EQ(read(copy.id), "copied bytes");
  EXPECT_TRUE(store().copy(context, source.id, copy).failed_with(ErrorCode::kAlreadyExists));
}

TEST_F(DriveEditSimTest, Revisions) {
  const Item file = make("f", "one");
  StringSource two("two!");
  StringSource three("three");
  ItemPatch patch;
  patch.mime_type = "text/plain";
  patch.keep_revision = true;
  ASSERT_TRUE(store().update(context, file.id, patch, &two).ok());
  patch.keep_revision = false;
  ASSERT_TRUE(store().update(context, file.id, patch, &three).ok());
  const auto all = store().revisions(context, file.id);
  ASSERT_TRUE(all.ok()) << all.error().to_string();
  ASSERT_THAT(*all, SizeIs(3));
  EXPECT_EQ(all->at(0).id, file.head_revision);
  EXPECT_TRUE(all->at(1).keep_forever);
  EXPECT_EQ(all->at(1).size, 4U);
  EXPECT_EQ(all->at(2).md5, hash_hex(HashKind::kMd5, "three"));
  StringSink sink;
  const auto read_one = [&](std::size_t at, ByteRange range) {
    sink = StringSink();
    return store().read_revision(context, file.id, all->at(at).id, *all->at(at).size, range, sink);
  };
  ASSERT_TRUE(read_one(1, {1, 3}).ok());
  EXPECT_EQ(sink.text, "wo!");
  EXPECT_TRUE(read_one(0, {0, 3}).failed_with(ErrorCode::kPermissionDenied));
  ASSERT_TRUE(store().keep_revision(context, file.id, all->at(0).id, true).ok());
  ASSERT_TRUE(read_one(0, {0, 3}).ok());
  EXPECT_EQ(sink.text, "one");
  ASSERT_TRUE(store().remove_revision(context, file.id, all->at(0).id).ok());
  EXPECT_TRUE(
      store().remove_revision(context, file.id, all->at(0).id).failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(store()
                  .remove_revision(context, file.id, all->at(2).id)
                  .failed_with(ErrorCode::kInvalidArgument));
  EXPECT_EQ(read(file.id), "three");
}

// --- Sessions.

TEST_F(DriveEditSimTest, UploadsInOneRequestAndInMany) {
  for (const Bytes size : {Bytes{1}, kUploadUnit, kMostInOneRequest, kMostInOneRequest + 1}) {
    const std::string content = some_bytes(size, 2);
    for (const Bytes step : {size, 3 * kUploadUnit}) {
      const NewItem item = new_file(cat("f", size, " ", step));
      const auto session = store().begin_create(context, item, size);
      ASSERT_TRUE(session.ok()) << session.error().to_string();
      const auto done = send_all(store(), *session, content, step);
      ASSERT_TRUE(is_finished(done, content)) << done.error().to_string();
      EXPECT_EQ(done->item->id, item.id);
      EXPECT_TRUE(read(item.id) == content);
      EXPECT_TRUE(is_finished(store().progress(context, *session), content));
      EXPECT_TRUE(store().begin_create(context, item, 1).failed_with(ErrorCode::kAlreadyExists));
    }
  }
}

TEST_F(DriveEditSimTest, TheOldContentStaysUntilTheNewOneIsThere) {
  const Item file = make("f", "old");
  const std::string content = some_bytes(2 * kUploadUnit, 3);
  const auto session = store().begin_update(context, file.id, {}, content.size());
  ASSERT_TRUE(session.ok()) << session.error().to_string();
  StringSource source(content);
  const auto half = store().send(context, *session, {0, kUploadUnit}, source);
  ASSERT_TRUE(half.ok()) << half.error().to_string();
  EXPECT_EQ(half->stored, kUploadUnit);
  EXPECT_EQ(read(file.id), "old");
  const auto done = store().send(context, *session, {kUploadUnit, kUploadUnit}, source);
  ASSERT_TRUE(is_finished(done, content));
  EXPECT_EQ(done->item->id, file.id);
  EXPECT_TRUE(read(file.id) == content);
}

TEST_F(DriveEditSimTest, ACutConnectionIsResumedWhereDriveStands) {
  const std::string content = some_bytes(6 * kMiB, 4);
  StringSource source(content);
  for (int round = 0; round < 5; ++round) {
    const NewItem item = new_file(cat("f", round));
    const auto session = store().begin_create(context, item, content.size());
    ASSERT_TRUE(session.ok());
    {
      const Misbehaviour misbehaviour(R"({"faults":{"upload_reset":1.0,"budget":1}})");
      const auto cut = store().send(context, *session, {0, content.size()}, source);
      ASSERT_TRUE(cut.failed_with(ErrorCode::kUnavailable));
      EXPECT_TRUE(cut.error().retryable);
    }
    const auto at = store().progress(context, *session);
    ASSERT_TRUE(at.ok()) << at.error().to_string();
    ASSERT_LT(at->stored, content.size());
    const auto done =
        store().send(context, *session, {at->stored, content.size() - at->stored}, source);
    ASSERT_TRUE(is_finished(done, content)) << done.error().to_string();
    EXPECT_TRUE(read(item.id) == content);
  }
}

TEST_F(DriveEditSimTest, TheContentsOwnErrorLeavesASessionThatGoesOn) {
  const std::string content = some_bytes(3 * kMiB, 5);
  const NewItem item = new_file("f");
  const auto session = store().begin_create(context, item, content.size());
  ASSERT_TRUE(session.ok());
  StringSource failing(content);
  failing.fails_from = 2 * kMiB;
  const auto cut = store().send(context, *session, {0, content.size()}, failing);
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().to_string(), failing.failure.message);
  EXPECT_TRUE(is_finished(send_all(store(), *session, content, content.size()), content));
}

TEST_F(DriveEditSimTest, ALostLastAnswerIsFound) {
  const std::string content = some_bytes(kMostInOneRequest + 1, 6);
  StringSource source(content);
  const auto session = store().begin_create(context, new_file("f"), content.size());
  ASSERT_TRUE(session.ok());
  {
    const Misbehaviour misbehaviour(R"({"faults":{"lost_answer":1.0,"path_prefix":"/upload/",
                                         "budget":1}})");
    EXPECT_TRUE(store()
                    .send(context, *session, {0, content.size()}, source)
                    .failed_with(ErrorCode::kUnavailable));
  }
  EXPECT_TRUE(is_finished(store().progress(context, *session), content));
}

TEST_F(DriveEditSimTest, ALostAnswerToACreateIsSeenByItsId) {
  NewItem item = new_file("f");
  StringSource source("content");
  {
    const Misbehaviour misbehaviour(R"({"faults":{"lost_answer":1.0,"path_prefix":"/upload/",
                                         "budget":1}})");
    EXPECT_TRUE(store().create(context, item, &source).failed_with(ErrorCode::kUnavailable));
  }
  EXPECT_TRUE(store().create(context, item, &source).failed_with(ErrorCode::kAlreadyExists));
  EXPECT_EQ(read(item.id), "content");
}

TEST_F(DriveEditSimTest, SessionsThatEnd) {
  const std::string content = some_bytes(kUploadUnit + 1, 7);
  StringSource source(content);
  auto session = store().begin_create(context, new_file("f"), content.size());
  ASSERT_TRUE(session.ok());
  {
    const Misbehaviour misbehaviour(R"({"drive":{"session_gone":1.0}})");
    EXPECT_TRUE(store()
                    .send(context, *session, {0, content.size()}, source)
                    .failed_with(ErrorCode::kStale));
  }
  EXPECT_TRUE(store().progress(context, *session).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(store().cancel(context, *session).ok());
  session = store().begin_create(context, new_file("f"), content.size());
  ASSERT_TRUE(session.ok());
  ASSERT_TRUE(store().send(context, *session, {0, kUploadUnit}, source).ok());
  ASSERT_TRUE(store().cancel(context, *session).ok());
  EXPECT_TRUE(store().progress(context, *session).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(store().cancel(context, *session).ok());
}

TEST_F(DriveEditSimTest, TheDaysCapIsALongPause) {
  const Misbehaviour misbehaviour(R"({"drive":{"upload_cap_reached":true}})");
  StringSource source("x");
  EXPECT_TRUE(
      store().create(context, new_file("f"), &source).failed_with(ErrorCode::kQuotaExceeded));
  EXPECT_TRUE(
      store().begin_create(context, new_file("f"), 1).failed_with(ErrorCode::kQuotaExceeded));
}

// --- The whole stack, many at a time, against a Drive that misbehaves.

TEST(DriveEditStackTest, ParallelUploadsThroughFaults) {
  Metrics metrics;
  std::unique_ptr<StoreStack> stack;
  const auto world = make_sim_world([&](std::unique_ptr<RemoteStore> base, Clock& clock) {
    StackOptions options;
    options.quota = QuotaModel::kUnlimited;
    options.retry.first = milliseconds(10);
    options.retry.longest = milliseconds(320);
    options.retry.jitter = milliseconds(10);
    options.retry.quick = milliseconds(3);
    stack = make_store_stack(std::move(base), options, clock, metrics);
    return nullptr;
  });
  ASSERT_NE(world, nullptr);
  RemoteStore& store = stack->store();
  Context context;
  context.deadline = world->clock().now() + std::chrono::seconds(100);
  constexpr int kThreads = 6;
  constexpr int kEach = 5;
  const auto ids = store.generate_ids(context, kThreads * kEach);
  ASSERT_TRUE(ids.ok());
  const auto content_of = [](int number) {
    return some_bytes(static_cast<std::size_t>(number) * 77'777, static_cast<unsigned>(number));
  };
  // An upload as its user does it: small ones in one request, others as Drive says where it stands.
  const auto upload = [&](int number) -> Status {
    const std::string content = content_of(number);
    StringSource source(content);
    NewItem item;
    item.id = ids->at(static_cast<std::size_t>(number));
    item.name = cat("f", number);
    item.parent = world->base();
    if (number % 2 == 0) {
      const auto made = store.create(context, item, &source);
      if (made.failed_with(ErrorCode::kAlreadyExists)) return {};
      return made.ok() ? Status() : Status(made.error());
    }
    while (true) {
      const auto session = store.begin_create(context, item, content.size());
      if (session.failed_with(ErrorCode::kAlreadyExists)) return {};
      if (!session.ok()) return session.error();
      auto at = store.progress(context, *session);
      while (at.ok() && !at->item) {
        const Bytes length = std::min<Bytes>(2 * kUploadUnit, content.size() - at->stored);
        at = store.send(context, *session, {at->stored, length}, source);
        if (!at.ok() && at.error().retryable) at = store.progress(context, *session);
      }
      if (at.ok()) return {};
      if (!at.failed_with(ErrorCode::kStale)) return at.error();
    }
  };
  {
    const Misbehaviour misbehaviour(
        R"({"faults":{"error_5xx":0.05,"error_429":0.05,"upload_reset":0.1,"lost_answer":0.1},
            "drive":{"session_gone":0.02}})");
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i) {
          const Status status = upload(thread * kEach + i);
          EXPECT_TRUE(status.ok()) << status.error().to_string();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_GT(metrics.counter("drive.retries").value(), 0U);
  EXPECT_GT(metrics.counter("drive.bytes_sent").value(), 0U);
  ListQuery query;
  query.parents = {world->base()};
  const auto page = store.list(context, query, "");
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(page->items, SizeIs(kThreads * kEach));  // none twice
  for (const Item& item : page->items) {
    const auto number = parse_uint(std::string_view(item.name).substr(1));
    ASSERT_TRUE(number);
    EXPECT_EQ(item.md5, hash_hex(HashKind::kMd5, content_of(static_cast<int>(*number))));
  }
}

}  // namespace
}  // namespace driveway::drive
