// Counts what is really asked of Drive: each call of the inner store.
//
// Metrics, METHOD as to_string(Method): drive.METHOD.calls, drive.METHOD.errors (counters; a call
// that its own Context ended is no error), drive.METHOD.latency (histogram, of calls that ended
// well), drive.bytes_read (counter, as bytes arrive), drive.bytes_sent (counter, as contents are
// read to be sent: what was sent in vain counts too). Thread-safe.
#pragma once

#include <array>

#include "base/metrics.h"
#include "drive/decorated_store.h"
#include "drive/method.h"

namespace driveway::drive {

class MeteredStore final : public DecoratedStore {
 public:
  MeteredStore(RemoteStore& inner, const Clock& clock, Metrics& metrics);
  Status read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) override;
  Result<Item> create(const Context& context, const NewItem& item, ContentSource* content) override;
  Result<Item> update(const Context& context, const FileId& id, const ItemPatch& patch,
                      ContentSource* content) override;
  Result<UploadProgress> send(const Context& context, const UploadSession& session, ByteRange range,
                              ContentSource& content) override;
  Status read_revision(const Context& context, const FileId& id, const Revision& revision,
                       Bytes size, ByteRange range, ByteSink& sink) override;

 protected:
  Status around(const Context& context, const CallInfo& call, const Attempt& attempt) override;

 private:
  struct PerMethod {
    Counter* calls = nullptr;
    Counter* errors = nullptr;
    Histogram* latency = nullptr;
  };
  const Clock& clock_;
  std::array<PerMethod, kAllMethods.size()> methods_;
  Counter& bytes_read_;
  Counter& bytes_sent_;
};

}  // namespace driveway::drive
