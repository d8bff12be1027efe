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
  Duration until_free(Priority priority, int downloads) override {
    return inner_.until_free(priority, downloads);
  }

 protected:
  using Attempt = std::function<Status()>;

  // Does `attempt`, the call of the inner store, with whatever the decorator adds. For reads and
  // exports the attempt writes to the caller's sink: it may be repeated only with care.
  virtual Status around(const Context& context, const CallInfo& call, const Attempt& attempt) = 0;

  RemoteStore& inner_;

 private:
  template <typename T>
  Result<T> pass(const Context& context, const CallInfo& call,
                 const std::function<Result<T>()>& ask);
};

}  // namespace driveway::drive
