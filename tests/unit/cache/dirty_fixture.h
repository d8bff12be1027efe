// What the tests of dirty contents share: bases, records as a journal would keep them, and changes
// that are made to a dirty content and to a plain string alike.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "cache/dirty_content.h"
#include "unit/cache/cache_fixture.h"

namespace driveway::cache {

// One change, for a content and for its model.
struct Change {
  enum class Kind { kWrite, kTruncate, kPunch, kAllocate, kAllocateKeepSize };
  Kind kind = Kind::kWrite;
  Bytes offset = 0;  // kTruncate: the size
  Bytes length = 0;
  std::uint64_t seed = 0;  // of the bytes written

  static Change random(std::mt19937_64& random, Bytes size, Bytes most) {
    Change change;
    change.seed = random();
    const auto which = random() % 16;
    const Bytes longest = std::array<Bytes, 4>{100, 5'000, 70'000, 400'000}[random() % 4];
    change.length = 1 + random() % longest;
    change.offset = random() % (size + 1);
    if (random() % 8 == 0) change.offset += random() % 200'000;
    if (random() % 4 == 0) change.offset = change.offset / kCrcUnit * kCrcUnit;
    change.kind = which < 9    ? Kind::kWrite
                  : which < 12 ? Kind::kPunch
                  : which < 14 ? Kind::kTruncate
                  : which < 15 ? Kind::kAllocate
                               : Kind::kAllocateKeepSize;
    if (change.kind == Kind::kWrite && random() % 3 == 0) change.offset = size;  // append
    change.offset = std::min(change.offset, most - 1);
    change.length = std::min(change.length, most - change.offset);
    return change;
  }

  std::string bytes() const {
    std::string made(length, '\0');
    std::mt19937_64 random(seed);
    for (Bytes at = 0; at < length; at += 8) {
      const std::uint64_t word = random();
      std::memcpy(made.data() + at, &word, std::min<Bytes>(8, length - at));
    }
    return made;
  }

  void apply(std::string& model) const {
    const Bytes end = offset + length;
    if (kind == Kind::kWrite) {
      if (model.size() < end) model.resize(end, '\0');
      model.replace(offset, length, bytes());
    } else if (kind == Kind::kTruncate) {
      model.resize(offset, '\0');
    } else if (kind == Kind::kPunch) {
      const Bytes to = std::min<Bytes>(end, model.size());
      if (offset < to)
        std::fill(model.begin() + static_cast<std::ptrdiff_t>(offset),
                  model.begin() + static_cast<std::ptrdiff_t>(to), '\0');
    } else if (kind == Kind::kAllocate) {
      if (model.size() < end) model.resize(end, '\0');
    }
  }

  Status apply(DirtyContent& content) const {
    if (kind == Kind::kWrite) {
      const std::string made = bytes();
      return content.write(offset, std::as_bytes(std::span(made)));
    }
    if (kind == Kind::kTruncate) return content.truncate(offset);
    if (kind == Kind::kPunch) return content.punch({offset, length});
    return content.allocate({offset, length}, kind == Kind::kAllocateKeepSize);
  }
};

class DirtyTest : public CacheTest {
 protected:
  static Status write(DirtyContent& content, Bytes offset, std::string_view bytes) {
    return content.write(offset, std::as_bytes(std::span(bytes)));
  }
  using CacheTest::write;
  static Result<std::string> read(const OverlayReader& reader, Bytes offset, Bytes length) {
    std::string bytes(length, '\0');
    DRIVEWAY_TRY(const std::size_t count,
                 reader.read(offset, std::as_writable_bytes(std::span(bytes))));
    bytes.resize(count);
    return bytes;
  }
  using CacheTest::read;
  static std::string all_of(const OverlayReader& reader) {
    const auto bytes = read(reader, 0, reader.size() + 10);
    EXPECT_TRUE(bytes.ok()) << bytes.error().to_string();
    return bytes.value_or("?");
  }

  // As a journal does: keeps the state, and says so.
  std::string record(DirtyContent& content) {
    const auto state = content.state();
    EXPECT_TRUE(state.ok()) << state.error().to_string();
    if (!state.ok()) return "";
    records_[content.number()] = state->bytes;
    content.recorded(state->generation);
    return state->bytes;
  }
  void discard(std::shared_ptr<DirtyContent>& content) {
    records_.erase(content->number());
    cache_->discard(content);
    content.reset();
  }
  std::vector<std::uint64_t> recorded_numbers() const {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, state] : records_) {
      EXPECT_EQ(ContentCache::dirty_number(state).value_or(0), number);
      numbers.push_back(number);
    }
    return numbers;
  }
  // REQUIRES that no content of the old cache is held.
  void reopen() { open(options_, recorded_numbers()); }
  std::shared_ptr<DirtyContent> open_dirty(const std::string& state, Check check = Check::kNone) {
    auto opened = cache_->open_dirty(state, check);
    EXPECT_TRUE(opened.ok()) << opened.error().to_string();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  // Fills what `content` lacks of `range` with what content `seed` has.
  static void fetch(Content& content, ByteRange range, std::string_view bytes) {
    for (const ByteRange& part : content.missing(range)) {
      ASSERT_TRUE(write(content, part.offset, bytes.substr(part.offset, part.length)).ok());
    }
    ASSERT_TRUE(content.commit({0, content.size()}).ok());
  }
  std::filesystem::path file_of(const DirtyContent& content) const {
    for (const auto& file : content_files()) {
      if (std::stoull(file.filename().native(), nullptr, 16) == content.number()) return file;
    }
    return {};
  }

  std::map<std::uint64_t, std::string> records_;
};

}  // namespace driveway::cache
