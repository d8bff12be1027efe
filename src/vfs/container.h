// File formats whose readers begin at the edges of a file.
#pragma once

#include <string_view>

#include "base/bytes.h"

namespace driveway::vfs {

enum class Container { kNone, kZip, kParquet, kHdf5, kSafetensors, kTar };

// By the extension of `name`, in any case of letters. A wrong guess costs one short GET, no more. A
// compressed archive (.tar.gz) is kNone: it can only be read from its start.
Container container_of(std::string_view name);

// How much at either end of a file of `size` bytes its reader asks for before anything else,
// however large the rest is.
struct ContainerEdges {
  Bytes head = 0;
  Bytes tail = 0;
};
ContainerEdges edges_of(Container container, Bytes size);

}  // namespace driveway::vfs
