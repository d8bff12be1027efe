// What the tests of drafts share: drafts over the real journal, cache and fetcher, and a FakeStore;
// and a sender that does what a test says, step by step.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "drive/fake_store.h"
#include "unit/base/temporary_folder.h"
#include "vfs/drafts.h"

namespace driveway::vfs {

inline std::string random_text(std::uint64_t seed, Bytes size) {
  std::string bytes(size, '\0');
  std::mt19937_64 random(seed);
  for (Bytes at = 0; at < size; at += 8) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + at, &word, std::min<Bytes>(8, size - at));
  }
  return bytes;
}

// What a write does to a string.
inline void put(std::string& model, Bytes offset, std::string_view bytes) {
  if (model.size() < offset + bytes.size()) model.resize(offset + bytes.size(), '\0');
  model.replace(offset, bytes.size(), bytes);
}

class DraftTest : public testing::Test {
 public:
  ~DraftTest() override {
    fault::disarm_all();
    close();
  }

 protected:
  DraftTest() { open(); }

  void open(bool machine_crashed = false) {
    close();
    journal::JournalOptions options;
    options.ledger.folder = root_ / "journal";
    options.ledger.account = "0123456789";
    options.ledger.reserve = 256 * kKiB;
    journal_ = value(journal::Journal::open(options, clock_, metrics_));
    cache::CacheOptions room{.capacity = 256 * kMiB, .min_free_disk = 0.05};
    room.disk_space = [this](const auto&) -> Result<cache::DiskSpace> {
      return cache::DiskSpace{100 * kGiB, free_disk_.load()};
    };
    cache_ = value(cache::ContentCache::open(root_ / "cache", room, clock_, metrics_,
                                             Drafts::numbers(*journal_, machine_crashed)));
    verifier_ = std::make_unique<Verifier>(*cache_, metrics_);
    fetcher_ = std::make_unique<transfer::Fetcher>(
        transfer::FetcherOptions{.piece = 1 * kMiB, .longest = 2 * kMiB}, store_, scheduler_,
        clock_, metrics_);
    blobs_ = std::make_unique<Blobs>(*cache_, *fetcher_, past_cache_, *verifier_, 32 * kMiB, clock_,
                                     metrics_);
    drafts_ = value(
        Drafts::open({*cache_, *blobs_, *fetcher_, *journal_, clock_, std::chrono::seconds(60)},
                     machine_crashed));
    journal_->on_sync([this] { return drafts_->sync_all(); });
    journal_->on_synced([this](std::uint64_t sequence) { drafts_->synced(sequence); });
  }
  // As a kill does: no draft tells the journal anything any more.
  void close() {
    if (drafts_ != nullptr) drafts_->stop();
    if (journal_ != nullptr) static_cast<void>(journal_->close());
    drafts_.reset();
    blobs_.reset();
    fetcher_.reset();
    verifier_.reset();
    cache_.reset();
    journal_.reset();
  }
  template <typename T>
  static T value(Result<T> result) {
    EXPECT_TRUE(result.ok()) << result.error().to_string();
    return std::move(result).value();
  }
  static void ok(const Status& status) { EXPECT_TRUE(status.ok()) << status.error().to_string(); }

  // --- Files.

