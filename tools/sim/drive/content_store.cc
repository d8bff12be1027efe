#include "sim/drive/content_store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace driveway::sim {

namespace {

namespace fs = std::filesystem;

// Up to this an upload stays in memory when there is no data folder.
constexpr Bytes kInMemory = 64 * kKiB;

template <std::size_t N>
void copy_digest(const std::string& digest, std::array<std::uint8_t, N>& out) {
  std::memcpy(out.data(), digest.data(), std::min(N, digest.size()));
}

class RunningHashes {
 public:
  void update(std::span<const std::byte> data) {
    md5_.update(data);
    sha1_.update(data);
    sha256_.update(data);
  }
  Hashes finish() {
    Hashes hashes;
    copy_digest(md5_.finish(), hashes.md5);
    copy_digest(sha1_.finish(), hashes.sha1);
    copy_digest(sha256_.finish(), hashes.sha256);
    return hashes;
  }

 private:
  Hasher md5_{HashKind::kMd5};
  Hasher sha1_{HashKind::kSha1};
  Hasher sha256_{HashKind::kSha256};
};

class SpooledContent final : public Content {
 public:
  SpooledContent(std::shared_ptr<BlockSpool> spool, std::vector<std::uint32_t> blocks, Bytes size)
      : spool_(std::move(spool)), blocks_(std::move(blocks)), size_(size) {}
  ~SpooledContent() override { spool_->release(blocks_); }
  SpooledContent(const SpooledContent&) = delete;
  SpooledContent& operator=(const SpooledContent&) = delete;
  Bytes size() const override { return size_; }
  void read_at(Bytes offset, std::span<std::byte> buffer) const override {
    while (!buffer.empty()) {
      const Bytes inside = offset % BlockSpool::kBlock;
      const std::size_t count = std::min<Bytes>(buffer.size(), BlockSpool::kBlock - inside);
      spool_->read(blocks_[offset / BlockSpool::kBlock], inside, buffer.first(count));
      buffer = buffer.subspan(count);
      offset += count;
    }
  }

 private:
  std::shared_ptr<BlockSpool> spool_;
  std::vector<std::uint32_t> blocks_;
  Bytes size_;
};

// Collects blocks; a small upload never leaves memory.
class SpoolWriter final : public ContentWriter {
 public:
  explicit SpoolWriter(std::shared_ptr<BlockSpool> spool) : spool_(std::move(spool)) {}
  ~SpoolWriter() override {
    if (spool_) spool_->release(blocks_);
  }
  SpoolWriter(const SpoolWriter&) = delete;
  SpoolWriter& operator=(const SpoolWriter&) = delete;

  Status append(std::span<const std::byte> data) override {
    hashes_.update(data);
    size_ += data.size();
    while (!data.empty()) {
      const std::size_t count = std::min<Bytes>(data.size(), BlockSpool::kBlock - tail_.size());
      tail_.append(reinterpret_cast<const char*>(data.data()), count);
      data = data.subspan(count);
      if (tail_.size() == BlockSpool::kBlock) DRIVEWAY_CHECK(flush_tail());
    }
    return {};
  }
  Bytes size() const override { return size_; }
  Result<ContentPtr> finish() override {
    std::shared_ptr<Content> content;
    if (blocks_.empty() && tail_.size() <= kInMemory) {
      content = std::make_shared<MemoryContent>(std::move(tail_));
    } else {
      if (!tail_.empty()) DRIVEWAY_CHECK(flush_tail());
      content = std::make_shared<SpooledContent>(spool_, std::exchange(blocks_, {}), size_);
    }
    content->set_hashes(hashes_.finish());
    return ContentPtr(std::move(content));
  }

 private:
  Status flush_tail() {
    if (!spool_) return Error{ErrorCode::kLocalDisk, "there is no temporary file for uploads"};
    blocks_.push_back(spool_->allocate());
    DRIVEWAY_CHECK(spool_->write(blocks_.back(), std::as_bytes(std::span(tail_))));
    tail_.clear();
    return {};
  }
  std::shared_ptr<BlockSpool> spool_;
  std::vector<std::uint32_t> blocks_;
  std::string tail_;
  Bytes size_ = 0;
  RunningHashes hashes_;
};

// A content of the data folder; opened for each read, so that no descriptor is held.
class FileContent final : public Content {
 public:
  FileContent(fs::path path, Bytes size) : path_(std::move(path)), size_(size) {}
  Bytes size() const override { return size_; }
  void read_at(Bytes offset, std::span<std::byte> buffer) const override {
    const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    const auto got = pread_all(fd.get(), buffer, static_cast<off_t>(offset));
    if (!got.ok() || *got != buffer.size()) {
      log::error("a stored content cannot be read: ", path_.string());
      std::memset(buffer.data(), 0, buffer.size());
    }
  }

