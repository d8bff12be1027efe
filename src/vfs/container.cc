#include "vfs/container.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

namespace driveway::vfs {

namespace {

constexpr std::array<std::pair<std::string_view, Container>, 35> kExtensions{{
    {"zip", Container::kZip},    {"npz", Container::kZip},
    {"pt", Container::kZip},     {"pth", Container::kZip},
    {"ckpt", Container::kZip},   {"keras", Container::kZip},
    {"ptl", Container::kZip},    {"pt2", Container::kZip},
    {"whl", Container::kZip},    {"egg", Container::kZip},
    {"jar", Container::kZip},    {"war", Container::kZip},
    {"apk", Container::kZip},    {"aar", Container::kZip},
    {"cbz", Container::kZip},    {"epub", Container::kZip},
    {"kmz", Container::kZip},    {"docx", Container::kZip},
    {"xlsx", Container::kZip},   {"pptx", Container::kZip},
    {"odt", Container::kZip},    {"ods", Container::kZip},
    {"odp", Container::kZip},    {"parquet", Container::kParquet},
    {"pq", Container::kParquet}, {"h5", Container::kHdf5},
    {"hdf5", Container::kHdf5},  {"hdf", Container::kHdf5},
    {"he5", Container::kHdf5},   {"h5ad", Container::kHdf5},
    {"loom", Container::kHdf5},  {"nc", Container::kHdf5},
    {"nc4", Container::kHdf5},   {"safetensors", Container::kSafetensors},
    {"tar", Container::kTar},
}};

}  // namespace

Container container_of(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return Container::kNone;
  std::string extension(name.substr(dot + 1));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto* const found =
      std::find_if(kExtensions.begin(), kExtensions.end(),
                   [&extension](const auto& entry) { return entry.first == extension; });
  return found == kExtensions.end() ? Container::kNone : found->second;
}

ContainerEdges edges_of(Container container, Bytes size) {
  // A directory of some 100 bytes for each member of some 25 KB, or a footer of some KB for each
  // row group: 1/256 of the file holds either. 1 MiB is the block; beyond 4 MiB its reader is slow
  // enough to be followed.
  const Bytes directory = std::clamp(size / 256, kMiB, 4 * kMiB);
  switch (container) {
    case Container::kZip:
      return {.head = kMiB, .tail = directory};  // the directory, then most often the first member
    case Container::kParquet:
      return {.head = 0, .tail = directory};  // the footer, then column chunks anywhere
    case Container::kHdf5:
      return {.head = kMiB, .tail = kMiB};  // the superblock, then objects that were added last
    case Container::kSafetensors:
      return {.head = kMiB, .tail = 0};
    case Container::kTar:  // headers are strewn over it: ReadPattern follows skips and strides
    case Container::kNone:
      return {};
  }
  return {};
}

}  // namespace driveway::vfs
