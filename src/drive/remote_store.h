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
#include "drive/item.h"

namespace driveway::drive {

// Which items a listing asks for.
struct ListQuery {
  enum class Scope {
    kChildren,  // direct, not trashed children of any of `parents` (1…50, drive-api reference 3.4)
    kSharedWithMe,  // top level of what others shared, not trashed
    kTrashed,       // explicitly trashed items of My Drive, or of `drive`
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

  // How long until `downloads` more calls of read() would begin at `priority` without waiting for a
  // budget of calls; zero: at once, or nobody counts. For who would rather choose late what to read
  // than stand in line. Never waits.
  virtual Duration until_free(Priority /*priority*/, int /*downloads*/) { return Duration::zero(); }
};

}  // namespace driveway::drive
