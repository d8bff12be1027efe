// Opens files: for reading from Drive's bytes, drafts and texts; for writing, drafts. Private to
// vfs/.
//
// Thread-safe. Errors: as Vfs::open_file.
#pragma once

#include <memory>

#include "base/context.h"
#include "base/result.h"
#include "drive/remote_store.h"
#include "vfs/blob.h"
#include "vfs/change_parts.h"
#include "vfs/naming.h"
#include "vfs/open_file.h"
#include "vfs/recovery.h"
#include "vfs/siblings.h"
#include "vfs/writable_file.h"

namespace driveway::vfs {

class Opener {
 public:
  struct Parts {
    const ChangeParts& changes;
    Naming& naming;
    Blobs& blobs;
    Siblings& siblings;
    LocalWrites& writes;
    const Recovery& recovery;
    drive::RemoteStore& store;
  };
  // `parts` must outlive it, and the files that it opens.
  Opener(const Parts& parts, const FileOptions& options) : parts_(parts), options_(options) {}

  Result<std::shared_ptr<OpenFile>> open_to_read(const Context& context, tree::Node node);
  Result<std::shared_ptr<OpenFile>> open_to_write(const Context& context, const tree::Node& node,
                                                  const OpenMode& mode);
  // The same, of a file that is about to lose its name here: only what is at hand. Waits for
  // nobody.
  Result<std::shared_ptr<OpenFile>> open_here(const tree::Node& node);
  // Of a file that was just made: its draft has a writer.
  std::shared_ptr<OpenFile> open_made(Naming::Made made, const OpenMode& mode);
  // truncate(2), without a handle.
  Status truncate(const Context& context, const tree::Node& node, Bytes size);
  // E2: what keeps a new content from going to Drive is told to who would write it. `file`: 0 for a
  // new one.
  Status check_accepted(InodeId folder, const DriveId& drive, InodeId file) const;
  // What a file shortcut points to; other nodes as they are.
  Result<tree::Node> target_of(const Context& context, tree::Node node) const;

 private:
  Result<std::shared_ptr<OpenFile>> open_bytes(const Context& context, const tree::Node& node);
  void find_successor(const Context& context, const tree::Node& node);
  Result<std::shared_ptr<Draft>> begin_writing(const Context& context, const tree::Node& node);
  Result<std::shared_ptr<Draft>> add_writer(const Context& context, InodeId inode);

  const Parts parts_;
  const FileOptions options_;
};

}  // namespace driveway::vfs
