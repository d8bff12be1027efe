// copy_file_range: by the server where it is a whole file. Private to vfs/.
#pragma once

#include "base/bytes.h"
#include "base/context.h"
#include "base/result.h"
#include "vfs/vfs.h"

namespace driveway::vfs {

// As Vfs::copy_range(). A whole clean file that goes onto an empty one is one call to Drive, and no
// byte moves. The kernel asks for at most 2 GiB at a time: what begins such a copy counts as one of
// the whole file, each call that goes on exactly behind the last one is told its bytes are copied,
// and the target is cut to what was asked for if something else comes before the end. Other ranges
// are read and written here, in steps of 1 MiB, at most 16 MiB a call.
Result<Bytes> copy_range(const Context& context, OpenFile& from, Bytes from_offset, OpenFile& to,
                         Bytes to_offset, Bytes length);

}  // namespace driveway::vfs