 private:
  fs::path path_;
  Bytes size_;
};

fs::path content_path(const fs::path& data_dir, const std::string& sha256) {
  return data_dir / "content" / sha256.substr(0, 2) / sha256;
}

class FileWriter final : public ContentWriter {
 public:
  explicit FileWriter(fs::path data_dir) : data_dir_(std::move(data_dir)) {}
  ~FileWriter() override {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  Status append(std::span<const std::byte> data) override {
    DRIVEWAY_CHECK(open());
    DRIVEWAY_CHECK(pwrite_all(fd_.get(), data, static_cast<off_t>(size_)));
    hashes_.update(data);
    size_ += data.size();
    return {};
  }
  Bytes size() const override { return size_; }
  Result<ContentPtr> finish() override {
    DRIVEWAY_CHECK(open());
    const Hashes hashes = hashes_.finish();
    const fs::path path = content_path(data_dir_, hex_of(hashes.sha256));
    std::error_code ignored;
    fs::create_directories(path.parent_path(), ignored);
    if (::rename(temporary_.c_str(), path.c_str()) != 0) {
      return errno_error(errno, cat("cannot store an upload as ", path.string()));
    }
    temporary_.clear();
    auto content = std::make_shared<FileContent>(path, size_);
    content->set_hashes(hashes);
    return ContentPtr(std::move(content));
  }

 private:
  // Only when there is something to store: sessions that never get a byte may be many.
  Status open() {
    if (fd_.valid()) return {};
    std::string pattern = (data_dir_ / "content" / "upload-XXXXXX").string();
    fd_.reset(::mkostemp(pattern.data(), O_CLOEXEC));
    if (!fd_.valid()) return errno_error(errno, cat("no file for an upload: ", pattern));
    temporary_ = std::move(pattern);
    return {};
  }

  fs::path data_dir_;
  std::string temporary_;
  UniqueFd fd_;
  Bytes size_ = 0;
  RunningHashes hashes_;
};

// One record of DIR/hashes: fixed size, native byte order (the folder belongs to one machine).
struct HashRecord {
  std::uint64_t seed = 0;
  std::uint64_t size = 0;
  std::uint64_t only_md5 = 0;
  std::array<std::uint8_t, 16> md5{};
  std::array<std::uint8_t, 20> sha1{};
  std::array<std::uint8_t, 32> sha256{};
};

}  // namespace

Result<std::shared_ptr<BlockSpool>> BlockSpool::create() {
  const char* folder = std::getenv("TMPDIR");
  std::string pattern = cat(folder != nullptr ? folder : "/tmp", "/driveway-sim-XXXXXX");
  UniqueFd fd(::mkostemp(pattern.data(), O_CLOEXEC));
  if (!fd.valid()) return errno_error(errno, cat("cannot make a temporary file ", pattern));
  ::unlink(pattern.c_str());
  return std::shared_ptr<BlockSpool>(new BlockSpool(std::move(fd)));
}

std::uint32_t BlockSpool::allocate() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return next_++;
  const std::uint32_t block = free_.back();
  free_.pop_back();
  return block;
}

void BlockSpool::release(const std::vector<std::uint32_t>& blocks) {
  const std::lock_guard lock(mutex_);
  free_.insert(free_.end(), blocks.begin(), blocks.end());
}

Status BlockSpool::write(std::uint32_t block, std::span<const std::byte> data) {
  return pwrite_all(fd_.get(), data, static_cast<off_t>(block * kBlock));
}

void BlockSpool::read(std::uint32_t block, Bytes offset, std::span<std::byte> data) const {
  const auto got = pread_all(fd_.get(), data, static_cast<off_t>(block * kBlock + offset));
  if (!got.ok() || *got != data.size()) {
    log::error("the spool of uploads cannot be read");
    std::memset(data.data(), 0, data.size());
  }
}

ContentStore::ContentStore(fs::path data_dir)
    : data_dir_(std::move(data_dir)),
      pool_("sim-hash", static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 8U))) {
  if (data_dir_.empty()) {
    auto spool = BlockSpool::create();
    if (spool.ok()) {
      spool_ = *spool;
    } else {
      log::error(spool.error());
    }
    return;
  }
  std::error_code ignored;
  fs::create_directories(data_dir_ / "content", ignored);
  // What a killed process was writing.
  for (const auto& entry : fs::directory_iterator(data_dir_ / "content", ignored)) {
    if (entry.path().filename().string().starts_with("upload-")) fs::remove(entry.path(), ignored);
  }
  load_hashes();
}

