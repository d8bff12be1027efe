// The seam to Drive. Everything above this header knows items, not HTTP.
//
// Thread-safe; every call blocks until it is done, its Context ends (kDeadlineExceeded, kCancelled)
// or it fails. Errors are mapped from Drive's reasons once, in drive/ (drive-api reference 1.9):
// kNotFound, kPermissionDenied, kLoginNeeded, kRateLimited, kQuotaExceeded, kUnavailable,
// kTokenExpired, kOutOfRange, kUnsupported, kInvalidArgument, kCorrupt. One conformance suite
// (tests/unit/drive) runs on every implementation.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/ids.h"
#include "base/io.h"
#include "base/result.h"
#include "drive/edit.h"
#include "drive/item.h"

namespace driveway::drive {

// Which items a listing asks for.
struct ListQuery {
  enum class Scope {
    kChildren,  // direct, not trashed children of any of `parents` (1…50, drive-api reference 3.4)
    kSharedWithMe,   // top level of what others shared, not trashed
    kTrashed,        // explicitly trashed items of My Drive, or of `drive`
    kWithoutFolder,  // the account's own that are in no folder that it sees, not trashed. Drive has
                     // no word for them: all that it owns is gone through
  };
  Scope scope = Scope::kChildren;
  std::vector<FileId> parents;
  std::optional<DriveId> drive;  // the shared drive that the parents belong to
  std::string name;              // kChildren: only items whose name equals this, compared exactly
};

// A changes feed: the account's own, or a shared drive's (drive-api reference 6).
struct Feed {
  std::optional<DriveId> drive;
};

// What is taken of an exported document; the documented limit is 10 MB (reference 1.7).
inline constexpr Bytes kMostExported = 64 * kMiB;

class RemoteStore {
 public:
  virtual ~RemoteStore() = default;

  virtual Result<About> about(const Context& context) = 0;
  // An item by id; trashed ones too.
  virtual Result<Item> get(const Context& context, const FileId& id) = 0;
  // One page, at most 1,000 items; `page_token` empty for the first. Items come in no order, and
  // may repeat between pages.
  virtual Result<ItemPage> list(const Context& context, const ListQuery& query,
                                const std::string& page_token) = 0;
  virtual Result<std::vector<SharedDrive>> shared_drives(const Context& context) = 0;

  virtual Result<std::string> start_page_token(const Context& context, const Feed& feed) = 0;
  virtual Result<ChangePage> changes(const Context& context, const Feed& feed,
                                     const std::string& page_token) = 0;

  // The bytes [range) of a blob's head revision into `sink`, in order, on the calling thread. Of
  // one revision as long as the sink's new_answer() is not called. REQUIRES a non-empty range.
  // Exactly range.length bytes have been written when it returns ok; what was written before an
  // error is a valid prefix of it. Errors: also kOutOfRange (not wholly within the content),
  // kUnsupported (no blob), kStale (the blob is no longer as long as `item` says: get the item
  // again, R1).
  virtual Status read(const Context& context, const Item& item, ByteRange range,
                      ByteSink& sink) = 0;
  // A native Doc as `mime_type`; length not known before (reference 4). Errors: also kUnsupported,
  // kTooLarge.
  virtual Status export_document(const Context& context, const FileId& id,
                                 const std::string& mime_type, ByteSink& sink) = 0;

  // --- Changes. Each that gives an item gives it as Drive has it afterwards. Errors, besides those
  // above: kStorageFull (of the owner, or of the shared drive), kQuotaExceeded (the day's upload
  // quota: a pause of hours), kTooLarge (limits of folders and drives), kCrossDevice (a move that
  // Drive does not allow between drives). A call whose answer was lost may have been carried out;
  // which of them may be repeated is said at each, and only those are by the decorators.

  // Ids for items to come, `count` (1…1000) of them. May be repeated.
  virtual Result<std::vector<FileId>> generate_ids(const Context& context, int count) = 0;
  // An item with, if it is a file, `content`: null or up to kMostInOneRequest, in one request
  // (multipart). May be repeated if it has an id: kAlreadyExists then says that an earlier try, or
  // somebody else, has made an item of this id.
  virtual Result<Item> create(const Context& context, const NewItem& item,
                              ContentSource* content) = 0;
  // `content` as for create(): null leaves it as it is. The old content stays until all of the new
  // one has arrived. May be repeated: it sets a state.
  virtual Result<Item> update(const Context& context, const FileId& id, const ItemPatch& patch,
                              ContentSource* content) = 0;
  // A new item with the head content of the file `source`, made by the server. May be repeated if
  // `item` has an id: kAlreadyExists, as create(). Errors: also kUnsupported (a folder).
  virtual Result<Item> copy(const Context& context, const FileId& source, const NewItem& item) = 0;
  // Permanently, with all that is in it. May be repeated: kNotFound then.
  virtual Status remove(const Context& context, const FileId& id) = 0;

  // Begins a resumable upload (reference 5.2) of `size` bytes, of any size but 0, that makes `item`
  // or a new revision of `id`. A repeated one begins another session, and that is all. Errors: as
  // create() and update(), some of them only from the last send().
  virtual Result<UploadSession> begin_create(const Context& context, const NewItem& item,
                                             Bytes size) = 0;
  virtual Result<UploadSession> begin_update(const Context& context, const FileId& id,
                                             const ItemPatch& patch, Bytes size) = 0;
  // Sends the bytes `range` of `content` as they are read, in one request. REQUIRES that the range
  // begins where Drive stands, and ends at a multiple of kUploadUnit or at the end. Never repeated:
  // after any error progress() says where Drive stands. Errors: also kStale (Drive does not know
  // the session any more: begin another one), kAlreadyExists (at the end, as create()).
  virtual Result<UploadProgress> send(const Context& context, const UploadSession& session,
                                      ByteRange range, ContentSource& content) = 0;
  // Where the upload stands; its item, if it is finished, also when that answer was lost before
  // (reference 5.4). May be repeated. Errors: also kStale.
  virtual Result<UploadProgress> progress(const Context& context, const UploadSession& session) = 0;
  // Nothing of it is wanted any more. Ok where there is nothing of it.
  virtual Status cancel(const Context& context, const UploadSession& session) = 0;

  // The revisions of a blob that Drive still has, the head last.
  virtual Result<std::vector<RevisionInfo>> revisions(const Context& context, const FileId& id) = 0;
  // Whether it stays for ever, or as long as Drive likes. May be repeated.
  virtual Status keep_revision(const Context& context, const FileId& id, const Revision& revision,
                               bool keep) = 0;
  // Not of the head (kInvalidArgument). May be repeated: kNotFound then.
  virtual Status remove_revision(const Context& context, const FileId& id,
                                 const Revision& revision) = 0;
  // As read(), of a revision of `size` bytes that need not be the head.
  virtual Status read_revision(const Context& context, const FileId& id, const Revision& revision,
                               Bytes size, ByteRange range, ByteSink& sink) = 0;

  // How long until `downloads` more calls of read() would begin at `priority` without waiting for a
  // budget of calls; zero: at once, or nobody counts. For who would rather choose late what to read
  // than stand in line. Never waits.
  virtual Duration until_free(Priority /*priority*/, int /*downloads*/) { return Duration::zero(); }
};

}  // namespace driveway::drive