  drive::Item add(const std::string& content) {
    return *store_.find(store_.add_file(store_.root(), cat("file", count_++), content));
  }
  static tree::Node node_of(const drive::Item& item, InodeId inode) {
    tree::Node node;
    node.inode = inode;
    node.content = tree::ContentKind::kBlob;
    node.size = item.size.value_or(0);
    node.modified = item.modified;
    node.item = item;
    return node;
  }
  // A new inode that shows `item`, known to the journal.
  tree::Node node_of(const drive::Item& item) {
    const tree::Node node = node_of(item, value(journal_->inodes().allocate()));
    know(node);
    return node;
  }
  void know(const tree::Node& node) {
    const drive::Item& item = *node.item;
    journal::NewEntry entry;
    entry.mime_type = item.mime_type;
    journal::Known known;
    known.id = item.id;
    known.exists = true;
    known.parent = store_.root();
    known.parent_inode = kRoot;
    known.name = item.name;
    known.modified = item.modified;
    known.head_revision = item.head_revision;
    known.md5 = item.md5;
    known.size = item.size;
    known.version = item.version;
    journal_->adjust([&](journal::ChangeSet& set) { set.know(node.inode, entry, known); });
  }
  std::shared_ptr<Draft> open_draft(const tree::Node& node) {
    auto draft = value(drafts_->open_draft(node));
    ok(draft->add_writer({}));
    return draft;
  }
  // As create(2) and O_WRONLY.
  std::shared_ptr<Draft> create(const std::string& name) {
    const InodeId inode = value(journal_->inodes().allocate());
    auto draft = value(drafts_->begin_new(inode, clock_.wall_now()));
    journal::NewEntry entry;
    entry.mime_type = "application/octet-stream";
    entry.modified = clock_.wall_now();
    entry.id = value(store_.generate_ids({}, 1)).front();
    entry.content = value(drafts_->state(*draft));
    ok(journal_->change({}, journal::Purpose::kNew, [&](journal::ChangeSet& set, WallTime now) {
      return set.create(inode, {kRoot, store_.root(), name}, entry, now);
    }));
    ok(draft->add_writer({}));
    return draft;
  }

