// The common part of the decorators: each call of RemoteStore goes through one function. Private to
// drive/. As thread-safe as what a decorator adds.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drive/fault_plan.h"
#include "drive/remote_store.h"

namespace driveway::drive {

class DecoratedStore : public RemoteStore {
 public:
  // `inner` must outlive the decorator.
  explicit DecoratedStore(RemoteStore& inner) : inner_(inner) {}

  Result<About> about(const Context& context) override;
  Result<Item> get(const Context& context, const FileId& id) override;
  Result<ItemPage> list(const Context& context, const ListQuery& query,
                        const std::string& page_token) override;
  Result<std::vector<SharedDrive>> shared_drives(const Context& context) override;
  Result<std::string> start_page_token(const Context& context, const Feed& feed) override;
  Result<ChangePage> changes(const Context& context, const Feed& feed,
                             const std::string& page_token) override;
  Status read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) override;
  Status export_document(const Context& context, const FileId& id, const std::string& mime_type,
                         ByteSink& sink) override;

  Result<std::vector<FileId>> generate_ids(const Context& context, int count) override;
  Result<Item> create(const Context& context, const NewItem& item, ContentSource* content) override;
  Result<Item> update(const Context& context, const FileId& id, const ItemPatch& patch,
                      ContentSource* content) override;
  Result<Item> copy(const Context& context, const FileId& source, const NewItem& item) override;
  Status remove(const Context& context, const FileId& id) override;
  Result<UploadSession> begin_create(const Context& context, const NewItem& item,
                                     Bytes size) override;
  Result<UploadSession> begin_update(const Context& context, const FileId& id,
                                     const ItemPatch& patch, Bytes size) override;
  Result<UploadProgress> send(const Context& context, const UploadSession& session, ByteRange range,
                              ContentSource& content) override;
  Result<UploadProgress> progress(const Context& context, const UploadSession& session) override;
  Status cancel(const Context& context, const UploadSession& session) override;
  Result<std::vector<RevisionInfo>> revisions(const Context& context, const FileId& id) override;
  Status keep_revision(const Context& context, const FileId& id, const Revision& revision,
                       bool keep) override;
  Status remove_revision(const Context& context, const FileId& id,
                         const Revision& revision) override;
  Status read_revision(const Context& context, const FileId& id, const Revision& revision,
                       Bytes size, ByteRange range, ByteSink& sink) override;

  Duration until_free(Priority priority, int downloads) override {
    return inner_.until_free(priority, downloads);
  }

 protected:
  using Attempt = std::function<Status()>;

  // Does `attempt`, the call of the inner store, with whatever the decorator adds. For reads and
  // exports the attempt writes to the caller's sink, and with content it reads from the caller's
  // source; and not every change may be made twice: it may be repeated only with care.
  virtual Status around(const Context& context, const CallInfo& call, const Attempt& attempt) = 0;

  RemoteStore& inner_;

 private:
  template <typename T>
  Result<T> pass(const Context& context, const CallInfo& call,
                 const std::function<Result<T>()>& ask);
};

}  // namespace driveway::drive