ContentStore::~ContentStore() {
  stopping_.store(true);
  pool_.stop();
}

ContentPtr ContentStore::synthetic(std::uint64_t seed, Bytes size) {
  const std::lock_guard lock(mutex_);
  auto& slot = synthetic_[{seed, size}];
  if (slot) return slot;
  slot = std::make_shared<SyntheticContent>(seed, size);
  if (const auto known = known_.find({seed, size}); known != known_.end()) {
    slot->set_hashes(known->second);
    return slot;
  }
  queue_.push_back(slot);
  ++pending_;
  constexpr int kMaxWorkers = 8;
  if (workers_ < kMaxWorkers) {
    ++workers_;
    pool_.submit([this] { hash_queued(); });
  }
  return slot;
}

void ContentStore::hash_queued() {
  std::unique_lock lock(mutex_);
  while (!queue_.empty() && !stopping_.load()) {
    const auto content = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    const auto hashes = compute_hashes(*content, stopping_);
    if (hashes) content->set_hashes(*hashes);
    lock.lock();
    if (!hashes) break;
    --pending_;
    if (!data_dir_.empty()) unsaved_.push_back(content);
  }
  --workers_;
}

Result<ContentPtr> ContentStore::from_bytes(std::string_view bytes) {
  const auto upload = writer();
  DRIVEWAY_CHECK(upload->append(std::as_bytes(std::span(bytes))));
  return upload->finish();
}

std::unique_ptr<ContentWriter> ContentStore::writer() {
  if (data_dir_.empty()) return std::make_unique<SpoolWriter>(spool_);
  return std::make_unique<FileWriter>(data_dir_);
}

Result<ContentPtr> ContentStore::stored(const Hashes& hashes, Bytes size) {
  const fs::path path = content_path(data_dir_, hex_of(hashes.sha256));
  std::error_code error;
  const auto found = fs::file_size(path, error);
  if (error) return Error{ErrorCode::kNotFound, cat("stored content is missing: ", path.string())};
  if (found != size) {
    return Error{ErrorCode::kCorrupt, cat("stored content has another size: ", path.string())};
  }
  auto content = std::make_shared<FileContent>(path, size);
  content->set_hashes(hashes);
  const std::lock_guard lock(mutex_);
  referenced_.insert(path.filename().string());
  return ContentPtr(std::move(content));
}

void ContentStore::remove_unreferenced() {
  const std::lock_guard lock(mutex_);
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(data_dir_ / "content", ignored)) {
    const bool file = entry.is_regular_file(ignored);
    if (file && !referenced_.contains(entry.path().filename().string())) {
      fs::remove(entry.path(), ignored);
    }
  }
  referenced_.clear();
}

bool ContentStore::ready() const {
  const std::lock_guard lock(mutex_);
  return pending_ == 0;
}

void ContentStore::load_hashes() {
  const auto text = read_file(data_dir_ / "hashes", std::size_t{1} << 30);
  if (!text.ok()) return;  // the first start
  for (std::size_t at = 0; at + sizeof(HashRecord) <= text->size(); at += sizeof(HashRecord)) {
    HashRecord record;
    std::memcpy(&record, text->data() + at, sizeof record);
    known_[{record.seed, record.size}] =
        Hashes{record.md5, record.sha1, record.sha256, record.only_md5 != 0};
  }
}

Status ContentStore::save_hashes() {
  std::vector<std::shared_ptr<SyntheticContent>> unsaved;
  {
    const std::lock_guard lock(mutex_);
    unsaved.swap(unsaved_);
  }
  if (data_dir_.empty() || unsaved.empty()) return {};
  std::string text;
  for (const auto& content : unsaved) {
    const Hashes& hashes = *content->hashes();
    const HashRecord record{content->seed(), content->size(), hashes.only_md5 ? 1U : 0U,
                            hashes.md5,      hashes.sha1,     hashes.sha256};
    text.append(reinterpret_cast<const char*>(&record), sizeof record);
  }
  // Appended: a record that a crash cut off is a multiple short and is not read; its hash is
  // computed again.
  const UniqueFd fd(::open((data_dir_ / "hashes").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_error(errno, "cannot open the file of hashes");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error(errno, "cannot stat the file of hashes");
  const off_t whole = status.st_size - status.st_size % static_cast<off_t>(sizeof(HashRecord));
  if (::ftruncate(fd.get(), whole) != 0) return errno_error(errno, "cannot cut the file of hashes");
  return pwrite_all(fd.get(), std::as_bytes(std::span(text)), whole);
}

}  // namespace driveway::sim
