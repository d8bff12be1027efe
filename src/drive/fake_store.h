// A RemoteStore in memory, for tests of what stands above drive/: a small Drive whose content a
// test sets up and changes as another client would, with the same semantics as the real one where
// a client can tell (one parent, duplicates allowed, `trashed` inherited, a merging changes feed,
// listings that lag, upload sessions, revisions, a limited storage).
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
#include "drive/edit.h"
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
  // The account's own, in no folder.
  FileId add_lost_file(std::string name, std::string content);

  void rename(const FileId& id, std::string name);
  void move(const FileId& id, const FileId& new_parent);
  void trash(const FileId& id);    // explicitly; descendants get no entry in the feed
  void untrash(const FileId& id);  // REQUIRES that it was trashed explicitly
  void remove(const FileId& id);   // permanently, with descendants; one entry each in the feed
  void remove_shared_drive(const DriveId& drive);
  // A new head revision: hashes, size, modified time. The old one stays among the revisions.
  void set_content(const FileId& id, std::string content);
  // Any other change of an item ("capabilities", "properties", times …). `id`, `parent`, `version`
  // and `trashed` are kept as they are.
  void edit(const FileId& id, const std::function<void(Item&)>& change);
  // `root` is kept. What it says of usage is what the account holds besides the items here.
  void set_about(const About& about);

  // --- What it says: without a call being counted.

  std::optional<Item> find(const FileId& id) const;
  std::string content(const FileId& id) const;
  std::size_t size() const;          // items, the roots included
  std::size_t open_uploads() const;  // sessions that are neither finished nor over

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

  // What may be stored in all, old revisions and the trash included: kStorageFull beyond. Nothing:
  // no limit. Default 15 GiB.
  void set_storage_limit(std::optional<Bytes> limit);
  // While true, whatever brings content is refused with kQuotaExceeded (750 GB a day).
  void set_upload_quota_exhausted(bool exhausted);
  // No session begun so far is known any more (kStale), as after its week.
  void expire_upload_sessions();
  // Of what the next send() brings only the first `bytes`, cut to whole kUploadUnits, are kept; if
  // anything is dropped, the upload is not finished (reference 5.3).
  void keep_of_next_send(Bytes bytes);
  // One bit of the next content that is stored, if it has any, differs from what was sent; the
  // hashes are of what is stored.
  void corrupt_next_upload();
  // Drive throws away all revisions of a file but the head and those kept for ever.
  void purge_revisions(const FileId& id);

  // --- What was asked of it.

  int calls(Method method) const;
  int calls() const;                  // in all
  Bytes bytes_read() const;           // delivered by read() and read_revision()
  Bytes bytes_sent() const;           // of content that arrived here, wanted or not
  void reset_calls();                 // counts, log and edits
  std::vector<CallInfo> log() const;  // in order of arrival

  // A call that changed an item, as the item was afterwards.
  struct Edit {
    Method method = Method::kCreate;  // kSend: the one that finished an upload
    FileId id;
    std::string name;
    std::optional<FileId> parent;
    std::optional<Bytes> content;  // the size of the content that the call brought
  };
  std::vector<Edit> edits() const;  // in the order in which they were carried out

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

  // Changes. Where the contract leaves it open:
  //  * An id that was once used stays used, also when its item is gone for good; one that
  //    generate_ids() did not give is refused (kInvalidArgument), as is any for a shortcut, whose
  //    ids Drive gives apart, and for a copy of a Doc (reference 5.8).
  //  * What arrived of a send() that broke off is kept in whole kUploadUnits. Bytes that are there
  //    already are skipped; a range that begins behind them, or does not end as it must, is refused
  //    (kInvalidArgument).
  //  * An upload that is refused at its end has ended: progress() says the same error again.
  //  * A copy has the properties of its source, and then those that it is given.
  //  * Only the head and revisions that are kept for ever can be read (kPermissionDenied else), and
  //    only of the head can `keep` be taken back (kInvalidArgument else).
  Result<std::vector<FileId>> generate_ids(const Context& context, int count) override;
  Result<Item> create(const Context& context, const NewItem& item, ContentSource* content) override;
  Result<Item> update(const Context& context, const FileId& id, const ItemPatch& patch,
                      ContentSource* content) override;
  Result<Item> copy(const Context& context, const FileId& source, const NewItem& item) override;
  Status remove(const Context& context, const FileId& id) override;
  Result<UploadSession> begin_create(const Context& context, const NewItem& item,
                                     Bytes size) override;
  Result<UploadSession> begin_update(const Context& context, const FileId& id,
                                     const ItemPatch& patch, Bytes size) override;
  Result<UploadProgress> send(const Context& context, const UploadSession& session, ByteRange range,
                              ContentSource& content) override;
  Result<UploadProgress> progress(const Context& context, const UploadSession& session) override;
  Status cancel(const Context& context, const UploadSession& session) override;
  Result<std::vector<RevisionInfo>> revisions(const Context& context, const FileId& id) override;
  Status keep_revision(const Context& context, const FileId& id, const Revision& revision,
                       bool keep) override;
  Status remove_revision(const Context& context, const FileId& id,
                         const Revision& revision) override;
  Status read_revision(const Context& context, const FileId& id, const Revision& revision,
                       Bytes size, ByteRange range, ByteSink& sink) override;

 private:
  struct Version {  // how listings saw an item from `at` on
    TimePoint at;
    Item item;
    bool gone = false;
  };
  struct OldRevision {
    RevisionInfo info;
    std::shared_ptr<const std::string> content;
  };
  struct Node {
    Item item;  // `trashed` only as far as it is explicit
    std::shared_ptr<const std::string> content;
    WallTime content_at{};   // when it arrived
    bool keep_head = false;  // for ever
    std::vector<OldRevision> old_revisions;
    Bytes counted = 0;       // of it in used_
    bool made_here = false;  // through create() or copy(): ours, whoever owns the folder
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

  struct Upload {
    FileId target;                // what it updates, or
    std::optional<NewItem> item;  // what it makes
    ItemPatch patch;
    Bytes size = 0;
    TimePoint expires;
    std::string data;
    std::optional<Result<Item>> outcome;  // it has ended
  };
  class WholeInbox;
  class UploadInbox;

  Status enter(const Context& context, CallInfo call);
  Result<std::string> receive_whole(const Context& context, Method method, ContentSource& content);
  Status receive(const Context& context, Method method, ByteRange range, ContentSource& content,
                 ByteSink& inbox);
  // All below: with mutex_ held.
  template <typename T>
  Result<T> answer(Method method, Result<T> result);
  Status check_name(const std::string& name) const;
  Status check_parent(const Node& folder, bool is_folder, int height) const;
  Result<const Node*> new_parent(const FileId& id, bool is_folder) const;
  Status check_new_id(const FileId& id, ItemKind kind) const;
  Status check_room(Bytes more, bool counts) const;
  Status check_new(const NewItem& item, std::optional<Bytes> size) const;
  Status check_patch(const Node& node, const ItemPatch& patch, std::optional<Bytes> size) const;
  Status check_move(const Node& node, const Move& move) const;
  Result<Node*> changeable(const FileId& id);
  int depth_of(const Node& node) const;
  int height_of(const Node& node) const;
  std::string as_stored(std::string content);
  Result<Item> make(Method method, const NewItem& item, std::optional<std::string> content);
  Result<Item> change(Method method, const FileId& id, const ItemPatch& patch,
                      std::optional<std::string> content);
  Result<Item> make_copy(const FileId& source, const NewItem& item);
  Item finish_edit(Method method, const Node& node, std::optional<Bytes> content);
  UploadSession begin(Upload upload);
  Upload* find_upload(const UploadSession& session);
  Result<UploadProgress> standing(const Upload& upload) const;
  Result<UploadProgress> finish(Upload& upload);
  static RevisionInfo head_of(const Node& node);
  Result<Node*> blob(const FileId& id);
  void replace_content(Node& node, std::string content);
  void recount(Node& node);
  void place(Node& moving, const Node& folder);
  void remove_item(const Node& doomed);
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
  std::set<FileId> given_ids_;  // by generate_ids()
  std::map<std::string, Upload> uploads_;
  std::uint64_t next_upload_ = 1;
  Bytes used_ = 0;  // held by the items of the account, old revisions included
  bool upload_quota_exhausted_ = false;
  std::optional<Bytes> keep_of_next_send_;
  bool corrupt_next_ = false;
  Bytes bytes_read_ = 0;
  Bytes bytes_sent_ = 0;
  std::vector<Edit> edits_;
  std::vector<CallInfo> log_;
};

}  // namespace driveway::drive
