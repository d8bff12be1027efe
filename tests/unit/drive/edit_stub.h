// A store whose changes change nothing, but are noted: for tests of what decorators do with them.
#pragma once

#include <string>
#include <vector>

#include "drive/fake_store.h"
#include "unit/drive/passing_store.h"

namespace driveway::drive {

// Contents that are given are read to their end, in pieces of 1,000 bytes. Not thread-safe.
class EditStub final : public PassingStore {
 public:
  using PassingStore::PassingStore;

  Result<std::vector<FileId>> generate_ids(const Context&, int) override {
    ++calls;
    return std::vector<FileId>{FileId("1")};
  }
  Result<Item> create(const Context&, const NewItem& item, ContentSource* content) override {
    ++calls;
    return done(item.id, content);
  }
  Result<Item> update(const Context&, const FileId& id, const ItemPatch&,
                      ContentSource* content) override {
    ++calls;
    return done(id, content);
  }
  Result<Item> copy(const Context&, const FileId&, const NewItem& item) override {
    ++calls;
    return done(item.id, nullptr);
  }
  Status remove(const Context&, const FileId&) override {
    ++calls;
    return {};
  }
  Result<UploadSession> begin_create(const Context&, const NewItem& item, Bytes size) override {
    ++calls;
    return UploadSession{Secret("u"), size, item.id};
  }
  Result<UploadSession> begin_update(const Context&, const FileId& id, const ItemPatch&,
                                     Bytes size) override {
    ++calls;
    return UploadSession{Secret("u"), size, id};
  }
  Result<UploadProgress> send(const Context&, const UploadSession&, ByteRange range,
                              ContentSource& content) override {
    ++calls;
    DRIVEWAY_CHECK(take(content, range));
    return UploadProgress{range.end(), std::nullopt};
  }
  Result<UploadProgress> progress(const Context&, const UploadSession&) override {
    ++calls;
    return UploadProgress{};
  }
  Status cancel(const Context&, const UploadSession&) override {
    ++calls;
    return {};
  }
  Result<std::vector<RevisionInfo>> revisions(const Context&, const FileId&) override {
    ++calls;
    return std::vector<RevisionInfo>();
  }
  Status keep_revision(const Context&, const FileId&, const Revision&, bool) override {
    ++calls;
    return {};
  }
  Status remove_revision(const Context&, const FileId&, const Revision&) override {
    ++calls;
    return {};
  }
  Status read_revision(const Context&, const FileId&, const Revision&, Bytes, ByteRange range,
                       ByteSink& sink) override {
    ++calls;
    ranges.push_back(range);
    const std::string bytes = revision.substr(range.offset, range.length);
    return sink.write(std::as_bytes(std::span(bytes)));
  }

  int calls = 0;
  std::string received;  // of contents, by all calls
  std::string revision;  // what read_revision() reads
  std::vector<ByteRange> ranges;

 private:
  Result<Item> done(const FileId& id, ContentSource* content) {
    if (content != nullptr) DRIVEWAY_CHECK(take(*content, {0, content->size()}));
    Item item;
    item.id = id;
    return item;
  }
  Status take(ContentSource& content, ByteRange range) {
    while (!range.empty()) {
      std::string piece(std::min<Bytes>(1000, range.length), '\0');
      DRIVEWAY_CHECK(content.read(range.offset, std::as_writable_bytes(std::span(piece))));
      received += piece;
      range.offset += piece.size();
      range.length -= piece.size();
    }
    return {};
  }
};

}  // namespace driveway::drive
