#include "drive/fault_store.h"

namespace driveway::drive {

Status FaultStore::around(const Context& context, const CallInfo& call, const Attempt& attempt) {
  DRIVEWAY_CHECK(plan_.before(context, call));
  return attempt();
}

Status FaultStore::read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) {
  std::unique_ptr<ByteSink> wrapper;
  return DecoratedStore::read(context, item, range, plan_.wrap(Method::kRead, sink, wrapper));
}

Status FaultStore::export_document(const Context& context, const FileId& id,
                                   const std::string& mime_type, ByteSink& sink) {
  std::unique_ptr<ByteSink> wrapper;
  return DecoratedStore::export_document(context, id, mime_type,
                                         plan_.wrap(Method::kExport, sink, wrapper));
}

}  // namespace driveway::drive
