// A RemoteStore in memory, for tests of what stands above drive/: a small Drive whose content a
// test sets up and changes as another client would, with the same semantics as the real one where
// a client can tell (one parent, duplicates allowed, `trashed` inherited, a merging changes feed,
// listings that lag).
//
//   FakeClock clock;
//   FakeStore store(clock);
//   const FileId folder = store.add_folder(store.root(), "data");
//   const FileId file = store.add_file(folder, "a.bin", "bytes");
//   store.faults().fail(Method::kRead, {ErrorCode::kUnavailable, "cut", true});
//   ... use it through RemoteStore ...
//   EXPECT_EQ(store.calls(Method::kList), 1);
//
// Thread-safe. Set-up functions REQUIRE existing ids (a wrong one aborts the test).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "drive/fault_plan.h"
#include "drive/item.h"
#include "drive/method.h"
#include "drive/remote_store.h"

namespace driveway::drive {

class FakeStore final : public RemoteStore {
 public:
  explicit FakeStore(Clock& clock);

  // --- Set-up: each is one change, as another client would make it, and enters the feed.

  FileId root() const { return root_; }  // the id of My Drive; "root" is accepted too
  DriveId add_shared_drive(std::string name);
  FileId add_folder(const FileId& parent, std::string name);
  FileId add_file(const FileId& parent, std::string name, std::string content,
                  const std::string& mime_type = "application/octet-stream");
  FileId add_shortcut(const FileId& parent, std::string name, const FileId& target);
  // `exports`: MIME type -> bytes. `size`: what newer accounts report for Docs (reference 2).
  FileId add_document(const FileId& parent, std::string name,
                      const std::string& mime_type = "application/vnd.google-apps.document",
                      std::map<std::string, std::string> exports = {},
                      std::optional<Bytes> size = std::nullopt);
  // Top level of "shared with me": no parent, not owned.
  FileId add_shared_with_me_folder(std::string name);
  FileId add_shared_with_me_file(std::string name, std::string content);

  void rename(const FileId& id, std::string name);
  void move(const FileId& id, const FileId& new_parent);
  void trash(const FileId& id);    // explicitly; descendants get no entry in the feed
  void untrash(const FileId& id);  // REQUIRES that it was trashed explicitly
  void remove(const FileId& id);   // permanently, with descendants; one entry each in the feed
  void remove_shared_drive(const DriveId& drive);
  // A new head revision: hashes, size, modified time.
  void set_content(const FileId& id, std::string content);
  // Any other change of an item ("capabilities", "properties", times …). `id`, `parent`, `version`
  // and `trashed` are kept as they are.
  void edit(const FileId& id, const std::function<void(Item&)>& change);
  void set_about(const About& about);  // `root` is kept

  // --- What it says: without a call being counted.

  std::optional<Item> find(const FileId& id) const;
  std::string content(const FileId& id) const;
  std::size_t size() const;  // items, the roots included

  // --- How it behaves.

  FaultPlan& faults() { return faults_; }
  void set_page_size(std::size_t items);  // of listings and the feed; default 1,000
  void set_read_piece(Bytes bytes);       // at most so many in one write to a sink; default 64 KiB
  // Listings show each item as it was `lag` ago (reference 3.3); what was there before this call
  // counts as old. get() is never late.
  void set_listing_lag(Duration lag);
  void set_feed_lag(Duration lag);  // changes enter the feed so much later
  void set_incomplete_search(bool incomplete);
  // The next `times` listings of more than one parent come out empty (reference 3.4).
  void empty_grouped_listings(int times = 1);
  // Every page and change token given so far is refused (kTokenExpired).
  void expire_tokens();

  // --- What was asked of it.

  int calls(Method method) const;
  int calls() const;                  // in all
  Bytes bytes_read() const;           // delivered by read()
  void reset_calls();                 // counts and log
  std::vector<CallInfo> log() const;  // in order of arrival

  // --- RemoteStore.

  Result<About> about(const Context& context) override;
  Result<Item> get(const Context& context, const FileId& id) override;
  Result<ItemPage> list(const Context& context, const ListQuery& query,
                        const std::string& page_token) override;
  Result<std::vector<SharedDrive>> shared_drives(const Context& context) override;
  Result<std::string> start_page_token(const Context& context, const Feed& feed) override;
  Result<ChangePage> changes(const Context& context, const Feed& feed,
                             const std::string& page_token) override;
  Status read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) override;
  Status export_document(const Context& context, const FileId& id, const std::string& mime_type,
                         ByteSink& sink) override;

 private:
  struct Version {  // how listings saw an item from `at` on
    TimePoint at;
    Item item;
    bool gone = false;
  };
  struct Node {
    Item item;  // `trashed` only as far as it is explicit
    std::shared_ptr<const std::string> content;
    std::map<std::string, std::string> exports;
    bool shared_with_me = false;
    bool gone = false;  // kept for listings that lag
    std::vector<Version> history;
  };
  struct Entry {  // of the feed
    FileId id;
    std::optional<DriveId> drive;
    bool is_drive = false;
    bool removed = false;
    TimePoint at;
  };

  Status enter(const Context& context, CallInfo call);
  // All below: with mutex_ held.
  Node& node(const FileId& id);
  const Node* find_node(const FileId& id) const;
  FileId resolve(const FileId& id) const;
  FileId add(Node node, const std::optional<FileId>& parent);
  void fill_content(Node& node, std::string content);
  void changed(Node& node);
  void note(Entry entry);
  void remove_tree(const FileId& id);
  bool is_trashed(const Item& item) const;
  Item shown(const Node& node) const;
  std::optional<Item> listed(const Node& node) const;
  bool matches(const ListQuery& query, const std::set<FileId>& parents, const Node& node,
               const Item& item) const;
  std::vector<const Node*> candidates(const ListQuery& query,
                                      const std::set<FileId>& parents) const;
  Result<std::uint64_t> token_position(char kind, const std::string& token) const;
  std::string make_token(char kind, std::uint64_t position) const;

  Clock& clock_;
  FaultPlan faults_;
  mutable std::mutex mutex_;
  std::unordered_map<FileId, Node> nodes_;
  std::map<FileId, std::set<FileId>> children_;
  std::vector<SharedDrive> drives_;
  std::map<std::uint64_t, Entry> feed_;  // by sequence number; one entry an item (merged)
  std::unordered_map<FileId, std::uint64_t> last_entry_;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t next_id_ = 1;
  FileId root_;
  About about_;
  std::size_t page_size_ = 1000;
  Bytes read_piece_ = 64 * kKiB;
  Duration listing_lag_{};
  Duration feed_lag_{};
  bool incomplete_ = false;
  int empty_grouped_ = 0;
  int token_epoch_ = 0;
  Bytes bytes_read_ = 0;
  std::vector<CallInfo> log_;
};

}  // namespace driveway::drive
