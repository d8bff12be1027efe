// Where the bytes come from that a dirty content has not (J7): the file's content in Drive, as it
// was when writing began.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "cache/dirty_content.h"
#include "drive/item.h"
#include "transfer/fetcher.h"
#include "tree/node.h"
#include "vfs/blob.h"

namespace driveway::vfs {

// Reads through the item's Blob, as every reader does (R1); beside an overlay no byte is shown
// before it is known to be of the item's revision, so none is ever a newer one's. The content that
// an overlay lies over may be another one with the same bytes where they show through: an older
// revision, once Drive has an earlier state of the overlay. Then what is here of it is read from
// there.
//
// Errors: kStale, where Drive has not got the content any more and bytes of it are not here; the
// message names the file. Else as Blobs. Thread-safe.
class DraftBase {
 public:
  // `inode`: whose reader it is. `before`: what took its place (see above); may be null.
  DraftBase(InodeId inode, drive::Item item, Blobs& blobs, transfer::Fetcher& fetcher,
            const std::shared_ptr<DraftBase>& before = nullptr);
  ~DraftBase();
  DraftBase(const DraftBase&) = delete;
  DraftBase& operator=(const DraftBase&) = delete;

  const drive::Item& item() const { return *node_.item; }
  Bytes size() const { return node_.item->size.value_or(0); }

  // Fills `buffer`. REQUIRES a range within the size. `over`: the content that the overlay lies
  // over; null: this one's. `ask`: what to fetch where bytes are missing; empty: what the reads so
  // far make likely.
  Status read(const Context& context, cache::Content* over, Bytes offset,
              std::span<std::byte> buffer, ByteRange ask = {});
  // J7: begins to fetch all that shows through `overlay` and is not here, unless that is on its way
  // already.
  void fetch(const cache::OverlayReader& overlay);
  void stop_fetching();
  // R1: what was read through this up to now is of one revision.
  Status confirm(const Context& context);
  // Its item has another content in Drive now: what is not known to be of this one is forgotten.
  void give_up();

 private:
  Result<std::shared_ptr<Blob>> blob();
  std::shared_ptr<Blob> opened() const;
  std::shared_ptr<ReadAhead> read_ahead();
  bool is_here(const cache::Content& over, ByteRange range) const;
  Error gone(const Error& error) const;

  const tree::Node node_;
  const std::shared_ptr<DraftBase>
      first_;  // that the overlay was begun over, if this is a later one
  Blobs& blobs_;
  transfer::Fetcher& fetcher_;
  mutable std::mutex mutex_;  // guards what follows; held over Blobs::open() and Fetcher::want()
  std::shared_ptr<Blob> blob_;
  std::shared_ptr<ReadAhead> read_ahead_;
  std::vector<std::unique_ptr<transfer::Ticket>> tickets_;
};

// The merged bytes of an overlay, at one look.
struct OverlayView {
  std::shared_ptr<const cache::OverlayReader> overlay;  // null: all bytes are the base's
  std::vector<cache::Part> parts;
  std::shared_ptr<cache::Content> over;  // that the overlay lies over; may be null
  std::shared_ptr<DraftBase> base;       // may be null where no part is the base's
};

// Fills `buffer` with the bytes of the view's parts, which begin at `offset`. `ahead`: of what the
// base lacks, this much of each part is asked for in one go (0: as its reads so far make likely).
// Errors: kNotFound where the parts are others by now: look again; else as DraftBase.
Status read_view(const Context& context, const OverlayView& view, Bytes offset,
                 std::span<std::byte> buffer, Bytes ahead = 0);

}  // namespace driveway::vfs
