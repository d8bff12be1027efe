// Content on its way to FakeStore: in one request, and in resumable uploads (drive-api reference
// 5).
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/strings.h"
#include "drive/fake_store.h"
#include "drive/fake_store_answer.h"
#include "drive/fake_store_parts.h"

namespace driveway::drive {

using fake::invalid;

namespace {

constexpr std::size_t kPiece = 64 * kKiB;               // read from a source at a time
constexpr Duration kLife = std::chrono::hours(24 * 7);  // of a session

Error gone() { return {ErrorCode::kStale, "the upload session is not known any more"}; }

}  // namespace

// The body of a request that brings a whole content.
class FakeStore::WholeInbox final : public ByteSink {
 public:
  explicit WholeInbox(FakeStore& store) : store_(store) {}
  Status write(std::span<const std::byte> data) override {
    content.append(reinterpret_cast<const char*>(data.data()), data.size());
    const std::lock_guard lock(store_.mutex_);
    store_.bytes_sent_ += data.size();
    return {};
  }
  std::string content;

 private:
  FakeStore& store_;
};

// The body of one request of an upload: whole units are kept as they come, what follows the last of
// them only by take_rest().
class FakeStore::UploadInbox final : public ByteSink {
 public:
  // What comes begins `skip` bytes before `stored`, where the upload stands; after `keep` bytes
  // that are new nothing is kept.
  UploadInbox(FakeStore& store, UploadSession session, Bytes stored, Bytes skip, Bytes keep)
      : store_(store), session_(std::move(session)), at_(stored), skip_(skip), keep_(keep) {}

  Status write(std::span<const std::byte> data) override {
    const std::lock_guard lock(store_.mutex_);
    store_.bytes_sent_ += data.size();
    const auto known = static_cast<std::size_t>(std::min<Bytes>(skip_, data.size()));
    skip_ -= known;
    data = data.subspan(known);
    rest_.append(reinterpret_cast<const char*>(data.data()), data.size());
    const std::size_t whole = rest_.size() - rest_.size() % kUploadUnit;
    return whole == 0 ? Status() : keep(whole);
  }
  // With the store's mutex held.
  Status take_rest() { return rest_.empty() ? Status() : keep(rest_.size()); }
  bool dropped() const { return dropped_; }

 private:
  Status keep(std::size_t size) {
    Upload* const upload = store_.find_upload(session_);
    if (upload == nullptr || upload->outcome) return gone();
    if (upload->data.size() != at_) return invalid("two requests send to one upload");
    Bytes kept = size;
    if (kept > keep_) {
      kept = keep_ - keep_ % kUploadUnit;
      dropped_ = true;
      keep_ = 0;
    } else {
      keep_ -= kept;
    }
    upload->data.append(rest_, 0, static_cast<std::size_t>(kept));
    at_ += kept;
    rest_.erase(0, size);
    return {};
  }

  FakeStore& store_;
  const UploadSession session_;
  Bytes at_;
  Bytes skip_;
  Bytes keep_;
  std::string rest_;
  bool dropped_ = false;
};

Status FakeStore::receive(const Context& context, Method method, ByteRange range,
                          ContentSource& content, ByteSink& inbox) {
  std::unique_ptr<ByteSink> wrapper;
  ByteSink& sink = faults_.wrap(method, inbox, wrapper);
  std::vector<std::byte> buffer(kPiece);
  for (Bytes at = range.offset; at < range.end();) {
    DRIVEWAY_CHECK(context.check(clock_));
    const auto length = static_cast<std::size_t>(std::min<Bytes>(kPiece, range.end() - at));
    const auto piece = std::span(buffer).first(length);
    DRIVEWAY_CHECK(content.read(at, piece));
    DRIVEWAY_CHECK(sink.write(piece));
    at += length;
  }
  return {};
}

Result<std::string> FakeStore::receive_whole(const Context& context, Method method,
                                             ContentSource& content) {
  const Bytes size = content.size();
  if (size > kMostInOneRequest) {
    return Error{ErrorCode::kTooLarge, "more than 5 MiB go through an upload session"};
  }
  WholeInbox inbox(*this);
  DRIVEWAY_CHECK(receive(context, method, {0, size}, content, inbox));
  return std::move(inbox.content);
}

UploadSession FakeStore::begin(Upload upload) {
  const UploadSession session{Secret(cat("fake-upload:", next_upload_++)), upload.size};
  upload.expires = clock_.now() + kLife;
  uploads_[session.uri.reveal()] = std::move(upload);
  return session;
}

Result<UploadSession> FakeStore::begin_create(const Context& context, const NewItem& item,
                                              Bytes size) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kBeginUpload, .id = item.id}));
  if (size == 0) return invalid("an empty content needs no session");
  const std::lock_guard lock(mutex_);
  DRIVEWAY_CHECK(check_new(item, size));
  Upload upload;
  upload.target = item.id;
  upload.item = item;
  upload.size = size;
  return answer<UploadSession>(Method::kBeginUpload, begin(std::move(upload)));
}