  static Status write(Draft& draft, std::optional<Bytes> offset, std::string_view bytes) {
    return draft.write({}, offset, std::as_bytes(std::span(bytes)));
  }
  static Result<std::string> read(Draft& draft, Bytes offset, Bytes length) {
    std::string bytes(length, '\0');
    DRIVEWAY_TRY(const std::size_t count,
                 draft.read({}, offset, std::as_writable_bytes(std::span(bytes))));
    bytes.resize(count);
    return bytes;
  }
  static std::string all_of(Draft& draft) {
    std::string all;
    while (true) {
      const auto piece = read(draft, all.size(), 300'000);
      if (!piece.ok()) return cat("<", piece.error().to_string(), ">");
      if (piece->empty()) return all;
      all += *piece;
    }
  }
  static Result<std::string> read_all(drive::ContentSource& source) {
    std::string all(source.size(), '\0');
    constexpr Bytes kStep = 400'000;
    for (Bytes at = 0; at < all.size(); at += kStep) {
      const auto into = std::as_writable_bytes(std::span(all)).subspan(at);
      DRIVEWAY_CHECK(source.read(at, into.first(std::min<Bytes>(kStep, into.size()))));
    }
    return all;
  }
  // Fetches `range` of the item into the cache, as a reader does.
  void fetch(const tree::Node& node, ByteRange range) {
    auto blob = value(blobs_->open(*node.item, node.inode));
    std::string bytes(range.length, '\0');
    value(blobs_->read({}, node, blob, range.offset, std::as_writable_bytes(std::span(bytes))));
    ok(fetcher_->confirm({}, blob));
  }
  bool is_cached(const drive::Item& item) {
    return value(cache_->open_content(*drive::content_id(item), *item.size))->complete();
  }

  // --- The journal's row.

  std::optional<journal::Change> row(InodeId inode) {
    return journal_->look([&](const journal::ChangeSet& set) -> std::optional<journal::Change> {
      const journal::Change* const change = set.find(inode);
      if (change == nullptr) return std::nullopt;
      return *change;
    });
  }
  std::optional<journal::Content> content(InodeId inode) {
    const auto change = row(inode);
    return change ? change->wanted.content : std::nullopt;
  }

  // --- The sender.

  struct Hooks {
    std::function<void(journal::Snapshot&)> with_snapshot = nullptr;  // before its bytes are read
    std::function<void()> before_confirmed = nullptr;                 // Drive has it
    std::function<void()> after_confirmed = nullptr;  // the journal does not know yet
  };
  // One upload of what the inode has now; gives the item that Drive has then.
  Result<drive::Item> send(InodeId inode) { return send(inode, Hooks()); }
  Result<drive::Item> send(InodeId inode, const Hooks& hooks) {
    DRIVEWAY_TRY(auto snapshot, drafts_->snapshot({}, inode));
    DRIVEWAY_TRY(auto step, begin(inode));
    if (hooks.with_snapshot) hooks.with_snapshot(*snapshot);
    DRIVEWAY_TRY(const std::string bytes, read_all(*snapshot));
    DRIVEWAY_CHECK(
        journal_->change({}, journal::Purpose::kProgress, [&](journal::ChangeSet& set, WallTime) {
          return set.uploading(step, Secret(), 0, hash_hex(HashKind::kMd5, bytes));
        }));
    DRIVEWAY_TRY(const drive::Item item, upload(step, *snapshot));
    DRIVEWAY_CHECK(finish(step, item, snapshot.get(), hooks));
    return item;
  }
  Result<journal::Step> begin(InodeId inode) {
    journal_->adjust([&](journal::ChangeSet& set) {
      const std::vector<InodeId> inodes{inode};
      return set.raise(inodes);
    });
    // Again where somebody has told of another change since the look.
    Status begun = Error{ErrorCode::kStale, "no try yet"};
    while (begun.failed_with(ErrorCode::kStale)) {
      DRIVEWAY_TRY(journal::Step step, offered(inode));
      begun = journal_->change(
          {}, journal::Purpose::kProgress,
          [&](journal::ChangeSet& set, WallTime now) { return set.began(step, {}, now); });
      if (begun.ok()) return step;
    }
    return begun.error();
  }
  Result<journal::Step> offered(InodeId inode) {
    const auto plan = journal_->look(
        [&](const journal::ChangeSet& set) { return set.next(clock_.wall_now(), {.steps = 100}); });
    for (const journal::Step& step : plan.steps) {
      if (step.inode == inode) return step;
    }
    return Error{ErrorCode::kInternal, "there is nothing to send"};
  }
  Result<drive::Item> upload(const journal::Step& step, drive::ContentSource& source) {
    if (step.sent.action == journal::Action::kUpdate) {
      drive::ItemPatch patch{.modified = step.sent.modified, .mime_type = step.mime_type};
      return store_.update({}, step.sent.id, patch, &source);
    }
    drive::NewItem made;
    made.id = step.sent.id;
    made.name = *step.sent.name;
    made.parent = step.sent.parent;
    made.mime_type = step.mime_type;
    made.modified = step.sent.modified;
    return store_.create({}, made, &source);
  }
  // In the order of D4.
  Status finish(const journal::Step& step, const drive::Item& item,
                const journal::Snapshot* snapshot, const Hooks& hooks) {
    if (hooks.before_confirmed) hooks.before_confirmed();
    DRIVEWAY_CHECK(drafts_->confirmed(step.inode, snapshot, item));
    if (hooks.after_confirmed) hooks.after_confirmed();
    DRIVEWAY_CHECK(
        journal_->change({}, journal::Purpose::kProgress,
                         [&](journal::ChangeSet& set, WallTime now) -> Result<journal::Rows> {
                           DRIVEWAY_TRY(auto outcome, set.finished(step, item, kRoot, now));
                           return std::move(outcome.rows);
                         }));
    if (!content(step.inode)) drafts_->settled(step.inode);
    return {};
  }
  template <typename Done>
  static bool eventually(const Done& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return done();
  }
  std::int64_t metric(const std::string& name) { return metrics_.snapshot()[name]; }
  // What is needed no more goes when the record that says so is on the disk (D2).
  bool dirty_contents_become(std::int64_t count) {
    ok(journal_->sync({}));
    return eventually([&] { return metric("cache.dirty_contents") == count; });
  }
  std::filesystem::path file_of(std::uint64_t number) const {
    for (const auto& file :
         std::filesystem::recursive_directory_iterator(root_ / "cache" / "content")) {
      const std::string name = file.path().filename().native();
      if (file.is_regular_file() && std::stoull(name, nullptr, 16) == number) return file.path();
    }
    return {};
  }

  inline static const InodeId kRoot{1};
  TemporaryFolder root_;
  FakeClock clock_;
  Metrics metrics_;
  std::atomic<Bytes> free_disk_ = 90 * kGiB;
  drive::FakeStore store_{clock_};
  transfer::Scheduler scheduler_{{}, clock_, metrics_};
  PastCache past_cache_{store_, scheduler_, clock_};
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<cache::ContentCache> cache_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<transfer::Fetcher> fetcher_;
  std::unique_ptr<Blobs> blobs_;
  std::unique_ptr<Drafts> drafts_;
  int count_ = 0;
};

}  // namespace driveway::vfs
