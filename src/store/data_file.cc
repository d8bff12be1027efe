#include "store/data_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "base/file.h"
#include "base/strings.h"

namespace driveway::store {
namespace {

constexpr std::size_t kPageHeader = 16;
constexpr std::size_t kNodeHeader = 8;

// Positions within a page's header.
constexpr std::size_t kNumberAt = 0;
constexpr std::size_t kFlagsAt = 10;
constexpr std::size_t kLowerAt = 12;  // end of the node pointers
constexpr std::size_t kUpperAt = 14;  // start of the nodes
constexpr std::size_t kOverflowPagesAt = 12;
// Within a meta page.
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kVersionAt = 20;
constexpr std::size_t kPageSizeAt = 40;
constexpr std::size_t kFreeRootAt = 80;
constexpr std::size_t kMainRootAt = 128;
constexpr std::size_t kLastPageAt = 136;
constexpr std::size_t kTransactionAt = 144;
constexpr std::size_t kMetaBytes = 152;
// Within the record of a named table, which is a value of the main one.
constexpr std::size_t kTableRootAt = 40;
constexpr std::size_t kTableBytes = 48;

constexpr std::uint16_t kBranchPage = 0x01;
constexpr std::uint16_t kLeafPage = 0x02;
constexpr std::uint16_t kOverflowPage = 0x04;
constexpr std::uint16_t kMetaPage = 0x08;
constexpr std::uint16_t kBigNode = 0x01;    // the value is on overflow pages
constexpr std::uint16_t kTableNode = 0x02;  // the value is a table's record
constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kDataVersion = 1;
constexpr std::uint64_t kNoPage = ~std::uint64_t{0};
constexpr int kMaxDepth = 32;

template <typename T>
T field(std::span<const std::byte> bytes, std::size_t at) {
  T value{};
  if (at + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Meta {
  std::uint64_t page_size = 0;
  std::uint64_t free_root = 0;
  std::uint64_t main_root = 0;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;
};

Result<std::optional<Meta>> read_meta(int fd, std::uint64_t offset) {
  std::array<std::byte, kMetaBytes> bytes{};
  DRIVEWAY_TRY(const std::size_t count, pread_all(fd, bytes, static_cast<off_t>(offset)));
  if (count < bytes.size() || (field<std::uint16_t>(bytes, kFlagsAt) & kMetaPage) == 0 ||
      field<std::uint32_t>(bytes, kMagicAt) != kMagic ||
      field<std::uint32_t>(bytes, kVersionAt) != kDataVersion) {
    return std::optional<Meta>();
  }
  const Meta meta{
      field<std::uint32_t>(bytes, kPageSizeAt), field<std::uint64_t>(bytes, kFreeRootAt),
      field<std::uint64_t>(bytes, kMainRootAt), field<std::uint64_t>(bytes, kLastPageAt),
      field<std::uint64_t>(bytes, kTransactionAt)};
  const auto root_is_good = [&](std::uint64_t root) {
    return root == kNoPage || (root >= 2 && root <= meta.last_page);
  };
  const bool good = std::has_single_bit(meta.page_size) && meta.page_size >= 512 &&
                    meta.page_size <= 65536 && meta.last_page >= 1 &&
                    meta.last_page < (std::uint64_t{1} << 48) / meta.page_size &&
                    root_is_good(meta.free_root) && root_is_good(meta.main_root);
  return good ? std::optional<Meta>(meta) : std::optional<Meta>();
}

// Visits every page that a tree reaches. The first fault ends the walk.
class PageWalk {
 public:
  PageWalk(int fd, const Meta& meta, std::uint64_t whole_pages)
      : fd_(fd), meta_(meta), whole_pages_(whole_pages) {}

  // Whether all of it is there and makes sense.
  Result<bool> tree(std::uint64_t root, int depth = 0) {
    if (root == kNoPage) return true;
    // A tree reaches no page twice: a loop among damaged pages ends here.
    if (depth > kMaxDepth || root < 2 || root >= whole_pages_ || root > meta_.last_page ||
        ++visited_ > whole_pages_) {
      return false;
    }
    std::vector<std::byte> page(meta_.page_size);
    DRIVEWAY_TRY(const std::size_t count,
                 pread_all(fd_, page, static_cast<off_t>(root * meta_.page_size)));
    const auto flags = field<std::uint16_t>(page, kFlagsAt);
    const auto lower = field<std::uint16_t>(page, kLowerAt);
    const auto upper = field<std::uint16_t>(page, kUpperAt);
    if (count < page.size() || field<std::uint64_t>(page, kNumberAt) != root ||
        (flags & (kBranchPage | kLeafPage)) == 0 || lower < kPageHeader || lower > upper ||
        upper > page.size()) {
      return false;
    }
    for (std::size_t at = kPageHeader; at < lower; at += 2) {
      DRIVEWAY_TRY(const bool good, node(page, field<std::uint16_t>(page, at), flags, depth));
      if (!good) return false;
    }
    return true;
  }

 private:
  Result<bool> node(std::span<const std::byte> page, std::size_t at, std::uint16_t page_flags,
                    int depth) {
    if (at < kPageHeader || at + kNodeHeader > page.size()) return false;
    const std::uint64_t low = field<std::uint16_t>(page, at);
    const std::uint64_t high = field<std::uint16_t>(page, at + 2);
    const std::uint64_t flags = field<std::uint16_t>(page, at + 4);
    const std::size_t data_at = at + kNodeHeader + field<std::uint16_t>(page, at + 6);
    if (data_at > page.size()) return false;
    if ((page_flags & kBranchPage) != 0) return tree(low | high << 16 | flags << 32, depth + 1);
    const std::uint64_t length = low | high << 16;
    if ((flags & kBigNode) != 0) {
      if (data_at + 8 > page.size()) return false;
      return overflow(field<std::uint64_t>(page, data_at), length);
    }
    if (data_at + length > page.size()) return false;
    if ((flags & kTableNode) != 0) {
      if (length != kTableBytes) return false;
      return tree(field<std::uint64_t>(page, data_at + kTableRootAt), depth + 1);
    }
    return true;
  }

  Result<bool> overflow(std::uint64_t first, std::uint64_t length) {
    std::array<std::byte, kPageHeader> header{};
    if (first < 2 || first >= whole_pages_) return false;
    DRIVEWAY_TRY(const std::size_t count,
                 pread_all(fd_, header, static_cast<off_t>(first * meta_.page_size)));
    const std::uint64_t pages = field<std::uint32_t>(header, kOverflowPagesAt);
    return count == header.size() && field<std::uint64_t>(header, kNumberAt) == first &&
           (field<std::uint16_t>(header, kFlagsAt) & kOverflowPage) != 0 && pages >= 1 &&
           first + pages <= whole_pages_ && length <= pages * meta_.page_size - kPageHeader;
  }

  const int fd_;
  const Meta meta_;
  const std::uint64_t whole_pages_;
  std::uint64_t visited_ = 0;
};

Status check(const std::filesystem::path& path, bool fully) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return {};
    return errno_error(errno, cat("open ", path.native()));
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return errno_error(errno, cat("stat ", path.native()));
  if (!S_ISREG(info.st_mode)) {
    return Error{ErrorCode::kCorrupt, cat(path.native(), " is not a file")};
  }
  if (info.st_size == 0) return {};

  DRIVEWAY_TRY(const std::optional<Meta> first, read_meta(fd.get(), 0));
  if (!first) return Error{ErrorCode::kCorrupt, cat(path.native(), " is not a database")};
  DRIVEWAY_TRY(const std::optional<Meta> second, read_meta(fd.get(), first->page_size));
  const Error damaged{ErrorCode::kCorrupt, cat(path.native(), " is damaged")};
  if (!second || second->page_size != first->page_size) return damaged;
  const Meta& newest = first->transaction < second->transaction ? *second : *first;
  const std::uint64_t whole_pages = static_cast<std::uint64_t>(info.st_size) / newest.page_size;
  if (!fully && whole_pages > newest.last_page) return {};
  PageWalk walk(fd.get(), newest, whole_pages);
  DRIVEWAY_TRY(const bool free_is_good, walk.tree(newest.free_root));
  DRIVEWAY_TRY(const bool main_is_good, walk.tree(newest.main_root));
  return free_is_good && main_is_good ? Status() : damaged;
}

}  // namespace

Status check_data_file(const std::filesystem::path& path) { return check(path, false); }

Status check_data_file_fully(const std::filesystem::path& path) { return check(path, true); }

}  // namespace driveway::store
