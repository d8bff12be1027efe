#include "vfs/open_file.h"

#include <algorithm>
#include <cstring>

namespace driveway::vfs {

Result<std::size_t> TextFile::read(const Context&, Bytes offset, std::span<std::byte> buffer) {
  if (offset >= text_.size()) return std::size_t{0};
  const std::size_t count = std::min<std::size_t>(buffer.size(), text_.size() - offset);
  std::memcpy(buffer.data(), text_.data() + offset, count);
  return count;
}

}  // namespace driveway::vfs
