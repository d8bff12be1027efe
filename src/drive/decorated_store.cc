#include "drive/decorated_store.h"

namespace driveway::drive {
namespace {

CallInfo call_of(Method method, const Context& context) {
  CallInfo call;
  call.method = method;
  call.priority = context.priority;
  return call;
}

}  // namespace

template <typename T>
Result<T> DecoratedStore::pass(const Context& context, const CallInfo& call,
                               const std::function<Result<T>()>& ask) {
  std::optional<T> value;
  DRIVEWAY_CHECK(around(context, call, [&]() -> Status {
    DRIVEWAY_TRY(value, ask());
    return {};
  }));
  if (!value) return Error{ErrorCode::kInternal, "a call ended well without an answer"};
  return *std::move(value);
}

Result<About> DecoratedStore::about(const Context& context) {
  return pass<About>(context, call_of(Method::kAbout, context),
                     [&] { return inner_.about(context); });
}

Result<Item> DecoratedStore::get(const Context& context, const FileId& id) {
  CallInfo call = call_of(Method::kGet, context);
  call.id = id;
  return pass<Item>(context, call, [&] { return inner_.get(context, id); });
}

Result<ItemPage> DecoratedStore::list(const Context& context, const ListQuery& query,
                                      const std::string& page_token) {
  CallInfo call = call_of(Method::kList, context);
  call.query = query;
  call.drive = query.drive;
  call.page_token = page_token;
  return pass<ItemPage>(context, call, [&] { return inner_.list(context, query, page_token); });
}

Result<std::vector<SharedDrive>> DecoratedStore::shared_drives(const Context& context) {
  return pass<std::vector<SharedDrive>>(context, call_of(Method::kSharedDrives, context),
                                        [&] { return inner_.shared_drives(context); });
}

Result<std::string> DecoratedStore::start_page_token(const Context& context, const Feed& feed) {
  CallInfo call = call_of(Method::kStartPageToken, context);
  call.drive = feed.drive;
  return pass<std::string>(context, call, [&] { return inner_.start_page_token(context, feed); });
}

Result<ChangePage> DecoratedStore::changes(const Context& context, const Feed& feed,
                                           const std::string& page_token) {
  CallInfo call = call_of(Method::kChanges, context);
  call.drive = feed.drive;
  call.page_token = page_token;
  return pass<ChangePage>(context, call, [&] { return inner_.changes(context, feed, page_token); });
}

Status DecoratedStore::read(const Context& context, const Item& item, ByteRange range,
                            ByteSink& sink) {
  CallInfo call = call_of(Method::kRead, context);
  call.id = item.id;
  call.range = range;
  return around(context, call, [&] { return inner_.read(context, item, range, sink); });
}

Status DecoratedStore::export_document(const Context& context, const FileId& id,
                                       const std::string& mime_type, ByteSink& sink) {
  CallInfo call = call_of(Method::kExport, context);
  call.id = id;
  return around(context, call,
                [&] { return inner_.export_document(context, id, mime_type, sink); });
}

}  // namespace driveway::drive