Result<UploadSession> FakeStore::begin_update(const Context& context, const FileId& id,
                                              const ItemPatch& patch, Bytes size) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kBeginUpload, .id = id}));
  if (size == 0) return invalid("an empty content needs no session");
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(const Node* const found, changeable(id));
  DRIVEWAY_CHECK(check_patch(*found, patch, size));
  Upload upload;
  upload.target = found->item.id;
  upload.patch = patch;
  upload.size = size;
  return answer<UploadSession>(Method::kBeginUpload, begin(std::move(upload)));
}

FakeStore::Upload* FakeStore::find_upload(const UploadSession& session) {
  const auto found = uploads_.find(session.uri.reveal());
  if (found == uploads_.end()) return nullptr;
  if (found->second.expires <= clock_.now()) {
    uploads_.erase(found);
    return nullptr;
  }
  return &found->second;
}

Result<UploadProgress> FakeStore::standing(const Upload& upload) const {
  if (!upload.outcome) return UploadProgress{upload.data.size(), std::nullopt};
  if (!upload.outcome->ok()) return upload.outcome->error();
  return UploadProgress{upload.size, upload.outcome->value()};
}

// All bytes are there.
Result<UploadProgress> FakeStore::finish(Upload& upload) {
  std::string content = std::exchange(upload.data, {});
  upload.outcome = upload.item
                       ? make(Method::kSend, *upload.item, std::move(content))
                       : change(Method::kSend, upload.target, upload.patch, std::move(content));
  return standing(upload);
}

Result<UploadProgress> FakeStore::send(const Context& context, const UploadSession& session,
                                       ByteRange range, ContentSource& content) {
  FileId id;
  {
    const std::lock_guard lock(mutex_);
    if (const Upload* const upload = find_upload(session)) id = upload->target;
  }
  DRIVEWAY_CHECK(enter(context, {.method = Method::kSend, .id = id, .range = range}));
  Bytes stored = 0;
  Bytes skip = 0;
  Bytes keep = ~Bytes{0};
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    const Upload* const upload = find_upload(session);
    if (upload == nullptr) return gone();
    if (upload->outcome) return standing(*upload);
    stored = upload->data.size();
    last = range.end() == upload->size;
    if (range.empty() || range.end() > upload->size || range.offset > stored) {
      return invalid(cat("Content-Range ", range.offset, "+", range.length, " after ", stored,
                         " of ", upload->size, " bytes"));
    }
    if (!last && range.end() % kUploadUnit != 0) {
      return invalid("Chunk sizes must be a multiple of 256 KiB.");
    }
    skip = std::min(stored - range.offset, range.length);
    keep = std::exchange(keep_of_next_send_, std::nullopt).value_or(keep);
  }
  UploadInbox inbox(*this, session, stored, skip, keep);
  DRIVEWAY_CHECK(receive(context, Method::kSend, range, content, inbox));
  const std::lock_guard lock(mutex_);
  if (last) DRIVEWAY_CHECK(inbox.take_rest());
  Upload* const upload = find_upload(session);
  if (upload == nullptr) return gone();
  if (last && !inbox.dropped() && !upload->outcome) {
    return answer(Method::kSend, finish(*upload));
  }
  return answer(Method::kSend, standing(*upload));
}

Result<UploadProgress> FakeStore::progress(const Context& context, const UploadSession& session) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kProgress}));
  const std::lock_guard lock(mutex_);
  const Upload* const upload = find_upload(session);
  if (upload == nullptr) return gone();
  return answer(Method::kProgress, standing(*upload));
}

Status FakeStore::cancel(const Context& context, const UploadSession& session) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kCancelUpload}));
  const std::lock_guard lock(mutex_);
  const Upload* const upload = find_upload(session);
  if (upload != nullptr && !upload->outcome) uploads_.erase(session.uri.reveal());
  return answer(Method::kCancelUpload, Status());
}

std::size_t FakeStore::open_uploads() const {
  const std::lock_guard lock(mutex_);
  const TimePoint now = clock_.now();
  return static_cast<std::size_t>(std::count_if(
      uploads_.begin(), uploads_.end(),
      [&](const auto& entry) { return !entry.second.outcome && entry.second.expires > now; }));
}

}  // namespace driveway::drive
